"""An echo request (RFC 792, RFC 4443), over a socket for echoes alone or one for all packets.

In the first the system says who asks, to the second it passes on all that comes: our reply is known by what
we have sent along.
"""

import os
import struct
from collections.abc import Callable

from equalizer.health.probes.dialogue import Step
from equalizer.health.verdict import Finding

_ECHO = struct.Struct(">BBHHH")  # type, code, checksum, who asks, number
_REPLIES = {8: 0, 128: 129}
_SENT_ALONG = 16  # bytes


def dialogues(*, ipv6: bool) -> "Callable[[], Icmp]":
    """What makes a dialogue for each probe."""
    return lambda: Icmp(128 if ipv6 else 8)


class Icmp:
    """A `Dialogue` in which each piece is a packet."""

    lacks = "reply"

    def __init__(self, kind: int) -> None:
        self._kind = kind
        self._token = os.urandom(_SENT_ALONG)

    def opening(self) -> bytes:
        """An echo request."""
        checksum = _checksum(_ECHO.pack(self._kind, 0, 0, 0, 1) + self._token)
        return _ECHO.pack(self._kind, 0, checksum, 0, 1) + self._token

    def take(self, data: bytes) -> Step:
        """Our reply; what else comes is of others."""
        packet = _without_ip(data)
        is_ours = packet[:1] == bytes([_REPLIES[self._kind]]) and packet[_ECHO.size :] == self._token
        return Finding(True) if is_ours else b""


def _without_ip(data: bytes) -> bytes:
    """Of IPv4 a socket for all packets gives the whole: the version is 4, which is no type of ICMP in use."""
    return data[(data[0] & 0xF) * 4 :] if data and data[0] >> 4 == 4 else data


def _checksum(packet: bytes) -> int:
    """The sum that the Internet uses (RFC 1071); of an even number of bytes."""
    total: int = sum(word for (word,) in struct.iter_unpack(">H", packet))
    return ~(total % 0xFFFF) & 0xFFFF
