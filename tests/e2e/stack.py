"""Upstream, gate and Envoy on free ports, put together from the very files we publish."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import yaml

from keyring import Caller, Keyring, disguises
from processes import Process
from recorder import Recorder, Seen
from waiting import wait_for
from wire import Address, Reply, Text, request

ROOT = Path(__file__).resolve().parents[2]
BOOTSTRAPS = ROOT / "envoy"
RECOMMENDED = BOOTSTRAPS / "tollgate.yaml"
OVER_UDS = BOOTSTRAPS / "tollgate-uds.yaml"

Config = dict[str, Any]
Patch = Callable[[Config], None]


def tollgate_bin() -> Path:
    return _binary("TOLLGATE_BIN", ROOT / "target/debug/tollgate", ROOT / "target/release/tollgate")


def upstream_bin() -> Path:
    return _binary("UPSTREAM_BIN", ROOT / "target/debug/examples/upstream", ROOT / "target/release/examples/upstream")


def envoy_bin() -> Path:
    on_path = shutil.which("envoy")
    return _binary("ENVOY_BIN", Path(sys.executable).with_name("envoy"), *([Path(on_path)] if on_path else []))


def _binary(variable: str, *candidates: Path) -> Path:
    if chosen := os.environ.get(variable):
        candidates = (Path(chosen),)
    for candidate in candidates:
        if candidate.is_file():
            return candidate.absolute()
    raise FileNotFoundError(f"set {variable}; none of these exists: {', '.join(map(str, candidates))}")


def envoy_version() -> str:
    """What the binary says; `ENVOY_VERSION`, when set, has to agree."""
    said = subprocess.run([envoy_bin(), "--version"], capture_output=True, text=True, check=True).stdout
    version = said.split("/")[-4]
    wanted = os.environ.get("ENVOY_VERSION", version)
    if wanted != version:
        raise RuntimeError(f"ENVOY_VERSION is {wanted}, but {envoy_bin()} is {version}")
    return version


class Upstream(Protocol):
    @property
    def address(self) -> Address: ...

    def stop(self) -> None: ...


class ExampleUpstream:
    """`examples/upstream.rs`, for clients that want a real answer."""

    def __init__(self, logs: Path) -> None:
        self.process = Process("upstream", [str(upstream_bin()), "--listen", "127.0.0.1:0"], logs)
        self.address = self.process.ready("listening", self._address)

    def _address(self) -> Address | None:
        said = self.process.out.read_text()
        return _address(said.split()[-1]) if said.endswith("\n") else None

    def stop(self) -> None:
        self.process.stop()


class Gate:
    """`tollgate serve` with a configuration of its own."""

    def __init__(self, directory: Path, keyring: Keyring, changes: Config) -> None:
        directory.mkdir(exist_ok=True)
        self.directory = directory
        self.keys_file = directory / "keys.yaml"
        self.config_file = directory / "tollgate.yaml"
        self.config = _merged(gate_config(), changes)
        self._environment = {"TOLLGATE_MASTER_KEY": keyring.master.key, "UPSTREAM_KEY": keyring.upstream_secret}
        if not self.keys_file.exists():
            self.keys_file.write_text(keyring.text())
        self.start()

    def start(self) -> None:
        """Starts it; after the first time on the same ports, where Envoy expects it."""
        self.config_file.write_text(yaml.safe_dump(self.config))
        command = [str(tollgate_bin()), "serve", "--config", str(self.config_file)]
        self.process = Process("gate", command, self.directory, self._environment)
        listening = self.process.ready("listening", self._listening)
        self.config["listen"] = {"grpc": listening["grpc"], "http": listening["http"]}

    def _listening(self) -> Config | None:
        said = [line for line in self.lines() if line.get("message") == "listening"]
        return said[-1] if said and self.answers() else None

    def answers(self) -> bool:
        http = [line["http"] for line in self.lines() if line.get("message") == "listening"][-1]
        try:
            return fetch(_address(http), "/readyz")[0] == 200
        except OSError:
            return False

    def lines(self) -> list[Config]:
        return json_lines(self.process.out)

    def decisions(self, request_id: str | None = None) -> list[Config]:
        decided = [line for line in json_lines(self.process.out, request_id or "") if line.get("message") == "decision"]
        return [line for line in decided if request_id in (None, line["request_id"])]

    @property
    def grpc(self) -> str:
        return str(self.config["listen"]["grpc"])

    def admin(self, path: str) -> str:
        status, body = fetch(_address(self.config["listen"]["http"]), path)
        assert status == 200, f"{path}: {status} {body}"
        return body

    def reload(self) -> None:
        self.process.signal(signal.SIGHUP)


def gate_config() -> Config:
    return {
        "listen": {"grpc": "127.0.0.1:0", "http": "127.0.0.1:0"},
        "master_key": "${TOLLGATE_MASTER_KEY}",
        "keys": {"file": "keys.yaml"},
        "headers": {"prefix": "x-auth-"},
        "routes": {"public": ["/health/liveliness"]},
        "response_ids": {"keys": ["0123456789abcdef0123456789abcdef"]},
        "log": {"format": "json", "level": "debug"},
        "limits": {"drain_seconds": 0},
    }


class Envoy:
    """Envoy with one of our bootstraps; only the addresses in it are replaced."""

    def __init__(self, directory: Path, bootstrap: Path, gate: str, upstream: Address, patch: Patch) -> None:
        config: Config = yaml.safe_load(bootstrap.read_text())
        _set_port(config["admin"], 0)
        _set_port(listener(config), 0)
        _set_port(endpoint(config, "llm"), upstream[1])
        if gate.startswith("unix://"):
            endpoint(config, "tollgate")["address"]["pipe"]["path"] = gate.removeprefix("unix://")
        else:
            _set_port(endpoint(config, "tollgate"), _address(gate)[1])
        patch(config)
        self.config = config
        self._config_file = directory / "envoy.yaml"
        self._config_file.write_text(yaml.safe_dump(config))
        self._admin_file = directory / "envoy.admin"
        self._start(directory)

    def _start(self, directory: Path) -> None:
        options = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"]
        flush = ["--file-flush-interval-msec", "20"]
        files = ["-c", str(self._config_file), "--admin-address-path", str(self._admin_file)]
        self.process = Process("envoy", [str(envoy_bin()), *options, *flush, *files], directory)
        self._admin = self.process.ready("admin", lambda: self._admin_file.exists() and self._admin_file.read_text())
        self.address = self.process.ready("listening", self._listener)

    def _listener(self) -> Address | None:
        if self.admin("/ready")[0] != 200:
            return None
        statuses = json.loads(self.admin("/listeners?format=json")[1]).get("listener_statuses")
        return ("127.0.0.1", statuses[0]["local_address"]["socket_address"]["port_value"]) if statuses else None

    def admin(self, path: str) -> tuple[int, str]:
        try:
            return fetch(_address(str(self._admin)), path)
        except ConnectionError:
            return (0, "")

    def received(self) -> int:
        """Bytes from clients so far."""
        name = "http.llm.downstream_cx_rx_bytes_total"
        return int(self.admin(f"/stats?filter=^{name}$")[1].split()[-1])

    def access_log(self, request_id: str | None = None) -> list[Config]:
        lines = json_lines(self.process.out, request_id or "")
        return [line for line in lines if request_id in (None, line["request_id"])]


class Stack:
    """The three together. Stopping it also proves that no secret got out."""

    def __init__(
        self,
        directory: Path,
        upstream: Upstream,
        *,
        gate: Config | None = None,
        bootstrap: Path = RECOMMENDED,
        patch: Patch = lambda _: None,
    ) -> None:
        self.keyring = Keyring()
        self.upstream = upstream
        self.gate = Gate(directory / "gate", self.keyring, gate or {})
        try:
            self.envoy = Envoy(directory, bootstrap, self.gate.grpc, upstream.address, patch)
        except BaseException:
            self.gate.process.stop()
            raise

    @property
    def url(self) -> str:
        host, port = self.envoy.address
        return f"http://{host}:{port}"

    @property
    def recorder(self) -> Recorder:
        assert isinstance(self.upstream, Recorder), "this stack has an upstream that does not record"
        return self.upstream

    def send(self, method: str, target: Text, *headers: tuple[Text, Text], body: bytes = b"") -> Reply:
        return request(self.envoy.address, method, target, headers, body)

    def chat(self, model: str, *headers: tuple[Text, Text]) -> Reply:
        return self.post("/v1/chat/completions", json.dumps({"model": model, "messages": []}).encode(), *headers)

    def post(self, target: Text, body: bytes, *headers: tuple[Text, Text]) -> Reply:
        return self.send("POST", target, ("content-type", "application/json"), *headers, body=body)

    def decision(self, request_id: str) -> Config:
        """The one line the gate has logged about a request."""
        (line,) = wait_for("decision log", lambda: self.gate.decisions(request_id))
        return line

    def reason(self, reply: Reply) -> str:
        """Why the gate decided as it did, in its own stable words."""
        return str(self.decision(reply.id)["reason"])

    def seen(self) -> list[Seen]:
        """What has reached the upstream. A request of our own is the barrier: what came before it has arrived."""
        place = self.gate.config.get("credentials", {}).get("header", "authorization")
        bearer = (place, f"Bearer {self.keyring.nobody.key}")
        assert self.send("GET", "/v1/models", bearer, ("x-barrier", "1")).status == 200
        *before, barrier = self.recorder.take()
        assert barrier.values(b"x-barrier"), barrier
        return before

    def enrol(self, newcomer: Caller) -> None:
        """Adds a key while the gate runs, and waits until it is known."""
        self.enrol_quietly(newcomer)
        self.recorder.take()

    def enrol_quietly(self, newcomer: Caller) -> None:
        """The same before an upstream that records nothing."""
        self.keyring.enrolled.append(newcomer)
        self.gate.keys_file.write_text(self.keyring.text())
        wait_for("the newcomer's key", lambda: self.send("GET", "/v1/models", newcomer.bearer).status != 401)

    def stop(self) -> None:
        try:
            self.assert_no_leaks()
        finally:
            self.envoy.process.stop()
            self.gate.process.stop()

    def assert_no_leaks(self) -> None:
        """No secret, in no disguise, in anything the gate or Envoy has written (S-231)."""
        written = {process.name: process.output() for process in (self.gate.process, self.envoy.process)}
        if self.gate.process.running:
            written |= {path: self.gate.admin(path) for path in ("/metrics", "/config")}
        for secret in self.keyring.secrets():
            for disguise, text in disguises(secret).items():
                leaks = [place for place, content in written.items() if text in content]
                assert not leaks, f"{secret}, {disguise}, is in {leaks}"

    def last_words(self) -> dict[str, str]:
        return {process.name: process.last_words(8) for process in (self.gate.process, self.envoy.process)}


def endpoint(config: Config, cluster: str) -> Config:
    found = next(one for one in config["static_resources"]["clusters"] if one["name"] == cluster)
    part: Config = found["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]
    return part


def listener(config: Config) -> Config:
    part: Config = config["static_resources"]["listeners"][0]
    return part


def connection_manager(config: Config) -> Config:
    part: Config = listener(config)["filter_chains"][0]["filters"][0]["typed_config"]
    return part


def ext_authz(config: Config) -> Config:
    part: Config = connection_manager(config)["http_filters"][0]["typed_config"]
    return part


def ext_proc(config: Config) -> Config:
    part: Config = connection_manager(config)["http_filters"][1]["typed_config"]
    return part


BODY_LIMIT: int = ext_authz(yaml.safe_load(RECOMMENDED.read_text()))["with_request_body"]["max_request_bytes"]
"""The largest body our Envoy takes."""


def fetch(address: Address, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://{address[0]}:{address[1]}{path}", timeout=5) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()
    except urllib.error.URLError as unreachable:
        raise ConnectionError(str(unreachable)) from unreachable


def json_lines(file: Path, containing: str = "") -> list[Config]:
    """The complete lines of an NDJSON log that contain a text."""
    complete = file.read_text(errors="replace").rpartition("\n")[0]
    return [json.loads(line) for line in complete.splitlines() if containing in line]


def _set_port(holder: Config, port: int) -> None:
    holder["address"]["socket_address"]["port_value"] = port


def _address(text: str) -> Address:
    host, _, port = text.strip().rpartition(":")
    return host, int(port)


def _merged(base: Config, changes: Config) -> Config:
    merged = dict(base)
    for name, value in changes.items():
        nested = isinstance(value, dict) and isinstance(base.get(name), dict)
        merged[name] = _merged(base[name], value) if nested else value
    # `None` takes out what is there by default.
    return {name: value for name, value in merged.items() if value is not None}
