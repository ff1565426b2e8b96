"""An upstream that keeps every request as the bytes it was."""

from __future__ import annotations

import json
import socket
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedIOBase

from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side, State
from websockets.utils import accept_key

from wire import Address


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    method: bytes
    target: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def values(self, name: bytes) -> list[bytes]:
        return [value for key, value in self.headers if key == name]

    def items(self, name: bytes) -> list[bytes]:
        """The items of a header that is a list, whatever its lines."""
        return [item.strip() for value in self.values(name) for item in value.split(b",")]

    def wire(self) -> bytes:
        """Everything of it that somebody could read a secret from."""
        headers = [name + b": " + value for name, value in self.headers]
        return b"\r\n".join([self.method + b" " + self.target, *headers, b"", self.body])

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
    """Remembers every request. It answers 200, or what an upstream `behind` it answers; WebSockets it opens and echoes."""

    def __init__(self, behind: Address | None = None) -> None:
        self.behind = behind
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
    request_queue_size = 1024
    block_on_close = False
    recorder: Recorder


class _Handler(socketserver.StreamRequestHandler):
    server: _Server
    ANSWER = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{"ok":true}'

    def handle(self) -> None:
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while (seen := read_request(self.rfile)) is not None:
            self.server.recorder.record(seen)
            if b"websocket" in seen.values(b"upgrade"):
                return self._websocket(seen)
            if self.server.recorder.behind:
                return self._relay(seen, self.server.recorder.behind)
            self.wfile.write(self.ANSWER)

    def _relay(self, seen: Seen, behind: Address) -> None:
        """Asks the upstream behind, which closes the connection when it has answered."""
        ours = (b"connection", b"content-length", b"transfer-encoding")
        kept = [b"%s: %s" % (name, value) for name, value in seen.headers if name.lower() not in ours]
        framing = [b"connection: close", b"content-length: %d" % len(seen.body)]
        with socket.create_connection(behind) as connection:
            start = b"%s %s HTTP/1.1" % (seen.method, seen.target)
            connection.sendall(b"\r\n".join([start, *kept, *framing, b"", seen.body]))
            while data := connection.recv(1 << 16):
                self.wfile.write(data)

    def _websocket(self, seen: Seen) -> None:
        """Takes the first protocol on offer, greets, and sends every message back."""
        (key,) = seen.values(b"sec-websocket-key")
        lines = ["HTTP/1.1 101 Switching Protocols", "upgrade: websocket", "connection: Upgrade"]
        lines.append(f"sec-websocket-accept: {accept_key(key.decode())}")
        lines += [f"sec-websocket-protocol: {item.decode()}" for item in seen.items(b"sec-websocket-protocol")[:1]]
        self.wfile.write("\r\n".join([*lines, "", ""]).encode())

        protocol = Protocol(Side.SERVER, state=State.OPEN)
        protocol.send_text(json.dumps(GREETING).encode())
        for data in self._answers(protocol):
            self.wfile.write(data)

    def _answers(self, protocol: Protocol) -> Iterator[bytes]:
        yield from protocol.data_to_send()
        while not protocol.close_expected() and (data := self.rfile.read1(1 << 16)):
            protocol.receive_data(data)
            for event in protocol.events_received():
                if isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                    protocol.send_text(event.data)
                elif isinstance(event, Frame) and event.opcode is Opcode.BINARY:
                    protocol.send_binary(event.data)
            yield from protocol.data_to_send()


GREETING = {"type": "session.created", "event_id": "event_1", "session": {"type": "realtime", "model": "example"}}
"""What the WebSocket says first."""


def read_request(stream: BufferedIOBase) -> Seen | None:
    start = stream.readline()
    if not start:
        return None
    method, target, _ = start.split(b" ", 2)
    headers = []
    while line := stream.readline().rstrip(b"\r\n"):
        name, _, value = line.partition(b":")
        headers.append((name, value.strip(b" ")))
    return Seen(method, target, headers, read_body(stream, {name.lower(): value for name, value in headers}))


def read_body(stream: BufferedIOBase, headers: dict[bytes, bytes]) -> bytes:
    if headers.get(b"transfer-encoding") != b"chunked":
        return stream.read(int(headers.get(b"content-length", b"0")))
    chunks = []
    while size := int(stream.readline(), 16):
        chunks.append(stream.read(size))
        stream.readline()
    stream.readline()
    return b"".join(chunks)
