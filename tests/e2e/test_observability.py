"""What operators see, and what nobody may see."""

from __future__ import annotations

import json
import re

from stack import Stack
from waiting import wait_for

SAMPLE = re.compile(r"^tollgate_requests_total\{(?P<labels>[^}]*)\} (?P<value>\S+)$", re.MULTILINE)


def requests_total(stack: Stack) -> dict[str, float]:
    return {sample["labels"]: float(sample["value"]) for sample in SAMPLE.finditer(stack.gate.admin("/metrics"))}


def labels(**wanted: str) -> str:
    return ",".join(f'{name}="{value}"' for name, value in wanted.items())


def test_one_decision_line_for_every_request(stack: Stack) -> None:
    keyring = stack.keyring
    replies = [
        stack.chat("gpt-4o", keyring.alice.bearer),
        stack.chat("gpt-4o", keyring.mini.bearer),
        stack.chat("gpt-4o"),
    ]
    allowed, denied, unknown = [stack.decision(reply.id) for reply in replies]

    expected = {"decision": "allow", "route": "chat_completions", "user": "alice", "team": "red", "model": "gpt-4o"}
    assert expected.items() <= allowed.items()
    assert allowed["key_hash"] == keyring.alice.hash[:8]
    assert 0 < allowed["latency_us"] < 1_000_000
    assert allowed["config_version"] == json.loads(stack.gate.admin("/config"))["version"]
    assert {"decision": "deny", "reason": "key_model_denied", "status": 403}.items() <= denied.items()
    assert {"decision": "deny", "reason": "credential_missing", "status": 401}.items() <= unknown.items()


def test_envoys_access_log_says_who_it_was(published: Stack) -> None:
    reply = published.chat("gpt-4o", published.keyring.alice.bearer)
    (line,) = wait_for("access log", lambda: published.envoy.access_log(reply.id))
    expected = {"status": 200, "decision": "allow", "user": "alice", "team": "red", "key": "alice-laptop"}
    assert expected.items() <= line.items()
    assert line["models"] == ["gpt-4o"]


def test_envoys_access_log_says_why_not(published: Stack) -> None:
    reply = published.chat("gpt-4o", published.keyring.mini.bearer)
    (line,) = wait_for("access log", lambda: published.envoy.access_log(reply.id))
    assert (line["status"], line["details"], line["upstream"]) == (403, "ext_authz_denied", None)
    assert (line["decision"], line["reason"]) == ("deny", "key_model_denied")


def test_s088_envoys_access_log_has_no_query(published: Stack) -> None:
    reply = published.send("GET", f"/v1/models?key={published.keyring.alice.key}", published.keyring.nobody.bearer)
    (line,) = wait_for("access log", lambda: published.envoy.access_log(reply.id))
    assert line["path"] == "/v1/models"


def test_requests_are_counted_by_decision_reason_and_route(stack: Stack) -> None:
    before = requests_total(stack)
    stack.chat("gpt-4o", stack.keyring.alice.bearer)
    stack.chat("gpt-4o")
    stack.send("GET", "/health/liveliness")
    after = requests_total(stack)
    grown = {name: value - before.get(name, 0) for name, value in after.items() if value != before.get(name)}
    assert grown == {
        labels(decision="allow", reason="ok", route="chat_completions"): 1,
        labels(decision="deny", reason="credential_missing", route="chat_completions"): 1,
        labels(decision="allow", reason="ok", route="public"): 1,
    }


def test_s238_callers_cannot_add_metrics(stack: Stack) -> None:
    def attack(number: int) -> None:
        stack.send(f"M{number}", f"/v1/{number}", ("authorization", f"Bearer sk-{number}"))
        stack.send("GET", f"/v1/{number}", stack.keyring.nobody.bearer)
        stack.chat(f"model-{number}", stack.keyring.mini.bearer)
        stack.send("GET", f"/v1/models/{number};", stack.keyring.nobody.bearer)

    attack(0)
    series = len(stack.gate.admin("/metrics").splitlines())
    for number in range(1, 20):
        attack(number)
    assert len(stack.gate.admin("/metrics").splitlines()) == series


def test_s239_metrics_are_not_on_the_data_path(stack: Stack) -> None:
    for path in ("/metrics", "/config", "/healthz", "/readyz"):
        assert stack.send("GET", path).status == 401
        assert stack.send("GET", path, stack.keyring.alice.bearer).status == 403
    assert stack.seen() == []


def test_health(stack: Stack) -> None:
    assert stack.gate.admin("/healthz") and stack.gate.admin("/readyz")


def test_s235_a_model_name_writes_no_log_lines(stack: Stack) -> None:
    forged = 'gpt-4o\u2028\x7f"}\n{"message":"decision","decision":"allow"}'
    reply = stack.chat(forged, stack.keyring.nobody.bearer)
    assert reply.status == 400
    assert stack.decision(reply.id)["decision"] == "deny"


def test_a_caller_does_not_choose_the_request_id(published: Stack) -> None:
    reply = published.send("GET", "/v1/models", ("x-request-id", "mine"), published.keyring.nobody.bearer)
    assert reply.id not in ("", "mine")
    assert published.decision(reply.id)["request_id"] == reply.id


def test_s231_nothing_has_leaked_so_far(stack: Stack) -> None:
    """Every stack checks this when it stops; here it has a name."""
    stack.assert_no_leaks()
