#!/usr/bin/env python3
"""Tollgate beside a real Envoy, before a small LLM backend: who gets in, and what the backend sees of them.

Needs nothing but Python and the three programs:

    python demo.py --tollgate PATH --upstream PATH --envoy PATH [--hold]

It runs copies of the published configurations on free ports, with keys made for this run. It exits with 1 if anything
does not go as promised. `--hold` leaves everything running afterwards and prints `curl` lines to try.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

HERE = Path(__file__).resolve().parent
BOOTSTRAP = HERE.parents[1] / "envoy" / "tollgate.yaml"
START_SECONDS = 20.0
REVOKE_SECONDS = 1.0

T = TypeVar("T")


class DemoError(Exception):
    """Something did not start; the text says what and shows its last log lines."""


@dataclass
class Answer:
    status: int
    body: Any

    def upstream_saw(self, prefix: str) -> dict[str, str]:
        """Request headers that the upstream echoes back."""
        headers = self.body["echo"]["headers"] if self.status == 200 else []
        return {name: value for name, value in headers if name.startswith(prefix)}


@dataclass
class Line:
    """One line of the table."""

    sent: str
    expected: str
    seen: str
    ok: bool


class Program:
    """A child process whose output goes to a file."""

    def __init__(self, name: str, command: list[str], directory: Path) -> None:
        self.name = name
        self.log = directory / f"{name}.log"
        with self.log.open("wb") as log:
            try:
                # A session of its own: Ctrl-C is for the demo, which then stops its children in order.
                self._child = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
            except OSError as error:
                raise DemoError(f"{name} cannot be run: {error}") from error

    def wait_for(self, sign: Callable[[], T | None]) -> T:
        """Polls for a sign of life."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._child.poll() is not None:
                raise DemoError(f"{self.name} exited with {self._child.returncode}:\n{self._last_words()}")
            if found := sign():
                return found
            time.sleep(0.02)
        raise DemoError(f"{self.name} was not ready within {START_SECONDS:g} s:\n{self._last_words()}")

    def find(self, pattern: str) -> str | None:
        """The first group of a pattern in what the program has printed so far."""
        found = re.search(pattern, self.log.read_text(errors="replace"))
        return found.group(1) if found else None

    def stop(self) -> None:
        self._child.terminate()
        try:
            self._child.wait(5)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-15:]
        return textwrap.indent("\n".join(lines) or "(it printed nothing)", "    ")


class Demo:
    """The three programs, and one caller who talks to them."""

    def __init__(self, directory: Path) -> None:
        self.alice, self.bob, self.stranger = (f"sk-demo-{secrets.token_hex(16)}" for _ in range(3))
        self.url = ""
        self.gate_http = ""
        self._directory = directory
        self.keys_file = directory / "keys.yaml"
        self._programs: list[Program] = []
        self._told = b""

    def start(self, tollgate: str, upstream: str, envoy: str) -> None:
        upstream_port = self._start_upstream(upstream)
        gate_port = self._start_gate(tollgate)
        self.url = f"http://127.0.0.1:{self._start_envoy(envoy, gate_port, upstream_port)}"

    def stop(self) -> None:
        for program in reversed(self._programs):
            program.stop()

    def publish_keys(self, without_alice: bool = False) -> None:
        """Writes `keys.yaml` beside the old one and renames it, as an editor does."""
        text = (HERE / "keys.yaml").read_text()
        alice = "f" * 64 if without_alice else sha256(self.alice)
        for placeholder, key_hash in ((f"{1:064}", alice), (f"{2:064}", sha256(self.bob))):
            text = text.replace(placeholder, key_hash)
        draft = self.keys_file.with_suffix(".new")
        draft.write_text(text)
        draft.replace(self.keys_file)

    def ask(self, key: str | None, model: str = "gpt-4o-mini", **headers: str) -> Answer:
        """One chat completion. `x_auth_user_id="root"` sends a header `x-auth-user-id: root`."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent["content-type"] = "application/json"
        if key:
            sent["authorization"] = f"Bearer {key}"
        body = {"model": model, "messages": [{"role": "user", "content": "hello"}]}
        return self._send("POST", "/v1/chat/completions", body, sent)

    def respond(self, key: str, **body: str) -> Answer:
        """One response of the Responses API."""
        sent = {"content-type": "application/json", "authorization": f"Bearer {key}"}
        return self._send("POST", "/v1/responses", {"model": "gpt-4o-mini", "input": "hello", **body}, sent)

    def fetch_response(self, key: str, id: str) -> Answer:
        return self._send("GET", f"/v1/responses/{id}", None, {"authorization": f"Bearer {key}"})

    def upstream_ids(self) -> int:
        """How many ids of the upstream's own anybody has been told."""
        return len(re.findall(rb"resp_[0-9a-f]{32}", self._told))

    def _send(self, method: str, path: str, body: dict[str, Any] | None, headers: dict[str, str]) -> Answer:
        data = json.dumps(body).encode() if body else None
        status, text = fetch(urllib.request.Request(self.url + path, data, headers, method=method))
        self._told += text
        return Answer(status, json.loads(text))

    def _run(self, name: str, *command: str) -> Program:
        self._programs.append(Program(name, list(command), self._directory))
        return self._programs[-1]

    def _start_upstream(self, binary: str) -> str:
        program = self._run("upstream", binary, "--listen", "127.0.0.1:0")
        return program.wait_for(lambda: program.find(r"listening on 127\.0\.0\.1:(\d+)\n"))

    def _start_gate(self, binary: str) -> str:
        self.publish_keys()
        secret = self._directory / "response-ids.key"
        secret.write_text(secrets.token_urlsafe(32))
        secret.chmod(0o600)
        config = self._directory / "tollgate.yaml"
        config.write_text(re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:0", (HERE / "tollgate.yaml").read_text()))
        program = self._run("tollgate", binary, "serve", "--config", str(config))
        listening = json.loads(program.wait_for(lambda: program.find(r'(\{.*"listening".*\})\n')))
        self.gate_http = listening["http"]
        return str(listening["grpc"]).rpartition(":")[2]

    def _start_envoy(self, binary: str, gate_port: str, upstream_port: str) -> str:
        ports = {"9901": "0", "10000": "0", "9191": gate_port, "8080": upstream_port}
        config, admin_file = self._directory / "envoy.yaml", self._directory / "envoy.admin"
        published = BOOTSTRAP.read_text()
        config.write_text(re.sub(r"port_value: (\d+)", lambda found: f"port_value: {ports[found[1]]}", published))
        options = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"]
        program = self._run("envoy", binary, *options, "-c", str(config), "--admin-address-path", str(admin_file))
        admin = program.wait_for(lambda: admin_file.exists() and admin_file.read_text())
        return program.wait_for(lambda: listener_port(str(admin)))


def story(demo: Demo) -> Iterator[Line]:
    """What a newcomer should see, in this order."""
    yield refused("no key", 401, demo.ask(None))
    yield refused("a key nobody has", 401, demo.ask(demo.stranger))
    yield allowed("Alice's key", {"user-id": "alice", "team-id": "research"}, demo.ask(demo.alice))
    yield allowed(
        'Alice\'s key, and "x-auth-user-id: root"', {"user-id": "alice"}, demo.ask(demo.alice, x_auth_user_id="root")
    )
    yield no_credential("Alice's key", demo.ask(demo.alice))
    yield refused("Alice's key, model gpt-4o", 403, demo.ask(demo.alice, "gpt-4o"))
    demo.publish_keys(without_alice=True)
    yield revoked(demo)
    yield allowed("Bob's key, at the same time", {"user-id": "bob"}, demo.ask(demo.bob))
    demo.publish_keys()
    yield from ownership(demo)


def ownership(demo: Demo) -> Iterator[Line]:
    """The last act: an id that Alice got is of no use to Bob, and the upstream's own are nobody's."""
    made = demo.respond(demo.alice)
    while made.status == 401:  # her key is coming back
        made = demo.respond(demo.alice)
    id = str(made.body.get("id"))
    yield Line("Alice asks for a response", "200, an id", f"{made.status}, {id[:12]}…", made.status == 200)
    own = demo.fetch_response(demo.alice, id)
    yield Line("Alice reads it", "200, the same id", f"{own.status}, {same(own, id)}", own.body.get("id") == id)
    yield refused("Bob reads it, with the id", 403, demo.fetch_response(demo.bob, id))
    yield refused("Bob continues the conversation", 403, demo.respond(demo.bob, previous_response_id=id))
    more = demo.respond(demo.alice, previous_response_id=id)
    continued = more.body.get("previous_response_id") == id
    yield Line("Alice continues it", "200, after that one", f"{more.status}, {'yes' if continued else 'no'}", continued)
    yield refused("Alice reads resp_0, the upstream's", 403, demo.fetch_response(demo.alice, f"resp_{0:032x}"))
    told = demo.upstream_ids()
    yield Line("ids of the upstream's own, in all of this", "0", str(told), told == 0)


def same(answer: Answer, id: str) -> str:
    return "the same id" if answer.body.get("id") == id else "another id"


def refused(sent: str, status: int, answer: Answer) -> Line:
    why = answer.body.get("error", {}).get("message", "let in")
    return Line(sent, str(status), f"{answer.status}: {brief(why)}", answer.status == status)


def allowed(sent: str, identity: dict[str, str], answer: Answer) -> Line:
    saw = answer.upstream_saw("x-auth-")
    got = {name: saw.get(f"x-auth-{name}", "(none)") for name in identity}
    return Line(
        sent,
        f"200 as {as_text(identity)}",
        f"{answer.status} as {as_text(got)}",
        (answer.status, got) == (200, identity),
    )


def no_credential(sent: str, answer: Answer) -> Line:
    saw = answer.upstream_saw("authorization")
    seen = f"{answer.status}, {'with' if saw else 'no'} authorization header"
    return Line(sent, "200, no authorization header", seen, answer.status == 200 and not saw)


def revoked(demo: Demo) -> Line:
    """Asks until the key, just removed from `keys.yaml`, is refused."""
    started = time.monotonic()
    answer = demo.ask(demo.alice)
    while answer.status == 200 and time.monotonic() - started < 2 * REVOKE_SECONDS:
        answer = demo.ask(demo.alice)
    took = time.monotonic() - started
    return Line(
        "Alice's key, just taken out of keys.yaml",
        f"401 within {REVOKE_SECONDS:g} s",
        f"{answer.status} after {took * 1000:.0f} ms",
        answer.status == 401 and took <= REVOKE_SECONDS,
    )


def print_table(lines: list[Line]) -> None:
    print("Sent to Envoy, and what came back. `as …` is what the upstream reads in the headers x-auth-…\n")
    rows: list[tuple[str, ...]] = [("sent", "expected", "seen", "ok")]
    rows += [(line.sent, line.expected, line.seen, "yes" if line.ok else "NO") for line in lines]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    rows.insert(1, tuple("-" * width for width in widths))
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def hold(demo: Demo) -> None:
    """Leaves everything running until Ctrl-C."""
    demo.publish_keys()
    data = '{"model":"gpt-4o-mini","messages":[]}'
    chat = f"curl -s {demo.url}/v1/chat/completions -H 'content-type: application/json' -d '{data}'"
    print(
        textwrap.dedent(f"""
        Everything is still running, Alice's key is back. Try:

        {chat}
        {chat} -H 'authorization: Bearer {demo.alice}'
        {chat} -H 'authorization: Bearer {demo.alice}' -H 'x-auth-user-id: root'
        curl -s {demo.url}/v1/models -H 'authorization: Bearer {demo.bob}'
        curl -s http://{demo.gate_http}/metrics

        Edit the keys in {demo.keys_file} and ask again. Logs are beside it. Ctrl-C stops everything.""")
    )
    signal.pause()


def fetch(request: str | urllib.request.Request) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read()


def listener_port(admin: str) -> str | None:
    """The port Envoy has chosen, once it is ready for requests."""
    try:
        if fetch(f"http://{admin}/ready")[0] != 200:
            return None
        listeners = json.loads(fetch(f"http://{admin}/listeners?format=json")[1])["listener_statuses"]
    except (OSError, KeyError):
        return None
    return str(listeners[0]["local_address"]["socket_address"]["port_value"])


def sha256(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def as_text(members: dict[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in members.items())


def brief(message: str) -> str:
    """An error message without its advice and its request id."""
    return re.split(r"; | \(request ", message)[0]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n\n")[0])
    parser.add_argument("--tollgate", required=True, help="the tollgate binary")
    parser.add_argument("--upstream", required=True, help="the binary of examples/upstream.rs")
    parser.add_argument("--envoy", required=True, help="an Envoy, 1.36 or newer")
    parser.add_argument("--hold", action="store_true", help="leave everything running and print curl lines")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="tollgate-demo-") as directory:
        demo = Demo(Path(directory))
        try:
            demo.start(options.tollgate, options.upstream, options.envoy)
            lines = list(story(demo))
            print_table(lines)
            print(f"\n{sum(line.ok for line in lines)} of {len(lines)} lines are as promised.")
            if options.hold:
                hold(demo)
        except DemoError as error:
            print(f"demo: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print()
            return 0
        finally:
            demo.stop()
    return 0 if all(line.ok for line in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
