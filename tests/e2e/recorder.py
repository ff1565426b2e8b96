"""An upstream that keeps every request as the bytes it was."""

from __future__ import annotations

import socket
import socketserver
import threading
from dataclasses import dataclass
from io import BufferedIOBase


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    method: bytes
    target: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def values(self, name: bytes) -> list[bytes]:
        return [value for key, value in self.headers if key == name]

    def family(self, prefix: bytes = b"x-auth") -> dict[bytes, list[bytes]]:
        """Every header a careless reader would take for one of the family, by the spelling it came in."""
        found: dict[bytes, list[bytes]] = {}
        for name, value in self.headers:
            if fold(name).startswith(prefix):
                found.setdefault(name, []).append(value)
        return found


def fold(name: bytes) -> bytes:
    dashed = name.lower().replace(b"_", b"-").replace(b".", b"-")
    while b"--" in dashed:
        dashed = dashed.replace(b"--", b"-")
    return dashed


class Recorder:
    """Answers everything with 200 and remembers it."""

    def __init__(self) -> None:
        self._seen: list[Seen] = []
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.recorder = self
        self.address = ("127.0.0.1", int(self._server.server_address[1]))
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def record(self, seen: Seen) -> None:
        with self._lock:
            self._seen.append(seen)

    def take(self) -> list[Seen]:
        """Everything seen since the last call."""
        with self._lock:
            seen, self._seen = self._seen, []
        return seen

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    recorder: Recorder


class _Handler(socketserver.StreamRequestHandler):
    server: _Server
    ANSWER = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{"ok":true}'

    def handle(self) -> None:
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while (seen := read_request(self.rfile)) is not None:
            self.server.recorder.record(seen)
            self.wfile.write(self.ANSWER)


def read_request(stream: BufferedIOBase) -> Seen | None:
    start = stream.readline()
    if not start:
        return None
    method, target, _ = start.split(b" ", 2)
    headers = []
    while line := stream.readline().rstrip(b"\r\n"):
        name, _, value = line.partition(b":")
        headers.append((name, value.strip(b" ")))
    return Seen(method, target, headers, read_body(stream, dict(headers)))


def read_body(stream: BufferedIOBase, headers: dict[bytes, bytes]) -> bytes:
    if headers.get(b"transfer-encoding") != b"chunked":
        return stream.read(int(headers.get(b"content-length", b"0")))
    chunks = []
    while size := int(stream.readline(), 16):
        chunks.append(stream.read(size))
        stream.readline()
    stream.readline()
    return b"".join(chunks)
