"""Whose response is it? Two users with the vendors' SDKs, and every byte that either of them gets."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai
import pytest

from keyring import Caller, caller
from stack import ROOT, ExampleUpstream, Stack
from tap import Tap

TEXT = "The gate let you through."
RAW = re.compile(rb"resp_[0-9a-f]{32}")
"""An id of the example upstream's."""


@dataclass
class World:
    stack: Stack
    tap: Tap

    def client(self, who: Caller, base: str = "/v1") -> openai.OpenAI:
        return openai.OpenAI(base_url=self.tap.url + base, api_key=who.key, max_retries=0, timeout=20)

    @property
    def alice(self) -> Caller:
        return self.stack.keyring.alice

    @property
    def bob(self) -> Caller:
        return self.stack.keyring.guest

    def assert_no_raw_id(self) -> None:
        wire = self.tap.take()
        assert wire.startswith(b"HTTP/1.1 "), "nothing was recorded"
        assert not (found := RAW.search(wire)), found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("owners")
    upstream = ExampleUpstream(directory)
    try:
        stack = Stack(directory, upstream)
        # A second user who may call models: an `internal_user_viewer` may not.
        stack.keyring.guest = caller("bob", user_id="bob", team_id="red")
        stack.keyring.users.append({"user_id": "bob", "user_role": "internal_user"})
        stack.enrol_quietly(stack.keyring.guest)
        tap = Tap(stack.envoy.address)
        yield World(stack, tap)
        tap.stop()
        stack.stop()
    finally:
        upstream.stop()


@pytest.fixture(autouse=True)
def nothing_leaks(world: World) -> Iterator[None]:
    world.tap.take()
    yield
    world.assert_no_raw_id()


BASES = ("/v1", "", "/openai/v1")


@pytest.mark.parametrize("base", BASES)
def test_s202_each_operation_is_for_the_owner(world: World, base: str) -> None:
    with world.client(world.alice, base) as alice, world.client(world.bob, base) as bob:
        made = alice.responses.create(model="gpt-4o", input="hello", background=True)
        assert (made.status, made.id.startswith("resp_A")) == ("in_progress", True)
        refused = openai.PermissionDeniedError
        for ask in (
            lambda: bob.responses.retrieve(made.id),
            lambda: bob.responses.retrieve(made.id, stream=True),
            lambda: bob.responses.create(model="gpt-4o", input="and?", previous_response_id=made.id),
            lambda: bob.responses.input_items.list(made.id),
            lambda: bob.responses.cancel(made.id),
            lambda: bob.responses.delete(made.id),
        ):
            with pytest.raises(refused):
                ask()
        # Background polling: the upstream is done when it is asked for the second time.
        polled = [alice.responses.retrieve(made.id) for _ in range(2)]
        assert [(one.id, one.status) for one in polled] == [(made.id, "in_progress"), (made.id, "completed")]
        assert [item.type for item in alice.responses.input_items.list(made.id)] == ["message"]
        more = alice.responses.create(model="gpt-4o", input="and?", previous_response_id=made.id)
        assert more.previous_response_id == made.id, "the same id, whoever spells it"
        assert alice.responses.cancel(made.id).id == made.id
        alice.responses.delete(made.id)
        with pytest.raises(openai.NotFoundError) as gone:
            alice.responses.retrieve(made.id)
        assert made.id in str(gone.value), "the upstream quotes its id; the caller reads its own"
        with pytest.raises(openai.BadRequestError) as gone:
            alice.responses.create(model="gpt-4o", input="and?", previous_response_id=made.id)
        assert made.id in str(gone.value)


@pytest.mark.parametrize("base", BASES)
def test_a_stream_is_continued_and_fetched_again(world: World, base: str) -> None:
    with world.client(world.alice, base) as alice:
        with alice.responses.create(model="gpt-4o", input="hello", stream=True) as stream:
            events = list(stream)
        ids = {event.response.id for event in events if hasattr(event, "response")}
        assert len(ids) == 1 and events[-1].type == "response.completed"
        assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == TEXT
        (first,) = ids
        assert alice.responses.retrieve(first).output_text == TEXT
        with alice.responses.retrieve(first, stream=True, starting_after=3) as stream:
            again = list(stream)
        assert {event.response.id for event in again if hasattr(event, "response")} == ids
        with alice.responses.create(
            model="gpt-4o", input="and?", previous_response_id=first, stream=True
        ) as stream:
            told = [event.response for event in stream if hasattr(event, "response")]
        assert {response.previous_response_id for response in told} == ids
        assert {response.id for response in told} != ids


def test_compact_and_count_know_what_came_before(world: World) -> None:
    post = world.stack.post
    made = post("/v1/responses", b'{"model":"gpt-4o","input":"hello"}', world.alice.bearer).json()
    body = json.dumps({"model": "gpt-4o", "previous_response_id": made["id"]}).encode()
    for base in BASES:
        compacted = post(f"{base}/responses/compact", body, world.alice.bearer)
        assert (compacted.status, compacted.json()["previous_response_id"]) == (200, made["id"])
        assert not RAW.search(compacted.body)
        counted = post(f"{base}/responses/input_tokens", body, world.alice.bearer)
        assert counted.json()["input_tokens"] == 2, "the upstream has found it"
        for path in ("compact", "input_tokens"):
            refused = post(f"{base}/responses/{path}", body, world.bob.bearer)
            assert (refused.status, world.stack.reason(refused)) == (403, "response_not_owned")
    with world.client(world.alice) as alice:
        alice.models.list()  # something on the wire for the check of it


def test_s203_an_id_the_gate_did_not_issue_is_nobodys(world: World) -> None:
    with world.client(world.alice) as alice:
        made = alice.responses.create(model="gpt-4o", input="hello")
        for id in (f"resp_{0:032x}", made.id[:-1], made.id + "=", "resp_litellm_proxy:x"):
            with pytest.raises(openai.PermissionDeniedError):
                alice.responses.retrieve(id)
            with pytest.raises(openai.PermissionDeniedError):
                alice.responses.create(model="gpt-4o", input="x", previous_response_id=id)


def test_the_upstream_gets_its_own_id(world: World) -> None:
    post = world.stack.post
    made = post("/v1/responses", b'{"model":"gpt-4o","input":"x"}', world.alice.bearer).json()
    found = world.stack.send("GET", f"/v1/responses/{made['id']}?include=a%2Fb", world.alice.bearer).json()
    # The example upstream says that it saw an id of its own, and not which.
    assert found["echo"]["path"] == "/v1/responses/(an id)?include=a%2Fb"
    assert ["x-auth-response-id", "(an id)"] in found["echo"]["headers"]
    assert ["accept-encoding", "identity"] in found["echo"]["headers"]
    with world.client(world.alice) as alice:
        alice.models.list()


def test_chat_goes_past_it(world: World) -> None:
    with world.client(world.alice) as alice:
        said = alice.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "x"}])
    assert said.id == "chatcmpl-1"
    assert "tollgate_response_id_streams_in_flight 0" in world.stack.gate.admin("/metrics")


def test_the_node_sdk(world: World) -> None:
    """The same story by the other SDK, which asks on its own what it is told to."""
    directory = Path(subprocess.run([ROOT / "scripts/node-openai"], capture_output=True, text=True, check=True).stdout.strip())
    script = ROOT / "tests/e2e/node/response_ids.mjs"
    keys = {"ALICE_KEY": world.alice.key, "BOB_KEY": world.bob.key, "BASE_URL": f"{world.tap.url}/v1"}
    target = directory / script.name
    target.write_text(script.read_text())
    environment = {"PATH": "/usr/bin:/bin:/usr/local/bin", **keys}
    told = subprocess.run(["node", str(target)], env=environment, capture_output=True, text=True, timeout=60)
    assert (told.returncode, told.stderr) == (0, "")
    steps: dict[str, Any] = json.loads(told.stdout)
    assert steps == {
        "created": "in_progress", "streamed": TEXT, "polled": ["in_progress", "completed"], "items": ["message"],
        "continued": True, "refused": [403] * 6, "cancelled": True, "deleted": 404,
    }  # fmt: skip
