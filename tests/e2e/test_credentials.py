"""Who are you? Nothing but one good key in one place gets in."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from keyring import Keyring
from stack import Stack
from wire import Text, exchange, head

HeaderLines = list[tuple[Text, Text]]


def bearer(key: Text) -> tuple[Text, Text]:
    return ("authorization", b"Bearer " + key if isinstance(key, bytes) else f"Bearer {key}")


REFUSED: dict[str, tuple[Callable[[Keyring], HeaderLines], str]] = {
    "none": (lambda k: [], "credential_missing"),
    "cookie": (lambda k: [("cookie", f"key={k.alice.key}")], "credential_missing"),
    "unknown": (lambda k: [k.unknown.bearer], "credential_unknown"),
    "unknown-x-api-key": (lambda k: [k.unknown.x_api_key], "credential_unknown"),
    "blocked": (lambda k: [k.blocked.bearer], "key_blocked"),
    "S-083-expired": (lambda k: [k.expired.bearer], "key_expired"),
    "S-031-two-keys": (lambda k: [k.alice.bearer, k.mini.bearer], "credential_malformed"),
    "S-031-same-key-twice": (lambda k: [k.alice.bearer, k.alice.bearer], "credential_malformed"),
    "S-031-good-then-bad": (lambda k: [k.alice.bearer, k.unknown.bearer], "credential_malformed"),
    "S-032-empty-then-key": (lambda k: [("x-api-key", ""), k.alice.x_api_key], "credential_malformed"),
    "S-032-key-then-empty": (lambda k: [k.alice.x_api_key, ("x-api-key", "")], "credential_malformed"),
    "S-033-two-keys": (lambda k: [k.alice.x_api_key, ("X-API-KEY", k.mini.key)], "credential_malformed"),
    "S-034-places-disagree": (lambda k: [k.alice.bearer, k.mini.x_api_key], "credential_conflict"),
    "S-034-bad-place": (lambda k: [("authorization", "Token x"), k.alice.x_api_key], "credential_malformed"),
    "S-035-not-utf8": (lambda k: [bearer(k.alice.key.encode() + b"\xff\xfe")], "credential_malformed"),
    "S-037-no-space": (lambda k: [("authorization", f"Bearer{k.alice.key}")], "credential_malformed"),
    "S-037-two-spaces": (lambda k: [bearer(f" {k.alice.key}")], "credential_malformed"),
    "S-037-tab": (lambda k: [("authorization", f"Bearer\t{k.alice.key}")], "credential_malformed"),
    "S-037-nbsp": (lambda k: [("authorization", f"Bearer\xa0{k.alice.key}")], "credential_malformed"),
    "S-039-no-scheme": (lambda k: [("authorization", k.alice.key)], "credential_malformed"),
    "S-039-scheme-twice": (lambda k: [bearer(f"Bearer {k.alice.key}")], "credential_malformed"),
    "S-039-basic": (lambda k: [("authorization", f"Basic {k.alice.key}")], "credential_malformed"),
    "S-044-nominated": (lambda k: [k.alice.bearer, ("connection", "keep-alive, authorization")], "credential_missing"),
    "S-073-sql": (lambda k: [bearer("sk-x';--")], "credential_unknown"),
    "S-075-hash-as-key": (lambda k: [bearer(k.alice.hash)], "credential_not_a_key"),
    "S-077-no-prefix": (lambda k: [bearer("abc")], "credential_not_a_key"),
    "S-077-upper-case": (lambda k: [bearer(k.alice.key.replace("sk-", "SK-"))], "credential_not_a_key"),
    "S-078-empty": (lambda k: [("authorization", "")], "credential_missing"),
    "S-078-scheme-only": (lambda k: [("authorization", "Bearer ")], "credential_malformed"),
    "S-078-prefix-only": (lambda k: [bearer("sk-")], "credential_unknown"),
    "S-088-in-the-query": (lambda k: [], "credential_missing"),
    "S-090-cyrillic": (lambda k: [bearer(k.alice.key.replace("a", "а").encode())], "credential_malformed"),
    "S-091-50-KiB": (lambda k: [bearer("sk-" + "a" * 50 * 1024)], "credential_malformed"),
}

ACCEPTED: dict[str, Callable[[Keyring], HeaderLines]] = {
    "bearer": lambda k: [k.alice.bearer],
    "x-api-key": lambda k: [k.alice.x_api_key],
    "S-034-places-agree": lambda k: [k.alice.bearer, k.alice.x_api_key],
    "S-039-lower-case-scheme": lambda k: [("authorization", f"bearer {k.alice.key}")],
    "S-037-spaces-around": lambda k: [("authorization", f" \tBearer {k.alice.key} \t")],
    "S-032-empty-line-besides": lambda k: [("authorization", ""), k.alice.bearer],
}


@pytest.mark.parametrize("case", REFUSED)
def test_is_refused(stack: Stack, keyring: Keyring, case: str) -> None:
    headers, reason = REFUSED[case]
    target = f"/v1/models?key={keyring.alice.key}" if case == "S-088-in-the-query" else "/v1/models"
    reply = stack.send("GET", target, *headers(keyring))
    assert (reply.status, stack.reason(reply)) == (401, reason)
    assert (reply.header("www-authenticate") or "").startswith("Bearer")
    assert stack.seen() == []


@pytest.mark.parametrize("case", ACCEPTED)
def test_is_accepted_and_not_passed_on(stack: Stack, keyring: Keyring, case: str) -> None:
    assert stack.send("GET", "/v1/models", *ACCEPTED[case](keyring)).status == 200
    (seen,) = stack.seen()
    assert seen.values(b"x-auth-user-id") == [b"alice"]
    assert seen.values(b"authorization") == seen.values(b"x-api-key") == []


def test_the_master_key_is_an_administrator(stack: Stack, keyring: Keyring) -> None:
    assert stack.chat("any-model", keyring.master.bearer).status == 200
    (seen,) = stack.seen()
    assert seen.values(b"x-auth-method") == [b"master_key"]
    assert seen.values(b"x-auth-role") == [b"proxy_admin"]


def test_s036_a_folded_header_is_one_credential_or_none(stack: Stack, keyring: Keyring) -> None:
    folded = head("GET", "/v1/models", [("authorization", f"Bearer\r\n {keyring.alice.key}")])
    reply = exchange(stack.envoy.address, folded)
    users = [seen.values(b"x-auth-user-id") for seen in stack.seen()]
    assert (reply.status, users) in [(200, [[b"alice"]]), (400, []), (401, [])]


def test_s232_the_refusal_does_not_repeat_the_key(stack: Stack, keyring: Keyring) -> None:
    for caller in (keyring.unknown, keyring.blocked):
        body = stack.send("GET", "/v1/models", caller.bearer).body.decode()
        assert caller.key[-12:] not in body and caller.hash[:8] not in body
