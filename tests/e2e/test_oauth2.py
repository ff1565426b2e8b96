"""Callers for whom others vouch: an authorization server, a provider's UserInfo, and a proxy in front. Each through a real
Envoy."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from certificates import certificate
from conftest import NewStack
from oidc_provider import JWT, OPAQUE, OidcProvider
from recorder import Seen
from stack import Config, Stack, listener
from waiting import wait_for
from wire import Reply

CACHE = 2
"""Seconds that a token counts as active without another question."""


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OidcProvider]:
    provider = OidcProvider(tmp_path_factory.mktemp("oidc"))
    yield provider
    provider.stop()


@pytest.fixture(autouse=True)
def in_order(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "provider" in request.fixturenames:
        request.getfixturevalue("provider").set(fails=None, claims={}, seconds=300)


def introspection(provider: OidcProvider, client: str = "tollgate", **more: Any) -> Config:
    settings: Config = {
        "url": provider.introspection_endpoint,
        "client_id": client,
        "client_secret": provider.secret(client),
        "audiences": [OPAQUE],
        "issuer": provider.issuer,
        "cache_seconds": CACHE,
    }
    return {"introspection": {**settings, **more}}


def bearer(token: str) -> tuple[str, str]:
    return ("authorization", f"Bearer {token}")


def ask(stack: Stack, token: str) -> Reply:
    return stack.chat("gpt-4o", bearer(token))


def outcome(stack: Stack, reply: Reply) -> str:
    return f"{reply.status} {stack.reason(reply)}"


def assert_from(stack: Stack, method: str, user: str, token: str) -> None:
    """One request has reached the upstream: the user's, and nothing of the token."""
    (seen,) = stack.seen()
    assert values(seen, "method", "user-id") == [[method], [user]]
    assert token.encode() not in seen.wire()


def values(seen: Seen, *names: str) -> list[list[str]]:
    return [[value.decode() for value in seen.values(f"x-auth-{name}".encode())] for name in names]


@pytest.mark.parametrize("client", ["tollgate", "tollgate-post"])
def test_an_introspected_token_works_and_a_revoked_one_is_refused_in_time(
    new_stack: NewStack, provider: OidcProvider, client: str
) -> None:
    """S-145."""
    how = "post" if client.endswith("post") else "basic"
    stack = new_stack(gate={"oauth2": introspection(provider, client, client_authentication=how)})
    token = provider.authorization_code("alice", resource=OPAQUE)["access_token"]
    assert "." not in token
    assert ask(stack, token).status == 200
    assert_from(stack, "oauth2", "alice", token)
    provider.revoke(token, "app")
    refused = wait_for("the revocation", lambda: next((r for r in [ask(stack, token)] if r.status != 200), None), CACHE + 2)
    assert outcome(stack, refused) == "401 token_inactive"
    assert provider.secret(client) not in stack.gate.admin("/config") + stack.gate.process.output()
    assert token not in stack.gate.process.output()


def test_tokens_for_others_and_of_other_kinds_are_refused(new_stack: NewStack, provider: OidcProvider) -> None:
    stack = new_stack(gate={"oauth2": introspection(provider)})
    elsewhere = provider.authorization_code("alice", resource="")["access_token"]
    assert outcome(stack, ask(stack, elsewhere)) == "401 token_audience"
    stranger = provider.authorization_code("stranger", resource=OPAQUE)["access_token"]
    assert outcome(stack, ask(stack, stranger)) == "401 token_user_unknown"
    machine = provider.client_credentials(OPAQUE)
    assert ask(stack, machine).status in (401, 403), "nobody is named"
    assert outcome(stack, ask(stack, "invented")) == "401 token_inactive"
    assert stack.seen() == []


def test_a_server_that_fails_is_an_outage_and_keys_do_not_notice(new_stack: NewStack, provider: OidcProvider) -> None:
    """S-144."""
    stack = new_stack(gate={"oauth2": introspection(provider, cache_seconds=0)})
    token = provider.authorization_code("alice", resource=OPAQUE)["access_token"]
    assert ask(stack, token).status == 200
    provider.set(fails=500)
    assert ask(stack, token).status == 503
    assert stack.chat("gpt-4o", stack.keyring.alice.bearer).status == 200
    assert 'tollgate_introspection_failures_total{why="status"} 1' in stack.gate.admin("/metrics")
    provider.set(fails=None)
    assert ask(stack, token).status == 200


def test_routing_overrides_choose_who_is_asked(new_stack: NewStack, provider: OidcProvider) -> None:
    """V152, S-124. This server answers 400 about JSON Web Tokens, its own included: it was asked, and that is no answer."""
    jwt: Config = {
        "issuers": [{"issuer": provider.issuer, "audience": JWT, "allow_http_on_loopback": True}],
        "user_id_jwt_field": "sub",
    }
    rule: Config = {"iss": [f"{provider.issuer}*"], "scope": ["email"]}
    oauth2 = {**introspection(provider), "routing_overrides": [rule]}
    stack = new_stack(gate={"jwt": jwt, "oauth2": oauth2})
    elsewhere = provider.authorization_code("alice", resource=JWT, scope="openid email")["access_token"]
    assert outcome(stack, ask(stack, elsewhere)) == "503 authorization_server_unavailable"
    verified = provider.authorization_code("alice", resource=JWT, scope="openid")["access_token"]
    assert ask(stack, verified).status == 200
    assert_from(stack, "jwt", "alice", verified)


def test_the_provider_says_who_the_bearer_of_an_opaque_token_is(new_stack: NewStack, provider: OidcProvider) -> None:
    """V160, W26."""
    jwt: Config = {
        "issuers": [{"issuer": provider.issuer, "audience": JWT, "allow_http_on_loopback": True}],
        "user_id_jwt_field": "sub",
        "user_email_jwt_field": "email",
        "user_allowed_email_domain": "example.com",
    }
    userinfo = {"url": provider.userinfo_endpoint, "issuer": provider.issuer, "cache_seconds": CACHE}
    stack = new_stack(gate={"jwt": jwt, "oauth2": {"userinfo": userinfo}})
    token = provider.authorization_code("alice", resource="")["access_token"]
    assert ask(stack, token).status == 200
    assert_from(stack, "oidc_userinfo", "alice", token)
    assert outcome(stack, ask(stack, "invented")) == "401 token_inactive"
    provider.revoke(token, "app")
    refused = wait_for("the revocation", lambda: next((r for r in [ask(stack, token)] if r.status != 200), None), CACHE + 2)
    assert outcome(stack, refused) == "401 token_inactive"


def test_identity_headers_count_from_the_proxy_alone(new_stack: NewStack) -> None:
    """V161 to V163, S-178: the peer of the connection, whatever a header says."""
    headers = {"user_id": "x-forwarded-user", "team_id": "x-team"}
    trusting = new_stack(gate={"oauth2": {"proxy_headers": {"trusted_networks": ["127.0.0.0/8"], **headers}}})
    named = ("x-forwarded-user", "alice")
    assert trusting.chat("gpt-4o", named, ("x-team", "red")).status == 200
    (seen,) = trusting.seen()
    assert values(seen, "method", "user-id", "team-id") == [["oauth2_proxy"], ["alice"], ["red"]]
    assert not seen.values(b"x-forwarded-user") and not seen.values(b"x-team")
    assert outcome(trusting, trusting.chat("gpt-4o")) == "401 credential_missing"
    assert outcome(trusting, trusting.chat("gpt-4o", named, named)) == "401 proxy_headers_unusable"
    both = trusting.chat("gpt-4o", named, trusting.keyring.nobody.bearer)
    assert outcome(trusting, both) == "401 credential_conflict"

    careful = new_stack(gate={"oauth2": {"proxy_headers": {"trusted_networks": ["10.0.0.0/8"], **headers}}})
    for spoof in ("x-forwarded-for", "x-real-ip", "x-envoy-external-address"):
        reply = careful.chat("gpt-4o", named, (spoof, "10.0.0.5"))
        assert outcome(careful, reply) == "401 credential_missing", spoof
    assert careful.chat("gpt-4o", named, careful.keyring.nobody.bearer).status == 200
    (seen,) = careful.seen()
    assert values(seen, "user-id") == [[]]
    assert not seen.values(b"x-forwarded-user")


def over_mtls(directory: Path) -> Callable[[Config], None]:
    """The listener takes whoever has a certificate of our authority, and whoever has none."""

    def patch(config: Config) -> None:
        def file(name: str) -> Config:
            return {"filename": str(directory / name)}

        context = {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": {
                "tls_certificates": [{"certificate_chain": file("server.crt"), "private_key": file("server.key")}],
                "validation_context": {"trusted_ca": file("authority.crt")},
            },
        }
        socket = {"name": "envoy.transport_sockets.tls", "typed_config": context}
        listener(config)["filter_chains"][0]["transport_socket"] = socket

    return patch


def test_the_proxy_is_known_by_its_certificate(new_stack: NewStack, tmp_path: Path) -> None:
    """Envoy verifies the certificate and tells its URI as `source.principal`."""
    certificate(tmp_path, "authority")
    certificate(tmp_path, "server", authority="authority")
    for name in ("proxy", "other"):
        certificate(tmp_path, name, authority="authority", san=f"URI:spiffe://corp/{name}")
    headers = {"trusted_principals": ["spiffe://corp/proxy"], "user_id": "x-forwarded-user"}
    stack = new_stack(gate={"oauth2": {"proxy_headers": headers}}, patch=over_mtls(tmp_path))

    def status(name: str | None) -> int:
        context = ssl.create_default_context(cafile=str(tmp_path / "authority.crt"))
        if name:
            context.load_cert_chain(tmp_path / f"{name}.crt", tmp_path / f"{name}.key")
        client = http.client.HTTPSConnection("localhost", stack.envoy.address[1], context=context, timeout=10)
        client.request("GET", "/v1/models", headers={"x-forwarded-user": "alice"})
        return client.getresponse().status

    assert status("proxy") == 200
    (seen,) = stack.recorder.take()
    assert values(seen, "method", "user-id") == [["oauth2_proxy"], ["alice"]]
    assert status("other") == 401
    assert status(None) == 401
    assert stack.recorder.take() == []
