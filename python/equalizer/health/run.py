"""The probes, again and again, on a thread of their own."""

import asyncio
from collections.abc import Mapping
from threading import Thread

from equalizer.health.plan import Name, Plan
from equalizer.health.rounds import Hears, Rounds, Seen
from equalizer.health.verdict import Verdict

_ENDING = 5.0  # seconds


class Prober:
    """Asks servers until it is closed; any thread may call its methods."""

    def __init__(self, hears: Hears, known: Mapping[Name, Verdict]) -> None:
        """What is `known` of servers counts until their own probes have ended."""
        self._hears, self._known = hears, known
        self._running: _Running | None = None
        self._plan: Plan = {}

    def watch(self, plan: Plan) -> None:
        """Ask these from now on, in place of those before."""
        self._plan = plan
        if self._running is None and plan:
            self._running = _Running(self._hears, self._known)
        if self._running:
            self._running.loop.call_soon_threadsafe(self._running.rounds.watch, plan)

    def seen(self, server: Name) -> tuple[Seen, ...]:
        """The probes of a server, as they stand; none from when it is asked no more."""
        return self._running.rounds.seen(server) if self._running and server in self._plan else ()

    def close(self) -> None:
        """Ask nobody any more; may be called again."""
        running, self._running = self._running, None
        if running:
            running.loop.call_soon_threadsafe(running.loop.stop)
            running.thread.join(_ENDING)


class _Running:
    """A thread with an event loop; nobody who probes nothing needs one."""

    def __init__(self, hears: Hears, known: Mapping[Name, Verdict]) -> None:
        self.loop = asyncio.new_event_loop()
        self.rounds = Rounds(self.loop, hears, known)
        self.thread = Thread(target=self._run, name="probes", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.loop.run_forever()
            self.rounds.stop()
        finally:
            self.loop.close()
