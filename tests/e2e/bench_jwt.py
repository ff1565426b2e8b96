"""Tokens through one Envoy: verified by Tollgate, and by Envoy's own `jwt_authn`, each with and without its memory.
A gate that decides nothing (`examples/noop.rs`) shows what the way to any `ext_authz` costs.

    make bench-jwt [BENCH_SECONDS=10]

Every way has a listener of its own in the same Envoy, which answers by itself; `wrk` asks one after the other, several
rounds, so that whatever else the machine does meets all of them. Prints a table for docs/performance.md.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import yaml

from keyring import Keyring
from oidc_provider import JWT, OidcProvider
from processes import Process
from stack import Config, Gate, envoy_bin, envoy_version

ROUNDS = 3
CONNECTIONS = 32
TOKENS = 64
PACKAGE = "type.googleapis.com/envoy.extensions.filters"


def listener(name: str, authn: list[Config]) -> Config:
    answer = {"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": "ok\n"}}}
    manager = {
        "@type": f"{PACKAGE}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [answer]}]},
        "http_filters": [*authn, router()],
    }
    address = {"socket_address": {"address": "127.0.0.1", "port_value": 0}}
    filters = [{"name": "http", "typed_config": manager}]
    return {"name": name, "address": address, "filter_chains": [{"filters": filters}]}


def router() -> Config:
    return {"name": "router", "typed_config": {"@type": f"{PACKAGE}.http.router.v3.Router"}}


def ext_authz(cluster: str) -> Config:
    config = {
        "@type": f"{PACKAGE}.http.ext_authz.v3.ExtAuthz",
        "transport_api_version": "V3",
        "grpc_service": {"envoy_grpc": {"cluster_name": cluster}, "timeout": "1s"},
        "encode_raw_headers": True,
        "status_on_error": {"code": 503},
    }
    return {"name": "ext_authz", "typed_config": config}


def jwt_authn(provider: OidcProvider, keys: str, **cache: Config) -> Config:
    terms = {"issuer": provider.issuer, "audiences": [JWT], "local_jwks": {"inline_string": keys}, **cache}
    rules = [{"match": {"prefix": "/"}, "requires": {"provider_name": "idp"}}]
    config = {
        "@type": f"{PACKAGE}.http.jwt_authn.v3.JwtAuthentication",
        "providers": {"idp": terms},
        "rules": rules,
    }
    return {"name": "jwt_authn", "typed_config": config}


def cluster(name: str, address: str) -> Config:
    host, _, port = address.rpartition(":")
    endpoint = {"endpoint": {"address": {"socket_address": {"address": host, "port_value": int(port)}}}}
    http2 = {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {}},
    }
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2},
    }


class Wrk:
    """Asks with a key, or with one token after the other."""

    def __init__(self, directory: Path, name: str, credentials: list[str]) -> None:
        self.script = directory / f"{name}.lua"
        lines = ",\n".join(json.dumps(f"Bearer {credential}") for credential in credentials)
        self.script.write_text(
            f"local all = {{\n{lines}\n}}\nlocal next = 0\nrequest = function()\n  next = next % #all + 1\n"
            '  return wrk.format("GET", "/v1/models", {["authorization"] = all[next]})\nend\n'
        )

    def per_second(self, port: int, seconds: int) -> float:
        command = [os.environ["WRK_BIN"], "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(self.script), f"http://127.0.0.1:{port}/"]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert "Non-2xx" not in said, said
        found = re.search(r"Requests/sec:\s+([\d.]+)", said)
        assert found, said
        return float(found[1])


class Measured:
    """A way, and what its rounds came to."""

    def __init__(self, title: str, listener: str, wrk: Wrk, gate: Process | None = None) -> None:
        self.title, self.listener, self._wrk, self._gate = title, listener, wrk, gate
        self._per_second: list[float] = []
        self._cpu: list[float] = []

    def round(self, port: int, seconds: int) -> None:
        before = self._gate.cpu_seconds() if self._gate else 0.0
        rate = self._wrk.per_second(port, seconds)
        self._per_second.append(rate)
        if self._gate:
            self._cpu.append((self._gate.cpu_seconds() - before) / (rate * seconds))

    def row(self) -> str:
        cpu = f"{statistics.median(self._cpu) * 1e6:.0f} µs" if self._cpu else ""
        return f"| {self.title} | {statistics.median(self._per_second):,.0f} | {cpu} |"


def noop(directory: Path) -> Process:
    """The gate that lets everybody in, built beside the one that is measured."""
    binary = Path(os.environ["TOLLGATE_BIN"]).parent / "examples" / "noop"
    return Process("noop", [str(binary), "--listen", "127.0.0.1:0"], directory)


def main(seconds: int, directory: Path) -> None:
    provider = OidcProvider(directory / "oidc")
    running = [provider.process]
    try:
        provider.set(seconds=3600)
        with urllib.request.urlopen(provider.jwks_uri, timeout=5) as response:
            keys = response.read().decode()
        keyring = Keyring()
        issuer = {"issuer": provider.issuer, "audience": JWT, "allow_http_on_loopback": True}
        common = {"issuers": [issuer], "allow_anonymous_jwt": True}
        gates = {
            name: Gate(directory / name, keyring, {"jwt": {**common, "max_cached_tokens": size}, "log": {"level": "info"}})
            for name, size in {"remembers": 10_000, "forgets": 1}.items()
        }
        nobody = noop(directory)
        running += [gate.process for gate in gates.values()] + [nobody]
        addresses = {name: gate.grpc for name, gate in gates.items()}
        addresses["noop"] = nobody.ready("listening", nobody.output).strip()
        listeners = {
            "open": [],
            "noop": [ext_authz("noop")],
            "tollgate": [ext_authz("remembers")],
            "tollgate_forgets": [ext_authz("forgets")],
            "jwt_authn": [jwt_authn(provider, keys)],
            "jwt_authn_cache": [jwt_authn(provider, keys, jwt_cache_config={"jwt_cache_size": 10_000})],
        }
        config = {
            "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}},
            "static_resources": {
                "listeners": [listener(name, authn) for name, authn in listeners.items()],
                "clusters": [cluster(name, address) for name, address in addresses.items()],
            },
        }
        (directory / "envoy.yaml").write_text(yaml.safe_dump(config))
        admin = directory / "admin"
        options = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"]
        envoy = Process(
            "envoy",
            [str(envoy_bin()), *options, "-c", str(directory / "envoy.yaml"), "--admin-address-path", str(admin)],
            directory,
        )
        running.append(envoy)
        address = envoy.ready("admin", lambda: admin.exists() and admin.read_text())

        def ports() -> dict[str, int] | None:
            with urllib.request.urlopen(f"http://{address}/listeners?format=json", timeout=5) as response:
                statuses = json.load(response).get("listener_statuses", [])
            found = {one["name"]: one["local_address"]["socket_address"]["port_value"] for one in statuses}
            return found if len(found) == len(listeners) else None

        port = envoy.ready("listening", ports)
        tokens = {}
        for algorithm in ("RS256", "ES256"):
            provider.set(algorithm=algorithm)
            tokens[algorithm] = [provider.client_credentials() for _ in range(TOKENS)]
        remembers, forgets = (gates[name].process for name in ("remembers", "forgets"))
        key = Wrk(directory, "key", [keyring.nobody.key])
        rows = [
            Measured("nobody asks", "open", key),
            Measured("a gate that decides nothing", "noop", key, nobody),
            Measured("Tollgate, a key", "tollgate", key, remembers),
        ]
        for algorithm, signed in tokens.items():
            wrk = Wrk(directory, algorithm, signed)
            rows += [
                Measured(f"Tollgate, {algorithm}, seen before", "tollgate", wrk, remembers),
                Measured(f"`jwt_authn` with its cache, {algorithm}, seen before", "jwt_authn_cache", wrk),
                Measured(f"Tollgate, {algorithm}, new", "tollgate_forgets", wrk, forgets),
                Measured(f"`jwt_authn` without cache, {algorithm}", "jwt_authn", wrk),
            ]
        for _ in range(ROUNDS):
            for way in rows:
                way.round(port[way.listener], seconds)
        print(f"Envoy {envoy_version()}, one worker, {CONNECTIONS} connections, median of {ROUNDS} rounds of {seconds} s\n")
        print("| | requests a second | CPU of the gate, each |\n|---|---|---|")
        print("\n".join(way.row() for way in rows))
    finally:
        for process in reversed(running):
            process.stop()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 10, Path(scratch))
