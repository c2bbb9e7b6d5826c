"""The demo as a newcomer meets it, played once."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "demo")
LIMIT = 50


def test_the_story_holds() -> None:
    done = subprocess.run(
        [*COMMAND, "--once"], cwd=ROOT, capture_output=True, text=True, timeout=LIMIT, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    for outcome in (
        "LOST: 3 things chosen",
        "KEPT: 3 things chosen, 3 paid",
        "DRAINED: ",
        "RE-HOMED in one step",
    ):
        assert outcome in done.stdout
    assert 30 <= len(done.stdout.splitlines()) <= 60


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_it_stays_up_until_a_signal_and_leaves_nothing_behind(end: signal.Signals) -> None:
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen([*COMMAND], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        assert any("https://127.0.0.1:" in line for line in demo.stdout)
        shops = children_of(demo.pid)
        assert len(shops) == 3
        demo.send_signal(end)
        assert demo.wait(LIMIT) == 0
    assert not [pid for pid in shops if Path(f"/proc/{pid}").exists()]


def children_of(parent: int) -> list[int]:
    """The processes that a process has started."""
    tasks = Path(f"/proc/{parent}/task").glob("*/children")
    return [int(pid) for task in tasks for pid in task.read_text().split()]
