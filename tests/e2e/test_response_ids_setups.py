"""Other ways to run it: what we publish for Istio and Envoy Gateway, and request bodies through Lua."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from stack import BOOTSTRAPS, RECOMMENDED, Config, Stack, connection_manager, ext_authz, ext_proc
from tap import Scripted, plain

RAW = "resp_68aa00000000000000000000000000000000000000000001"
ANSWER = f'{{"id":"{RAW}","object":"response"}}'.encode()


@pytest.fixture
def upstream() -> Iterator[Scripted]:
    scripted = Scripted(lambda _: iter([plain("200 OK", "application/json", ANSWER)]))
    yield scripted
    scripted.stop()


def manifests(name: str) -> dict[tuple[str, str], Config]:
    documents = yaml.safe_load_all((BOOTSTRAPS / name / "tollgate.yaml").read_text())
    return {(one["kind"], one["metadata"]["name"]): one["spec"] for one in documents}


def continue_it(stack: Stack, upstream: Scripted, **more: object) -> tuple[int, Config]:
    """Makes a response and continues it. What the upstream got for it, the second time."""
    alice = stack.keyring.alice.bearer
    made = stack.post("/v1/responses", b'{"model":"gpt-4o","input":"x"}', alice)
    assert made.status == 200 and RAW not in made.body.decode()
    body = {"model": "gpt-4o", "input": "x", "previous_response_id": made.json()["id"], **more}
    upstream.seen.clear()
    reply = stack.post("/v1/responses", json.dumps(body).encode(), alice)
    assert RAW not in reply.body.decode()
    got: Config = json.loads(upstream.seen[0].body) if upstream.seen else {}
    return reply.status, got


def test_what_is_published_for_istio_runs(tmp_path: Path, upstream: Scripted) -> None:
    """Istio puts these values into Envoy's configuration; here they are put there as they are, but for the cluster."""
    published = manifests("istio")
    patches = published["EnvoyFilter", "tollgate"]["configPatches"]
    filters = [patch["patch"]["value"] for patch in patches if patch["applyTo"] == "HTTP_FILTER"]
    (on_route,) = [patch["patch"]["value"] for patch in patches if patch["applyTo"] == "HTTP_ROUTE"]
    (route, others) = published["VirtualService", "llm"]["http"]
    assert (route["name"], "match" in others) == ("responses", False)

    def patch(config: Config) -> None:
        manager = connection_manager(config)
        for one in filters:
            name = "tollgate_bodies" if one["name"].endswith("ext_proc") else "tollgate"
            one["typed_config"]["grpc_service"]["envoy_grpc"]["cluster_name"] = name
        manager["http_filters"] = [*filters, manager["http_filters"][-1]]
        first = manager["route_config"]["virtual_hosts"][0]["routes"][0]
        first["match"] = {"safe_regex": {"regex": route["match"][0]["uri"]["regex"]}}
        first.update(on_route)

    stack = Stack(tmp_path, upstream, patch=patch)
    try:
        status, got = continue_it(stack, upstream)
        assert (status, got["previous_response_id"]) == (200, RAW)
        assert stack.chat("gpt-4o", stack.keyring.alice.bearer).json()["id"] == RAW, "chats go past ext_proc"
    finally:
        stack.stop()


def test_istio_gets_what_a_bare_envoy_gets() -> None:
    recommended: Config = yaml.safe_load(RECOMMENDED.read_text())
    patches = manifests("istio")["EnvoyFilter", "tollgate"]["configPatches"]
    for ours, patch in zip((ext_authz(recommended), ext_proc(recommended)), patches, strict=False):
        theirs = patch["patch"]["value"]["typed_config"]
        theirs["grpc_service"]["envoy_grpc"]["cluster_name"] = ours["grpc_service"]["envoy_grpc"]["cluster_name"]
        assert theirs == ours


def test_envoy_gateway_fails_closed() -> None:
    published = manifests("gateway")
    auth = published["SecurityPolicy", "tollgate"]["extAuth"]
    assert (auth["failOpen"], auth["statusOnError"], auth["recomputeRoute"]) == (False, 503, False)
    policy = published["EnvoyExtensionPolicy", "tollgate-response-ids"]
    (proc,) = policy["extProc"]
    assert proc["failOpen"] is False
    assert proc["metadata"]["accessibleNamespaces"] == ["envoy.filters.http.ext_authz"]
    modes = proc["processingMode"]
    assert {modes["request"]["body"], modes["response"]["body"]} == {"FullDuplexStreamed"}
    (target,) = policy["targetRefs"]
    (rule,) = published["HTTPRoute", target["name"]]["rules"]
    recommended: Config = yaml.safe_load(RECOMMENDED.read_text())
    first = connection_manager(recommended)["route_config"]["virtual_hosts"][0]["routes"][0]
    assert rule["matches"][0]["path"]["value"] == first["match"]["safe_regex"]["regex"]


def test_a_rate_limit_between_the_two_is_told(tmp_path: Path, upstream: Scripted) -> None:
    def patch(config: Config) -> None:
        published = yaml.safe_load((BOOTSTRAPS / "rate-limit.yaml").read_text())
        limiter = connection_manager(published)["http_filters"][1]
        for descriptor in limiter["typed_config"]["descriptors"]:
            descriptor["token_bucket"] = {"max_tokens": 1, "tokens_per_fill": 1, "fill_interval": "60s"}
        connection_manager(config)["http_filters"].insert(1, limiter)

    stack = Stack(tmp_path, upstream, patch=patch)
    try:
        asked = [stack.post("/v1/responses", b'{"model":"gpt-4o"}', stack.keyring.nobody.bearer) for _ in range(2)]
        assert [one.status for one in asked] == [200, 429]
    finally:
        stack.stop()


def through_lua(config: Config) -> None:
    script = (BOOTSTRAPS / "previous-response-id.lua").read_text()
    kind = "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua"
    lua = {"@type": kind, "default_source_code": {"inline_string": script}}
    connection_manager(config)["http_filters"].insert(1, {"name": "envoy.filters.http.lua", "typed_config": lua})
    proc = connection_manager(config)["http_filters"][2]["typed_config"]
    proc["processing_mode"]["request_body_mode"] = "NONE"


def test_request_bodies_through_lua(tmp_path: Path, upstream: Scripted) -> None:
    stack = Stack(tmp_path, upstream, patch=through_lua)
    try:
        quoting = '{"previous_response":"resp_x"}'
        status, got = continue_it(stack, upstream, instructions=quoting)
        assert (status, got["previous_response_id"], got["instructions"]) == (200, RAW, quoting)
        assert upstream.seen[0].values(b"content-length"), "no chunks, for upstreams that take none"
        # What the script cannot be sure of it refuses; what the gate refuses never gets there.
        for more in ({"metadata": {"previous_response_id": "resp_x"}}, {"instructions": '{"previous_response_id":"x"}'}):
            assert continue_it(stack, upstream, **more) == (400, {}), more
        # The member that is judged is written with an escape; the one that is plain is data.
        alice = stack.keyring.alice.bearer
        own = stack.post("/v1/responses", b'{"model":"gpt-4o"}', alice).json()["id"]
        upstream.seen.clear()
        for name in ("previous_\\u0072esponse_id", "previous\\u005Fresponse_id"):
            for plain_one in (own, "resp_x"):
                body = f'{{"model":"gpt-4o","metadata":{{"previous_response_id":"{plain_one}"}},"{name}":"{own}"}}'
                assert stack.post("/v1/responses", body.encode(), alice).status == 400, body
        assert not upstream.seen
        raw = json.dumps({"model": "gpt-4o", "previous_response_id": RAW}).encode()
        assert stack.post("/v1/responses", raw, stack.keyring.alice.bearer).status == 403
        # An answer that quotes the upstream's id reads as the caller's: the gate has told ext_proc which it is.
        made = stack.post("/v1/responses", b'{"model":"gpt-4o"}', stack.keyring.alice.bearer).json()["id"]
        report = f'{{"error":{{"message":"no {RAW}"}}}}'.encode()
        upstream.answer = lambda _: iter([plain("400 Bad Request", "application/json", report)])
        body = json.dumps({"model": "gpt-4o", "previous_response_id": made}).encode()
        told = stack.post("/v1/responses", body, stack.keyring.alice.bearer).json()
        assert told["error"]["message"] == f"no {made}"
    finally:
        stack.stop()
