"""Every place a client may put its key: read there, and gone from there at the upstream."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import anthropic
import openai
import pytest
from google import genai
from google.genai.errors import ClientError
from google.genai.types import HttpOptions

from conftest import ENVOYS, NewStack, recording
from keyring import Caller, Keyring, disguises
from recorder import Recorder, Seen
from stack import Config, Stack, connection_manager
from test_identity import alice, identity_of
from wire import Reply

HEADERS: dict[str, Callable[[Caller], tuple[str, str]]] = {
    "x-litellm-api-key": lambda who: ("x-litellm-api-key", who.key),
    "x-litellm-api-key-bearer": lambda who: ("x-litellm-api-key", f"Bearer {who.key}"),
    "authorization": lambda who: who.bearer,
    "api-key": lambda who: ("api-key", who.key),
    "x-api-key": lambda who: who.x_api_key,
    "x-goog-api-key": lambda who: ("x-goog-api-key", who.key),
    "ocp-apim-subscription-key": lambda who: ("Ocp-Apim-Subscription-Key", who.key),
}
"""Headers that are always read."""

DISTINCT = [name for name in HEADERS if not name.endswith("-bearer")]


def assert_nothing_of_it(seen: Seen, key: str) -> None:
    """Not the key, in no disguise, and no piece of it, in anything the upstream got."""
    wire = seen.wire().lower()
    random = key.rpartition("-")[2]
    pieces = {random[start : start + 8] for start in range(len(random) - 7)}
    for text in [*disguises(key).values(), quote(key, safe=""), *pieces]:
        assert text.lower().encode() not in wire, f"{text} of {key} is in {wire!r}"


def only(stack: Stack) -> Seen:
    (seen,) = stack.seen()
    return seen


def assert_alices(stack: Stack, **more: str) -> Seen:
    """One request has reached the upstream: hers, and nothing of her key."""
    seen = only(stack)
    assert seen.family() == alice(stack.keyring, **more)
    assert_nothing_of_it(seen, stack.keyring.alice.key)
    return seen


def why(stack: Stack, reply: Reply) -> tuple[int, str]:
    return reply.status, stack.reason(reply)


# ---- headers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HEADERS)
def test_a_header(stack: Stack, keyring: Keyring, name: str) -> None:
    assert stack.chat("gpt-4o", HEADERS[name](keyring.alice)).status == 200
    assert_alices(stack, model="gpt-4o")


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_with_a_key_that_is_not_good(stack: Stack, keyring: Keyring, name: str) -> None:
    assert why(stack, stack.chat("gpt-4o", HEADERS[name](keyring.unknown))) == (401, "credential_unknown")
    assert why(stack, stack.chat("gpt-4o", HEADERS[name](keyring.blocked))) == (401, "key_blocked")
    assert why(stack, stack.chat("gpt-4o", (HEADERS[name](keyring.alice)[0], ""))) == (401, "credential_missing")
    assert stack.seen() == []


@pytest.mark.parametrize("name", ["api-key", "x-api-key", "x-goog-api-key", "ocp-apim-subscription-key"])
def test_c15_a_raw_header_has_no_scheme(stack: Stack, keyring: Keyring, name: str) -> None:
    reply = stack.chat("gpt-4o", (name, f"Bearer {keyring.alice.key}"))
    assert why(stack, reply) == (401, "credential_malformed")
    assert stack.seen() == []


@pytest.mark.parametrize("name", DISTINCT)
def test_s031_a_header_twice(stack: Stack, keyring: Keyring, name: str) -> None:
    for other in (keyring.alice, keyring.mini, keyring.unknown):
        reply = stack.chat("gpt-4o", HEADERS[name](keyring.alice), HEADERS[name](other))
        assert why(stack, reply) == (401, "credential_malformed")
    assert stack.seen() == []


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(DISTINCT, 2)))
def test_s034_two_headers(stack: Stack, keyring: Keyring, one: str, other: str) -> None:
    for second in (keyring.mini, keyring.unknown):
        reply = stack.chat("gpt-4o-mini", HEADERS[one](keyring.alice), HEADERS[other](second))
        assert why(stack, reply) == (401, "credential_conflict")
        reply = stack.chat("gpt-4o-mini", HEADERS[one](second), HEADERS[other](keyring.alice))
        assert why(stack, reply) == (401, "credential_conflict")
    assert stack.seen() == []
    assert stack.chat("gpt-4o", HEADERS[one](keyring.alice), HEADERS[other](keyring.alice)).status == 200
    assert_alices(stack, model="gpt-4o")


@pytest.mark.parametrize("name", [name for name in DISTINCT if name != "authorization"])
def test_c19_a_malformed_header_is_not_rescued(stack: Stack, keyring: Keyring, name: str) -> None:
    for bad in ("Token z", f"Basic {keyring.alice.key}", "AWS4-HMAC-SHA256 Signature=1"):
        reply = stack.chat("gpt-4o", ("authorization", bad), HEADERS[name](keyring.alice))
        assert why(stack, reply) == (401, "credential_malformed")
    assert stack.seen() == []
    assert stack.chat("gpt-4o", ("authorization", ""), HEADERS[name](keyring.alice)).status == 200, "C20"
    assert_alices(stack, model="gpt-4o")


@pytest.mark.parametrize("spelling", ["x_goog_api_key", "X.Api.Key", "api_key", "x-litellm--api-key", "api.key"])
def test_s042_a_look_alike_carries_no_key_and_does_not_pass(stack: Stack, keyring: Keyring, spelling: str) -> None:
    refused = stack.chat("gpt-4o", (spelling, keyring.alice.key)).status
    assert refused == (400 if "_" in spelling and rejects_underscores(stack) else 401)
    assert stack.seen() == []
    stack.chat("gpt-4o", (spelling, keyring.alice.key), keyring.alice.bearer)
    reached = stack.seen()
    assert len(reached) == (refused == 401)
    for seen in reached:
        assert_nothing_of_it(seen, keyring.alice.key)


# ---- the vendors' clients -----------------------------------------------------------------------------------------


def google(url: str, who: Caller, version: str | None = "v1beta") -> genai.Client:
    options = HttpOptions(base_url=url, api_version=version, timeout=20_000)
    return genai.Client(api_key=who.key, vertexai=False, http_options=options)


def ask_openai(url: str, who: Caller) -> str | None:
    with openai.OpenAI(base_url=f"{url}/v1", api_key=who.key, max_retries=0, timeout=20) as client:
        answer = client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "hello"}])
    return answer.choices[0].message.content


def ask_azure(url: str, who: Caller) -> str | None:
    with openai.AzureOpenAI(azure_endpoint=url, api_key=who.key, api_version="2024-10-21", max_retries=0) as client:
        answer = client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "hello"}])
    return answer.choices[0].message.content


def ask_anthropic(url: str, who: Caller) -> str | None:
    with anthropic.Anthropic(base_url=url, api_key=who.key, max_retries=0, timeout=20) as client:
        answer = client.messages.create(model="gpt-4o", max_tokens=9, messages=[{"role": "user", "content": "hello"}])
    return "".join(block.text for block in answer.content if block.type == "text")


def ask_anthropic_by_its_own_header(url: str, who: Caller) -> str | None:
    """What its earlier versions, and other clients of its API, do by themselves."""
    place = {"x-api-key": who.key}
    with anthropic.Anthropic(base_url=url, default_headers=place, max_retries=0, timeout=20) as client:
        answer = client.messages.create(model="gpt-4o", max_tokens=9, messages=[{"role": "user", "content": "hello"}])
    return "".join(block.text for block in answer.content if block.type == "text")


def ask_google(url: str, who: Caller) -> str | None:
    with google(url, who) as client:
        return client.models.generate_content(model="gpt-4o", contents="hello").text


def ask_google_for_a_stream(url: str, who: Caller) -> str | None:
    with google(url, who) as client:
        chunks = [chunk.text or "" for chunk in client.models.generate_content_stream(model="gpt-4o", contents="hello")]
    assert len(chunks) > 1
    return "".join(chunks)


def ask_google_as_it_comes(url: str, who: Caller) -> str | None:
    with google(url, who, version=None) as client:
        return client.models.generate_content(model="gpt-4o", contents="hello").text


CLIENTS: dict[str, tuple[Callable[[str, Caller], str | None], str, str]] = {
    "openai": (ask_openai, "authorization", "/v1/chat/completions"),
    "azure": (ask_azure, "api-key", "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"),
    "anthropic": (ask_anthropic, "authorization", "/v1/messages"),
    "anthropic-x-api-key": (ask_anthropic_by_its_own_header, "x-api-key", "/v1/messages"),
    "google": (ask_google, "x-goog-api-key", "/v1beta/models/gpt-4o:generateContent"),
    "google-stream": (
        ask_google_for_a_stream,
        "x-goog-api-key",
        "/v1beta/models/gpt-4o:streamGenerateContent?alt=sse",
    ),
    "google-v1": (ask_google_as_it_comes, "x-goog-api-key", "/v1/models/gpt-4o:generateContent"),
}
"""The client, the header it puts its key into, and what it asks for."""


@pytest.fixture
def answering(relayed: Stack) -> Stack:
    relayed.recorder.take()
    return relayed


@pytest.mark.parametrize("name", CLIENTS)
def test_the_client_uses_this_source(answering: Stack, name: str) -> None:
    """Without Envoy: the premise of the tests below."""
    ask, header, target = CLIENTS[name]
    recorder = Recorder(answering.recorder.behind)
    try:
        ask("http://{}:{}".format(*recorder.address), answering.keyring.alice)
        (seen,) = recorder.take()
    finally:
        recorder.stop()
    key = answering.keyring.alice.key.encode()
    assert {name.lower() for name, value in seen.headers if key in value} == {header.encode()}
    assert (seen.target, key in seen.target + seen.body) == (target.encode(), False)


@pytest.mark.parametrize("name", CLIENTS)
def test_a_client(answering: Stack, name: str) -> None:
    ask, _, target = CLIENTS[name]
    assert ask(answering.url, answering.keyring.alice) == "The gate let you through."
    (seen,) = answering.recorder.take()
    assert (seen.target, seen.family()) == (target.encode(), alice(answering.keyring, model="gpt-4o"))
    assert_nothing_of_it(seen, answering.keyring.alice.key)


@pytest.mark.parametrize("name", CLIENTS)
def test_a_client_that_is_refused(answering: Stack, name: str) -> None:
    ask, *_ = CLIENTS[name]
    for who, status in [(answering.keyring.unknown, 401), (answering.keyring.mini, 403)]:
        with pytest.raises((openai.APIStatusError, anthropic.APIStatusError, ClientError)) as refused:
            ask(answering.url, who)
        error: Any = refused.value
        assert status == (error.code if isinstance(error, ClientError) else error.status_code)
    assert answering.recorder.take() == []


# ---- sources that are off unless they are turned on ---------------------------------------------------------------


GENERATE = "/v1beta/models/gemini-pro:generateContent"
STREAM = "/v1beta/models/gemini-pro:streamGenerateContent"
ALL = ["query_key", "basic_raw", "aws_sigv4", "litellm_user_api_key"]


@pytest.fixture(scope="module", params=ENVOYS)
def permissive(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """All of them on."""
    yield from recording(tmp_path_factory, "permissive", envoy=request.param, gate={"credentials": {"also": ALL}})


@pytest.fixture
def lenient(permissive: Stack) -> Stack:
    permissive.recorder.take()
    return permissive


@pytest.mark.parametrize("path", [GENERATE, STREAM, GENERATE.replace("/v1beta", "")])
def test_s088_a_key_in_the_query_is_not_read(stack: Stack, keyring: Keyring, path: str) -> None:
    reply = stack.post(f"{path}?key={keyring.alice.key}", b"{}")
    assert why(stack, reply) == (401, "credential_missing")
    assert stack.seen() == []


def test_s088_a_key_in_the_query_that_is_not_read_is_removed(stack: Stack, keyring: Keyring) -> None:
    for query in (keyring.alice.key, keyring.unknown.key, "anything"):
        assert stack.post(f"{GENERATE}?alt=json&key={query}&x=1", b"{}", keyring.alice.bearer).status == 200
        assert assert_alices(stack, model="gemini-pro").target == f"{GENERATE}?alt=json&x=1".encode()


QUERIES = {
    "alone": ("key=KEY", ""),
    "first": ("key=KEY&alt=sse", "?alt=sse"),
    "last": ("alt=sse&key=KEY", "?alt=sse"),
    "between": ("a=2&key=KEY&b=3&b=1", "?a=2&b=3&b=1"),
    "escapes": ("a=%2B%26%3D%20%C3%A9&key=KEY&b=x+y", "?a=%2B%26%3D%20%C3%A9&b=x+y"),
    "look-alikes": ("key2=4&keys=1&key=KEY&mykey=3", "?key2=4&keys=1&mykey=3"),
    "empty-values": ("a=&key=KEY&b=", "?a=&b="),
    "without-values": ("a&key=KEY&b", "?a=&b="),
    "escaped-value": ("key=ESCAPED&alt=sse", "?alt=sse"),
    "as-a-value": ("a=key=1&key=KEY", "?a=key=1"),
    "names-are-sorted": ("b=2&key=KEY&a=1&b=1", "?a=1&b=2&b=1"),
}
"""Envoy does the removal. It keeps names, values and the order of one name's values, but sorts by name and gives every
name a `=`."""


@pytest.mark.parametrize("path", [GENERATE, STREAM])
@pytest.mark.parametrize("case", QUERIES)
def test_c22_c23_a_key_in_the_query(lenient: Stack, path: str, case: str) -> None:
    key = lenient.keyring.alice.key
    query, rest = QUERIES[case]
    query = query.replace("KEY", key).replace("ESCAPED", "".join(f"%{byte:02x}" for byte in key.encode()))
    assert lenient.post(f"{path}?{query}", b"{}").status == 200
    assert assert_alices(lenient, model="gemini-pro").target.decode() == path + rest


NOT_A_KEY: dict[str, tuple[Callable[[Keyring], str], str]] = {
    "C24-countTokens": (lambda k: f"{GENERATE.replace('generateContent', 'countTokens')}?key={k.alice.key}", "missing"),
    "C25-chat": (lambda k: f"/v1/chat/completions?key={k.alice.key}", "missing"),
    "C25-responses": (lambda k: f"/v1/responses?x=:generateContent&key={k.alice.key}", "missing"),
    "C26-scheme": (lambda k: f"{GENERATE}?key=Bearer%20{k.alice.key}", "malformed"),
    "other-case": (lambda k: f"{GENERATE}?Key={k.alice.key}", "malformed"),
    "as-a-list": (lambda k: f"{GENERATE}?key[]={k.alice.key}", "malformed"),
    "escaped-name": (lambda k: f"{GENERATE}?k%65y={k.alice.key}", "malformed"),
    "escaped-name-upper": (lambda k: f"{GENERATE}?%6B%65%79={k.alice.key}", "malformed"),
    "escaped-name-besides": (lambda k: f"{GENERATE}?key={k.alice.key}&%6bey={k.alice.key}", "malformed"),
    "semicolon": (lambda k: f"{GENERATE}?a=1;key={k.alice.key}", "malformed"),
    "semicolon-behind": (lambda k: f"{GENERATE}?key={k.alice.key};a=1", "malformed"),
    "twice": (lambda k: f"{GENERATE}?key={k.alice.key}&key={k.alice.key}", "malformed"),
    "twice-different": (lambda k: f"{GENERATE}?key={k.alice.key}&key={k.mini.key}", "malformed"),
    "empty": (lambda k: f"{GENERATE}?key=", "malformed"),
    "without-value": (lambda k: f"{GENERATE}?key", "malformed"),
    "unknown": (lambda k: f"{GENERATE}?key={k.unknown.key}", "unknown"),
    "SEC-16-master": (lambda k: f"{GENERATE}?key={k.master.key}", "unknown"),
    "not-utf8": (lambda k: f"{GENERATE}?key={k.alice.key}%ff", "malformed"),
    "nul": (lambda k: f"{GENERATE}?key={k.alice.key}%00", "malformed"),
    "second-question-mark": (lambda k: f"{GENERATE}??key={k.alice.key}", "missing"),
}


@pytest.mark.parametrize("case", NOT_A_KEY)
def test_a_query_without_a_good_key(lenient: Stack, case: str) -> None:
    target, reason = NOT_A_KEY[case]
    reply = lenient.post(target(lenient.keyring), b'{"model":"gemini-pro"}')
    assert why(lenient, reply) == (401, f"credential_{reason}")
    assert lenient.seen() == []


def test_a_query_and_a_header(lenient: Stack) -> None:
    keyring = lenient.keyring
    for other in (keyring.mini, keyring.unknown, keyring.master):
        reply = lenient.post(f"{GENERATE}?key={other.key}", b"{}", keyring.alice.bearer)
        assert why(lenient, reply) == (401, "credential_conflict")
    assert lenient.seen() == []
    assert (
        lenient.post(f"{GENERATE}?key={keyring.alice.key}", b"{}", HEADERS["x-goog-api-key"](keyring.alice)).status
        == 200
    )
    assert_alices(lenient, model="gemini-pro")


AWS = "AWS4-HMAC-SHA256 Credential={}/20260101/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=f00"
SCHEMES: dict[str, Callable[[str], str]] = {
    "C05-basic": lambda key: f"Basic {key}",
    "basic-in-capitals": lambda key: f"BASIC {key}",
    "C07-aws-bearer": lambda key: AWS.format(f"Bearer {key}"),
    "C08-aws": lambda key: AWS.format(key),
}


@pytest.mark.parametrize("header", ["authorization", "x-litellm-api-key"])
@pytest.mark.parametrize("case", SCHEMES)
def test_an_odd_scheme_is_off(stack: Stack, keyring: Keyring, case: str, header: str) -> None:
    reply = stack.chat("gpt-4o", (header, SCHEMES[case](keyring.alice.key)))
    assert why(stack, reply) == (401, "credential_malformed")
    assert stack.seen() == []


@pytest.mark.parametrize("header", ["authorization", "x-litellm-api-key"])
@pytest.mark.parametrize("case", SCHEMES)
def test_an_odd_scheme_is_on(lenient: Stack, case: str, header: str) -> None:
    assert lenient.chat("gpt-4o", (header, SCHEMES[case](lenient.keyring.alice.key))).status == 200
    assert_alices(lenient, model="gpt-4o")


ODD: dict[str, tuple[Callable[[Keyring], str], str]] = {
    "C06-real-basic": (lambda k: "Basic " + base64.b64encode(f"{k.alice.key}:x".encode()).decode(), "not_a_key"),
    "C09-no-credential": (lambda k: "AWS4-HMAC-SHA256 SignedHeaders=host, Signature=f00", "malformed"),
    "aws-two-credentials": (lambda k: f"{AWS.format(k.alice.key)}, Credential={k.mini.key}/x", "malformed"),
    "aws-empty-credential": (lambda k: AWS.format(""), "malformed"),
    "aws-of-nobody": (lambda k: AWS.format(k.unknown.key), "unknown"),
    "aws-access-key": (lambda k: AWS.format("AKIAIOSFODNN7EXAMPLE"), "not_a_key"),
    "aws-other-algorithm": (lambda k: AWS.format(k.alice.key).replace("SHA256", "SHA512"), "malformed"),
    "aws-lower-case": (lambda k: AWS.format(k.alice.key).replace("AWS4", "aws4"), "malformed"),
}


@pytest.mark.parametrize("case", ODD)
def test_an_odd_scheme_without_a_good_key(lenient: Stack, case: str) -> None:
    value, reason = ODD[case]
    reply = lenient.chat("gpt-4o", ("authorization", value(lenient.keyring)))
    assert why(lenient, reply) == (401, f"credential_{reason}")
    assert lenient.seen() == []


UNDERSCORES = "litellm_user_api_key"
BELOW_OPENAI = "/openai/deployments/gpt-4o/chat/completions"


def rejects_underscores(stack: Stack) -> bool:
    return "headers_with_underscores_action" in connection_manager(stack.envoy.config)["common_http_protocol_options"]


def test_ext11_litellm_user_api_key(lenient: Stack) -> None:
    """The recommended Envoy refuses every header with an underscore, so there the source cannot be used."""
    keyring = lenient.keyring
    reply = lenient.post(BELOW_OPENAI, b"{}", (UNDERSCORES, keyring.alice.key))
    if rejects_underscores(lenient):
        assert reply.status == 400
        assert lenient.seen() == []
        return
    assert reply.status == 200
    assert_alices(lenient, model="gpt-4o")
    for other in (keyring.mini, keyring.unknown):
        reply = lenient.post(BELOW_OPENAI, b"{}", (UNDERSCORES, other.key), keyring.alice.bearer)
        assert why(lenient, reply) == (401, "credential_conflict"), "TB4: it overrides nothing"
    reply = lenient.chat("gpt-4o", (UNDERSCORES, keyring.alice.key))
    assert why(lenient, reply) == (401, "credential_missing"), "below the prefixes of providers alone"
    assert lenient.seen() == []


def test_ext11_litellm_user_api_key_is_off(stack: Stack, keyring: Keyring) -> None:
    reply = stack.post(BELOW_OPENAI, b"{}", (UNDERSCORES, keyring.alice.key))
    assert reply.status == (400 if rejects_underscores(stack) else 401)
    reply = stack.post(BELOW_OPENAI, b"{}", (UNDERSCORES, keyring.alice.key), keyring.alice.bearer)
    assert reply.status == (400 if rejects_underscores(stack) else 200)
    for seen in stack.seen():
        assert seen.values(UNDERSCORES.encode()) == []
        assert_nothing_of_it(seen, keyring.alice.key)


def drop_underscores(config: Config) -> None:
    connection_manager(config)["common_http_protocol_options"]["headers_with_underscores_action"] = "DROP_HEADER"


def test_ext11_where_envoy_drops_it_there_is_no_key(new_stack: NewStack) -> None:
    stack = new_stack(gate={"credentials": {"also": [UNDERSCORES]}}, patch=drop_underscores)
    reply = stack.post(BELOW_OPENAI, b"{}", (UNDERSCORES, stack.keyring.alice.key))
    assert why(stack, reply) == (401, "credential_missing")
    assert stack.post(BELOW_OPENAI, b"{}", (UNDERSCORES, "x"), stack.keyring.alice.bearer).status == 200
    assert only(stack).values(UNDERSCORES.encode()) == []


# ---- a header of the operator's choice ----------------------------------------------------------------------------


@pytest.fixture(scope="module", params=ENVOYS)
def with_header(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    gate = {"credentials": {"header": "X-My-Key"}}
    yield from recording(tmp_path_factory, "header", envoy=request.param, gate=gate)


@pytest.fixture
def custom(with_header: Stack) -> Stack:
    with_header.recorder.take()
    return with_header


@pytest.mark.parametrize("value", ["Bearer {}", "bearer {}"])
def test_c40_the_custom_header(custom: Stack, value: str) -> None:
    assert custom.chat("gpt-4o", ("x-MY-key", value.format(custom.keyring.alice.key))).status == 200
    assert assert_alices(custom, model="gpt-4o").values(b"x-my-key") == []


NOT_CUSTOM: dict[str, tuple[Callable[[Keyring], list[tuple[str, str]]], str]] = {
    "C41-raw": (lambda k: [("x-my-key", k.alice.key)], "malformed"),
    "basic": (lambda k: [("x-my-key", f"Basic {k.alice.key}")], "malformed"),
    "twice": (lambda k: [("x-my-key", f"Bearer {k.alice.key}")] * 2, "malformed"),
    "unknown": (lambda k: [("x-my-key", f"Bearer {k.unknown.key}")], "unknown"),
    "C42-elsewhere": (lambda k: [header(k.alice) for header in HEADERS.values()], "missing"),
    "look-alike": (lambda k: [("x.my.key", f"Bearer {k.alice.key}")], "missing"),
}


@pytest.mark.parametrize("case", NOT_CUSTOM)
def test_c41_c42_no_good_custom_header(custom: Stack, case: str) -> None:
    headers, reason = NOT_CUSTOM[case]
    assert why(custom, custom.chat("gpt-4o", *headers(custom.keyring))) == (401, f"credential_{reason}")
    assert custom.seen() == []


@pytest.mark.parametrize("name", DISTINCT)
def test_c43_beside_the_custom_header_nothing_is_read_and_nothing_passes(custom: Stack, name: str) -> None:
    keyring = custom.keyring
    mine = ("x-my-key", f"Bearer {keyring.alice.key}")
    look_alike = ("x.my.key", f"Bearer {keyring.mini.key}")
    assert custom.chat("gpt-4o", mine, HEADERS[name](keyring.mini), look_alike).status == 200
    seen = assert_alices(custom, model="gpt-4o")
    assert_nothing_of_it(seen, keyring.mini.key)


# ---- endpoints that are passed through ----------------------------------------------------------------------------


ENDPOINTS = [
    {"path": "/pt/open", "auth": False},
    {"path": "/pt/header", "headers": {"litellm_user_api_key": "X-Pt-Key"}, "grant_required": False},
    {"path": "/pt/langfuse", "custom_auth_parser": "langfuse", "grant_required": False},
]


@pytest.fixture(scope="module", params=ENVOYS)
def with_endpoints(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    gate = {"routes": {"pass_through": ENDPOINTS}}
    yield from recording(tmp_path_factory, "endpoints", envoy=request.param, gate=gate)


@pytest.fixture
def passing(with_endpoints: Stack) -> Stack:
    with_endpoints.recorder.take()
    return with_endpoints


def langfuse(name: str, password: str = "x") -> tuple[str, str]:
    return "authorization", "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def test_p01_an_open_endpoint_needs_no_key_and_passes_none(passing: Stack) -> None:
    alice = passing.keyring.alice
    for headers in ([], [alice.bearer], [langfuse(alice.key)], [alice.x_api_key, ("x-auth-role", "proxy_admin")]):
        assert passing.post("/pt/open", b"{}", *headers).status == 200
        seen = only(passing)
        assert seen.family() == {b"x-auth-method": [b"anonymous"]}
        assert_nothing_of_it(seen, alice.key)


def test_ext15_a_header_of_the_endpoint(passing: Stack) -> None:
    alice, mini = passing.keyring.alice, passing.keyring.mini
    assert passing.post("/pt/header", b"{}", ("x-pt-key", alice.key)).status == 200
    assert assert_alices(passing).values(b"x-pt-key") == []
    reply = passing.post("/pt/header", b"{}", ("x-pt-key", alice.key), mini.bearer)
    assert why(passing, reply) == (401, "credential_conflict")
    reply = passing.post("/pt/langfuse", b"{}", ("x-pt-key", alice.key))
    assert why(passing, reply) == (401, "credential_missing"), "of that endpoint alone"
    assert passing.seen() == []


def test_tb9_tb10_tb11_langfuse(passing: Stack) -> None:
    alice, unknown = passing.keyring.alice, passing.keyring.unknown
    assert passing.post("/pt/langfuse", b"{}", langfuse(alice.key)).status == 200
    seen = assert_alices(passing)
    assert langfuse(alice.key)[1].partition(" ")[2].encode() not in seen.wire()
    for headers, reason in [
        ([langfuse(unknown.key)], "unknown"),
        ([langfuse("pk-lf-1", alice.key)], "not_a_key"),
        ([("authorization", "Basic !!!")], "malformed"),
        ([("authorization", f"Basic {alice.key}")], "malformed"),
        ([langfuse(alice.key), unknown.x_api_key], "conflict"),
    ]:
        assert why(passing, passing.post("/pt/langfuse", b"{}", *headers)) == (401, f"credential_{reason}")
    reply = passing.chat("gpt-4o", langfuse(alice.key))
    assert why(passing, reply) == (401, "credential_malformed"), "at that endpoint alone"
    assert passing.seen() == []


# ---- a key that was not asked for ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    [
        "/v1beta/models/gpt-4o:countTokens",
        "/v1/models/gpt-4o:countTokens",
        "/v1/chat/completions",
    ],
)
def test_s242_a_key_in_a_query_where_none_is_read(stack: Stack, keyring: Keyring, target: str) -> None:
    credential = HEADERS["x-goog-api-key"](keyring.alice)
    assert stack.post(f"{target}?key={keyring.alice.key}", b'{"model":"gpt-4o"}', credential).status == 200
    assert_alices(stack, model="gpt-4o")


def test_the_master_key_leaves_nothing_either(stack: Stack, keyring: Keyring) -> None:
    for header in HEADERS.values():
        assert stack.chat("gpt-4o", header(keyring.master)).status == 200
        seen = only(stack)
        assert seen.values(b"x-auth-method") == [b"master_key"]
        assert_nothing_of_it(seen, keyring.master.key)


def test_two_callers_are_not_confused(stack: Stack, keyring: Keyring) -> None:
    for header, who in itertools.product(HEADERS.values(), (keyring.nobody, keyring.mini)):
        assert stack.chat("gpt-4o-mini", header(who)).status == 200
        assert only(stack).family() == identity_of(who, model="gpt-4o-mini")
