"""Requests that are too big, at every size that matters."""

from __future__ import annotations

import socket
import time

import pytest

import h2wire
from conftest import NewStack, carelessly
from stack import BODY_LIMIT as LIMIT
from stack import Stack
from waiting import wait_for
from wire import Reply, exchange, head, read_reply

CHAT = "/v1/chat/completions"
MIB = 1 << 20


def body_of(size: int, first: str = "gpt-4o-mini", last: str | None = None) -> bytes:
    """A chat request of exactly this many bytes; `last` names another model at its end."""
    start = b'{"model":"%s","messages":[{"role":"user","content":"' % first.encode()
    end = b'"}]' + (b',"model":"%s"' % last.encode() if last else b"") + b"}"
    return start + b"a" * (size - len(start) - len(end)) + end


def chat(stack: Stack, body: bytes) -> Reply:
    return stack.post(CHAT, body, stack.keyring.mini.bearer)


def chat_h2(stack: Stack, body: bytes) -> h2wire.Stream:
    fields = h2wire.fields("POST", CHAT, stack.keyring.mini.bearer, ("content-type", "application/json"))
    with h2wire.Connection(stack.envoy.address) as connection:
        return connection.send(fields, body)


@pytest.mark.parametrize("size", [1024, MIB - 1, MIB, MIB + 1, 8 * MIB, LIMIT - 1])
def test_a_body_within_the_limit_arrives_whole(stack: Stack, size: int) -> None:
    body = body_of(size)
    assert chat(stack, body).status == 200
    assert [seen.body == body for seen in stack.seen()] == [True]


@pytest.mark.parametrize("size", [64 * 1024, MIB, LIMIT - 1])
def test_a_body_within_the_limit_arrives_whole_over_http2(stack: Stack, size: int) -> None:
    body = body_of(size)
    assert chat_h2(stack, body).status == 200
    assert [seen.body == body for seen in stack.seen()] == [True]


@pytest.mark.parametrize("size", [LIMIT + 1, 20 * MIB])
def test_s048_s050_a_body_over_the_limit_is_refused(stack: Stack, size: int) -> None:
    assert chat(stack, body_of(size)).status == 413
    assert stack.seen() == []


@pytest.mark.parametrize("size", [LIMIT + 1, 20 * MIB])
def test_s048_s050_a_body_over_the_limit_is_refused_over_http2(stack: Stack, size: int) -> None:
    assert chat_h2(stack, body_of(size)).status in (400, 413)
    assert stack.seen() == []


def test_s049_the_hidden_end_of_a_body_authorises_nothing(stack: Stack) -> None:
    assert chat(stack, body_of(LIMIT + MIB, last="gpt-4o")).status == 413
    assert stack.seen() == []


def test_s048_a_stump_is_refused_by_the_gate_itself(careless: Stack) -> None:
    reply = chat(careless, body_of(20 * MIB))
    assert (reply.status, careless.reason(reply)) == (413, "body_truncated")


def test_a_body_of_exactly_the_limit_is_whole_or_refused(stack: Stack) -> None:
    status = chat(stack, body_of(LIMIT)).status
    assert (status, len(stack.seen())) in [(200, 1), (413, 0)]


def test_s049_a_body_that_pauses_at_the_limit(stack: Stack) -> None:
    assert pause_at_the_limit(stack).status == 413
    assert stack.seen() == []


def test_s049_a_body_that_pauses_where_the_gate_does_not_know_the_limit(new_stack: NewStack) -> None:
    stack = new_stack(patch=carelessly)
    assert pause_at_the_limit(stack).status == 411
    assert stack.seen() == []


def pause_at_the_limit(stack: Stack) -> Reply:
    """A body of unknown length whose first part is a document, and exactly as long as Envoy's limit."""
    headers = [stack.keyring.mini.bearer, ("content-type", "application/json"), ("transfer-encoding", "chunked")]
    before = stack.envoy.received()
    with socket.create_connection(stack.envoy.address, timeout=10) as connection:
        connection.sendall(head("POST", CHAT, headers) + chunk(body_of(LIMIT)))
        wait_for("Envoy has read it", lambda: stack.envoy.received() - before > LIMIT)
        connection.sendall(chunk(b'{"model":"gpt-4o"}') + b"0\r\n\r\n")
        return read_reply(connection)


def test_a_body_without_a_length(stack: Stack) -> None:
    body = body_of(1024)
    headers = [stack.keyring.mini.bearer, ("content-type", "application/json"), ("transfer-encoding", "chunked")]
    assert exchange(stack.envoy.address, head("POST", CHAT, headers) + chunk(body) + b"0\r\n\r\n").status == 200
    fields = h2wire.fields("POST", CHAT, stack.keyring.mini.bearer, ("content-type", "application/json"))
    with h2wire.Connection(stack.envoy.address) as connection:
        assert connection.send(fields, body).status == 200
    assert [seen.body for seen in stack.seen()] == [body, body]


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def test_a_giant_from_nobody_is_refused(stack: Stack) -> None:
    assert stack.post(CHAT, body_of(20 * MIB)).status in (401, 413)
    assert stack.seen() == []


@pytest.mark.parametrize("size", [61 * 1024, MIB])
@pytest.mark.parametrize("name", ["authorization", "x-auth-user-id", "cookie"])
def test_s045_headers_over_60_kib(stack: Stack, name: str, size: int) -> None:
    assert stack.send("GET", "/v1/models", stack.keyring.nobody.x_api_key, (name, "a" * size)).status == 431
    assert stack.seen() == []


def test_s045_more_than_100_headers(stack: Stack) -> None:
    many = [(f"x-{number}", "a") for number in range(101)]
    assert stack.send("GET", "/v1/models", stack.keyring.nobody.bearer, *many).status == 431
    assert stack.seen() == []


def test_s045_headers_over_60_kib_over_http2(stack: Stack) -> None:
    big = [(f"x-{number}", "a" * 1024) for number in range(62)]
    with h2wire.Connection(stack.envoy.address) as connection:
        stream = connection.send(h2wire.fields("GET", "/v1/models", stack.keyring.nobody.bearer, *big))
    assert stream.status in (None, 431)
    assert stack.seen() == []


def test_the_gate_answers_at_once_after_all_this(stack: Stack) -> None:
    started = time.monotonic()
    assert stack.send("GET", "/v1/models", stack.keyring.nobody.bearer).status == 200
    assert time.monotonic() - started < 0.5
