"""Envoy counts requests by what the gate says of them (`envoy/rate-limit*.yaml`)."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent import futures
from typing import Any

import grpc
import pytest

from conftest import NewStack
from keyring import caller
from stack import BOOTSTRAPS, Config, connection_manager, endpoint

METHOD = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit"
OK, OVER_LIMIT = 1, 2
MINUTE = 2


def fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """Fields of a protobuf message: numbers, or bytes."""

    def varint() -> int:
        nonlocal message
        value = shift = 0
        while True:
            byte, message = message[0], message[1:]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    while message:
        tag = varint()
        if tag & 7 == 0:
            yield tag >> 3, varint()
        else:
            length = varint()
            yield tag >> 3, message[:length]
            message = message[length:]


class Counting:
    """The least a rate limit service does: counts entries, and holds them to the limit that came with them."""

    def __init__(self) -> None:
        self.seen: Counter[tuple[str, str, int, int]] = Counter()
        self._lock = threading.Lock()
        self._server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
        self._server.add_generic_rpc_handlers((self,))
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def service(self, details: Any) -> Any:
        assert details.method == METHOD, details.method
        return grpc.unary_unary_rpc_method_handler(self._answer)

    def _answer(self, request: bytes, _: Any) -> bytes:
        over = False
        for number, descriptor in fields(request):
            if number != 2:
                continue
            parts = list(fields(descriptor))
            ((_, entry),) = [part for part in parts if part[0] == 1]
            names = {number: value.decode() for number, value in fields(entry)}
            limit = {number: value for found, limit in parts if found == 2 for number, value in fields(limit)}
            counted = (names[1], names[2], limit.get(1, 0), limit.get(2, 0))
            with self._lock:
                self.seen[counted] += 1
                over |= limit.get(1, 1 << 32) < self.seen[counted]
        return bytes([0x08, OVER_LIMIT if over else OK])

    def stop(self) -> None:
        self._server.stop(None)


@pytest.fixture
def counting() -> Iterator[Counting]:
    service = Counting()
    yield service
    service.stop()


def test_one_envoy_counts_each_key_and_each_team_by_itself(new_stack: NewStack) -> None:
    def few(config: Config) -> None:
        (limits,) = [one for one in connection_manager(config)["http_filters"] if "local_ratelimit" in one["name"]]
        of_key, of_team = limits["typed_config"]["descriptors"]
        for part, count in ((of_key, 2), (of_team, 3)):
            part["token_bucket"] |= {"max_tokens": count, "tokens_per_fill": count}

    stack = new_stack(bootstrap=BOOTSTRAPS / "rate-limit.yaml", patch=few)
    keyring = stack.keyring
    assert [stack.chat("gpt-4o", keyring.nobody.bearer).status for _ in range(3)] == [200, 200, 429]
    spoof = ("x-auth-key-hash", "somebody-else")
    assert stack.chat("gpt-4o", keyring.nobody.bearer, spoof).status == 429, "nobody changes who they are"
    assert [stack.chat("gpt-4o", keyring.alice.bearer).status for _ in range(2)] == [200, 200], "another key"
    assert stack.chat("gpt-4o", keyring.lister.bearer).status == 403, "who is refused is not counted"


def test_a_service_counts_with_the_numbers_of_each_record(new_stack: NewStack, counting: Counting) -> None:
    def here(config: Config) -> None:
        endpoint(config, "limitador")["address"]["socket_address"]["port_value"] = counting.port

    stack = new_stack(bootstrap=BOOTSTRAPS / "rate-limit-service.yaml", patch=here)
    two = caller("two", rpm_limit=2, team_id="red")
    stack.enrol(two)
    counting.seen.clear()
    replies = [stack.chat("gpt-4o", two.bearer) for _ in range(3)]
    assert [reply.status for reply in replies] == [200, 200, 429]
    assert counting.seen == {("api_key", two.hash, 2, MINUTE): 3, ("team", "red", 0, 0): 3}
    assert stack.chat("gpt-4o", stack.keyring.nobody.bearer).status == 200
    assert counting.seen["api_key", stack.keyring.nobody.hash, 0, 0] == 1, "a key without limits has no override"
