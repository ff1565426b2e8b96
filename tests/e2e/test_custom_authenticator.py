"""A service of the operator's own that says who callers are: the examples in Rust and in Python, through a real Envoy."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from certificates import certificate
from conftest import NewStack
from processes import Process
from stack import ROOT, Config, Stack, _binary
from waiting import wait_for
from wire import Reply

TOKENS = "token-of-alice alice red\ntoken-of-bob bob\n"


class Authenticator:
    """An example with a file of tokens."""

    def __init__(self, directory: Path, command: list[str], environment: dict[str, str], *more: str) -> None:
        directory.mkdir()
        self.tokens = directory / "tokens.txt"
        self.tokens.write_text(TOKENS)
        options = ["--listen", "127.0.0.1:0", "--tokens", str(self.tokens), *more]
        self.process = Process("authenticator", [*command, *options], directory, environment)
        self.address = self.process.ready("listening", self._address)
        self.port = self.address.rpartition(":")[2]

    def _address(self) -> str | None:
        said = self.process.out.read_text()
        return said.split()[-1] if said.endswith("\n") else None


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the example in Python is told to make of our protocol."""
    directory = tmp_path_factory.mktemp("generated")
    compiler = [sys.executable, "-m", "grpc_tools.protoc", "-I", "proto"]
    out = [f"--python_out={directory}", f"--grpc_python_out={directory}"]
    subprocess.run([*compiler, *out, "tollgate/authn/v1/authenticator.proto"], cwd=ROOT, check=True)
    return directory


Start = Callable[..., Authenticator]


@pytest.fixture(params=["rust", "python"])
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Start]:
    environment = {}
    if request.param == "rust":
        command = [str(_binary("AUTHENTICATOR_BIN", ROOT / "target/debug/examples/authenticator"))]
    else:
        command = [sys.executable, str(ROOT / "examples/authenticator.py")]
        environment = {"PYTHONPATH": str(request.getfixturevalue("generated"))}
    made: list[Authenticator] = []

    def one(*more: str) -> Authenticator:
        made.append(Authenticator(tmp_path / f"authenticator-{len(made)}", command, environment, *more))
        return made[-1]

    yield one
    for authenticator in made:
        authenticator.process.stop()


def asking(url: str, **more: Any) -> Config:
    custom = {"url": url, "credentials": ["opaque"], "cache_seconds": 60, "deadline_ms": 3000}
    return {"custom_authenticator": {**custom, **more}}


def ask(stack: Stack, token: str) -> Reply:
    return stack.chat("gpt-4o", ("authorization", f"Bearer {token}"))


def outcome(stack: Stack, reply: Reply) -> str:
    return f"{reply.status} {stack.reason(reply)}"


def test_an_authenticator_of_the_operators_own(new_stack: NewStack, start: Start) -> None:
    authenticator = start()
    stack = new_stack(gate=asking(f"http://{authenticator.address}"))
    assert ask(stack, "token-of-alice").status == 200
    (seen,) = stack.seen()
    assert [seen.values(name) for name in (b"x-auth-method", b"x-auth-user-id", b"x-auth-team-id")] == [
        [b"custom"],
        [b"alice"],
        [b"red"],
    ]
    assert b"token-of-alice" not in seen.wire()
    assert outcome(stack, ask(stack, "token-of-bob")) == "401 token_user_unknown"
    assert outcome(stack, ask(stack, "invented")) == "401 token_inactive"
    authenticator.tokens.write_text("")
    refused = wait_for("the revocation", lambda: next((r for r in [ask(stack, "token-of-alice")] if r.status != 200), None))
    assert outcome(stack, refused) == "401 token_inactive"
    authenticator.process.stop()
    assert ask(stack, "somebody-else").status == 503, "silence lets nobody in"
    assert stack.chat("gpt-4o", stack.keyring.alice.bearer).status == 200
    assert "token-of-alice" not in stack.gate.process.output()


def test_one_that_does_not_answer_in_time_is_an_outage(new_stack: NewStack, start: Start) -> None:
    authenticator = start()
    # Nothing is kept, so that every request asks.
    stack = new_stack(gate=asking(f"http://{authenticator.address}", cache_seconds=0, deadline_ms=500))
    wait_for("the first answer", lambda: ask(stack, "token-of-alice").status == 200 or None)
    authenticator.process.signal(signal.SIGSTOP)
    assert outcome(stack, ask(stack, "token-of-alice")) == "503 authenticator_unavailable"
    assert 'tollgate_custom_authenticator_failures_total{why="timeout"}' in stack.gate.admin("/metrics")
    assert "it takes too long" in stack.gate.process.output()
    assert stack.chat("gpt-4o", stack.keyring.alice.bearer).status == 200
    authenticator.process.signal(signal.SIGCONT)
    wait_for("its answers", lambda: ask(stack, "token-of-alice").status == 200 or None)


def test_one_that_raises_is_an_outage(new_stack: NewStack, start: Start) -> None:
    authenticator = start()
    stack = new_stack(gate=asking(f"http://{authenticator.address}"))
    authenticator.tokens.unlink()
    assert outcome(stack, ask(stack, "token-of-alice")) == "503 authenticator_unavailable"
    authenticator.tokens.write_text(TOKENS)
    assert ask(stack, "token-of-alice").status == 200


def test_its_certificate_is_one_that_the_ca_file_vouches_for(new_stack: NewStack, start: Start, tmp_path: Path) -> None:
    for authority in ("authority", "stranger"):
        certificate(tmp_path, authority)
    certificate(tmp_path, "server", authority="authority")
    certificate(tmp_path, "elsewhere", authority="authority", san="DNS:elsewhere.example.com")

    def over_tls(name: str) -> str:
        pair = ("--certificate", str(tmp_path / f"{name}.crt"), "--key", str(tmp_path / f"{name}.key"))
        return f"https://localhost:{start(*pair).port}"

    def asked(url: str, **more: Any) -> Stack:
        return new_stack(gate=asking(url, **more))

    url, trusting = over_tls("server"), {"ca_file": str(tmp_path / "authority.crt")}
    stack = asked(url, **trusting)
    assert ask(stack, "token-of-alice").status == 200
    assert outcome(stack, ask(stack, "invented")) == "401 token_inactive"
    for what, stack in {
        "another authority": asked(url, ca_file=str(tmp_path / "stranger.crt")),
        "the machine's authorities": asked(url),
        "another name": asked(over_tls("elsewhere"), **trusting),
    }.items():
        assert outcome(stack, ask(stack, "token-of-alice")) == "503 authenticator_unavailable", what
        assert 'tollgate_custom_authenticator_failures_total{why="tls"} 1' in stack.gate.admin("/metrics"), what
        assert "TLS fails, or its certificate is not one that is vouched for" in stack.gate.process.output(), what
        assert stack.chat("gpt-4o", stack.keyring.alice.bearer).status == 200
    assert stack.recorder.take(), "who has a key is let in"
