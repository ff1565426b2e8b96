"""HTTP/1.1 as bytes. A proper client repairs or refuses most of what an attacker sends."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

Text = str | bytes
Headers = Iterable[tuple[Text, Text]]
Address = tuple[str, int]

SECONDS = 30.0


@dataclass(frozen=True)
class Reply:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name), None)

    @property
    def id(self) -> str:
        """The request id Envoy gave it; both logs have it, too."""
        return self.header("x-request-id") or ""


def request(address: Address, method: str, target: Text, headers: Headers = (), body: bytes = b"") -> Reply:
    """One request with exactly these header lines, plus `host`, and `content-length` if there is a body."""
    return exchange(address, head(method, target, headers, body) + body, method)


def head(method: str, target: Text, headers: Headers = (), body: bytes = b"") -> bytes:
    lines = [b"%s %s HTTP/1.1" % (raw(method), raw(target)), b"host: gate.test"]
    lines += [b"%s: %s" % (raw(name), raw(value)) for name, value in headers]
    if body:
        lines.append(b"content-length: %d" % len(body))
    return b"\r\n".join([*lines, b"", b""])


def exchange(address: Address, data: bytes, method: str = "GET") -> Reply:
    """Writes bytes on a new connection and reads one reply."""
    with socket.create_connection(address, timeout=SECONDS) as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused before all was sent
            connection.sendall(data)
        return read_reply(connection, method)


def read_reply(connection: socket.socket, method: str = "GET") -> Reply:
    response = http.client.HTTPResponse(connection, method=method)
    try:
        response.begin()
        return Reply(response.status, response.getheaders(), response.read())
    finally:
        response.close()


def raw(text: Text) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1")
