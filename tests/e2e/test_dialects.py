"""Every client is refused in the words of its own API."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from keyring import Keyring
from stack import BODY_LIMIT, Stack
from test_limits import body_of
from wire import Reply

BODY = b'{"model":"gpt-4o"}'

WORDS = {
    400: ("invalid_request_error", "INVALID_ARGUMENT"),
    401: ("authentication_error", "UNAUTHENTICATED"),
    403: ("permission_error", "PERMISSION_DENIED"),
    413: ("request_too_large", "INVALID_ARGUMENT"),
}
"""Anthropic's error type and Google's status name."""


def is_openai(reply: Reply) -> None:
    body = reply.json()
    assert list(body) == ["error"]
    assert sorted(body["error"]) == ["code", "message", "param", "type"]
    assert all(isinstance(body["error"][name], str) for name in ("code", "message", "type"))


def is_anthropic(reply: Reply) -> None:
    body = reply.json()
    assert sorted(body) == ["error", "request_id", "type"]
    assert (body["type"], body["error"]["type"]) == ("error", WORDS[reply.status][0])
    assert body["error"]["message"] and body["request_id"] == reply.id


def is_google(reply: Reply) -> None:
    body = reply.json()
    assert list(body) == ["error"]
    assert sorted(body["error"]) == ["code", "message", "status"]
    assert (body["error"]["code"], body["error"]["status"]) == (reply.status, WORDS[reply.status][1])


DIALECTS: dict[str, tuple[str, Callable[[Reply], None]]] = {
    "openai": ("/v1/chat/completions", is_openai),
    "openai-alias": ("/chat/completions", is_openai),
    "anthropic": ("/v1/messages", is_anthropic),
    "google": ("/v1beta/models/gpt-4o:generateContent", is_google),
}


def refused(stack: Stack, status: int, target: str) -> Reply:
    keyring = stack.keyring
    credential = {401: [], 403: [keyring.mini.bearer]}.get(status, [keyring.nobody.bearer])
    reply = stack.post(target, {400: b"{", 413: body_of(BODY_LIMIT + 1)}.get(status, BODY), *credential)
    assert (reply.status, reply.header("content-type")) == (status, "application/json")
    assert stack.seen() == []
    return reply


@pytest.mark.parametrize("status", [400, 401, 403])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_refusal(stack: Stack, dialect: str, status: int) -> None:
    target, is_dialect = DIALECTS[dialect]
    is_dialect(refused(stack, status, target))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_refusal_of_a_stump(careless: Stack, dialect: str) -> None:
    target, is_dialect = DIALECTS[dialect]
    is_dialect(refused(careless, 413, target))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_401_says_how_to_do_better(stack: Stack, keyring: Keyring, dialect: str) -> None:
    for credential in ([], [keyring.unknown.bearer]):
        reply = stack.post(DIALECTS[dialect][0], BODY, *credential)
        assert reply.status == 401
        assert (reply.header("www-authenticate") or "").startswith("Bearer")
    assert stack.seen() == []
