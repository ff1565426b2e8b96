"""A key is revoked while everybody else goes on working."""

from __future__ import annotations

import json
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from conftest import NewStack
from keyring import Caller, caller
from stack import Stack
from waiting import wait_for
from wire import head, read_reply


class Load:
    """One caller who never stops asking, on one connection."""

    def __init__(self, stack: Stack) -> None:
        self.statuses: list[int] = []
        self._stack = stack
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        request = head("GET", "/v1/models", [self._stack.keyring.nobody.bearer])
        with socket.create_connection(self._stack.envoy.address, timeout=10) as connection:
            while not self._stop.is_set():
                connection.sendall(request)
                self.statuses.append(read_reply(connection).status)


def in_place(file: Path, text: str) -> None:
    file.write_text(text)


def by_rename(file: Path, text: str) -> None:
    """As editors do."""
    draft = file.with_suffix(".tmp")
    draft.write_text(text)
    draft.replace(file)


def by_symlink_swap(file: Path, text: str) -> None:
    """As Kubernetes does: keys.yaml -> ..data/keys.yaml, ..data -> ..<revision>, and only `..data` changes."""
    directory, revisions = file.parent, sorted(file.parent.glob("..rev-*"))
    fresh = directory / f"..rev-{len(revisions)}-{time.monotonic_ns()}"
    fresh.mkdir()
    (fresh / file.name).write_text(text)
    (directory / "..data_tmp").symlink_to(fresh.name)
    os.replace(directory / "..data_tmp", directory / "..data")
    if not file.is_symlink():
        (directory / "link").symlink_to(Path("..data") / file.name)
        os.replace(directory / "link", file)
    for old in revisions:
        shutil.rmtree(old)


Write = Callable[[Path, str], None]


@pytest.mark.parametrize("write", [in_place, by_rename, by_symlink_swap])
def test_a_revoked_key_is_out_within_a_second(new_stack: NewStack, write: Write) -> None:
    stack = new_stack()
    keyring, file = stack.keyring, stack.gate.keys_file
    write(file, keyring.text())
    with Load(stack) as load:
        for victim in (keyring.alice, keyring.mini, keyring.globs):
            revoke(stack, victim, write)
    assert len(load.statuses) > 20
    assert set(load.statuses) == {200}


def revoke(stack: Stack, victim: Caller, write: Write) -> None:
    """Takes a working key out, sees it refused in time, and puts it back: the leak check at the end must know it."""
    keyring, file = stack.keyring, stack.gate.keys_file
    wait_for("the key works", lambda: status_of(stack, victim.bearer) == 200)
    keyring.enrolled.remove(victim)
    write(file, keyring.text())
    wait_for("the key is refused", lambda: status_of(stack, victim.bearer) == 401, seconds=1)
    keyring.enrolled.append(victim)
    write(file, keyring.text())


def test_blocking_works_like_revoking(new_stack: NewStack) -> None:
    stack = new_stack()
    keyring = stack.keyring
    assert status_of(stack, keyring.alice.bearer) == 200
    keyring.alice.record["blocked"] = True
    in_place(stack.gate.keys_file, keyring.text())
    wait_for("the key is blocked", lambda: status_of(stack, keyring.alice.bearer) == 401, seconds=1)
    assert stack.reason(stack.send("GET", "/v1/models", keyring.alice.bearer)) == "key_blocked"


def test_s084_a_key_expires_by_itself(new_stack: NewStack) -> None:
    stack = new_stack()
    expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3))
    stack.enrol(brief := caller("brief", expires=expires))
    wait_for("the key has expired", lambda: status_of(stack, brief.bearer) == 401, seconds=4.5)
    assert stack.reason(stack.send("GET", "/v1/models", brief.bearer)) == "key_expired"


def test_sighup_reloads_the_configuration(new_stack: NewStack) -> None:
    stack = new_stack()
    config = {**stack.gate.config, "routes": {"public": ["/health/liveliness", "/health/readiness"]}}
    assert stack.send("GET", "/health/readiness").status == 401
    stack.gate.config_file.write_text(yaml.safe_dump(config))
    stack.gate.reload()
    wait_for("the new public route", lambda: stack.send("GET", "/health/readiness").status == 200, seconds=1)
    assert stack.gate.process.running


def test_sighup_without_a_change_disturbs_nobody(new_stack: NewStack) -> None:
    stack = new_stack()
    with Load(stack) as load:
        for _ in range(20):
            stack.gate.reload()
            assert status_of(stack, stack.keyring.alice.bearer) == 200
    assert set(load.statuses) == {200}


BROKEN = {
    "no-yaml": "keys: [",
    "empty": "",
    "unknown-field": "keys: []\nkeyz: []\n",
    "short-hash": "keys: [{key_hash: abc}]\n",
    "plain-key": "keys: [{key_hash: sk-canary-plain-key-in-a-file}]\n",
    "bad-date": f"keys: [{{key_hash: {'0' * 64}, expires: tomorrow}}]\n",
    "duplicate-hash": f"keys: [{{key_hash: {'0' * 64}}}, {{key_hash: {'0' * 64}}}]\n",
    "duplicate-member": "keys: []\nkeys: []\n",
    "not-utf8": b"keys: [] # \xff\n".decode("latin-1"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_bad_file_changes_nothing_and_is_reported(new_stack: NewStack, case: str) -> None:
    stack = new_stack()
    before = json.loads(stack.gate.admin("/config"))
    stack.gate.keys_file.write_text(BROKEN[case], encoding="latin-1")
    wait_for("the error is reported", lambda: reload_error(stack), seconds=2)
    assert "canary-plain-key" not in stack.gate.admin("/config") + stack.gate.process.output()
    assert json.loads(stack.gate.admin("/config"))["version"] == before["version"]
    assert status_of(stack, stack.keyring.alice.bearer) == 200
    assert status_of(stack, stack.keyring.unknown.bearer) == 401

    in_place(stack.gate.keys_file, stack.keyring.text())
    wait_for("the error is gone", lambda: not reload_error(stack), seconds=2)


def test_a_vanished_file_changes_nothing_and_is_reported(new_stack: NewStack) -> None:
    stack = new_stack()
    stack.gate.keys_file.unlink()
    stack.gate.reload()
    wait_for("the error is reported", lambda: reload_error(stack), seconds=2)
    assert status_of(stack, stack.keyring.alice.bearer) == 200


def reload_error(stack: Stack) -> object:
    return json.loads(stack.gate.admin("/config"))["last_error"]


def status_of(stack: Stack, credential: tuple[str, str]) -> int:
    return stack.send("GET", "/v1/models", credential).status
