"""Tokens of a real OpenID provider, through a real Envoy."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from conftest import NewStack
from keyring import Caller
from oidc_provider import JWT, OidcProvider
from stack import Config, Stack
from waiting import wait_for
from wire import Reply


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OidcProvider]:
    provider = OidcProvider(tmp_path_factory.mktemp("oidc"))
    yield provider
    provider.stop()


@pytest.fixture
def provider(shared: OidcProvider) -> OidcProvider:
    """The provider, as it is at first."""
    if not shared.process.running:
        shared.start()
    shared.set(seconds=300, claims={}, algorithm="RS256", fails=None)
    return shared


def believing(provider: OidcProvider, **more: Any) -> Config:
    """A gate that believes the provider, found by discovery."""
    issuer = {
        "issuer": provider.issuer,
        "audience": JWT,
        "allow_http_on_loopback": True,
        "cooldown_seconds": 1,
        **more.pop("issuer", {}),
    }
    return {"jwt": {"issuers": [issuer], **more}}


def chat(stack: Stack, token: str, *headers: tuple[str, str], model: str = "gpt-4o") -> Reply:
    # No token is in anything that is written (S-231).
    if all(one.key != token for one in stack.keyring.enrolled):
        stack.keyring.enrolled.append(Caller(token))
    return stack.chat(model, ("authorization", f"Bearer {token}"), *headers)


def family(stack: Stack) -> dict[bytes, list[bytes]]:
    (seen,) = stack.recorder.take()
    assert not seen.values(b"authorization"), "the token goes no further"
    return seen.family()


def test_a_program_acts_for_the_first_team_that_may(new_stack: NewStack, provider: OidcProvider) -> None:
    provider.set(claims={"groups": ["grey", "unknown", "red"]})
    stack = new_stack(gate=believing(provider, team_ids_jwt_field="groups"))
    for algorithm in ("RS256", "ES256"):
        provider.set(algorithm=algorithm)
        reply = chat(stack, provider.client_credentials(), ("x-auth-team-id", "spoofed"))
        assert reply.status == 200, stack.reason(reply)
        told = family(stack)
        assert (told[b"x-auth-method"], told[b"x-auth-team-id"], told[b"x-auth-org-id"]) == ([b"jwt"], [b"red"], [b"acme"])
        assert b"x-auth-user-id" not in told
    other = chat(stack, provider.client_credentials(), ("x-litellm-team-id", "blue"))
    assert (other.status, stack.reason(other)) == (403, "token_team_not_claimed")
    line = stack.decision(other.id)
    assert "authorization" not in json.dumps(line)


def test_a_person_signs_in(new_stack: NewStack, provider: OidcProvider) -> None:
    gate = believing(provider, user_id_jwt_field="sub")
    stack = new_stack(gate=gate)
    alice = provider.authorization_code("alice")
    reply = chat(stack, alice["access_token"])
    assert reply.status == 200, stack.reason(reply)
    told = family(stack)
    assert (told[b"x-auth-user-id"], told[b"x-auth-role"]) == ([b"alice"], [b"internal_user"])
    assert told[b"x-auth-user-email"] == [b"alice@example.com"]
    # What is for the client is not for the gateway.
    id_token = chat(stack, alice["id_token"])
    assert (id_token.status, stack.reason(id_token)) == (401, "token_audience")
    stranger = chat(stack, provider.authorization_code("mallory")["access_token"])
    assert (stranger.status, stack.reason(stranger)) == (401, "token_user_unknown")
    # Keys work beside tokens.
    assert stack.chat("gpt-4o", stack.keyring.alice.bearer).status == 200


def test_an_administrator_is_one_where_tokens_make_some(new_stack: NewStack, provider: OidcProvider) -> None:
    gate = believing(provider, user_id_jwt_field="sub", admin_jwt_scope="litellm_proxy_admin")
    stack = new_stack(gate=gate)
    root = provider.client_credentials(scope="litellm_proxy_admin")
    bearer = ("authorization", f"Bearer {root}")
    assert stack.post("/key/generate", b"{}", bearer).status == 200
    refused = chat(stack, root)
    assert (refused.status, stack.reason(refused)) == (403, "token_route_denied")


def test_a_token_expires(new_stack: NewStack, provider: OidcProvider) -> None:
    stack = new_stack(gate=believing(provider, user_id_jwt_field="sub"))
    provider.set(seconds=2)
    token = provider.authorization_code("alice")["access_token"]
    issued = time.monotonic()
    assert chat(stack, token).status == 200
    refused = wait_for("its expiry", lambda: reply if (reply := chat(stack, token)).status == 401 else None)
    assert stack.reason(refused) == "token_expired"
    assert time.monotonic() - issued < 5
    assert json.loads(refused.body)["error"]["type"] == "expired_key"


def test_keys_are_turned_over(new_stack: NewStack, provider: OidcProvider) -> None:
    stack = new_stack(gate=believing(provider, user_id_jwt_field="sub"))
    old = provider.authorization_code("alice")["access_token"]
    assert chat(stack, old).status == 200
    provider.rotate(keep=True)
    new = provider.authorization_code("alice")["access_token"]
    wait_for("the new key", lambda: chat(stack, new).status == 200)
    assert chat(stack, old).status == 200, "its key is still published"
    provider.rotate()
    newest = provider.authorization_code("alice")["access_token"]
    wait_for("the newest key", lambda: chat(stack, newest).status == 200)
    for token in (old, new):
        refused = chat(stack, token)
        assert (refused.status, stack.reason(refused)) == (401, "token_key")
    (issuer,) = json.loads(stack.gate.admin("/config"))["issuers"]
    assert (issuer["keys"], issuer["last_error"]) == (2, None)
    # First, for one and for the other; a few more where a fetch came before its time.
    assert 3 <= issuer["fetches"] <= 6, issuer


def test_a_provider_that_is_down(new_stack: NewStack, provider: OidcProvider) -> None:
    provider.set(fails=503)
    gate = believing(provider, user_id_jwt_field="sub", issuer={"timeout_seconds": 1})
    stack = new_stack(gate=gate)
    provider.set(fails=None)
    token = provider.authorization_code("alice")["access_token"]
    provider.set(fails=503)
    assert chat(stack, token).status == 503, "nothing is known of it, and nobody is let in"
    assert stack.chat("gpt-4o", stack.keyring.alice.bearer).status == 200
    assert 'tollgate_jwks_keys{issuer="' in stack.gate.admin("/metrics")
    provider.set(fails=None)
    wait_for("the provider's return", lambda: chat(stack, token).status == 200, seconds=30)
    provider.stop()
    assert chat(stack, token).status == 200, "its keys are known"


def test_tokens_that_are_none(new_stack: NewStack, provider: OidcProvider) -> None:
    stack = new_stack(gate=believing(provider, user_id_jwt_field="sub"))
    token = provider.authorization_code("alice")["access_token"]
    header, payload, signature = token.split(".")
    none = "eyJhbGciOiJub25lIn0"
    for text, reason in {
        f"{none}.{payload}.": "token_malformed",
        f"{none}.{payload}.{signature}": "token_algorithm",
        f"{header}.{payload}.{signature[:-4]}AAAA": "token_signature",
        f"{header}.{payload}.{signature}=": "token_malformed",
        f"{header}.{payload}": "credential_not_a_key",
        f"{header}.{payload}.{signature}.x": "credential_malformed" if len(token) > 1022 else "credential_not_a_key",
        token + "A" * 20_000: "credential_malformed",
    }.items():
        refused = stack.chat("gpt-4o", ("authorization", f"Bearer {text}"))
        assert (refused.status, stack.reason(refused)) == (401, reason), text[:40]
    query = stack.send("POST", f"/v1/chat/completions?key={token}", body=b'{"model":"gpt-4o"}')
    assert query.status == 401
    assert stack.seen() == []
