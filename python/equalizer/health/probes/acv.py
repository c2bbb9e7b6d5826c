"""Active content verification: some bytes are sent, and what is answered must match."""

import re
from collections.abc import Callable

from equalizer.health.probes.dialogue import Step
from equalizer.health.verdict import Finding
from equalizer.model.probe import MOST_MATCHED, AcvProbe


def dialogues(probe: AcvProbe) -> "Callable[[], Acv]":
    """What makes a dialogue for each probe."""
    sent, match = probe.sent, re.compile(probe.match.encode())
    return lambda: Acv(sent, match)


class Acv:
    """A `Dialogue`."""

    lacks = "match"

    def __init__(self, sent: bytes, match: re.Pattern[bytes]) -> None:
        self._sent = sent
        self._match = match
        self._answer = b""

    def opening(self) -> bytes:
        """As the settings say."""
        return self._sent

    def take(self, data: bytes) -> Step:
        """A piece of the answer; it matches as soon as what has come does."""
        self._answer = (self._answer + data)[:MOST_MATCHED]
        if self._match.search(self._answer):
            return Finding(True)
        if len(self._answer) == MOST_MATCHED:
            return Finding(False, f"{MOST_MATCHED} bytes that do not match")
        if not data:
            what = "an answer that does not match" if self._answer else "closed before an answer"
            return Finding(False, what, answered=bool(self._answer))
        return b""
