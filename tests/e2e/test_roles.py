"""Which role opens which route of administration, and that a refusal stays before the upstream."""

from __future__ import annotations

import json
from typing import Any

import pytest

from keyring import Keyring
from stack import Stack

REFUSALS = {
    "role": "role_not_allowed",
    "viewer": "viewer_not_allowed",
    "org": "organization_not_allowed",
    "other": "another_user",
    "master": "master_key_only",
    "route": "route_not_allowed",
    "unknown": "route_unknown",
}
CHAT = {"model": "gpt-4o", "messages": []}

CASES: list[tuple[str, str, str, Any, str]] = [
    ("master", "POST", "/key/generate", {}, ""),
    ("master", "POST", "/global/spend/reset", {}, ""),
    ("master", "GET", "/unheard/of", None, ""),
    ("admin", "POST", "/key/generate", {}, ""),
    ("admin", "POST", "/user/new", {"user_role": "proxy_admin"}, ""),
    ("admin", "POST", "/organization/new", {}, ""),
    ("admin", "GET", "/unheard/of", None, ""),
    ("admin", "POST", "/v1/chat/completions", CHAT, ""),
    ("admin", "POST", "/global/spend/reset", {}, "master"),
    ("confined_admin", "GET", "/v1/models", None, ""),
    ("confined_admin", "POST", "/key/generate", {}, "route"),
    ("confined_admin", "GET", "/unheard/of", None, "route"),
    ("auditor", "GET", "/key/list", None, ""),
    ("auditor", "GET", "/user/list", None, ""),
    ("auditor", "GET", "/global/spend/report", None, ""),
    ("auditor", "POST", "/user/update", {"user_email": "me@example.com"}, ""),
    ("auditor", "POST", "/user/update", {"user_email": "me@example.com", "user_role": "proxy_admin"}, "viewer"),
    ("auditor", "POST", "/user/update?user_role=proxy_admin", {"user_email": "me@example.com"}, "viewer"),
    ("auditor", "POST", "/key/generate", {}, "viewer"),
    ("auditor", "DELETE", "/team/delete", {}, "viewer"),
    ("auditor", "POST", "/v1/chat/completions", CHAT, "viewer"),
    ("auditor", "GET", "/unheard/of", None, "unknown"),
    ("alice", "POST", "/key/generate", {}, ""),
    ("alice", "GET", "/spend/logs", None, ""),
    ("alice", "GET", "/user/info", None, ""),
    ("alice", "GET", "/user/info?user_id=alice", None, ""),
    ("alice", "GET", "/user/info?user_id=oscar", None, "other"),
    ("alice", "POST", "/user/new", {}, "role"),
    ("alice", "POST", "/team/new", {}, "role"),
    ("alice", "GET", "/global/spend/report", None, "role"),
    ("alice", "POST", "/organization/new", {}, "unknown"),
    ("alice", "GET", "/unheard/of", None, "unknown"),
    ("guest", "GET", "/tag/list", None, ""),
    ("guest", "GET", "/key/info", None, ""),
    ("guest", "POST", "/v1/chat/completions", CHAT, ""),
    ("guest", "POST", "/key/generate", {}, "role"),
    ("guest", "GET", "/key/aliases", None, "role"),
    ("oscar", "POST", "/organization/member_add", {"organization_id": "acme"}, ""),
    ("oscar", "POST", "/organization/member_add", {"organization_id": "rival"}, "org"),
    ("oscar", "POST", "/organization/member_add", {}, "org"),
    ("oscar", "POST", "/organization/member_add?organization_id=acme", {"organization_id": "rival"}, "org"),
    ("oscar", "POST", "/organization/member_add", {"organization_id": "acme", "organizations": ["rival"]}, "role"),
    ("oscar", "POST", "/team/new", {"organization_id": "acme"}, ""),
    ("oscar", "POST", "/team/new", {"organization_id": "rival"}, "org"),
    ("oscar", "POST", "/user/new", {"organizations": ["acme"]}, ""),
    ("oscar", "POST", "/user/new", {"organizations": ["acme", "rival"]}, "role"),
    ("oscar", "POST", "/organization/new", {"organization_id": "acme"}, "unknown"),
    ("nobody", "GET", "/key/info", None, ""),
    ("nobody", "POST", "/key/generate", {}, "role"),
    ("nobody", "GET", "/user/list", None, "role"),
    ("nobody", "POST", "/model/new", {}, "role"),
]


@pytest.mark.parametrize(("who", "method", "target", "body", "refusal"), CASES)
def test_a_role(stack: Stack, keyring: Keyring, who: str, method: str, target: str, body: Any, refusal: str) -> None:
    data = b"" if body is None else json.dumps(body).encode()
    reply = stack.send(method, target, ("content-type", "application/json"), getattr(keyring, who).bearer, body=data)
    reached = [(seen.method, seen.target) for seen in stack.seen()]
    if refusal:
        assert (reply.status, stack.reason(reply), reached) == (403, REFUSALS[refusal], [])
    else:
        assert (reply.status, reached) == (200, [(method.encode(), target.encode())])


def test_the_upstream_is_told_the_role(stack: Stack, keyring: Keyring) -> None:
    for who in (keyring.admin, keyring.auditor, keyring.alice, keyring.guest, keyring.oscar):
        assert stack.send("GET", "/v1/models" if who is not keyring.auditor else "/key/list", who.bearer).status == 200
    roles = [b"proxy_admin", b"proxy_admin_viewer", b"internal_user", b"internal_user_viewer", b"org_admin"]
    assert [seen.values(b"x-auth-role") for seen in stack.seen()] == [[role] for role in roles]


AMBIGUOUS = {
    "member-twice": (b'{"organization_id":"acme","organization_id":"rival"}', "", 400),
    "member-twice-escaped": (b'{"organization_id":"acme","organization\\u005fid":"rival"}', "", 400),
    "query-twice": (b"{}", "?organization_id=acme&organization_id=rival", 400),
    "no-json": (b"organization_id=acme", "", 400),
    "number": (b'{"organization_id":1}', "", 400),
    "list": (b'{"organization_id":["acme"]}', "", 400),
}


@pytest.mark.parametrize("case", AMBIGUOUS)
def test_an_organization_that_cannot_be_told(stack: Stack, keyring: Keyring, case: str) -> None:
    body, query, status = AMBIGUOUS[case]
    assert stack.post(f"/organization/member_add{query}", body, keyring.oscar.bearer).status == status
    assert stack.seen() == []


def test_claiming_a_role_changes_nothing(stack: Stack, keyring: Keyring) -> None:
    claims = [("x-auth-role", "proxy_admin"), ("x-litellm-user-role", "proxy_admin"), ("user-role", "proxy_admin")]
    body = b'{"user_role":"proxy_admin"}'
    assert stack.post("/user/new?user_role=proxy_admin", body, *claims, keyring.guest.bearer).status == 403
    assert stack.seen() == []
