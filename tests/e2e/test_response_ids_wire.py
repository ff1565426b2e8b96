"""What Envoy and the gate make of an upstream that answers in every way it can: no id of its own gets through."""

from __future__ import annotations

import contextlib
import gzip
import json
import re
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from recorder import Seen
from stack import BODY_LIMIT, ROOT, Config, Stack, ext_proc
from tap import LAST_CHUNK, Answer, Scripted, chunk, chunked_head, plain
from waiting import wait_for
from wire import Reply, head

SAMPLES = sorted((ROOT / "tests/vectors/sse").glob("*.txt"))
CREATE = ("/v1/responses", "/responses", "/openai/v1/responses", "/openai/responses", "/azure/openai/responses")
RAW = "resp_68aa00000000000000000000000000000000000000000001"
BODY = b'{"model":"gpt-4o","input":"x"}'
JSON = f'{{"id":"{RAW}","object":"response","status":"completed","previous_response_id":null}}'.encode()
EVENT = f'data: {{"type":"response.created","response":{{"id":"{RAW}"}}}}\n\n'.encode()

MODES = ("FULL_DUPLEX_STREAMED", "STREAMED", "BUFFERED")


def in_mode(mode: str) -> Callable[[Config], None]:
    def patch(config: Config) -> None:
        modes = ext_proc(config)["processing_mode"]
        modes["request_body_mode"] = modes["response_body_mode"] = mode
        if mode == "BUFFERED":
            config["static_resources"]["listeners"][0]["per_connection_buffer_limit_bytes"] = 16 << 20

    return patch


@pytest.fixture(scope="module")
def scripted() -> Iterator[Scripted]:
    upstream = Scripted(lambda _: iter([plain("200 OK", "application/json", b"{}")]))
    yield upstream
    upstream.stop()


@pytest.fixture(scope="module", params=MODES)
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, scripted: Scripted) -> Iterator[Stack]:
    """The published bootstrap, and the same in the other modes of `ext_proc`."""
    directory = tmp_path_factory.mktemp(request.param.lower())
    stack = Stack(directory, scripted, patch=in_mode(request.param))
    yield stack
    stack.stop()


@pytest.fixture(scope="module")
def duplex(tmp_path_factory: pytest.TempPathFactory, scripted: Scripted) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("duplex"), scripted)
    yield stack
    stack.stop()


def says(scripted: Scripted, *pieces: bytes) -> None:
    scripted.seen.clear()
    scripted.answer = lambda _: iter(pieces)


def create(stack: Stack, target: str = "/v1/responses", body: bytes = BODY) -> Reply:
    return stack.post(target, body, stack.keyring.nobody.bearer)


def made(stack: Stack, scripted: Scripted) -> str:
    """The id of a response, as its owner knows it."""
    says(scripted, plain("200 OK", "application/json", JSON))
    return str(create(stack).json()["id"])


def everything(reply: Reply) -> bytes:
    return repr(reply.headers).encode() + reply.body


def assert_sealed(reply: Reply, raw: str = RAW) -> None:
    assert raw.encode() not in everything(reply)


# ---- what is passed on -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", CREATE)
def test_s217_recorded_streams_on_every_alias(stack: Stack, scripted: Scripted, target: str) -> None:
    for sample in SAMPLES:
        recorded = sample.read_bytes()
        raw = [part for part in recorded.split(b'"') if part.startswith(b"resp_")]
        pieces = [recorded[at : at + 61] for at in range(0, len(recorded), 61)]
        says(scripted, chunked_head("text/event-stream; charset=utf-8"), *map(chunk, pieces), LAST_CHUNK)
        reply = create(stack, target)
        assert (reply.status, reply.body.count(b'"resp_')) == (200, len(raw)), sample.name
        assert not any(id in everything(reply) for id in raw), sample.name
        # Every other byte is the upstream's.
        assert re.sub(rb'"resp_[^"]*"', b'""', reply.body) == re.sub(rb'"resp_[^"]*"', b'""', recorded)


def test_s217_one_byte_at_a_time(stack: Stack, scripted: Scripted) -> None:
    says(scripted, chunked_head(), *(chunk(bytes([byte])) for byte in EVENT * 3), LAST_CHUNK)
    reply = create(stack)
    assert reply.body.count(b'"resp_A') == 3
    assert_sealed(reply)


def test_s222_a_length_is_corrected_or_dropped(stack: Stack, scripted: Scripted) -> None:
    says(scripted, plain("200 OK", "application/json", JSON, ("etag", '"1"'), ("content-md5", "x")))
    reply = create(stack)
    assert reply.json()["object"] == "response"
    assert reply.header("content-length") in (None, str(len(reply.body)))
    assert reply.header("etag") is None, "it vouches for other bytes"
    assert_sealed(reply)
    # The request, likewise: the id in it is shorter upstream.
    body = json.dumps({"model": "gpt-4o", "previous_response_id": reply.json()["id"]}).encode()
    assert create(stack, body=body).status == 200
    assert json.loads(scripted.seen[-1].body)["previous_response_id"] == RAW


def test_errors_quote_the_callers_id(stack: Stack, scripted: Scripted) -> None:
    id = made(stack, scripted)
    for status, kind, body in (
        ("404 Not Found", "application/json", f'{{"error":{{"message":"Response with id \'{RAW}\' not found."}}}}'),
        ("400 Bad Request", "text/plain", f"no {RAW}"),
        ("500 Internal Server Error", "text/html", f"<p>{RAW}</p>"),
        ("502 Bad Gateway", "application/problem+json", f'{{"detail":"{RAW}"}}'),
    ):
        says(scripted, plain(status, kind, body.encode()))
        reply = stack.send("GET", f"/v1/responses/{id}", stack.keyring.nobody.bearer)
        assert (str(reply.status), reply.body.decode()) == (status[:3], body.replace(RAW, id))


def test_headers_and_trailers_tell_no_id_s227(stack: Stack, scripted: Scripted) -> None:
    tell = (("location", f"/v1/responses/{RAW}"), ("x-of", RAW), ("link", f"<{RAW}>"), ("x-fine", "kept"))
    says(scripted, plain("200 OK", "application/json", JSON, *tell))
    reply = create(stack)
    assert (reply.header("x-fine"), reply.header("location")) == ("kept", None)
    assert_sealed(reply)
    trailer = f"x-id: {RAW}\r\n\r\n".encode()
    says(scripted, chunked_head("application/json"), chunk(JSON), b"0\r\n" + trailer)
    assert_sealed(create(stack))


def test_no_body_is_no_matter(stack: Stack, scripted: Scripted) -> None:
    id = made(stack, scripted)
    for status in ("204 No Content", "304 Not Modified"):
        says(scripted, f"HTTP/1.1 {status}\r\nlocation: {RAW}\r\n\r\n".encode())
        reply = stack.send("DELETE", f"/v1/responses/{id}", stack.keyring.nobody.bearer)
        assert str(reply.status) == status[:3]
        assert_sealed(reply)
    says(scripted, plain("200 OK", "application/json", JSON).partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
    reply = stack.send("HEAD", f"/v1/responses/{id}", stack.keyring.nobody.bearer)
    assert (reply.status, reply.body) == (200, b"")
    assert scripted.seen[-1].target == f"/v1/responses/{RAW}".encode()
    says(scripted, plain("200 OK", "application/json", b""))
    assert create(stack).status == 200


def test_interim_answers_come_before_the_answer(stack: Stack, scripted: Scripted) -> None:
    says(scripted, b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n", plain("200 OK", "application/json", JSON))
    reply = create(stack)
    assert reply.status == 200
    assert_sealed(reply)
    says(scripted, plain("200 OK", "application/json", JSON))
    reply = stack.post("/v1/responses", BODY, stack.keyring.nobody.bearer, ("expect", "100-continue"))
    assert_sealed(reply)


def test_a_large_answer_goes_through_s221(stack: Stack, scripted: Scripted) -> None:
    large = f'{{"text":"{"x" * (3 << 20)}","id":"{RAW}"}}'.encode()
    says(scripted, plain("200 OK", "application/json", large))
    reply = create(stack)
    assert (reply.status, reply.json()["id"].startswith("resp_A")) == (200, True)
    assert_sealed(reply)


# ---- what is not -------------------------------------------------------------------------------------------------------


def test_what_cannot_be_read_is_502(stack: Stack, scripted: Scripted) -> None:
    page = f"<p>{RAW}</p>".encode()
    for answer in (
        plain("200 OK", "text/html", page),
        plain("302 Found", "text/html", page, ("location", f"/v1/responses/{RAW}")),
        plain("200 OK", "application/json", gzip.compress(JSON), ("content-encoding", "gzip")),
        plain("200 OK", "application/json", gzip.compress(JSON), ("content-encoding", "br, gzip")),
        plain("200 OK", "text/event-stream; charset=utf-16", EVENT),
        plain("200 OK", "application/x-ndjson", JSON),
        plain("206 Partial Content", "multipart/byteranges; boundary=x", page),
    ):
        says(scripted, answer)
        reply = create(stack)
        assert (reply.status, reply.json()["error"]["code"]) == (502, "502"), answer[:99]
        assert_sealed(reply)
    assert ("accept-encoding", b"identity") in [
        (name.decode(), value) for name, value in scripted.seen[-1].headers if name == b"accept-encoding"
    ]


def test_json_that_two_readers_read_differently_is_cut(stack: Stack, scripted: Scripted) -> None:
    for body in (
        f'{{"id":"x","id":"{RAW}"}}',
        f'{{"id":{{"id":"{RAW}"}}}}',
        f'{{"a":1}}{{"id":"{RAW}"}}',
        f'{{"id":"resp_1","a":"\\ud800","previous_response_id":7,"x":"{RAW}"}}',
    ):
        says(scripted, plain("200 OK", "application/json", body.encode()))
        with socket.create_connection(stack.envoy.address, timeout=20) as connection:
            headers = [stack.keyring.nobody.bearer, ("connection", "close")]
            connection.sendall(head("POST", "/v1/responses", headers, BODY) + BODY)
            assert RAW.encode() not in rest_of(connection)


def test_s218_a_stream_that_goes_wrong_says_so(stack: Stack, scripted: Scripted) -> None:
    for wrong in (f"data: {RAW}\n\n", f"id: {RAW}\ndata: {{}}\n\n", f'data: {{"response":{{"id":7,"x":"{RAW}"}}}}\n\n'):
        says(scripted, chunked_head(), chunk(EVENT), chunk(wrong.encode()), chunk(EVENT), LAST_CHUNK)
        reply = create(stack)
        first, rest = reply.body.split(b"\n\n", 1)
        assert b'"id":"resp_A' in first
        assert rest.startswith(b"event: error\ndata: {") and rest.endswith(b"}\n\n") and rest.count(b"event:") == 1
        assert_sealed(reply)


@pytest.mark.parametrize("talks_on", [False, True])
def test_s218_nobody_waits_for_the_rest_of_a_stream_gone_wrong(duplex: Stack, scripted: Scripted, talks_on: bool) -> None:
    done = threading.Event()

    def answer(_: Seen) -> Iterator[bytes]:
        yield chunked_head() + chunk(EVENT) + chunk(f"data: {RAW}\n\n".encode())
        while not done.wait(0.001 if talks_on else 20):
            yield chunk(EVENT)

    scripted.answer = answer
    reply = create(duplex)
    first, rest = reply.body.split(b"\n\n", 1)
    assert b'"id":"resp_A' in first
    assert rest.startswith(b"event: error\n") and rest.endswith(b"}\n\n") and rest.count(b"event:") == 1
    assert not done.is_set(), "the upstream was still there"
    done.set()
    assert made(duplex, scripted), "Envoy and the gate go on"


def test_an_upstream_that_hangs_up_leaks_nothing(stack: Stack, scripted: Scripted) -> None:
    go_on = threading.Event()

    def answer(_: Seen) -> Iterator[bytes]:
        yield chunked_head() + chunk(EVENT) + chunk(EVENT[:50])
        go_on.wait(20)

    scripted.answer = answer
    with socket.create_connection(stack.envoy.address, timeout=20) as connection:
        bearer = stack.keyring.nobody.bearer
        connection.sendall(head("POST", "/v1/responses", [bearer, ("connection", "close")], BODY) + BODY)
        if ext_proc(stack.envoy.config)["processing_mode"]["response_body_mode"] == "BUFFERED":
            seen = b""
        else:
            seen = until(b"resp_A", connection)
        go_on.set()
        seen += rest_of(connection)
    assert RAW.encode() not in seen


def until(mark: bytes, connection: socket.socket) -> bytes:
    seen = b""
    while mark not in seen and (data := connection.recv(1 << 16)):
        seen += data
    return seen


def rest_of(connection: socket.socket) -> bytes:
    """What comes until the end, be it sudden."""
    seen = b""
    with contextlib.suppress(ConnectionError):
        while data := connection.recv(1 << 16):
            seen += data
    return seen


def test_s226_refusals_of_the_gate_reach_the_caller(stack: Stack, scripted: Scripted) -> None:
    """The answer of `ext_authz` passes `ext_proc` with its metadata, and without a request before it."""
    refused = stack.send("GET", f"/v1/responses/{RAW}", stack.keyring.nobody.bearer)
    assert (refused.status, stack.reason(refused)) == (403, "response_unmanaged")
    assert RAW.encode() not in refused.body
    assert stack.send("GET", "/v1/responses/resp_1").status == 401
    assert create(stack, body=b"{").status == 400
    # Envoy's own, before the gate is asked: too large for it. From 1.37 on ext_proc sees it, and keeps the status.
    too_large = create(stack, body=b'{"model":"gpt-4o","input":"' + b"x" * BODY_LIMIT + b'"}')
    assert too_large.status == 413


# ---- faults ------------------------------------------------------------------------------------------------------------


def held(first: bytes, go_on: threading.Event, then: bytes) -> Answer:
    """Says the first half, and the rest when it is told to."""

    def answer(_: Seen) -> Iterator[bytes]:
        yield chunked_head()
        yield chunk(first)
        go_on.wait(20)
        yield chunk(then)
        yield LAST_CHUNK

    return answer


@pytest.mark.parametrize("mode", MODES[:2])
def test_s224_a_gate_killed_in_mid_stream(tmp_path: Path, scripted: Scripted, mode: str) -> None:
    stack = Stack(tmp_path, scripted, patch=in_mode(mode))
    try:
        go_on = threading.Event()
        scripted.answer = held(EVENT, go_on, EVENT * 20)
        with socket.create_connection(stack.envoy.address, timeout=20) as connection:
            connection.sendall(head("POST", "/v1/responses", [stack.keyring.nobody.bearer], BODY) + BODY)
            seen = until(b"resp_A", connection)
            stack.gate.process.signal(signal.SIGKILL)
            stack.gate.process.wait()
            go_on.set()
            seen += rest_of(connection)
        assert RAW.encode() not in seen
        assert not seen.endswith(b"0\r\n\r\n"), "the caller can see that the answer was cut"
        # And while it is gone nothing comes in.
        scripted.answer = lambda _: iter([plain("200 OK", "application/json", JSON)])
        scripted.seen.clear()
        assert (create(stack).status, scripted.seen) == (503, [])
        stack.gate.start()
        wait_for("the gate", lambda: create(stack).status == 200)
    finally:
        stack.stop()


def test_s225_a_gate_that_is_stopped_answers_nothing(tmp_path: Path, scripted: Scripted) -> None:
    stack = Stack(tmp_path, scripted)
    try:
        go_on = threading.Event()
        scripted.answer = held(EVENT, go_on, EVENT * 20)
        with socket.create_connection(stack.envoy.address, timeout=1) as connection:
            connection.sendall(head("POST", "/v1/responses", [stack.keyring.nobody.bearer], BODY) + BODY)
            seen = until(b"resp_A", connection)
            stack.gate.process.signal(signal.SIGSTOP)
            go_on.set()
            with pytest.raises(TimeoutError):
                while data := connection.recv(1 << 16):
                    seen += data
            stack.gate.process.signal(signal.SIGCONT)
            connection.settimeout(20)
            while not seen.endswith(b"0\r\n\r\n"):
                seen += connection.recv(1 << 16)
        assert (seen.count(b'"resp_A'), RAW.encode() in seen) == (21, False)
    finally:
        stack.stop()


def without(change: Callable[[Config], Any]) -> Callable[[Config], None]:
    def patch(config: Config) -> None:
        change(ext_proc(config))

    return patch


@pytest.mark.parametrize(
    "change",
    [
        lambda proc: proc.pop("metadata_options"),
        lambda proc: proc["processing_mode"].update(response_body_mode="BUFFERED_PARTIAL"),
        lambda proc: proc["processing_mode"].update(response_body_mode="NONE"),
        lambda proc: proc["processing_mode"].update(request_header_mode="SKIP", request_body_mode="NONE"),
    ],
    ids=["no metadata", "a part of the body", "no body", "no request"],
)
def test_an_envoy_that_hides_something_gets_no_answer(tmp_path: Path, scripted: Scripted, change: Any) -> None:
    stack = Stack(tmp_path, scripted, patch=without(change))
    try:
        for answer in (plain("200 OK", "application/json", JSON), chunked_head() + chunk(EVENT) + LAST_CHUNK):
            says(scripted, answer)
            reply = create(stack)
            assert reply.status == 503
            assert_sealed(reply)
    finally:
        stack.stop()


def test_overload_is_503_as_everywhere(tmp_path: Path, scripted: Scripted) -> None:
    """`ext_authz` has no answer, so there is no metadata; the caller reads Envoy's status all the same."""
    stack = Stack(tmp_path, scripted, gate={"limits": {"concurrent_streams": 1, "drain_seconds": 0}})
    try:
        go_on = threading.Event()
        scripted.answer = held(EVENT, go_on, EVENT)
        with socket.create_connection(stack.envoy.address, timeout=20) as connection:
            connection.sendall(head("POST", "/v1/responses", [stack.keyring.nobody.bearer], BODY) + BODY)
            until(b"resp_A", connection)
            refused = create(stack)
            assert refused.status == 503
            assert_sealed(refused)
            go_on.set()
    finally:
        stack.stop()


def test_a_client_that_leaves_is_forgotten_s228(duplex: Stack, scripted: Scripted) -> None:
    go_on = threading.Event()
    scripted.answer = held(EVENT, go_on, EVENT)
    for _ in range(50):
        with socket.create_connection(duplex.envoy.address, timeout=20) as connection:
            connection.sendall(head("POST", "/v1/responses", [duplex.keyring.nobody.bearer], BODY) + BODY)
            until(b"resp_A", connection)
    gauge = "tollgate_response_id_streams_in_flight 0\n"
    wait_for("every stream to end", lambda: gauge in duplex.gate.admin("/metrics"))
    go_on.set()


def test_an_upgrade_is_refused_s020(duplex: Stack, scripted: Scripted) -> None:
    says(scripted, b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n")
    upgrade = [("upgrade", "websocket"), ("connection", "upgrade"), ("sec-websocket-version", "13")]
    refused = duplex.send("GET", "/v1/responses", duplex.keyring.nobody.bearer, *upgrade)
    assert (refused.status, scripted.seen) == (400, [])
    # And one nobody has asked for.
    assert create(duplex).status >= 400
