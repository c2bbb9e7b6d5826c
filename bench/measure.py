"""Reads what a process has cost from the kernel: CPU time, memory, and (through strace) its system calls."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True)
class Cost:
    """Nanoseconds on a core, and nanoseconds ready to run but without one."""

    run: int
    wait: int

    def __sub__(self, other: Cost) -> Cost:
        return Cost(self.run - other.run, self.wait - other.wait)

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.run + other.run, self.wait + other.wait)


@dataclass(frozen=True)
class Memory:
    """Resident bytes, whole and with shared pages counted by share."""

    rss: int
    pss: int


def parse_schedstat(text: str) -> Cost:
    """`/proc/PID/task/TID/schedstat`: time on the core, time waiting for one, and a count of turns."""
    fields = text.split()
    if len(fields) != 3:
        raise ValueError(f"schedstat: expected three numbers, found {text!r}")
    return Cost(int(fields[0]), int(fields[1]))


def parse_rollup(text: str) -> Memory:
    """`/proc/PID/smaps_rollup`: the lines Rss and Pss, in kB."""
    found = {
        key: int(value) * 1024 for key, value in re.findall(r"^(Rss|Pss):\s+(\d+) kB$", text, re.MULTILINE)
    }
    return Memory(found["Rss"], found["Pss"])


def parse_strace(text: str) -> dict[str, int]:
    """The calls of each name in the table that `strace -c` writes."""
    calls: dict[str, int] = {}
    for line in text.splitlines():
        fields = line.split()
        # % time, seconds, usecs/call, calls, [errors], name
        if len(fields) in (5, 6) and fields[3].isdigit() and fields[-1] != "total":
            calls[fields[-1]] = int(fields[3])
    return calls


def family(pid: int) -> list[int]:
    """The process and its descendants: nginx works in a child of the process that was started."""
    found = [pid]
    for parent in found:
        with suppress(FileNotFoundError, ProcessLookupError):
            for task in (PROC / str(parent) / "task").iterdir():
                found.extend(int(child) for child in (task / "children").read_text().split())
    return found


def cost(pid: int) -> Cost:
    """What the process, its threads and its children have cost so far."""
    total = Cost(0, 0)
    for member in family(pid):
        for task in (PROC / str(member) / "task").iterdir():
            with suppress(FileNotFoundError, ProcessLookupError):  # a thread may end while we look
                total += parse_schedstat((task / "schedstat").read_text())
    return total


def process_time(pid: int) -> int:
    """Nanoseconds on a core of one process, with those of its threads that have ended."""
    # What clock_getcpuclockid(3) gives for a process: its number inverted, above the bits of CPUCLOCK_SCHED.
    return time.clock_gettime_ns((~pid << 3) | 2)


def memory(pid: int) -> Memory:
    """What the process and its children hold now."""
    each = [parse_rollup((PROC / str(member) / "smaps_rollup").read_text()) for member in family(pid)]
    return Memory(sum(one.rss for one in each), sum(one.pss for one in each))


class Tracer:
    """Counts the system calls of a process and its children while it is open."""

    def __init__(self, pid: int, report: Path) -> None:
        self.report = report
        targets = [word for member in family(pid) for word in ("-p", str(member))]
        command = ["strace", "-c", "-f", "-o", str(report), *targets]
        self._strace = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self._strace.stderr is not None
        self.heard = self._strace.stderr.readline()  # "Process N attached", or why not
        if "attached" not in self.heard:
            raise RuntimeError(f"strace cannot attach to process {pid}: {self.heard.strip()}")

    def close(self) -> dict[str, int]:
        """Lets the process go and returns the calls by name."""
        self._strace.send_signal(signal.SIGINT)
        self._strace.communicate(timeout=10)
        return parse_strace(self.report.read_text())
