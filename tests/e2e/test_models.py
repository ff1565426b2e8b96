"""May this key use this model? And can it be told at all which model is meant?"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from keyring import Keyring
from stack import Stack
from wire import Text

Line = tuple[Text, Text]
CHAT = "/v1/chat/completions"
GENERATE = "/v1beta/models/gemini-pro:generateContent"


def test_a_listed_model(stack: Stack, keyring: Keyring) -> None:
    assert stack.chat("gpt-4o-mini", keyring.mini.bearer).status == 200
    (seen,) = stack.seen()
    assert seen.values(b"x-auth-model") == [b"gpt-4o-mini"]
    assert json.loads(seen.body)["model"] == "gpt-4o-mini"


@pytest.mark.parametrize("model", ["gpt-4o", "GPT-4o-mini", "gpt-4o-mini-x", "gpt-4o-mini,gpt-4o", "gpt-4o-min*", "*"])
def test_another_model(stack: Stack, keyring: Keyring, model: str) -> None:
    reply = stack.chat(model, keyring.mini.bearer)
    assert (reply.status, stack.reason(reply)) == (403, "key_model_denied")
    assert reply.json()["error"]["param"] == "model"
    assert "gpt-4o-mini" not in reply.json()["error"]["message"], "S-233: the list is nobody's business"
    assert stack.seen() == []


@pytest.mark.parametrize(
    ("model", "status"), [("gpt-4o-2024", 200), ("claude-x", 200), ("gpt-4o", 403), ("gptX4o-1", 403)]
)
def test_a_glob_is_literal_but_for_its_star(stack: Stack, keyring: Keyring, model: str, status: int) -> None:
    assert stack.chat(model, keyring.globs.bearer).status == status
    assert len(stack.seen()) == (status == 200)


def test_a_blocked_team(stack: Stack, keyring: Keyring) -> None:
    reply = stack.chat("gpt-4o", keyring.outcast.bearer)
    assert (reply.status, stack.reason(reply)) == (403, "team_blocked")
    assert stack.seen() == []


def test_a_model_in_the_path(stack: Stack, keyring: Keyring) -> None:
    assert stack.post(GENERATE, b"{}", keyring.globs.bearer).status == 200
    assert stack.post(GENERATE, b"{}", keyring.mini.bearer).status == 403
    assert [seen.values(b"x-auth-model") for seen in stack.seen()] == [[b"gemini-pro"]]


UNREADABLE: dict[str, tuple[bytes, list[Line], str]] = {
    "none": (b"", [], "body_missing"),
    "no-model": (b'{"messages":[]}', [], "model_missing"),
    "empty-model": (b'{"model":""}', [], "model_missing"),
    "null-model": (b'{"model":null}', [], "model_missing"),
    "number": (b'{"model":4}', [], "model_malformed"),
    "object": (b'{"model":{"name":"gpt-4o-mini"}}', [], "model_malformed"),
    "control-character": (b'{"model":"gpt-4o-mini\\nx"}', [], "model_malformed"),
    "too-long": (b'{"model":"' + b"a" * 300 + b'"}', [], "model_malformed"),
    "S-150-two-models": (b'{"model":"gpt-4o-mini","model":"gpt-4o"}', [], "body_malformed"),
    "S-150-escaped-twin": (b'{"model":"gpt-4o-mini","mod\\u0065l":"gpt-4o"}', [], "body_malformed"),
    "S-150-two-of-anything": (b'{"model":"gpt-4o-mini","n":1,"n":2}', [], "body_malformed"),
    "not-json": (b"model=gpt-4o-mini", [], "body_malformed"),
    "array": (b'[{"model":"gpt-4o-mini"}]', [], "body_malformed"),
    "two-documents": (b'{"model":"gpt-4o-mini"}{"model":"gpt-4o"}', [], "body_malformed"),
    "cut-off": (b'{"model":"gpt-4o-mini"', [], "body_malformed"),
    "byte-order-mark": (b'\xef\xbb\xbf{"model":"gpt-4o-mini"}', [], "body_malformed"),
    "utf-16": ('{"model":"gpt-4o-mini"}'.encode("utf-16"), [], "body_malformed"),
    "S-051-not-utf8": (b'{"model":"gpt-4o-mini\xff"}', [], "body_malformed"),
    "nested-10000": (b'{"model":"gpt-4o-mini","x":' + b"[" * 10_000 + b"]" * 10_000 + b"}", [], "body_malformed"),
    "gzip": (b'{"model":"gpt-4o-mini"}', [("content-encoding", "gzip")], "body_malformed"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_a_body_without_exactly_one_reading(stack: Stack, keyring: Keyring, case: str) -> None:
    body, headers, reason = UNREADABLE[case]
    reply = stack.post(CHAT, body, *headers, keyring.mini.bearer)
    assert (reply.status, stack.reason(reply)) == (400, reason)
    assert stack.seen() == []


def test_a_form_hides_no_model(stack: Stack, keyring: Keyring) -> None:
    form = ("content-type", "application/x-www-form-urlencoded")
    reply = stack.send("POST", CHAT, form, keyring.mini.bearer, body=b'{"model":"gpt-4o-mini"}')
    assert (reply.status, stack.reason(reply)) == (400, "body_malformed")
    assert stack.seen() == []


DISAGREEING: dict[str, Callable[[Stack], int]] = {
    "query": lambda s: s.post(f"{CHAT}?model=gpt-4o", b'{"model":"gpt-4o-mini"}', s.keyring.mini.bearer).status,
    "escaped-query": lambda s: (
        s.post(f"{CHAT}?mod%65l=gpt-4o", b'{"model":"gpt-4o-mini"}', s.keyring.mini.bearer).status
    ),
    "path": lambda s: s.post(GENERATE, b'{"model":"gpt-4o"}', s.keyring.globs.bearer).status,
}


@pytest.mark.parametrize("case", DISAGREEING)
def test_two_places_that_name_different_models(stack: Stack, case: str) -> None:
    assert DISAGREEING[case](stack) == 400
    assert stack.seen() == []
