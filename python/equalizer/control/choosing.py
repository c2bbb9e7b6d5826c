"""The thread in which balances written in Python run: it asks the engine for births, and answers.

The engine waits for nobody: what comes too late is chosen by the pool's own balance.
"""

import os
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from threading import Thread, get_native_id

import structlog

from equalizer.engine.port import Engine
from equalizer.model.config import Config
from equalizer.policy.birth import Birth, Choose, Fields, PoolNow, ServerNow
from equalizer.snapshot.report import PoolReport, Report, ServerReport
from equalizer.snapshot.wire import Born

_MOST = 32  # births at a time: the first waits until the last is chosen for
_WAIT = 1000  # milliseconds
_NICE = 10
_PATIENCE = 1.0  # seconds
_AGAIN = 60.0  # seconds between two failures that are told


class Choosing:
    """Answers for as long as the engine asks."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._functions: Mapping[str, Choose] = {}
        self._pools: Mapping[str, PoolNow] = {}
        self._spares: Mapping[str, frozenset[str]] = {}
        self._thread: Thread | None = None
        self._told: dict[str, float] = {}

    def use(self, functions: Mapping[str, Choose], config: Config) -> None:
        """Choose by these functions from now on, in the pools of this configuration."""
        self._spares = {
            name: frozenset(server for server, table in config.pools[name].servers.items() if table.spare)
            for name in functions
        }
        self._pools = {name: self._configured(name, config) for name in functions}
        self._functions = functions
        if functions and self._thread is None:
            self._thread = Thread(target=self._run, name="choosing", daemon=True)
            self._thread.start()

    def see(self, report: Report) -> None:
        """Pools as they are now."""
        self._pools = {
            name: PoolNow(name, _now(pool, report.pools.get(name, PoolReport()), self._spares[name]))
            for name, pool in self._pools.items()
        }

    def join(self) -> None:
        """Wait for the last answer, once the engine has stopped; but not for a function that hangs."""
        if self._thread is not None:
            self._thread.join(_PATIENCE)

    def _configured(self, name: str, config: Config) -> PoolNow:
        before = self._pools.get(name)
        servers = {
            server: ServerNow(server, "up", table.weight, 0)
            for server, table in config.pools[name].servers.items()
        }
        known = before.servers if before else {}
        now = {server: known.get(server, each) for server, each in servers.items()}
        return PoolNow(name, _with_turns(now, self._spares[name]))

    def _run(self) -> None:
        # Behind the workers, where they share a core: who has a session goes first.
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, get_native_id(), _NICE)
        while (births := self._engine.births(_MOST, _WAIT)) is not None:
            if births:
                self._engine.decide(*self._choose(births))

    def _choose(self, births: Sequence[tuple[int, Born]]) -> tuple[list[tuple[int, str | None]], list[int]]:
        chosen: list[tuple[int, str | None]] = []
        failed: list[int] = []
        for number, born in births:
            function, pool = self._functions.get(born["pool"]), self._pools.get(born["pool"])
            if function is None or pool is None:
                chosen.append((number, None))  # a reload has changed the balance meanwhile
                continue
            try:
                answer = function(_birth(born), pool)
            # SystemExit or CancelledError would end this thread, and all choices with it.
            except BaseException as error:
                failed.append(number)
                self._tell(pool.name, error)
                continue
            chosen.append((number, None if answer is None else _name(answer)))
        return chosen, failed

    def _tell(self, pool: str, error: BaseException) -> None:
        now = time.monotonic()
        if now - self._told.get(pool, now - _AGAIN) < _AGAIN:
            return
        self._told[pool] = now
        # One line: to write a whole traceback takes longer than births wait.
        where = traceback.extract_tb(error.__traceback__)[-1]
        what = f"{type(error).__name__}: {_said(error)} ({where.filename}, line {where.lineno})"
        structlog.get_logger().warning(f"pool {pool}: the balance in Python failed: {what}")


def _name(answer: object) -> str:
    """What can be no server's name is no text either: the engine counts it as a wrong answer."""
    return answer if isinstance(answer, str) and answer.isascii() else ""


def _said(error: BaseException) -> str:
    """In one line; nothing where the exception itself fails."""
    with suppress(Exception):
        return " ".join(str(error).split())
    return ""


def _birth(born: Born) -> Birth:
    return Birth(
        born["client"],
        born["secure"],
        born["method"],
        born["host"],
        born["path"],
        born["query"],
        Fields(born["fields"]),
    )


def _now(pool: PoolNow, report: PoolReport, spares: frozenset[str]) -> Mapping[str, ServerNow]:
    servers = {}
    for name, before in pool.servers.items():
        counted = report.servers.get(name, ServerReport())
        servers[name] = ServerNow(
            name,
            counted.state or before.state,
            before.weight if counted.weight is None else counted.weight,
            counted.in_flight,
        )
    return _with_turns(servers, spares)


def _with_turns(servers: Mapping[str, ServerNow], spares: frozenset[str]) -> Mapping[str, ServerNow]:
    """Spares wait while another server takes sessions."""
    others = any(
        each.state == "up" and each.weight > 0 for name, each in servers.items() if name not in spares
    )
    return {name: replace(each, waits=others and name in spares) for name, each in servers.items()}
