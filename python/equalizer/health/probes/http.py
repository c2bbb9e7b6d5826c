"""A request, and whether its response is as expected."""

import re
from collections.abc import Callable

from equalizer.health.probes.dialogue import Asked, Dialogue, Exchange
from equalizer.health.probes.h1 import H1, request
from equalizer.health.probes.h2 import H2
from equalizer.health.verdict import Finding
from equalizer.model.probe import HttpProbe, write_status


def dialogues(
    probe: HttpProbe, host: str, tells: str, *, http2: bool, secure: bool
) -> Callable[[], Dialogue]:
    """What makes a dialogue for each probe; `tells` names the field in which servers tell their life."""
    host, life = probe.host or host, tells.lower().encode()
    body = re.compile(probe.body.encode()) if probe.body is not None else None
    expected = Expected(probe.status, body, life)
    if http2:
        fields = [
            (":method", probe.method),
            (":scheme", "https" if secure else "http"),
            (":authority", host),
            (":path", probe.path),
            *((name.lower(), value) for name, value in probe.fields.items()),
        ]
        return lambda: Asked(H2(fields), expected.judge)
    asked = request(probe.method, probe.path, host, probe.fields)
    return lambda: Asked(H1(asked, probe.method), expected.judge)


class Expected:
    """What a response must be like."""

    def __init__(
        self, status: tuple[tuple[int, int], ...], body: re.Pattern[bytes] | None, life: bytes
    ) -> None:
        self.status = status
        self.body = body
        self.life = life
        self.said = ", ".join(map(write_status, status))

    def judge(self, found: Exchange) -> Finding | None:
        """What is found; None while it cannot be told."""
        if not found.status:
            return None
        if not any(low <= found.status <= high for low, high in self.status):
            return Finding(False, f"status {found.status}, not {self.said}")
        if (self.life and not found.headed) or (self.body and not found.ended):
            return None
        if self.body and not self.body.search(found.body):
            return Finding(False, "a body that does not match")
        return Finding(True, incarnation=found.field(self.life).decode("latin-1") if self.life else "")
