"""A WebSocket is one request: judged once, whole, before its first frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import openai
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from conftest import NewStack
from keyring import Caller, Keyring
from recorder import GREETING, Seen
from stack import Config, Stack, connection_manager, ext_authz
from test_identity import alice
from test_sources import assert_nothing_of_it
from wire import exchange, head

REALTIME = "/v1/realtime?model=gpt-4o"
TWICE = "/v1/realtime?model=gpt-4o-mini&model=gpt-4o"
QUOTE = "/v1/realtime?model=secret%22%2C%22model%22%3A%22gpt-4o-mini"
BROWSER = "openai-insecure-api-key."


@dataclass(frozen=True)
class Attempt:
    """What a client brings to a handshake."""

    headers: list[tuple[str, str]] = field(default_factory=list)
    protocols: list[str] = field(default_factory=list)
    target: str = REALTIME


def opened(stack: Stack, attempt: Attempt) -> ClientConnection:
    """Shakes hands as the `websockets` package does."""
    return connect(
        stack.url.replace("http", "ws") + attempt.target,
        additional_headers=attempt.headers,
        subprotocols=[Subprotocol(name) for name in attempt.protocols] or None,
        compression=None,
        proxy=None,
    )


def refused(stack: Stack, attempt: Attempt) -> tuple[int, str]:
    """The status of a handshake that has to fail, and the gate's reason."""
    with pytest.raises(InvalidStatus) as failed, opened(stack, attempt):
        pass
    answer = failed.value.response
    return answer.status_code, str(stack.decision(answer.headers["x-request-id"])["reason"])


def assert_frames_flow(socket: ClientConnection) -> None:
    assert "session.created" in str(socket.recv(timeout=10)), "the upstream speaks first"
    messages: list[str | bytes] = ["hello", b"\x00\xff", "x" * 100_000]
    for message in messages:
        socket.send(message)
        assert socket.recv(timeout=10) == message


def upgraded(stack: Stack) -> Seen:
    (seen,) = stack.seen()
    assert seen.values(b"upgrade") == [b"websocket"]
    return seen


def in_browser(key: str, *others: str) -> list[str]:
    return ["realtime", BROWSER + key, *others]


ALLOWED: dict[str, Callable[[Keyring], Attempt]] = {
    "WS1-authorization": lambda k: Attempt([k.alice.bearer]),
    "WS2-scheme-in-any-case": lambda k: Attempt([("authorization", f"bEARER {k.alice.key}")]),
    "WS3-api-key": lambda k: Attempt([("api-key", k.alice.key)]),
    "WS4-subprotocol": lambda k: Attempt(protocols=in_browser(k.alice.key)),
    "WS6-x-litellm-api-key": lambda k: Attempt([("x-litellm-api-key", k.alice.key)]),
    "x-litellm-api-key-bearer": lambda k: Attempt([("x-litellm-api-key", f"Bearer {k.alice.key}")]),
    "both-agree": lambda k: Attempt([k.alice.bearer], in_browser(k.alice.key)),
}


@pytest.mark.parametrize("case", ALLOWED)
def test_is_allowed_and_frames_flow(stack: Stack, keyring: Keyring, case: str) -> None:
    with opened(stack, ALLOWED[case](keyring)) as socket:
        assert_frames_flow(socket)
    seen = upgraded(stack)
    assert (seen.target, seen.family()) == (REALTIME.encode(), alice(keyring, model="gpt-4o"))
    assert_nothing_of_it(seen, keyring.alice.key)


@pytest.mark.parametrize(
    ("protocols", "rest"),
    [
        (["realtime", "KEY", "openai-beta.realtime-v1"], ["realtime", "openai-beta.realtime-v1"]),
        (["KEY", "realtime"], ["realtime"]),
        (["a", "b", "KEY"], ["a", "b"]),
        (["KEY"], []),
    ],
)
def test_the_subprotocol_with_the_key_is_gone(
    stack: Stack, keyring: Keyring, protocols: list[str], rest: list[str]
) -> None:
    offer = [name.replace("KEY", BROWSER + keyring.alice.key) for name in protocols]
    with opened(stack, Attempt(protocols=offer)) as socket:
        assert socket.subprotocol == (rest[0] if rest else None), "what is left is negotiated"
        assert_frames_flow(socket)
    seen = upgraded(stack)
    assert seen.items(b"sec-websocket-protocol") == [name.encode() for name in rest]
    assert_nothing_of_it(seen, keyring.alice.key)


def test_a_subprotocol_without_a_key_is_left_alone(stack: Stack, keyring: Keyring) -> None:
    with opened(stack, Attempt([keyring.alice.bearer], ["realtime", "openai-project.p1"])) as socket:
        assert socket.subprotocol == "realtime"
    assert upgraded(stack).items(b"sec-websocket-protocol") == [b"realtime", b"openai-project.p1"]


REFUSED: dict[str, tuple[Callable[[Keyring], Attempt], tuple[int, str]]] = {
    "no-key": (lambda k: Attempt(), (401, "credential_missing")),
    "no-key-among-protocols": (lambda k: Attempt(protocols=["realtime"]), (401, "credential_missing")),
    "key-in-the-query": (lambda k: Attempt(target=f"{REALTIME}&key={k.alice.key}"), (401, "credential_missing")),
    "unknown-key": (lambda k: Attempt([k.unknown.bearer]), (401, "credential_unknown")),
    "unknown-protocol-key": (lambda k: Attempt(protocols=in_browser(k.unknown.key)), (401, "credential_unknown")),
    "blocked-key": (lambda k: Attempt(protocols=in_browser(k.blocked.key)), (401, "key_blocked")),
    "WS12-bad-authorization": (
        lambda k: Attempt([("authorization", "Token x"), ("api-key", k.alice.key)]),
        (401, "credential_malformed"),
    ),
    "empty-protocol-key": (lambda k: Attempt(protocols=in_browser("")), (401, "credential_malformed")),
    "two-protocol-keys": (
        lambda k: Attempt(protocols=in_browser(k.alice.key, BROWSER + k.mini.key)),
        (401, "credential_malformed"),
    ),
    "places-disagree": (
        lambda k: Attempt([k.mini.bearer], in_browser(k.alice.key)),
        (401, "credential_conflict"),
    ),
    "WS8-forbidden-model": (lambda k: Attempt([k.mini.bearer]), (403, "key_model_denied")),
    "WS8-forbidden-to-the-protocol-key": (
        lambda k: Attempt(protocols=in_browser(k.mini.key)),
        (403, "key_model_denied"),
    ),
    "WS9-no-model": (lambda k: Attempt([k.alice.bearer], target="/v1/realtime"), (400, "model_missing")),
    "WS9-empty-model": (lambda k: Attempt([k.alice.bearer], target="/v1/realtime?model="), (400, "model_missing")),
    "WS10-second-model": (lambda k: Attempt([k.mini.bearer], target=QUOTE), (400, "model_malformed")),
    "WS10-of-an-unrestricted-key": (lambda k: Attempt([k.alice.bearer], target=QUOTE), (400, "model_malformed")),
    "newline-in-the-model": (
        lambda k: Attempt([k.alice.bearer], target="/v1/realtime?model=gpt%0a-4o"),
        (400, "model_malformed"),
    ),
    "two-models": (lambda k: Attempt([k.mini.bearer], target=TWICE), (400, "model_ambiguous")),
    "two-models-escaped": (
        lambda k: Attempt([k.mini.bearer], target="/v1/realtime?mod%65l=gpt-4o-mini&model=gpt-4o"),
        (400, "model_ambiguous"),
    ),
    "two-models-semicolon": (
        lambda k: Attempt([k.mini.bearer], target="/v1/realtime?model=gpt-4o-mini;model=gpt-4o"),
        (400, "model_malformed"),
    ),
    "a-list-of-models": (
        lambda k: Attempt([k.mini.bearer], target="/v1/realtime?model=gpt-4o-mini,gpt-4o"),
        (400, "model_malformed"),
    ),
    "route-of-another-key": (lambda k: Attempt([k.lister.bearer]), (403, "route_not_allowed")),
    "S-020-responses": (
        lambda k: Attempt([k.alice.bearer], target="/v1/responses?model=gpt-4o"),
        (400, "upgrade_not_allowed"),
    ),
    "chat": (
        lambda k: Attempt([k.alice.bearer], target="/v1/chat/completions?model=gpt-4o"),
        (400, "upgrade_not_allowed"),
    ),
    "models": (lambda k: Attempt([k.alice.bearer], target="/v1/models"), (400, "upgrade_not_allowed")),
    "public": (lambda k: Attempt(target="/health/liveliness"), (400, "upgrade_not_allowed")),
    "unheard-of": (lambda k: Attempt([k.master.bearer], target="/unheard/of"), (400, "upgrade_not_allowed")),
    "path": (lambda k: Attempt([k.alice.bearer], target=f"/v1;x{REALTIME[3:]}"), (400, "path_malformed")),
}


@pytest.mark.parametrize("case", REFUSED)
def test_s019_is_refused(stack: Stack, keyring: Keyring, case: str) -> None:
    attempt, expected = REFUSED[case]
    assert refused(stack, attempt(keyring)) == expected
    assert stack.seen() == []


def handshake(*headers: tuple[str, str], protocol: str = "websocket") -> bytes:
    upgrade = [
        ("connection", "Upgrade"),
        ("upgrade", protocol),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="),
    ]
    return head("GET", REALTIME, [*upgrade, *headers])


@pytest.mark.parametrize("name", ["x-auth-user-id", "x-auth-role", "authorization", "sec-websocket-protocol"])
def test_s044_a_handshake_nominates_no_header(stack: Stack, keyring: Keyring, name: str) -> None:
    upgrade = handshake(keyring.alice.bearer).replace(b"connection: Upgrade", f"connection: Upgrade, {name}".encode())
    assert exchange(stack.envoy.address, upgrade).status in (400, 401)
    assert stack.seen() == []


def test_keys_on_two_lines_of_protocols(stack: Stack, keyring: Keyring) -> None:
    lines = [("sec-websocket-protocol", BROWSER + who.key) for who in (keyring.alice, keyring.mini)]
    reply = exchange(stack.envoy.address, handshake(*lines))
    assert (reply.status, stack.reason(reply)) == (401, "credential_malformed")
    assert stack.seen() == []


def test_nothing_follows_a_refused_handshake(stack: Stack, keyring: Keyring) -> None:
    smuggled = head("GET", "/v1/models", [keyring.unknown.bearer])
    assert exchange(stack.envoy.address, handshake() + smuggled).status == 401
    assert exchange(stack.envoy.address, handshake(keyring.mini.bearer) + smuggled).status == 403
    assert stack.seen() == []


def test_the_key_of_a_protocol_counts_on_a_websocket_alone(stack: Stack, keyring: Keyring) -> None:
    offer = ("sec-websocket-protocol", f"realtime, {BROWSER}{keyring.alice.key}")
    assert stack.send("GET", REALTIME, offer).status == 401
    assert stack.seen() == []
    assert stack.send("GET", "/v1/models", offer, keyring.alice.bearer).status == 200
    (seen,) = stack.seen()
    assert seen.items(b"sec-websocket-protocol") == [b"realtime"]
    assert_nothing_of_it(seen, keyring.alice.key)


@pytest.mark.parametrize("protocol", ["h2c", "foo", "TLS/1.0", "connect-udp", "websocket, foo", "foo, websocket"])
def test_s072_no_other_upgrade(stack: Stack, keyring: Keyring, protocol: str) -> None:
    reply = exchange(stack.envoy.address, handshake(keyring.alice.bearer, protocol=protocol))
    assert reply.status in (200, 400, 403, 404, 426), "refused, or an ordinary request (S-021)"
    assert not any(seen.values(b"upgrade") for seen in stack.seen())


def allow_foo(config: Config) -> None:
    del ext_authz(config)["with_request_body"]  # else Envoy waits for the end of the tunnel before it asks
    connection_manager(config)["upgrade_configs"].append({"upgrade_type": "foo"})


def test_s072_another_upgrade_is_refused_by_the_gate_where_envoy_allows_it(new_stack: NewStack) -> None:
    stack = new_stack(patch=allow_foo)
    reply = exchange(stack.envoy.address, handshake(stack.keyring.alice.bearer, protocol="foo"))
    assert (reply.status, stack.reason(reply)) == (400, "upgrade_not_allowed")
    assert stack.seen() == []


def client(stack: Stack, who: Caller) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{stack.url}/v1", api_key=who.key, max_retries=0, timeout=20)


def test_openai_realtime(stack: Stack, keyring: Keyring) -> None:
    with client(stack, keyring.alice) as api, api.realtime.connect(model="gpt-4o") as session:
        created: Any = session.recv()
        assert (created.type, created.event_id) == (GREETING["type"], GREETING["event_id"])
        session.response.create(event_id="mine")
        assert b'"mine"' in session.recv_bytes()
    seen = upgraded(stack)
    assert seen.family() == alice(keyring, model="gpt-4o")
    assert_nothing_of_it(seen, keyring.alice.key)


def test_openai_realtime_refused(stack: Stack, keyring: Keyring) -> None:
    with client(stack, keyring.mini) as api, pytest.raises(InvalidStatus) as failed:
        api.realtime.connect(model="gpt-4o").enter()
    assert failed.value.response.status_code == 403
    assert stack.seen() == []
