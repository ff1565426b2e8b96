"""Tokens through one Envoy: verified by Tollgate, and by Envoy's own `jwt_authn`, each with and without its memory.

    scripts/bench-jwt [SECONDS]

Every way has a listener of its own in the same Envoy, which answers by itself; `wrk` asks one after the other, several
rounds, so that whatever else the machine does meets all of them. Prints a table for docs/performance.md.
"""

from __future__ import annotations

import json
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
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(self.script), f"http://127.0.0.1:{port}/"]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert "Non-2xx" not in said, said
        found = re.search(r"Requests/sec:\s+([\d.]+)", said)
        assert found, said
        return float(found[1])


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
        running += [gate.process for gate in gates.values()]
        listeners = {
            "open": [],
            "tollgate": [ext_authz("remembers")],
            "tollgate_forgets": [ext_authz("forgets")],
            "jwt_authn": [jwt_authn(provider, keys)],
            "jwt_authn_cache": [jwt_authn(provider, keys, jwt_cache_config={"jwt_cache_size": 10_000})],
        }
        config = {
            "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}},
            "static_resources": {
                "listeners": [listener(name, authn) for name, authn in listeners.items()],
                "clusters": [cluster(name, gate.grpc) for name, gate in gates.items()],
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
        rows: list[tuple[str, str, Wrk]] = [
            ("nobody asks", "open", Wrk(directory, "open", [keyring.nobody.key])),
            ("Tollgate, a key", "tollgate", Wrk(directory, "key", [keyring.nobody.key])),
        ]
        for algorithm, signed in tokens.items():
            wrk = Wrk(directory, algorithm, signed)
            rows += [
                (f"Tollgate, {algorithm}, seen before", "tollgate", wrk),
                (f"`jwt_authn` with its cache, {algorithm}, seen before", "jwt_authn_cache", wrk),
                (f"Tollgate, {algorithm}, new", "tollgate_forgets", wrk),
                (f"`jwt_authn` without cache, {algorithm}", "jwt_authn", wrk),
            ]
        measured: dict[str, list[float]] = {title: [] for title, _, _ in rows}
        for _ in range(ROUNDS):
            for title, name, wrk in rows:
                measured[title].append(wrk.per_second(port[name], seconds))
        print(f"Envoy {envoy_version()}, one worker, {CONNECTIONS} connections, median of {ROUNDS} rounds of {seconds} s\n")
        print("| | requests a second |\n|---|---|")
        for title, each in measured.items():
            print(f"| {title} | {statistics.median(each):,.0f} |")
    finally:
        for process in reversed(running):
            process.stop()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 10, Path(scratch))
