"""What has happened: the last thousand events, for whoever asks or waits, and each passed on.

Whoever makes an event never waits for a slow log: it is passed on by a thread of its own, in order.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from queue import SimpleQueue
from threading import Condition, Thread
from typing import Final

from equalizer.control.answers import NOTHING, Happened, Happenings
from equalizer.control.happening import Event
from equalizer.control.journal import journal

_KEPT = 1000
_ENDING = 2.0  # seconds
_LONGEST: Final = 5.0
"""Seconds that somebody may wait for the next event; then he asks again."""
KINDS: Final[Mapping[str, str]] = {
    "StateChange": "state",
    "WeightChange": "weight",
    "Judged": "verdict",
    "Panicked": "panic",
    "Silent": "agent",
    "Unprobed": "unprobed",
    "Ejected": "ejection",
    "NotEjected": "ejection",
    "Readmitted": "ejection",
    "Reloaded": "reloaded",
    "ReloadRefused": "reload_refused",
    "RecordsRead": "records",
    "RecordsRefused": "records",
    "RecordsUnwritten": "records",
    "KeysRenewed": "keys",
    "KeysRefused": "keys",
    "BreakerOpened": "breaker",
    "BreakerClosed": "breaker",
    "SessionsLost": "sessions_lost",
    "LinesDropped": "lines_dropped",
    "Unchosen": "unchosen",
    "AcceptingPaused": "accepting_paused",
    "RateLimited": "rate_limited",
    "OverBudget": "over_budget",
    "NoHandshake": "handshake",
    "Defect": "defect",
    "WorkersRestarted": "workers_restarted",
}
"""The word for each class of events, in metrics and for who filters."""


class Events:
    """What has happened since the start, and in the process before; any thread may call its methods."""

    def __init__(self, tell: Callable[[Event], None], before: Happenings = NOTHING) -> None:
        self._tell = tell
        self._kept = deque(before.events, _KEPT)
        self._last = before.last
        self._counts: Counter[str] = Counter(dict.fromkeys(KINDS.values(), 0))
        self._changed = Condition()
        self._passing: SimpleQueue[Event | None] = SimpleQueue()
        self._thread: Thread | None = None

    def happened(self, event: Event) -> None:
        """Keep it, and have it passed on; never waits."""
        lines = _Lines()
        journal(event, lines)
        kind = KINDS[type(event).__name__]
        with self._changed:
            self._last += 1
            pool, server = getattr(event, "pool", None), getattr(event, "server", None)
            first, *more = lines.lines
            self._kept.append(
                Happened(self._last, time.time(), lines.level, kind, pool, server, first, tuple(more))
            )
            self._counts[kind] += 1
            self._passing.put(event)
            if self._thread is None:
                self._thread = Thread(target=self._pass, name="events", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def after(self, number: int, wait: float = 0.0) -> Happenings:
        """The events after the one of that number; `wait` seconds for one, where there is none.

        A number that is yet to come is of a process that was here before, and has seen none of ours.
        """
        with self._changed:
            number = number if number <= self._last else 0
            self._changed.wait_for(lambda: self._last > number, min(wait, _LONGEST))
            return Happenings(self._last, tuple(each for each in self._kept if each.number > number))

    def counts(self) -> Mapping[str, int]:
        """How many there were of each kind."""
        with self._changed:
            return dict(self._counts)

    def close(self) -> None:
        """Wait until all are passed on, but not for long; may be called again."""
        with self._changed:
            thread, self._thread = self._thread, None
        if thread:
            self._passing.put(None)
            thread.join(_ENDING)

    def _pass(self) -> None:
        while (event := self._passing.get()) is not None:
            self._tell(event)


class _Lines:
    """A log that keeps what is written to it."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.level = "info"

    def info(self, text: str, **terms: object) -> None:
        """As it should be."""
        self.lines.append("  ".join((text, *(f"{word}={value}" for word, value in terms.items()))))

    def warning(self, text: str, **terms: object) -> None:
        """Somebody should see it."""
        self.level = "warning" if self.level == "info" else self.level
        self.info(text, **terms)

    def error(self, text: str, **terms: object) -> None:
        """Somebody must see it."""
        self.level = "error"
        self.info(text, **terms)
