"""The callers of the tests, and the `keys.yaml` that knows them."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Any

import yaml

Record = dict[str, Any]


def new_key(label: str) -> str:
    """A key nobody else has. `canary` makes a leak easy to find by eye, too."""
    return f"sk-canary-{label}-{secrets.token_hex(16)}"


def sha256(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


@dataclass(frozen=True)
class Caller:
    key: str
    record: Record = field(default_factory=dict)

    @property
    def bearer(self) -> tuple[str, str]:
        return ("authorization", f"Bearer {self.key}")

    @property
    def x_api_key(self) -> tuple[str, str]:
        return ("x-api-key", self.key)

    @property
    def hash(self) -> str:
        return sha256(self.key)

    def entry(self) -> Record:
        return {"key_hash": self.hash, **self.record}


def caller(label: str, **record: Any) -> Caller:
    return Caller(new_key(label), record)


class Keyring:
    """One caller for every rule, and the people around them."""

    def __init__(self) -> None:
        self.master = Caller(new_key("master"))
        self.unknown = Caller(new_key("unknown"))
        self.alice = caller("alice", key_alias="alice-laptop", user_id="alice", team_id="red")
        self.nobody = caller("nobody")
        """A key without an owner, a team or any restriction."""
        self.mini = caller("mini", models=["gpt-4o-mini"])
        self.globs = caller("globs", models=["gpt-4o-*", "claude-*", "gemini-*"])
        self.lister = caller("lister", user_id="alice", allowed_routes=["/v1/models"])
        """Its list keeps it from what its owner's role would open."""
        self.blocked = caller("blocked", blocked=True)
        self.expired = caller("expired", expires="2020-01-01T00:00:00Z")
        self.outcast = caller("outcast", team_id="grey")
        self.admin = caller("admin", user_id="admin")
        self.confined_admin = caller("confined", user_id="admin", allowed_routes=["/v1/models"])
        self.auditor = caller("auditor", user_id="auditor")
        self.guest = caller("guest", user_id="guest")
        self.oscar = caller("oscar", user_id="oscar")
        """Administers one organisation, and is a mere member of another."""
        self.upstream_secret = new_key("upstream")
        self.enrolled = [
            self.alice, self.nobody, self.mini, self.globs, self.lister, self.blocked, self.expired, self.outcast,
            self.admin, self.confined_admin, self.auditor, self.guest, self.oscar,
        ]  # fmt: skip
        """Those with an entry in the file."""
        memberships = [
            {"organization_id": "acme", "user_role": "org_admin"},
            {"organization_id": "rival", "user_role": "internal_user"},
        ]
        self.users: list[Record] = [
            {"user_id": "alice", "user_role": "internal_user", "user_email": "alice@example.com"},
            {"user_id": "admin", "user_role": "proxy_admin"},
            {"user_id": "auditor", "user_role": "proxy_admin_viewer"},
            {"user_id": "guest", "user_role": "internal_user_viewer"},
            {"user_id": "oscar", "user_role": "org_admin", "organization_memberships": memberships},
        ]
        self.teams: list[Record] = [
            {"team_id": "red", "team_alias": "Red Team", "organization_id": "acme"},
            {"team_id": "grey", "blocked": True},
        ]
        self.organizations = [
            {"organization_id": "acme", "organization_alias": "ACME"},
            {"organization_id": "rival"},
        ]

    def text(self) -> str:
        """`keys.yaml`."""
        keys = [one.entry() for one in self.enrolled]
        people = {"users": self.users, "teams": self.teams, "organizations": self.organizations}
        return yaml.safe_dump({"keys": keys, **people}, sort_keys=False)

    def secrets(self) -> list[str]:
        return [one.key for one in (*self.enrolled, self.master, self.unknown)] + [self.upstream_secret]


def disguises(secret: str) -> dict[str, str]:
    """How a secret may look when it leaks (S-231)."""
    raw = secret.encode()
    return {
        "as it is": secret,
        "base64": base64.b64encode(raw).decode().rstrip("="),
        "hex": raw.hex(),
        "reversed": secret[::-1],
    }
