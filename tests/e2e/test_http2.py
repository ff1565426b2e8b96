"""The same over HTTP/2, where fewer bytes are forbidden."""

from __future__ import annotations

import pytest

from h2wire import Connection, Fields, Stream, fields
from recorder import Seen
from stack import Stack
from wire import Text


def send(stack: Stack, method: Text, path: Text, *headers: tuple[Text, Text]) -> Stream:
    with Connection(stack.envoy.address) as connection:
        return connection.send(fields(method, path, *headers))


def only(stack: Stack) -> Seen:
    (seen,) = stack.seen()
    return seen


def test_s040_spoofed_twice(stack: Stack) -> None:
    spoofed = [("x-auth-user-id", "root"), ("x-auth-role", "proxy_admin"), ("x-auth-team-alias", "none")] * 2
    assert send(stack, "GET", "/v1/models", *spoofed, stack.keyring.alice.bearer).status == 200
    seen = only(stack)
    assert seen.values(b"x-auth-user-id") == [b"alice"]
    assert seen.values(b"x-auth-role") == [b"internal_user"]
    assert seen.values(b"x-auth-team-alias") == [b"Red%20Team"]


@pytest.mark.parametrize("name", ["x_auth_user_id", "x.auth.user.id", "x-auth--user-id", "x-auth-superuser"])
def test_s042_look_alikes(stack: Stack, name: str) -> None:
    reply = send(stack, "GET", "/v1/models", (name, "root"), stack.keyring.nobody.bearer)
    assert reply.status == 200 or (reply.was_reset and "_" in name)
    for seen in stack.seen():
        assert sorted(seen.family()) == [b"x-auth-key-hash", b"x-auth-method"]


@pytest.mark.parametrize(
    "path",
    [
        b"/v1/models\xff",
        b"/v1/models/a\xff",
        b"/v1/\xc3",
        b"/v1/\xe2\x80\xa8x",
        b"/v1/models?x=\xff",
        b"/v1/models\x7f",
    ],
)
def test_s011_8_bit_paths(stack: Stack, path: bytes) -> None:
    assert send(stack, "GET", path, stack.keyring.nobody.bearer).status in (None, 400, 403)
    assert stack.seen() == []


def test_s022_lower_case_method(stack: Stack) -> None:
    assert send(stack, "get", "/v1/models", stack.keyring.nobody.bearer).status in (None, 400, 405)
    assert stack.seen() == []


def test_s031_two_credentials(stack: Stack) -> None:
    keyring = stack.keyring
    assert send(stack, "GET", "/v1/models", keyring.alice.bearer, keyring.mini.bearer).status == 401
    assert send(stack, "GET", "/v1/models", keyring.alice.x_api_key, keyring.mini.x_api_key).status == 401
    assert stack.seen() == []


def test_s038_spaces_around_a_credential(stack: Stack) -> None:
    reply = send(stack, "GET", "/v1/models", ("authorization", f" Bearer {stack.keyring.alice.key} "))
    users = [seen.values(b"x-auth-user-id") for seen in stack.seen()]
    assert (reply.status, users) in [(200, [[b"alice"]]), (401, []), (None, [])]


def test_s068_trailers_are_no_credentials(stack: Stack) -> None:
    start = fields("POST", "/v1/chat/completions", ("content-type", "application/json"))
    trailers = [(b"authorization", b"Bearer " + stack.keyring.alice.key.encode()), (b"x-auth-user-id", b"root")]
    with Connection(stack.envoy.address) as connection:
        assert connection.send(start, b'{"model":"gpt-4o"}', trailers).status == 401
    assert stack.seen() == []


def test_s068_trailers_are_no_identity(stack: Stack) -> None:
    bearer = stack.keyring.alice.bearer
    start = fields("POST", "/v1/chat/completions", ("content-type", "application/json"), bearer)
    with Connection(stack.envoy.address) as connection:
        assert connection.send(start, b'{"model":"gpt-4o"}', [(b"x-auth-user-id", b"root")]).status == 200
    assert only(stack).values(b"x-auth-user-id") == [b"alice"]


def connect(stack: Stack, *more: tuple[bytes, bytes]) -> Fields:
    credential = b"Bearer " + stack.keyring.master.key.encode()
    return [(b":method", b"CONNECT"), *more, (b":authority", b"gate.test:443"), (b"authorization", credential)]


def test_s018_connect(stack: Stack) -> None:
    with Connection(stack.envoy.address) as connection:
        assert connection.send(connect(stack), b"GET /key/info HTTP/1.1\r\nhost: x\r\n\r\n").status in (
            None,
            400,
            403,
            404,
            405,
        )
    assert stack.seen() == []


@pytest.mark.parametrize("protocol", [b"foo", b"websocket"])
def test_s019_s072_extended_connect(stack: Stack, protocol: bytes) -> None:
    target = ((b":protocol", protocol), (b":scheme", b"http"), (b":path", b"/v1/models"))
    with Connection(stack.envoy.address) as connection:
        assert connection.send(connect(stack, *target), b"GET /key/info HTTP/1.1\r\nhost: x\r\n\r\n").status != 200
    assert stack.seen() == []


MALFORMED = {
    "connection-header": (b"connection", b"x"),
    "upper-case-name": (b"X-Upper", b"1"),
    "cr-in-a-value": (b"x-cr", b"a\rb"),
    "second-path": (b":path", b"/health/liveliness"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_s046_one_bad_stream_leaves_its_neighbours_alone(published: Stack, case: str) -> None:
    good = fields("GET", "/v1/models", published.keyring.nobody.bearer)
    with Connection(published.envoy.address) as connection:
        before = [connection.start(good) for _ in range(20)]
        bad = connection.start(good + [MALFORMED[case]])
        after = [connection.start(good) for _ in range(20)]
        assert connection.finish(bad).status != 200
        assert [connection.finish(stream).status for stream in before + after] == [200] * 40
    assert len(published.seen()) == 40
