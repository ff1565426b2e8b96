"""The files in `envoy/` are what they claim to be."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from conftest import NewStack
from stack import (
    BODY_LIMIT,
    BOOTSTRAPS,
    OVER_UDS,
    RECOMMENDED,
    ROOT,
    Config,
    connection_manager,
    endpoint,
    envoy_bin,
    ext_authz,
    ext_proc,
)
from test_identity import alice


@pytest.mark.parametrize("file", sorted(BOOTSTRAPS.glob("*.yaml")), ids=lambda file: file.name)
def test_envoy_accepts_it_without_a_warning(file: Path) -> None:
    command = [str(envoy_bin()), "--mode", "validate", "--log-level", "warning", "-c", str(file)]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_the_two_differ_only_in_how_the_gate_is_reached() -> None:
    over_tcp, over_uds = load(RECOMMENDED), load(OVER_UDS)
    assert list(endpoint(over_uds, "tollgate").pop("address")) == ["pipe"]
    assert list(endpoint(over_tcp, "tollgate").pop("address")) == ["socket_address"]
    assert over_uds == over_tcp


def test_s053_s058_s071_nothing_in_it_opens_the_gate() -> None:
    config = load(RECOMMENDED)
    authz = ext_authz(config)
    assert authz["failure_mode_allow"] is False
    assert not {"filter_enabled", "filter_enabled_metadata", "shadow_mode"} & set(authz)
    assert authz["with_request_body"]["allow_partial_message"] is False
    (host,) = connection_manager(config)["route_config"]["virtual_hosts"]
    routes = [route.get("typed_per_filter_config", {}) for route in (host, *host["routes"])]
    assert not any("envoy.filters.http.ext_authz" in filters for filters in routes)


def test_s224_nothing_in_it_lets_an_answer_go_by() -> None:
    config = load(RECOMMENDED)
    proc = ext_proc(config)
    assert proc["failure_mode_allow"] is False
    assert not {"observability_mode", "allow_mode_override", "disable_immediate_response"} & set(proc)
    assert {name: mode for name, mode in proc["processing_mode"].items() if mode in ("NONE", "SKIP")} == {}
    assert proc["metadata_options"]["forwarding_namespaces"]["untyped"] == ["envoy.filters.http.ext_authz"]
    names = [one["name"].rpartition(".")[2] for one in connection_manager(config)["http_filters"]]
    assert names == ["ext_authz", "ext_proc", "router"], "the gate decides before anything is rewritten"
    (host,) = connection_manager(config)["route_config"]["virtual_hosts"]
    responses, others = host["routes"]
    assert responses["typed_per_filter_config"]["envoy.filters.http.ext_proc"]["overrides"] == {}
    assert "typed_per_filter_config" not in others
    pattern = re.compile(responses["match"]["safe_regex"]["regex"])
    below = ("", "/", "/compact", "/input_tokens", "/x", "/x/", "/x/cancel", "/x/input_items", "/x/future")
    prefixes = ("", "/v1", "/openai/v1", "/openai", "/openai/deployments/d", "/azure/openai", "/vllm/v1", "/mygw/api/v3")
    paths = [f"{prefix}/{name}{rest}" for prefix in prefixes for name in ("responses", "Responses") for rest in below]
    paths += ["/cursor/chat/completions", "/cursor/chat/completions/", "/Cursor/chat/completions"]
    for path in (root + path for root in ("", "/root", "/root/path") for path in paths):
        assert pattern.fullmatch(path), path
    for path in ("/v1/chat/completions", "/v1/models", "/v1/responsesx", "/xresponses/y"):
        assert not pattern.fullmatch(path), path


def test_answers_that_last_keep_nobody_from_being_checked() -> None:
    config = load(RECOMMENDED)
    used = [one(config)["grpc_service"]["envoy_grpc"]["cluster_name"] for one in (ext_authz, ext_proc)]
    assert used == ["tollgate", "tollgate_bodies"]
    clusters = {one["name"]: one for one in config["static_resources"]["clusters"]}
    checks, bodies = (clusters[name] for name in used)
    assert checks["load_assignment"]["endpoints"] == bodies["load_assignment"]["endpoints"]
    for cluster in (checks, bodies):
        (threshold,) = cluster["circuit_breakers"]["thresholds"]
        assert threshold["max_requests"] > 1024


def test_the_demos_gate_knows_envoys_limit() -> None:
    assert load(ROOT / "examples/demo/tollgate.yaml")["envoy"]["max_request_bytes"] == BODY_LIMIT


def test_the_gate_on_a_unix_socket(new_stack: NewStack, tmp_path: Path) -> None:
    stack = new_stack(bootstrap=OVER_UDS, gate={"listen": {"grpc": f"unix://{tmp_path}/grpc.sock"}})
    assert stack.send("GET", "/v1/models").status == 401
    assert stack.send("GET", "/v1/models", ("x-auth-user-id", "root"), stack.keyring.alice.bearer).status == 200
    (seen,) = stack.seen()
    assert seen.family() == alice(stack.keyring)


def test_the_gate_on_a_unix_socket_can_be_restarted(new_stack: NewStack, tmp_path: Path) -> None:
    stack = new_stack(bootstrap=OVER_UDS, gate={"listen": {"grpc": f"unix://{tmp_path}/grpc.sock"}})
    stack.gate.process.stop()
    assert stack.send("GET", "/v1/models", stack.keyring.alice.bearer).status == 503
    stack.gate.start()
    assert stack.send("GET", "/v1/models", stack.keyring.alice.bearer).status == 200


def load(file: Path) -> Config:
    config: Config = yaml.safe_load(file.read_text())
    return config
