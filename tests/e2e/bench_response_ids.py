"""What protecting response ids costs behind a real Envoy. No test: `make bench-response-ids` runs it and prints a table.

An upstream of its own says 2,000 events as fast as it is read, or one every few milliseconds; the same stream goes once
through ext_proc (`/v1/responses`) and once past it (`/v1/chat/completions`), in turns. Then a body of 50 MB.
"""

from __future__ import annotations

import os
import re
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from recorder import Seen
from stack import Stack, envoy_version
from tap import LAST_CHUNK, Scripted, chunk, chunked_head, plain
from wire import head

RAW = "resp_68aa00000000000000000000000000000000000000000001"
EVENTS = 2_000
ROUNDS = int(os.environ.get("ROUNDS", "7"))
PAUSE = 0.002
BODY = b'{"model":"gpt-4o","messages":[],"input":"x"}'
CREATED = f'event: response.created\ndata: {{"type":"response.created","response":{{"id":"{RAW}","object":"response"}}}}\n\n'
DELTA = (
    'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","item_id":"msg_1","output_index":0,'
    '"content_index":0,"delta":" word","logprobs":[],"sequence_number":%d}\n\n'
)


SAID = [CREATED.encode(), *((DELTA % number).encode() for number in range(1, EVENTS))]
# As a server writes that is not waited for: some events a segment.
SEGMENTS = [b"".join(map(chunk, SAID[start : start + 20])) for start in range(0, EVENTS, 20)]


def at_once(_: Seen) -> Iterator[bytes]:
    yield chunked_head()
    yield from SEGMENTS
    yield LAST_CHUNK


def paced(_: Seen) -> Iterator[bytes]:
    """An event says when it was sent; the reader says how late it is."""
    yield chunked_head()
    for number in range(300):
        yield chunk(b'data: {"type":"x","sent":%d}\n\n' % time.perf_counter_ns())
        time.sleep(PAUSE if number else 0)
    yield LAST_CHUNK


def large(_: Seen) -> Iterator[bytes]:
    text = b'{"output":"' + b"x" * (50 << 20) + b'","id":"' + RAW.encode() + b'"}'
    yield plain("200 OK", "application/json", text)


SENT = re.compile(rb'"sent":(\d+)}')


def ask(stack: Stack, path: str) -> socket.socket:
    connection = socket.create_connection(stack.envoy.address, timeout=60)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    bearer = stack.keyring.nobody.bearer
    connection.sendall(head("POST", path, [bearer, ("connection", "close")], BODY) + BODY)
    return connection


def whole(stack: Stack, path: str) -> tuple[float, float]:
    """Milliseconds until the first byte of the body, and until the last."""
    started = time.perf_counter()
    with ask(stack, path) as connection:
        seen = connection.recv(1 << 16)
        while b"\r\n\r\n" not in seen or seen.endswith(b"\r\n\r\n"):
            seen += connection.recv(1 << 16)
        first = time.perf_counter()
        assert b" 200 OK" in seen, seen[:300]
        while connection.recv(1 << 16):
            pass
    return (first - started) * 1e3, (time.perf_counter() - started) * 1e3


def delays(stack: Stack, path: str) -> list[float]:
    """How late each event of a paced stream is, in milliseconds."""
    late, seen = [], b""
    with ask(stack, path) as connection:
        while data := connection.recv(1 << 16):
            now = time.perf_counter_ns()
            seen += data
            end = 0
            for sent in SENT.finditer(seen):
                late.append((now - int(sent[1])) / 1e6)
                end = sent.end()
            seen = seen[end:]
    return late


def resident(stack: Stack, which: str) -> float:
    """MiB of memory, now or at its peak."""
    pid = stack.gate.process._child.pid
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split(which + ":")[1].split()[0]) / 1024


def row(name: str, past: float, through: float, unit: str) -> None:
    print(f"| {name} | {past:.2f} {unit} | {through:.2f} {unit} |")


def main() -> int:
    upstream = Scripted(at_once)
    with tempfile.TemporaryDirectory() as directory:
        stack = Stack(Path(directory), upstream, gate={"log": {"level": "info"}})
        try:
            print(f"Envoy {envoy_version()}, {ROUNDS} rounds, load {os.getloadavg()[0]:.2f}")
            print("| 2,000 events | past ext_proc | through it |\n|---|---|---|")
            paths = ("/v1/chat/completions", "/v1/responses")
            rounds = [[whole(stack, path) for path in paths] for _ in range(ROUNDS + 1)][1:]
            for index, name in ((0, "until the first byte, median"), (1, "until the last byte, median")):
                past, through = ([pair[which][index] for pair in rounds] for which in (0, 1))
                row(name, statistics.median(past), statistics.median(through), "ms")
            size = len(b"".join(SAID)) / (1 << 20)
            past, through = (statistics.median(pair[which][1] for pair in rounds) for which in (0, 1))
            row("throughput", size / past * 1e3, size / through * 1e3, "MiB/s")
            upstream.answer = paced
            late = [[delay for _ in range(3) for delay in delays(stack, path)] for path in paths]
            for name, rank in (("an event is late by, median", 50), ("99 of 100 by less than", 99)):
                past, through = (statistics.quantiles(one, n=100)[rank - 1] for one in late)
                row(name, past, through, "ms")
            before = resident(stack, "VmRSS")
            upstream.answer = large
            _, took = whole(stack, "/v1/responses")
            peak = resident(stack, "VmHWM")
            print(f"a JSON answer of 50 MB: {took:.0f} ms; the gate had {before:.1f} MiB before it and {peak:.1f} at most")
        finally:
            stack.stop()
            upstream.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
