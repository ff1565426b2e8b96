"""HTTP/2 frames without a client's good manners: header fields go out as they are given."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import h2.config
import h2.connection
import h2.events

from wire import SECONDS, Address, Text, raw

Fields = list[tuple[bytes, bytes]]


@dataclass
class Stream:
    """What came back on one stream."""

    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""
    was_reset: bool = False
    ended: bool = False

    @property
    def status(self) -> int | None:
        """`None` when the stream was reset before it was answered."""
        return int(self.headers[b":status"]) if b":status" in self.headers else None

    def json(self) -> Any:
        return json.loads(self.body)


class Connection:
    """One connection. Use it in a `with` statement."""

    def __init__(self, address: Address) -> None:
        self.closed = False
        self._streams: dict[int, Stream] = {}
        self._socket = socket.create_connection(address, timeout=SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        configuration = h2.config.H2Configuration(
            header_encoding=None, validate_outbound_headers=False, normalize_outbound_headers=False
        )
        self._h2 = h2.connection.H2Connection(configuration)
        self._h2.initiate_connection()
        self._flush()

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def start(self, fields: Fields, body: bytes = b"", trailers: Fields | None = None) -> int:
        """Sends a request whole and returns its stream."""
        stream = self._h2.get_next_available_stream_id()
        self._streams[stream] = Stream()
        self._h2.send_headers(stream, fields, end_stream=not body and trailers is None)
        if body:
            self._send_body(stream, body, end_stream=trailers is None)
        if trailers is not None:
            self._h2.send_headers(stream, trailers, end_stream=True)
        self._flush()
        return stream

    def finish(self, stream: int) -> Stream:
        """Reads until the stream has ended, one way or another."""
        while not (self._streams[stream].ended or self.closed):
            self._receive()
        return self._streams[stream]

    def send(self, fields: Fields, body: bytes = b"", trailers: Fields | None = None) -> Stream:
        return self.finish(self.start(fields, body, trailers))

    def _send_body(self, stream: int, body: bytes, end_stream: bool) -> None:
        view = memoryview(body)
        while view and not (self.closed or self._streams[stream].ended):
            size = min(self._h2.local_flow_control_window(stream), self._h2.max_outbound_frame_size, len(view))
            if size:
                self._h2.send_data(stream, bytes(view[:size]), end_stream=end_stream and size == len(view))
                view = view[size:]
                self._flush()
            else:
                self._receive()

    def _receive(self) -> None:
        try:
            data = self._socket.recv(1 << 16)
        except ConnectionResetError:
            data = b""
        self.closed = not data
        for event in self._h2.receive_data(data) if data else []:
            self._handle(event)
        self._flush()

    def _handle(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.ConnectionTerminated):
            self.closed = True
            return
        stream = self._streams.get(getattr(event, "stream_id", None) or 0)
        if stream is None:
            return
        if isinstance(event, h2.events.ResponseReceived):
            stream.headers = dict(event.headers)
        elif isinstance(event, h2.events.DataReceived):
            stream.body += event.data
            self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamReset):
            stream.was_reset = stream.ended = True
        elif isinstance(event, h2.events.StreamEnded):
            stream.ended = True

    def _flush(self) -> None:
        try:
            self._socket.sendall(self._h2.data_to_send())
        except (BrokenPipeError, ConnectionResetError):
            self.closed = True


def fields(method: Text, path: Text, *headers: tuple[Text, Text]) -> Fields:
    """The pseudo-headers of an ordinary request, then these."""
    pseudo = [(b":method", raw(method)), (b":scheme", b"http"), (b":path", raw(path)), (b":authority", b"gate.test")]
    return pseudo + [(raw(name), raw(value)) for name, value in headers]
