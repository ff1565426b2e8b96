"""What the upstream is told about the caller: the gate's word, and nobody else's."""

from __future__ import annotations

import pytest

from conftest import NewStack
from keyring import Caller, Keyring, caller
from recorder import Seen, fold
from stack import Stack

SUFFIXES = (
    "method", "key-hash", "key-alias", "user-id", "user-email", "role", "team-id", "team-alias", "org-id", "org-alias",
    "model",
)  # fmt: skip

LOOK_ALIKES = {
    "as-it-is": "x-auth-user-id",
    "upper-case": "X-AUTH-USER-ID",
    "S-042-underscores": "x_auth_user_id",
    "S-042-one-underscore": "x-auth_user-id",
    "S-042-dots": "x.auth.user.id",
    "S-042-double-dash": "x-auth--user-id",
    "S-042-mixed": "X_.-Auth-_User.Id",
    "S-042-very-long-run": "x" + "-" * 300 + "auth-user-id",
    "S-042-bare-prefix": "x-auth",
    "S-042-unheard-of": "x-auth-superuser",
}


def identity_of(who: Caller, **more: str) -> dict[bytes, list[bytes]]:
    """The headers the gate sets for a virtual key."""
    told = {"method": "virtual_key", "key-hash": who.hash, **more}
    return {f"x-auth-{name.replace('_', '-')}".encode(): [value.encode()] for name, value in told.items()}


def alice(keyring: Keyring, **more: str) -> dict[bytes, list[bytes]]:
    return identity_of(
        keyring.alice,
        key_alias="alice-laptop",
        user_id="alice",
        user_email="alice@example.com",
        role="internal_user",
        team_id="red",
        team_alias="Red%20Team",
        org_id="acme",
        org_alias="ACME",
        **more,
    )


def only(stack: Stack) -> Seen:
    (seen,) = stack.seen()
    return seen


def test_everything_known_is_told(stack: Stack, keyring: Keyring) -> None:
    assert stack.chat("gpt-4o", keyring.alice.bearer).status == 200
    assert only(stack).family() == alice(keyring, model="gpt-4o")


def test_s041_what_is_not_known_is_absent(stack: Stack, keyring: Keyring) -> None:
    assert stack.send("GET", "/v1/models", keyring.nobody.bearer).status == 200
    assert only(stack).family() == identity_of(keyring.nobody)


@pytest.mark.parametrize("times", [1, 2])
def test_s040_s065_every_header_is_overwritten_or_removed(stack: Stack, keyring: Keyring, times: int) -> None:
    spoofed = [(f"x-auth-{suffix}", "root") for suffix in SUFFIXES] * times
    assert stack.send("GET", "/v1/models", *spoofed, keyring.alice.bearer).status == 200
    assert only(stack).family() == alice(keyring)


@pytest.mark.parametrize("spelling", LOOK_ALIKES)
@pytest.mark.parametrize("who", ["alice", "nobody", "anonymous"])
def test_s042_s043_no_look_alike_gets_through(stack: Stack, keyring: Keyring, who: str, spelling: str) -> None:
    name = LOOK_ALIKES[spelling]
    credential = [] if who == "anonymous" else [getattr(keyring, who).bearer]
    target = "/health/liveliness" if who == "anonymous" else "/v1/models"
    reply = stack.send("GET", target, (name, "root"), (name, "admin"), *credential)

    seen = stack.seen()
    if reply.status == 400 and "_" in name:  # Envoy's headers_with_underscores_action
        assert seen == []
        return
    assert reply.status == 200
    expected = {
        "alice": alice(keyring),
        "nobody": identity_of(keyring.nobody),
        "anonymous": {b"x-auth-method": [b"anonymous"]},
    }
    assert [one.family() for one in seen] == [expected[who]]


def test_innocent_names_are_left_alone(stack: Stack, keyring: Keyring) -> None:
    innocent = [
        ("x-author", "me"),
        ("x-auxiliary", "1"),
        ("x-oauth-token-id", "2"),
        ("anthropic-version", "2023-06-01"),
    ]
    assert stack.send("GET", "/v1/models", *innocent, keyring.alice.bearer).status == 200
    seen = only(stack)
    assert all(seen.values(name.encode()) == [value.encode()] for name, value in innocent)


def test_s044_a_nominated_identity_header_is_still_set(stack: Stack, keyring: Keyring) -> None:
    nominated = ("connection", "keep-alive, x-auth-user-id, x-auth-role")
    assert stack.send("GET", "/v1/models", nominated, ("x-auth-user-id", "root"), keyring.alice.bearer).status == 200
    assert only(stack).family() == alice(keyring)


def test_s242_no_credential_reaches_the_upstream(stack: Stack, keyring: Keyring) -> None:
    others = ["api-key", "x-goog-api-key", "x-litellm-api-key", "ocp-apim-subscription-key", "proxy-authorization"]
    headers = [(name, keyring.alice.key) for name in others]
    assert stack.send("GET", "/v1/models", *headers, keyring.alice.bearer, keyring.alice.x_api_key).status == 200
    assert not any(keyring.alice.key.encode() in value for _, value in only(stack).headers)


def test_s242_the_public_route_strips_credentials_too(stack: Stack, keyring: Keyring) -> None:
    assert stack.send("GET", "/health/liveliness", keyring.unknown.bearer, keyring.unknown.x_api_key).status == 200
    assert not any(keyring.unknown.key.encode() in value for _, value in only(stack).headers)


PROXYS_OWN = {
    "S-028-path": "x-envoy-original-path",
    "S-028-host": "x-envoy-original-host",
    "S-028-internal": "x-envoy-internal",
    "S-047-partial": "x-envoy-auth-partial-body",
    "S-054-failure-mode": "x-envoy-auth-failure-mode-allowed",
}


@pytest.mark.parametrize("case", PROXYS_OWN)
def test_only_the_proxy_speaks_for_the_proxy(stack: Stack, keyring: Keyring, case: str) -> None:
    name = PROXYS_OWN[case]
    assert stack.send("GET", "/v1/models", (name, "/health/liveliness")).status == 401
    assert stack.send("GET", "/v1/models", (name, "/health/liveliness"), keyring.alice.bearer).status == 200
    assert stack.chat("gpt-4o", (name, "true"), keyring.alice.bearer).status == 200
    assert [seen.values(name.encode()) for seen in stack.seen()] == [[], []]


REWRITES = (
    "forwarded", "x-forwarded-host", "x-forwarded-method", "x-forwarded-prefix", "x-forwarded-uri", "x-http-method",
    "x-http-method-override", "x-method-override", "x-original-url", "x-rewrite-url",
)  # fmt: skip


@pytest.mark.parametrize("name", REWRITES)
def test_s023_s029_headers_that_rename_a_request(published: Stack, name: str) -> None:
    keyring = published.keyring
    assert published.send("GET", "/v1/models", (name, "/health/liveliness")).status == 401
    assert published.send("GET", "/v1/models", (name, "/health/liveliness"), keyring.alice.bearer).status == 200
    assert only(published).values(name.encode()) == []


def test_s243_a_strange_identity_is_encoded_and_no_outage(new_stack: NewStack) -> None:
    stack = new_stack()
    strange = 'zoë\r\nx-auth-role: proxy_admin\t"%41,\\ 🎫'
    odd = caller("odd", user_id=strange, key_alias="a" * 10_000)
    stack.keyring.users.append({"user_id": strange})
    stack.enrol(odd)

    assert stack.send("GET", "/v1/models", odd.bearer).status == 200
    encoded = b"zo%C3%AB%0D%0Ax-auth-role:%20proxy_admin%09%22%2541%2C%5C%20%F0%9F%8E%AB"
    assert only(stack).family() == {**identity_of(odd), b"x-auth-user-id": [encoded]}


def test_s041_s064_an_empty_identity_is_no_header(new_stack: NewStack) -> None:
    stack = new_stack()
    stack.enrol(blank := caller("blank", key_alias=""))

    assert stack.send("GET", "/v1/models", ("x-auth-key-alias", "root"), blank.bearer).status == 200
    assert only(stack).family() == identity_of(blank)


def test_another_prefix(new_stack: NewStack) -> None:
    stack = new_stack(gate={"headers": {"prefix": "x-tollgate-"}})
    spoofed = [("x-tollgate-role", "root"), ("x.tollgate.user.id", "root"), ("x-auth-user-id", "mine")]
    assert stack.send("GET", "/v1/models", *spoofed, stack.keyring.alice.bearer).status == 200
    seen = only(stack)
    assert seen.values(b"x-tollgate-role") == [b"internal_user"]
    assert seen.values(b"x-tollgate-user-id") == [b"alice"]
    assert all(name == fold(name) for name in seen.family(b"x-tollgate")), "no other spelling"
    assert seen.values(b"x-auth-user-id") == [b"mine"], "not ours any more"


@pytest.mark.parametrize("place", ["bearer", "x_api_key"])
def test_the_accepted_credential_can_be_kept(new_stack: NewStack, place: str) -> None:
    stack = new_stack(gate={"headers": {"keep_credential": True}})
    name, value = getattr(stack.keyring.alice, place)
    assert stack.send("GET", "/v1/models", (name, value)).status == 200
    seen = only(stack)
    assert seen.values(name.encode()) == [value.encode()]


def test_the_upstream_gets_a_credential_of_its_own(new_stack: NewStack) -> None:
    credential = {"header": "authorization", "scheme": "Bearer", "secret": "${UPSTREAM_KEY}"}
    stack = new_stack(gate={"headers": {"upstream_credential": credential}})
    for place in (stack.keyring.alice.bearer, stack.keyring.alice.x_api_key):
        assert stack.send("GET", "/v1/models", place).status == 200
    expected = [b"Bearer " + stack.keyring.upstream_secret.encode()]
    for seen in stack.seen():
        assert seen.values(b"authorization") == expected
        assert seen.values(b"x-api-key") == []
