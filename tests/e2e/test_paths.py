"""One request, one path: what the gate judged is what the upstream is asked, or nobody is asked anything."""

from __future__ import annotations

import pytest

from stack import Stack
from wire import Text, exchange

REFUSED: dict[str, Text] = {
    "S-001-fragment": "/v1/models#x",
    "S-001-fragment-after-query": "/v1/models?x=1#f",
    "S-002-authority-like": "//x/v1/chat/completions?a=1",
    "S-004-escaped-slash": "/v1%2Fmodels",
    "S-004-escaped-slash-lower": "/v1/..%2fkey/info",
    "S-004-escaped-dots-and-slash": "/v1/%2e%2e%2Fkey/info",
    "S-005-escaped-backslash": "/v1/%5c..%5ckey/info",
    "S-006-dots-to-elsewhere": "/v1/../key/generate",
    "S-006-escaped-dots": "/v1/%2e%2e/key/generate",
    "S-006-half-escaped-dots": "/v1/.%2e/key/generate",
    "S-006-above-the-root": "/../../key/generate",
    "S-007-dots-with-parameter": "/v1/models/..;/key",
    "S-007-dots-with-value": "/v1/..;a=b/key/generate",
    "S-008-parameter-inside": "/v1;p=1/models",
    "S-008-parameter-at-the-end": "/v1/models;p=1",
    "S-008-escaped-semicolon": "/v1/models%3bp=1",
    "S-008-css": "/key/generate;.css",
    "S-009-newline": "/v1/models%0a",
    "S-009-header-injection": "/v1/models%0d%0aX:1",
    "S-009-nul": "/v1/models%00",
    "S-009-tab": "/v1/models%09",
    "S-010-double-escaped-dots": "/v1/%252e%252e/key/generate",
    "S-010-double-escaped-letters": "/%2576%2531/models",
    "S-011-not-utf8": "/v1/models%ff",
    "S-011-overlong": "/v1/models%c0%ae",
    "S-011-raw-8-bit": b"/v1/models\xff",
    "S-013-case": "/V1/Models",
    "S-014-suffix": "/v1/chat/completions/.json",
    "S-014-below-public": "/health/liveliness/x",
    "S-014-public-at-the-end": "/key/generate/health/liveliness",
    "S-014-public-with-slash": "/health/liveliness/",
    "S-015-public-in-query": "/key/generate?x=/health/liveliness",
    "S-016-escaped-question-mark": "/v1/models%3Fx",
    "S-239-the-gates-own-metrics": "/metrics",
    "unknown": "/unheard/of",
    "another-role": "/key/generate",
    "broken-escape": "/v1/models%zz",
    "asterisk": "*",
}

FORWARDED_AS = {
    "S-002-leading-slashes": ("//v1/models", "/v1/models"),
    "S-003-double-slash": ("/v1//models", "/v1/models"),
    "S-003-triple-slash": ("/v1///models", "/v1/models"),
    "S-005-backslash": ("/v1\\models", "/v1/models"),
    "S-006-dots": ("/v1/x/../models", "/v1/models"),
    "S-006-escaped-there-and-back": ("/v1/%2e%2e/v1/models", "/v1/models"),
    "S-006-dot": ("/v1/./models", "/v1/models"),
}
"""What the recommended Envoy repairs before anybody judges it."""


@pytest.mark.parametrize("case", REFUSED)
def test_is_refused(stack: Stack, case: str) -> None:
    reply = stack.send("GET", REFUSED[case], stack.keyring.nobody.bearer)
    assert reply.status in (400, 403)
    assert stack.seen() == []


@pytest.mark.parametrize("case", FORWARDED_AS)
def test_is_repaired_by_envoy_and_judged_repaired(published: Stack, case: str) -> None:
    sent, forwarded = FORWARDED_AS[case]
    assert published.send("GET", sent, published.keyring.lister.bearer).status == 200
    (seen,) = published.seen()
    assert seen.target == forwarded.encode()
    assert published.send("GET", sent, published.keyring.unknown.bearer).status == 401
    assert published.seen() == []


@pytest.mark.parametrize("case", FORWARDED_AS)
def test_is_refused_where_envoy_repairs_nothing(careless: Stack, case: str) -> None:
    careless.recorder.take()
    reply = careless.send("GET", FORWARDED_AS[case][0], careless.keyring.nobody.bearer)
    assert (reply.status, careless.reason(reply)) == (400, "path_malformed")
    assert careless.seen() == []


def test_s007_a_dot_with_a_parameter_is_repaired_or_refused(stack: Stack) -> None:
    """Newer Envoys read `.;x` as `.`."""
    status = stack.send("GET", "/v1/.;x/models", stack.keyring.lister.bearer).status
    assert (status, [seen.target for seen in stack.seen()]) in [(200, [b"/v1/models"]), (400, [])]


def test_s012_escaped_letters_are_the_same_route(stack: Stack) -> None:
    assert stack.send("GET", "/%76%31/models", stack.keyring.lister.bearer).status == 200
    (seen,) = stack.seen()
    assert seen.target in (b"/v1/models", b"/%76%31/models")
    assert stack.send("GET", "/%76%31/models", stack.keyring.unknown.bearer).status == 401
    assert stack.seen() == []


def test_s014_a_trailing_slash_is_another_route(stack: Stack) -> None:
    reply = stack.post("/v1/chat/completions/", b'{"model":"gpt-4o"}', stack.keyring.nobody.bearer)
    assert reply.status in (403, 404)
    assert stack.seen() == []


def test_s015_s016_the_query_is_not_the_path(stack: Stack) -> None:
    assert stack.send("GET", "/v1/models?x=/../key#".rstrip("#"), stack.keyring.lister.bearer).status == 200
    assert [seen.target for seen in stack.seen()] == [b"/v1/models?x=/../key"]


def test_s014_the_public_route_is_public(stack: Stack) -> None:
    assert stack.send("GET", "/health/liveliness").status == 200
    assert stack.send("GET", "/health/liveliness?deep=1").status == 200
    assert [seen.target for seen in stack.seen()] == [b"/health/liveliness", b"/health/liveliness?deep=1"]


def test_s017_an_absolute_target_is_judged_by_its_path(stack: Stack) -> None:
    for target, status in [("http://evil.test/v1/models", 200), ("http://evil.test/key/generate", 403)]:
        assert stack.send("GET", target, stack.keyring.nobody.bearer).status == status
    assert [seen.target for seen in stack.seen()] == [b"/v1/models"]


HOSTS = {
    "S-024-path": b"host: localhost/health/liveliness?x=1",
    "S-024-fragment": b"host: a#",
    "S-024-user": b"host: public@localhost",
    "S-025-two": b"host: a.test\r\nhost: b.test",
    "S-026-empty": b"host:",
    "S-026-port": b"host: a.test:99999",
    "S-027-dot": b"host: GATE.TEST.:443",
}


@pytest.mark.parametrize("case", HOSTS)
def test_the_host_never_decides(stack: Stack, case: str) -> None:
    request = b"GET /v1/models HTTP/1.1\r\n" + HOSTS[case] + b"\r\n\r\n"
    assert exchange(stack.envoy.address, request).status in (400, 401)
    assert stack.seen() == []


def test_a_key_for_one_route_opens_no_other(stack: Stack) -> None:
    lister = stack.keyring.lister.bearer
    assert stack.reason(stack.chat("gpt-4o", lister)) == "route_not_allowed"
    assert stack.send("GET", "/v1/models/gpt-4o", lister).status == 200, "below an entry of allowed_routes"
    assert stack.reason(stack.send("GET", "/models", lister)) == "route_not_allowed", "an alias is another path"
    assert [seen.target for seen in stack.seen()] == [b"/v1/models/gpt-4o"]
