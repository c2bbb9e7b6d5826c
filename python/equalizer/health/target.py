"""Whom a probe asks, and how: everything that the runner needs, and nothing that it must understand."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from equalizer.health.probes.dialogue import Dialogue


@dataclass(frozen=True, slots=True)
class Pace:
    """When, and how often before it is believed; times in seconds."""

    interval: float
    timeout: float
    jitter: float
    """Part of the interval."""
    rise: int
    fall: int


@dataclass(frozen=True, slots=True)
class Target:
    """One probe of one address; equal ones are made once, whoever wants to know."""

    key: str
    """Tells targets apart: every setting that matters, as text."""
    name: str = field(compare=False)
    """What the probe is called in a line of the log."""
    ip: str = field(compare=False)
    port: int = field(compare=False)
    pace: Pace = field(compare=False)
    carrier: Literal["tcp", "icmp"] = field(compare=False, default="tcp")
    tls: ssl.SSLContext | None = field(compare=False, default=None)
    """Present where TLS is spoken."""
    host: str = field(compare=False, default="")
    """The name that a certificate is asked for and must have."""
    begin: Callable[[], Dialogue] | None = field(compare=False, default=None)
    """A new dialogue; None where a connection says enough."""
