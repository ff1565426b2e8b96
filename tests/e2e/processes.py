"""Child processes: started, watched, stopped, and their last words kept."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from waiting import wait_for

T = TypeVar("T")


class Process:
    """A child whose two outputs go to two files."""

    def __init__(self, name: str, command: list[str], logs: Path, environment: dict[str, str] | None = None) -> None:
        self.name = name
        self.out = logs / f"{name}.out"
        self.err = logs / f"{name}.err"
        with self.out.open("ab") as out, self.err.open("ab") as err:
            self._child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env={**os.environ, **(environment or {})}
            )

    def ready(self, what: str, probe: Callable[[], T | None], seconds: float = 20.0) -> T:
        """Waits for a sign of life, and gives up at once when the process has died."""

        def alive() -> T | None:
            if self.running:
                return probe()
            raise RuntimeError(f"{self.name} exited with {self._child.returncode}\n{self.last_words()}")

        try:
            return wait_for(f"{self.name}: {what}", alive, seconds)
        except TimeoutError as late:
            raise RuntimeError(f"{late}\n{self.last_words()}") from late

    @property
    def running(self) -> bool:
        return self._child.poll() is None

    def cpu_seconds(self) -> float:
        """What it has used so far (proc(5), `stat`)."""
        fields = Path(f"/proc/{self._child.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def signal(self, number: signal.Signals) -> None:
        self._child.send_signal(number)

    def wait(self, seconds: float = 20.0) -> int:
        return self._child.wait(seconds)

    def stop(self) -> None:
        """Ends it politely, then not."""
        if not self.running:
            return
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            self.wait(10)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            self.wait()

    def output(self) -> str:
        """Everything it has written."""
        return "".join(file.read_text(errors="replace") for file in (self.out, self.err))

    def last_words(self, lines: int = 25) -> str:
        tails = (file.read_text(errors="replace").splitlines()[-lines:] for file in (self.out, self.err))
        return "\n".join(line for tail in tails for line in tail)
