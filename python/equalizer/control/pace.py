"""Keeps a report of some seconds ago, so that it can be told how servers do now."""

from collections import deque

from equalizer.policy.lately import Lately, lately
from equalizer.snapshot.report import PoolReport, Report, ServerReport

_EVERY = 5.0  # seconds
_LEAST = 1.0  # seconds that something is divided by


class Pace:
    """Tells of the last five to ten seconds; where nobody notes reports, of all that came since the last."""

    def __init__(self, now: float) -> None:
        self._noted: deque[tuple[float, Report]] = deque([(now, Report())], maxlen=2)

    def note(self, report: Report, now: float) -> None:
        """To be called from time to time; more often than needed does no harm."""
        if now - self._noted[-1][0] >= _EVERY:
            self._noted.append((now, report))

    def of(self, name: tuple[str, str], counted: ServerReport, now: float) -> Lately:
        """How a server does that has counted so much by now."""
        at, before = self._noted[0]
        then = before.pools.get(name[0], PoolReport()).servers.get(name[1], ServerReport())
        return lately(then, counted, max(now - at, _LEAST))
