"""An echo request (RFC 792, RFC 4443): the system fills in who asks and the checksum."""

import struct
from collections.abc import Callable

from equalizer.health.probes.dialogue import Step
from equalizer.health.verdict import Finding

_ECHO = struct.Struct(">BBHHH")  # type, code, checksum, who asks, number
_REPLIES = {8: 0, 128: 129}


def dialogues(*, ipv6: bool) -> "Callable[[], Icmp]":
    """What makes a dialogue for each probe."""
    return lambda: Icmp(128 if ipv6 else 8)


class Icmp:
    """A `Dialogue` in which each piece is a packet."""

    lacks = "reply"

    def __init__(self, kind: int) -> None:
        self._kind = kind

    def opening(self) -> bytes:
        """An echo request."""
        return _ECHO.pack(self._kind, 0, 0, 0, 1) + b"equalizer"

    def take(self, data: bytes) -> Step:
        """The reply; the system passes on only what answers our socket."""
        return Finding(True) if data[:1] == bytes([_REPLIES[self._kind]]) else b""
