"""However a path is spelled, the upstream is asked for the route that was judged, or is not asked.

The gate's log says which route it judged. Here the bytes that the upstream received are read a second time, by a reader
that shares nothing with the gate, and the two have to agree."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

import pytest

from conftest import NewStack
from h2wire import Connection, fields
from recorder import Seen
from stack import Config, Stack, connection_manager
from wire import Headers, exchange, raw

CHAT = b'{"model":"gpt-4o"}'


@dataclass(frozen=True)
class Probe:
    """A request as bytes."""

    target: bytes
    method: bytes = b"GET"
    headers: tuple[tuple[bytes, bytes], ...] = ()
    host: bytes = b"host: gate.test"

    @property
    def body(self) -> bytes:
        return CHAT if self.method == b"POST" else b""

    def over_h1(self, credential: Headers) -> bytes:
        headers = [*self._headers(), *credential]
        lines = [b"%s %s HTTP/1.1" % (self.method, self.target), self.host]
        lines += [b"%s: %s" % (raw(name), raw(value)) for name, value in headers]
        return b"\r\n".join([*lines, b"connection: close", b"content-length: %d" % len(self.body), b"", self.body])

    def _headers(self) -> list[tuple[bytes, bytes]]:
        return [*self.headers, (b"content-type", b"application/json")]

    def send_over_h1(self, stack: Stack, credential: Headers) -> None:
        exchange(stack.envoy.address, self.over_h1(credential), self.method.decode("latin-1"))

    def send_over_h2(self, stack: Stack, credential: Headers) -> None:
        length = (b"content-length", b"%d" % len(self.body))
        with Connection(stack.envoy.address) as connection:
            headers = [(name.lower(), value) for name, value in self._headers()]
            connection.send(fields(self.method, self.target, *headers, length, *credential), self.body)


def get(target: bytes, *headers: tuple[bytes, bytes], host: bytes = b"host: gate.test") -> Probe:
    return Probe(target, headers=headers, host=host)


def post(target: bytes, *headers: tuple[bytes, bytes]) -> Probe:
    return Probe(target, b"POST", headers)


PROBES: dict[str, Probe] = {
    "S-001-fragment": get(b"/v1/models#x"),
    "S-001-fragment-with-path": get(b"/v1/models#/../../key/info"),
    "S-001-fragment-after-query": get(b"/v1/models?x=1#f"),
    "S-001-fragment-of-public": get(b"/health/liveliness#/../v1/chat/completions"),
    "S-001-escaped-fragment": get(b"/v1/models%23/../../key/info"),
    "S-002-two-slashes": get(b"//v1/models"),
    "S-002-authority": get(b"//v1/models/key/info"),
    "S-002-authority-of-chat": post(b"//x/v1/chat/completions?a=1"),
    "S-002-three-slashes": get(b"///key/info"),
    "S-003-inside": get(b"/v1//models"),
    "S-003-inside-to-elsewhere": get(b"/v1/models//../../key/info"),
    "S-003-many": post(b"/v1///chat/completions"),
    "S-003-at-the-end": get(b"/v1/models//"),
    "S-004-slash": get(b"/v1%2Fmodels"),
    "S-004-slash-lower": get(b"/v1%2fmodels"),
    "S-004-dots-then-slash": get(b"/v1/models/..%2f..%2fkey/info"),
    "S-004-all-escaped": get(b"/v1/models/%2e%2e%2f%2e%2e%2fkey%2finfo"),
    "S-004-upper": get(b"/v1/%2E%2E%2Fkey/info"),
    "S-004-mixed-case": get(b"/v1/models/%2e%2E%2F%2E%2e%2fkey/info"),
    "S-005-backslash": get(b"/v1\\models"),
    "S-005-backslash-dots": get(b"/v1/models\\..\\..\\key\\info"),
    "S-005-escaped": get(b"/v1/%5c..%5ckey/info"),
    "S-005-escaped-upper": get(b"/v1/models%5C..%5C..%5Ckey/info"),
    "S-006-dots": get(b"/v1/models/../../key/info"),
    "S-006-dots-back": get(b"/key/../v1/models"),
    "S-006-dots-in-v1": get(b"/v1/x/../models"),
    "S-006-escaped": get(b"/v1/models/%2e%2e/%2e%2e/key/info"),
    "S-006-half-escaped": get(b"/v1/models/.%2e/%2E./key/info"),
    "S-006-above-the-root": get(b"/../../../v1/models/../../key/info"),
    "S-006-dot": get(b"/v1/./models/./"),
    "S-006-last-dots": get(b"/v1/models/.."),
    "S-006-last-dot": get(b"/v1/models/."),
    "S-006-three-dots": get(b"/v1/models/.../key/info"),
    "S-006-to-chat": post(b"/v1/models/../chat/completions"),
    "S-007-parameter": get(b"/v1/models/..;/..;/key/info"),
    "S-007-parameter-with-value": get(b"/v1/models/..;a=b/..;c=d/key/info"),
    "S-007-dot": get(b"/v1/.;x/models"),
    "S-007-escaped": get(b"/v1/models/%2e%2e;/%2e%2e;/key/info"),
    "S-007-escaped-semicolon": get(b"/v1/models/..%3b/..%3B/key/info"),
    "S-008-inside": get(b"/v1;p=1/models"),
    "S-008-at-the-end": get(b"/v1/models;p=1"),
    "S-008-css": get(b"/key/info;.css"),
    "S-008-to-elsewhere": get(b"/v1/models;/../../key/info"),
    "S-008-escaped": get(b"/v1/models%3bp=1"),
    "S-009-newline": get(b"/v1/models%0a"),
    "S-009-newline-key": post(b"/key/generate%0a"),
    "S-009-injection": get(b"/v1/models%0d%0aX:1"),
    "S-009-second-request": get(b"/v1/models%20HTTP/1.1%0d%0ahost:x%0d%0a%0d%0aGET%20/key/info"),
    "S-009-nul": get(b"/v1/models%00"),
    "S-009-nul-to-elsewhere": get(b"/v1/models%00/../../key/info"),
    "S-009-raw-nul": get(b"/v1/models\x00"),
    "S-009-tab": get(b"/v1/models%09"),
    "S-009-raw-tab": get(b"/v1/models\t/key/info"),
    "S-009-raw-space": get(b"/v1/models /key/info"),
    "S-009-escaped-space": get(b"/v1/models%20"),
    "S-009-delete": get(b"/v1/models%7f"),
    "S-009-raw-carriage-return": get(b"/v1/models\r/key/info"),
    "S-010-dots": get(b"/v1/models/%252e%252e/%252e%252e/key/info"),
    "S-010-slash": get(b"/v1/models%252f..%252f..%252fkey/info"),
    "S-010-letters": get(b"/%2576%2531/models"),
    "S-010-triple": get(b"/v1/models/%25252e%25252e/key/info"),
    "S-010-percent": get(b"/v1/models%25"),
    "S-011-raw-8-bit": get(b"/v1/models\xff"),
    "S-011-half-a-character": get(b"/v1/\xc3"),
    "S-011-line-separator": get(b"/v1/\xe2\x80\xa8x"),
    "S-011-in-the-query": get(b"/v1/models?x=\xff"),
    "S-011-escaped": get(b"/v1/models%ff"),
    "S-011-exclamation-mark": get(b"/v1/models!"),
    "overlong-dot": get(b"/v1/models/%c0%ae%c0%ae/%c0%ae%c0%ae/key/info"),
    "overlong-slash": get(b"/v1/models%c0%af..%c0%afkey/info"),
    "overlong-three-bytes": get(b"/v1/models%e0%80%af..%e0%80%afkey/info"),
    "fullwidth-slash": get(b"/v1/models%ef%bc%8f..%ef%bc%8f..%ef%bc%8fkey/info"),
    "fullwidth-dots": get(b"/v1/models/%ef%bc%8e%ef%bc%8e/key/info"),
    "fullwidth-raw": get("/v1/models／..／key/info".encode()),
    "fullwidth-model": get(b"/v1/models/%ef%bc%8e%ef%bc%8e%ef%bc%8fkey%ef%bc%8finfo"),
    "division-slash": get(b"/v1%e2%88%95models"),
    "fullwidth-letters": get("/v１/models".encode()),
    "iis-unicode": get(b"/v1/models/%u002e%u002e/key/info"),
    "S-012-letters": get(b"/%76%31/models"),
    "S-012-everything": get(b"/%76%31/%6d%6F%64%65%6C%73"),
    "S-012-elsewhere": get(b"/%6bey/inf%6f"),
    "S-012-chat": post(b"/%76%31/chat/completion%73"),
    "S-013-case": get(b"/V1/Models"),
    "S-013-case-of-public": get(b"/Health/Liveliness"),
    "S-014-slash": get(b"/v1/models/"),
    "S-014-slash-of-chat": post(b"/v1/chat/completions/"),
    "S-014-suffix": get(b"/v1/models.json"),
    "S-014-below": get(b"/v1/models/gpt-4o"),
    "S-014-two-below": get(b"/v1/models/../models/gpt-4o"),
    "S-014-below-public": get(b"/health/liveliness/../../key/info"),
    "S-014-public-at-the-end": get(b"/key/info/health/liveliness"),
    "S-014-prefix": get(b"/v1/modelsx"),
    "trailing-dot": get(b"/v1/models."),
    "trailing-dots": get(b"/v1/models.."),
    "trailing-dot-of-a-segment": get(b"/v1./models"),
    "tilde": get(b"/~/v1/models"),
    "S-015-public": get(b"/key/info?x=/health/liveliness"),
    "S-015-of-chat": post(b"/v1/chat/completions?/health/liveliness"),
    "S-015-models": post(b"/key/generate?/v1/models"),
    "S-016-query": get(b"/v1/models?foo=bar"),
    "S-016-dots-in-the-query": get(b"/v1/models?/../../key/info"),
    "S-016-escaped-dots-in-the-query": get(b"/v1/models?%2f%2e%2e%2fkey"),
    "S-016-two-question-marks": get(b"/v1/models??/key/info"),
    "S-016-escaped": get(b"/v1/models%3F/../../key/info"),
    "S-016-ampersand": get(b"/v1/models&x=/key/info"),
    "S-016-semicolon-in-the-query": get(b"/v1/models?a=1;/key/info"),
    "S-016-newline-in-the-query": get(b"/v1/models?x=%0d%0a%0d%0aGET%20/key/info"),
    "S-016-elsewhere": get(b"/key/info?/../v1/models"),
    "S-017-absolute": get(b"http://evil.test/v1/models"),
    "S-017-elsewhere": get(b"http://evil.test/key/info"),
    "S-017-like-models": get(b"http://v1/models/../key/info"),
    "S-017-without-path": get(b"http://gate.test"),
    "S-017-query-alone": get(b"http://gate.test?/v1/models"),
    "S-017-user": get(b"http://x@gate.test/v1/models@/key/info"),
    "S-017-user-with-slash": get(b"http://a/v1/models@b/key/info"),
    "S-017-other-scheme": get(b"file:///v1/models"),
    "S-017-https": get(b"HTTPS://gate.test/key/info"),
    "S-017-in-the-path": get(b"/http://gate.test/v1/models"),
    "S-017-dots": get(b"http://gate.test/v1/models/../../key/info"),
    "S-018-asterisk": Probe(b"*", b"OPTIONS"),
    "S-018-asterisk-get": get(b"*"),
    "S-018-authority-form": get(b"gate.test:443"),
    "without-slash": get(b"v1/models"),
    "only-a-query": get(b"?/v1/models"),
    "root": get(b"/"),
    "broken-escape": get(b"/v1/models%"),
    "broken-escape-2": get(b"/v1/models%2"),
    "broken-escape-z": get(b"/v1/models/%zz/../../key/info"),
    "very-long": get(b"/v1/models/" + b"x/../" * 4000 + b"../../key/info"),
    "host-with-path": get(b"/key/info", host=b"host: gate.test/v1/models?"),
    "host-is-a-path": get(b"/key/info", host=b"host: /v1/models"),
    "hosts": get(b"/key/info", host=b"host: gate.test\r\nhost: /v1/models"),
    "x-original-url": get(b"/v1/models", (b"x-original-url", b"/key/info")),
    "x-original-url-of-public": get(b"/key/info", (b"x-original-url", b"/health/liveliness")),
    "x-rewrite-url": get(b"/v1/models", (b"X-Rewrite-URL", b"/key/info")),
    "x-original-uri": get(b"/key/info", (b"x-original-uri", b"/v1/models")),
    "x-envoy-original-path": get(b"/key/info", (b"x-envoy-original-path", b"/v1/models")),
    "x-forwarded-prefix": get(b"/v1/models", (b"x-forwarded-prefix", b"/key/info")),
    "x-forwarded-uri": get(b"/key/info", (b"x-forwarded-uri", b"/v1/models")),
    "x-http-method-override": get(b"/v1/models", (b"x-http-method-override", b"DELETE")),
    "x-http-method-override-post": post(b"/key/generate", (b"X-HTTP-Method-Override", b"GET")),
    "pseudo-header": get(b"/key/info", (b":path", b"/v1/models")),
    "models": get(b"/v1/models"),
    "chat": post(b"/v1/chat/completions"),
    "public": get(b"/health/liveliness"),
}

ROUTES = [
    (r"/v1/models|/models", "models"),
    (r"/(v1/)?models/[^/]+", "model"),
    (r"/v1/chat/completions|/chat/completions", "chat_completions"),
    (r"/health/liveliness", "public"),
    (r"/key/info", "/key/info"),
    (r"/key/generate", "/key/generate"),
    (r"/", "/"),
]
"""The routes that the probes are about, in the gate's words. Every other path is one it does not know."""

UNCLEAR = re.compile(r"//|(^|/)\.{1,2}(/|$)|[;\\%?#]")
"""What some server would read in another way than as it is."""


def path_of(target: bytes) -> str:
    """What an upstream makes of a target: cuts the query off, decodes once."""
    assert re.fullmatch(rb"[!-~]*", target) and b"#" not in target, f"the upstream was sent {target!r}"
    try:
        path = unquote_to_bytes(target.partition(b"?")[0]).decode()
    except UnicodeDecodeError as error:
        raise AssertionError(f"the upstream was sent {target!r}") from error
    invisible = any(unicodedata.category(character)[0] in "CZ" for character in path)
    assert path.startswith("/") and not UNCLEAR.search(path) and not invisible, f"the upstream was sent {target!r}"
    return path


def route_of(path: str) -> str:
    return next((name for pattern, name in ROUTES if re.fullmatch(pattern, path)), "unknown")


def assert_as_judged(stack: Stack, seen: Seen) -> None:
    path = path_of(seen.target)
    (id,) = seen.values(b"x-request-id")
    judged = stack.decision(id.decode())
    assert (judged["decision"], judged["route"]) == ("allow", route_of(path)), seen.target


Send = Callable[[Probe, Stack, Headers], None]
PROTOCOLS: dict[str, Send] = {"h1": Probe.send_over_h1, "h2": Probe.send_over_h2}


def asked_for(stack: Stack, probe: Probe, protocol: str) -> dict[str, Seen]:
    """What reaches the upstream when the master key, a key for one route and nobody send a probe. The master key opens
    every route, known or not: what does not arrive from it was not understood."""
    keyring = stack.keyring
    credentials = {"master": [keyring.master.bearer], "lister": [keyring.lister.bearer], "nobody": []}
    signed: list[Headers] = [[("x-caller", caller), *credential] for caller, credential in credentials.items()]
    with ThreadPoolExecutor(len(signed)) as pool:  # Envoy takes a second to close on bad frames
        list(pool.map(lambda headers: PROTOCOLS[protocol](probe, stack, headers), signed))
    reached = stack.seen()
    by_caller = {
        caller: seen for seen in reached for caller in credentials if seen.values(b"x-caller") == [caller.encode()]
    }
    assert len(by_caller) == len(reached), "one request each, and no other inside it"
    return by_caller


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("case", PROBES)
def test_what_reaches_the_upstream_is_what_was_judged(stack: Stack, protocol: str, case: str) -> None:
    reached = asked_for(stack, PROBES[case], protocol)
    for caller, seen in reached.items():
        assert_as_judged(stack, seen)
        assert seen.method == PROBES[case].method
        assert re.fullmatch(OPEN_TO[caller], path_of(seen.target)), caller
        assert not (protects(stack) and RENAMES & {name for name, _ in seen.headers})


OPEN_TO = {
    "master": r"/.*",
    "lister": r"/v1/models(/[^/]+)?|/health/liveliness",
    "nobody": r"/health/liveliness",
}
RENAMES = {
    b"x-original-url", b"x-rewrite-url", b"x-http-method-override", b"x-forwarded-prefix", b"x-forwarded-uri",
    b"x-envoy-original-path",
}  # fmt: skip


def protects(stack: Stack) -> bool:
    return "early_header_mutation_extensions" in connection_manager(stack.envoy.config)


def test_plain_requests_do_arrive(stack: Stack) -> None:
    """Else the tests above would say nothing."""
    for case in ("models", "chat", "public", "S-016-query", "S-016-elsewhere", "S-012-letters", "S-014-below"):
        for protocol in PROTOCOLS:
            assert "master" in asked_for(stack, PROBES[case], protocol), case
    assert set(asked_for(stack, PROBES["models"], "h1")) == {"master", "lister"}
    assert set(asked_for(stack, PROBES["public"], "h2")) == set(OPEN_TO)
    assert len(set(PROBES.values())) == len(PROBES) > 140


def rewrites(config: Config) -> None:
    routes = connection_manager(config)["route_config"]["virtual_hosts"][0]["routes"]
    routes[0]["route"]["regex_rewrite"] = {"pattern": {"regex": "^/v1/models"}, "substitution": "/key/info"}


def test_a_proxy_that_rewrites_after_the_check_is_noticed(new_stack: NewStack) -> None:
    """That these tests can fail."""
    stack = new_stack(patch=rewrites)
    PROBES["models"].send_over_h1(stack, [stack.keyring.lister.bearer])
    (seen,) = stack.recorder.take()
    assert seen.target == b"/key/info"
    with pytest.raises(AssertionError):
        assert_as_judged(stack, seen)


@pytest.mark.parametrize(
    "target",
    [
        b"//x",
        b"/x//",
        b"/x/../y",
        b"/x/%2e",
        b"/x;y",
        b"/x%2fy/..",
        b"/x\\y",
        b"/%",
        b"/x%00",
        b"/x%20",
        b"/x%c3",
        b"/x%e2%80%ae",
        b"x",
        b"/x#",
    ],
)
def test_the_reader_accepts_only_what_is_clear(target: bytes) -> None:
    with pytest.raises(AssertionError):
        path_of(target)
