"""Methods no route expects, tunnels, and two requests in one."""

from __future__ import annotations

import pytest

from conftest import NewStack
from stack import Config, Stack, connection_manager, ext_authz
from wire import Reply, exchange, head


@pytest.mark.parametrize(
    "method", ["TRACE", "PROPFIND", "OPTIONS", "PUT", "PATCH", "DELETE", "POST", "BREW", "M" * 4096]
)
def test_s022_a_method_the_route_does_not_expect(stack: Stack, method: str) -> None:
    reply = stack.send(method, "/v1/models", stack.keyring.nobody.bearer)
    assert reply.status in (400, 405), "Envoy knows no such method, or the gate does not want it"
    assert stack.seen() == []


@pytest.mark.parametrize("method", ["get", " GET"])
def test_s022_a_misspelt_method(stack: Stack, method: str) -> None:
    assert stack.send(method, "/v1/models", stack.keyring.nobody.bearer).status in (400, 405)
    assert stack.seen() == []


def test_a_get_is_no_post(stack: Stack) -> None:
    reply = stack.send("GET", "/v1/chat/completions", stack.keyring.nobody.bearer)
    assert (reply.status, stack.reason(reply)) == (405, "method_not_allowed")
    assert stack.seen() == []


def test_head_goes_where_get_goes(stack: Stack) -> None:
    assert stack.send("HEAD", "/v1/models", stack.keyring.lister.bearer).status == 200
    assert [seen.method for seen in stack.seen()] == [b"HEAD"]


def test_s022_a_public_route_is_public_for_reading(stack: Stack) -> None:
    assert stack.send("TRACE", "/health/liveliness").status == 405
    assert stack.seen() == []


def tunnel(stack: Stack) -> Reply:
    """CONNECT, and in the same write a request for the other end."""
    smuggled = head("GET", "/key/info")
    return exchange(stack.envoy.address, head("CONNECT", "gate.test:443", [stack.keyring.master.bearer]) + smuggled)


def test_s018_connect_is_refused(stack: Stack) -> None:
    assert tunnel(stack).status in (400, 403, 404, 405)
    assert stack.seen() == []


def allow_connect(config: Config) -> None:
    del ext_authz(config)["with_request_body"]  # else Envoy waits for the end of the tunnel before it asks
    manager = connection_manager(config)
    manager["upgrade_configs"].append({"upgrade_type": "CONNECT"})
    routes = manager["route_config"]["virtual_hosts"][0]["routes"]
    routes.insert(0, {"match": {"connect_matcher": {}}, "route": {"cluster": "llm"}})


def test_s018_connect_is_refused_by_the_gate_where_envoy_allows_it(new_stack: NewStack) -> None:
    stack = new_stack(patch=allow_connect)
    assert tunnel(stack).status in (400, 405)
    assert stack.seen() == []


@pytest.mark.parametrize("protocol", ["h2c", "foo", "TLS/1.0"])
def test_s021_s072_no_upgrade_but_websocket(published: Stack, protocol: str) -> None:
    upgrade = [
        ("connection", "Upgrade, HTTP2-Settings"),
        ("upgrade", protocol),
        ("http2-settings", "AAMAAABkAAQCAAAAAAIAAAAA"),
    ]
    request = head("GET", "/v1/models", [*upgrade, published.keyring.lister.bearer])
    reply = exchange(published.envoy.address, request + head("GET", "/key/info"))
    assert reply.status in (200, 403, 426)
    assert {seen.target for seen in published.seen()} <= {b"/v1/models"}, "at most one plain request"


def test_s019_a_websocket_is_checked_like_any_request(published: Stack) -> None:
    upgrade = [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="),
    ]
    assert published.send("GET", "/v1/realtime?model=gpt-4o", *upgrade).status == 401
    assert published.send("GET", "/v1/realtime?model=gpt-4o", *upgrade, published.keyring.mini.bearer).status == 403
    assert published.seen() == []


SMUGGLED = {
    "S-069-cl-te": b"content-length: 6\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nX",
    "S-069-te-unknown": b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
    "S-069-two-lengths": b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}x",
    "S-069-signed-length": b"content-length: +2\r\n\r\n{}",
}


@pytest.mark.parametrize("case", SMUGGLED)
def test_a_request_of_two_lengths(stack: Stack, case: str) -> None:
    name, value = stack.keyring.nobody.bearer
    start = f"POST /v1/chat/completions HTTP/1.1\r\nhost: gate.test\r\n{name}: {value}\r\n".encode()
    assert exchange(stack.envoy.address, start + SMUGGLED[case]).status in (400, 501)
    assert stack.seen() == []
