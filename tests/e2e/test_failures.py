"""The gate is slow, stopping or dead. Nobody gets in by that."""

from __future__ import annotations

import copy
import signal
import time
from pathlib import Path

from conftest import NewStack
from keyring import Keyring
from stack import Config, Gate, Stack, endpoint
from test_reload import Load, status_of
from waiting import wait_for


def test_s055_without_a_gate_nothing_passes(new_stack: NewStack) -> None:
    stack = new_stack()
    stack.gate.process.signal(signal.SIGKILL)
    stack.gate.process.wait()
    stack.recorder.take()
    for credential in (stack.keyring.alice.bearer, stack.keyring.unknown.bearer, ("x-nothing", "")):
        assert status_of(stack, credential) == 503
    assert stack.send("GET", "/health/liveliness").status == 503, "public is the gate's word, too"
    assert stack.recorder.take() == []

    stack.gate.start()
    wait_for("the gate is back", lambda: status_of(stack, stack.keyring.alice.bearer) == 200, seconds=1)


def test_s055_killed_under_load(new_stack: NewStack) -> None:
    stack = new_stack()
    with Load(stack) as load:
        wait_for("load", lambda: len(load.statuses) > 20)
        stack.gate.process.signal(signal.SIGKILL)
        wait_for("refusals", lambda: load.statuses.count(503) > 20)
    assert set(load.statuses) == {200, 503}
    assert len(stack.recorder.take()) == load.statuses.count(200)


def test_s056_a_gate_that_hangs_is_no_gate(new_stack: NewStack) -> None:
    stack = new_stack()
    stack.recorder.take()
    stack.gate.process.signal(signal.SIGSTOP)
    started = time.monotonic()
    assert status_of(stack, stack.keyring.alice.bearer) == 503
    assert 0.9 < time.monotonic() - started < 3, "the timeout in envoy/tollgate.yaml"
    stack.gate.process.signal(signal.SIGCONT)
    wait_for("the gate is back", lambda: status_of(stack, stack.keyring.alice.bearer) == 200, seconds=1)
    assert len(stack.seen()) == 1, "what was refused did not pass later"


def test_sigterm_lets_running_checks_finish(new_stack: NewStack) -> None:
    stack = new_stack()
    with Load(stack) as load:
        wait_for("load", lambda: len(load.statuses) > 20)
        stack.gate.process.signal(signal.SIGTERM)
        assert stack.gate.process.wait(15) == 0
        wait_for("refusals", lambda: load.statuses[-1] == 503)
    first_refusal = load.statuses.index(503)
    assert set(load.statuses[first_refusal:]) == {503}, "once it is gone, it is gone"
    assert len(stack.recorder.take()) == first_refusal
    assert len(decided(stack)) == first_refusal, "every answered check is in the log"


def test_p44_one_of_two_gates_stops_and_nobody_notices(new_stack: NewStack, tmp_path: Path) -> None:
    second = Gate(tmp_path / "second", Keyring(), {"limits": {"drain_seconds": 3}})

    def beside(config: Config) -> None:
        address = copy.deepcopy(endpoint(config, "tollgate")["address"])
        address["socket_address"]["port_value"] = int(second.grpc.rpartition(":")[2])
        cluster = next(cluster for cluster in config["static_resources"]["clusters"] if cluster["name"] == "tollgate")
        cluster["load_assignment"]["endpoints"][0]["lb_endpoints"].append({"endpoint": {"address": address}})

    stack = new_stack(patch=beside)
    second.keys_file.write_text(stack.keyring.text())
    wait_for("both know the keys", lambda: '"generation":2' in second.admin("/config"))
    with Load(stack) as load:
        wait_for("both are asked", lambda: len(second.decisions()) > 20)
        second.process.signal(signal.SIGTERM)
        assert second.process.wait(15) == 0
        after = len(load.statuses)
        wait_for("the other one answers", lambda: len(load.statuses) > after + 20)
    assert set(load.statuses) == {200}


def test_sigterm_twice_and_while_idle(new_stack: NewStack) -> None:
    stack = new_stack()
    stack.gate.process.signal(signal.SIGTERM)
    stack.gate.process.signal(signal.SIGTERM)
    assert stack.gate.process.wait(15) == 0


def decided(stack: Stack) -> list[object]:
    return [line["request_id"] for line in stack.gate.decisions() if line["decision"] == "allow"]
