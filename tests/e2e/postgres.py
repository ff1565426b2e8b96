"""A PostgreSQL of the tests' own, with the tables that LiteLLM's migrations make."""

from __future__ import annotations

import random
import socket
import subprocess
from pathlib import Path

from processes import Process
from stack import ROOT


def free_port() -> int:
    """A port beyond those that the kernel gives to clients: nobody takes it while the server is down."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as candidate:
            try:
                candidate.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


class Postgres:
    """One server with one database, `litellm`."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        # The server's own user has to get there.
        for folder in (directory, *directory.parents):
            if folder == Path("/tmp"):
                break
            folder.chmod(folder.stat().st_mode | 0o755)
        self.directory = directory
        self.port = free_port()
        self.start()
        self.run("CREATE DATABASE litellm", database="postgres")
        found = subprocess.run([ROOT / "scripts/litellm-schema"], capture_output=True, text=True, check=True).stdout
        for migration in sorted(Path(found.strip()).glob("*/migration.sql")):
            self.run(migration.read_text())

    def start(self) -> None:
        """Starts it, after the first time on what was committed."""
        command = [str(ROOT / "scripts/postgres"), str(self.directory / "server"), str(self.port)]
        self.process = Process("postgres", command, self.directory)
        self.process.ready("answers", self._answers, seconds=120)

    def _answers(self) -> bool:
        return self._psql("SELECT 1", "postgres").returncode == 0

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/litellm?sslmode=disable"

    def run(self, sql: str, database: str = "litellm") -> str:
        """Plain SQL, as anybody with `psql` writes it."""
        done = self._psql(sql, database)
        assert done.returncode == 0, f"{sql:.200}: {done.stderr}"
        return done.stdout

    def _psql(self, sql: str, database: str) -> subprocess.CompletedProcess[str]:
        psql = sorted(Path("/usr/lib/postgresql").glob("*/bin/psql"))[-1:] or [Path("psql")]
        command = [str(psql[0]), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(
            [*command, "-U", "postgres", "-d", database, "-At"], input=sql, capture_output=True, text=True, timeout=60
        )
