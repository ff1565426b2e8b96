"""`make demo` keeps its promises, and says so when something else does not."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from stack import ROOT, envoy_bin, tollgate_bin, upstream_bin
from waiting import wait_for

DEMO = ROOT / "examples" / "demo" / "demo.py"


def command(*, tollgate: str | None = None, more: tuple[str, ...] = ()) -> list[str]:
    programs = {
        "--tollgate": tollgate or str(tollgate_bin()),
        "--upstream": str(upstream_bin()),
        "--envoy": str(envoy_bin()),
    }
    return [sys.executable, str(DEMO), *(part for pair in programs.items() for part in pair), *more]


def test_every_line_is_as_promised() -> None:
    demo = subprocess.run(command(), capture_output=True, text=True, timeout=60)
    assert (demo.returncode, demo.stderr) == (0, "")
    assert "15 of 15 lines are as promised" in demo.stdout
    assert "  NO" not in demo.stdout


def test_it_says_what_did_not_start() -> None:
    demo = subprocess.run(command(tollgate="/bin/false"), capture_output=True, text=True, timeout=60)
    assert demo.returncode == 1
    assert demo.stderr.startswith("demo: tollgate exited with 1")


def test_held_until_ctrl_c(tmp_path: Path) -> None:
    output = tmp_path / "output"
    # Whoever runs the tests in the background may have told all of them to ignore Ctrl-C.
    told = signal.signal(signal.SIGINT, signal.default_int_handler)
    with output.open("wb") as out:
        demo = subprocess.Popen(command(more=("--hold",)), stdout=out)
    signal.signal(signal.SIGINT, told)
    try:
        wait_for("the curl lines", lambda: "curl" in output.read_text(), seconds=30)
        demo.send_signal(signal.SIGINT)
        assert demo.wait(20) == 0
    finally:
        demo.kill()
        demo.wait()
