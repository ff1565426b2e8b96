"""Keys in a database: LiteLLM's own, and a file of SQLite, behind a real Envoy."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import NewStack
from keyring import Caller, caller
from postgres import Postgres
from stack import Config, Stack, tollgate_bin
from waiting import wait_for

# A measurement wants more of them: CHANGES=1000 make test-e2e PYTEST='-s -k test_what_sql_changes'.
CHANGES = int(os.environ.get("CHANGES", "20"))


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    server = Postgres(tmp_path_factory.mktemp("postgres"))
    yield server
    server.process.stop()


@pytest.fixture
def behind(new_stack: NewStack, database: Postgres, tmp_path: Path) -> Stack:
    """The recommended Envoy; the gate reads LiteLLM's database, and is told of its changes."""
    secret = tmp_path / "database-url"
    secret.write_text(database.url)
    config: Config = {"store": {"postgres": {"url": f"file:{secret}"}}}
    stack = new_stack(gate={"keys": None, **config})
    tollgate("db", "install-triggers", "--config", str(stack.gate.config_file), stack=stack)
    return stack


def tollgate(*arguments: str, stack: Stack) -> str:
    environment = {"TOLLGATE_MASTER_KEY": stack.keyring.master.key}
    done = subprocess.run([tollgate_bin(), *arguments], capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def insert(database: Postgres, newcomer: Caller) -> None:
    """As LiteLLM writes a key."""
    database.run(
        f"""
        INSERT INTO "LiteLLM_UserTable" (user_id, user_role, user_email, models, teams, spend)
          VALUES ('ada', 'internal_user', 'ada@example.com', '{{}}', '{{}}', 0) ON CONFLICT DO NOTHING;
        INSERT INTO "LiteLLM_TeamTable" (team_id, team_alias, models, admins, members, members_with_roles, spend)
          VALUES ('red', 'Red', '{{gpt-4o,gpt-4o-mini}}', '{{}}', '{{}}', '[]', 0) ON CONFLICT DO NOTHING;
        INSERT INTO "LiteLLM_VerificationToken" (token, key_name, key_alias, user_id, team_id, models, spend)
          VALUES ('{newcomer.hash}', 'sk-...abcd', 'laptop', 'ada', 'red', '{{gpt-4o}}', 0);
        """
    )


def test_a_key_that_litellm_wrote_lets_in(behind: Stack, database: Postgres) -> None:
    ada = caller("ada")
    insert(database, ada)
    assert behind.chat("gpt-4o", ada.bearer).status == 200
    (seen,) = behind.recorder.take()
    family = seen.family()
    for name, value in {b"x-auth-user-id": b"ada", b"x-auth-team-id": b"red", b"x-auth-key-alias": b"laptop"}.items():
        assert family[name] == [value], family
    refused = behind.chat("gpt-4o-mini", ada.bearer)
    assert (refused.status, behind.reason(refused)) == (403, "key_model_denied")
    unknown = behind.chat("gpt-4o", behind.keyring.unknown.bearer)
    assert (unknown.status, behind.reason(unknown)) == (401, "credential_unknown")


def test_what_sql_changes_is_seen_at_once_l01_l02(behind: Stack, database: Postgres) -> None:
    ada = caller("changing")
    insert(database, ada)
    where = f"WHERE token = '{ada.hash}'"
    took = []
    for change in range(CHANGES):
        blocked = change % 2 == 0
        database.run(f'UPDATE "LiteLLM_VerificationToken" SET blocked = {blocked} {where}')
        since = time.monotonic()
        wanted = 401 if blocked else 200
        wait_for("the change", lambda: behind.chat("gpt-4o", ada.bearer).status == wanted)
        took.append(time.monotonic() - since)
    took.sort()
    median, late, slowest = (took[int((len(took) - 1) * part)] * 1000 for part in (0.5, 0.99, 1))
    print(f"{CHANGES} changes by SQL are seen after {median:.1f} ms; p99 {late:.1f} ms; the slowest {slowest:.1f} ms")
    database.run(f'DELETE FROM "LiteLLM_VerificationToken" {where}')
    wait_for("the deletion", lambda: behind.chat("gpt-4o", ada.bearer).status == 401)


def test_a_dead_database_lets_in_whom_it_knew_d01_d02(behind: Stack, database: Postgres) -> None:
    ada, late = caller("known"), caller("late")
    insert(database, ada)
    assert behind.chat("gpt-4o", ada.bearer).status == 200
    database.process.stop()
    for _ in range(5):
        assert behind.chat("gpt-4o", ada.bearer).status == 200
        assert behind.chat("gpt-4o", late.bearer).status == 503, "unknown is not refused, and not let in"
    assert behind.send("GET", "/v1/models", behind.keyring.master.bearer).status == 200
    database.start()
    insert(database, late)
    since = time.monotonic()
    wait_for("recovery", lambda: behind.chat("gpt-4o", late.bearer).status == 200)
    print(f"a database that is back is asked again after {(time.monotonic() - since) * 1000:.0f} ms")
    assert behind.chat("gpt-4o", ada.bearer).status == 200


def test_a_file_of_sqlite_needs_nothing_else(new_stack: NewStack, tmp_path: Path) -> None:
    file = tmp_path / "tollgate.db"
    stack = new_stack(gate={"keys": None, "store": {"sqlite": {"file": str(file)}}})
    ada = caller("ada")
    with sqlite3.connect(file) as database:
        database.execute(
            'INSERT INTO "LiteLLM_VerificationToken" (token, key_alias, models) VALUES (?, ?, ?)',
            (ada.hash, "laptop", '["gpt-4o"]'),
        )
    database.close()
    wait_for("the key", lambda: stack.chat("gpt-4o", ada.bearer).status == 200)
    assert stack.chat("gpt-4o-mini", ada.bearer).status == 403
    with sqlite3.connect(file) as database:
        database.execute('UPDATE "LiteLLM_VerificationToken" SET blocked = 1 WHERE token = ?', (ada.hash,))
    database.close()
    wait_for("the block", lambda: stack.chat("gpt-4o", ada.bearer).status == 401)
