"""Runs one slice: the generator against one side, with what it cost the side read before and after."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bench import arena, h2, measure
from bench.peers import Kit, Running, Side
from bench.workloads import COOKIE, Observed, Workload, rejected

# As long as a sealed cookie, so that a side without one of its own carries as many bytes.
_STAND_IN = f"{COOKIE}=" + "0123456789abcdef" * 5


@dataclass(frozen=True)
class Slice:
    """One measured second of one side.

    `demand` is the share of it the proxy ran or wanted to; `waited`, the share another program had its core.
    """

    side: str
    workload: str
    rate: int | None
    round: int
    requests: int
    per_second: float
    cpu_us: float
    p50_us: float
    p99_us: float
    demand: float
    waited: float
    origin_us: float
    load_us: float
    rejected: str | None
    report: dict[str, Any]


class Load(Protocol):
    """A generator whose connections stand."""

    pid: int

    def go(self) -> None:
        """Starts the load."""

    def wait(self) -> None:
        """Returns when the load is over."""

    def report(self, seconds: float, rate: int | None) -> dict[str, Any]:
        """What it has seen."""


class Generator:
    """A `load` process that holds its connections and waits to be told to go."""

    def __init__(self, kit: Kit, words: list[str]) -> None:
        self._words, self._report = words, ""
        command = ["taskset", "-c", str(arena.LOAD_CORE), str(kit.tools / "load"), *words]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        self.pid = self._process.pid

    def line(self) -> str:
        """The next line it prints; an error says why it prints none."""
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"load {' '.join(self._words)}: {self._process.stderr.read().strip()}")
        return line

    def go(self) -> None:
        """Starts the load."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def wait(self) -> None:
        """Returns when the load is over: its report has come."""
        self._report = self.line()

    def report(self, _seconds: float, _rate: int | None) -> dict[str, Any]:
        """What it has seen."""
        report: dict[str, Any] = json.loads(self._report)
        return report

    def close(self) -> None:
        """Ends the input, at which the generator closes its connections and ends."""
        try:
            self._process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()


@contextmanager
def generator(kit: Kit, words: list[str]) -> Iterator[Generator]:
    """A generator whose connections stand."""
    one = Generator(kit, words)
    try:
        one.line()
        yield one
    finally:
        one.close()


def arguments(side: Side, workload: Workload, trust: Path) -> list[str]:
    """The generator's command line for a workload, without its pace."""
    words = ["--hold", "--target", f"127.0.0.1:{side.ports[workload.port]}", "--path", workload.path]
    words += ["--connections", str(workload.connections)]
    if workload.cookie:
        words += ["--cookie", COOKIE] if side.stamps else ["--cookie-line", _STAND_IN]
    if workload.kind in ("messages", "events"):
        words.append({"messages": "--websocket", "events": "--events"}[workload.kind])
    if workload.close:
        words.append("--close")
    if workload.tls:
        words += ["--tls", str(trust)]
    if workload.resume:
        words.append("--resume")
    return words


@dataclass(frozen=True)
class Stage:
    """What stands while slices are measured."""

    kit: Kit
    origin: Running
    running: dict[str, Running]
    seconds: float


@contextmanager
def _load(stage: Stage, side: Side, workload: Workload, rate: int | None) -> Iterator[Load]:
    """The generator for a workload, at a pace."""
    trust = stage.kit.certificate
    if workload.kind == "streams":
        log = stage.kit.folder / "h2load.log"
        port = side.ports[workload.port]
        newcomer = h2.first_answer(port, trust)
        command = h2.arguments(workload, port, newcomer, rate, stage.seconds)
        streams = h2.Streams(command, log, newcomer.length)
        try:
            streams.ready()
            yield streams
        finally:
            streams.close()
        return
    words = [*arguments(side, workload, trust), "--seconds", str(stage.seconds)]
    if rate is not None:
        words += ["--rate", str(rate)]
    with generator(stage.kit, words) as load:
        yield load


def take(stage: Stage, side: Side, workload: Workload, rate: int | None, number: int) -> Slice:
    """Measures one slice."""
    pid = stage.running[side.name].pid
    with _load(stage, side, workload, rate) as load:
        pids = (pid, stage.origin.pid)
        own, started = measure.process_time(load.pid), time.monotonic()
        before = [measure.cost(one) for one in pids]
        load.go()
        load.wait()
        own = measure.process_time(load.pid) - own
        proxy, origin = (measure.cost(one) - was for one, was in zip(pids, before, strict=True))
        wall = (time.monotonic() - started) * 1e9
        report = load.report(stage.seconds, rate)
    demand = (proxy.run + proxy.wait) / wall
    why = rejected(workload, rate, Observed(report, demand), stamps=side.stamps)
    each = max(report["requests"], 1) * 1000.0
    return Slice(
        side=side.name,
        workload=workload.name,
        rate=rate,
        round=number,
        requests=report["requests"],
        per_second=report["per_second"],
        cpu_us=proxy.run / each,
        p50_us=report["p50_us"],
        p99_us=report["p99_us"],
        demand=demand,
        waited=proxy.wait / wall,
        origin_us=origin.run / each,
        load_us=own / each,
        rejected=why,
        report=report,
    )


def count_calls(stage: Stage, side: Side, workload: Workload) -> dict[str, float]:
    """System calls per request by name, saturated, under strace."""
    words = [*arguments(side, workload, stage.kit.certificate), "--seconds", str(stage.seconds)]
    with generator(stage.kit, words) as load:
        tracer = measure.Tracer(stage.running[side.name].pid, stage.kit.folder / f"{side.name}.strace")
        try:
            load.go()
            report = json.loads(load.line())
        finally:
            calls = tracer.close()
    requests = max(report["requests"], 1)
    return {name: count / requests for name, count in calls.items() if count / requests >= 0.005}


def weigh_idle(stage: Stage, side: Side, counts: tuple[int, ...]) -> dict[int, measure.Memory]:
    """Memory without connections (0) and with each of `counts` idle kept-alive ones."""
    pid = stage.running[side.name].pid
    found = {0: measure.memory(pid)}
    for count in counts:
        target = f"127.0.0.1:{side.ports['plain']}"
        with generator(stage.kit, ["--idle", "--target", target, "--connections", str(count)]):
            found[count] = measure.memory(pid)
    return found
