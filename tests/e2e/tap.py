"""A wire between a client and Envoy that remembers every byte the client gets, and an upstream that says what it is told."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator

from recorder import Seen, read_request
from wire import Address


class Tap:
    """Passes bytes on, both ways, and keeps those for the client."""

    def __init__(self, server: Address) -> None:
        self._server = server
        self._seen = bytearray()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address: Address = ("127.0.0.1", self._listener.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.address[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def take(self) -> bytes:
        """Every byte since the last call, headers and framing included."""
        seen, self._seen = bytes(self._seen), bytearray()
        return seen

    def stop(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._server)
            for source, target, kept in ((client, server, False), (server, client, True)):
                threading.Thread(target=self._pass, args=(source, target, kept), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, kept: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if kept:
                    self._seen += data
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


Answer = Callable[[Seen], Iterator[bytes]]


class Scripted:
    """An upstream whose answer to each request is what `answer` yields, raw, piece by piece; then it hangs up."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.seen: list[Seen] = []
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.scripted = self
        self.address: Address = ("127.0.0.1", int(self._server.server_address[1]))
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 256
    block_on_close = False
    scripted: Scripted


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        seen = read_request(self.rfile)
        if seen is None:
            return
        self.server.scripted.seen.append(seen)
        with contextlib.suppress(OSError):
            for piece in self.server.scripted.answer(seen):
                self.wfile.write(piece)


def plain(status: str, content_type: str, body: bytes, *headers: tuple[str, str]) -> bytes:
    """An answer with its length."""
    lines = [f"HTTP/1.1 {status}", f"content-type: {content_type}", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([*lines, "connection: close", "", ""]).encode() + body


def chunked_head(content_type: str = "text/event-stream") -> bytes:
    lines = ["HTTP/1.1 200 OK", f"content-type: {content_type}", "transfer-encoding: chunked"]
    return "\r\n".join([*lines, "connection: close", "", ""]).encode()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"
