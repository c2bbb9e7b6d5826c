"""The health service of gRPC: `grpc.health.v1.Health/Check` must say SERVING.

Its two messages are so small that they are written and read here by hand: the request has the service's name
as field 1, the response a number as field 1 (protobuf's wire format, `grpc.health.v1.HealthCheckResponse`).
"""

import struct
from collections.abc import Callable

from equalizer.health.probes.dialogue import Asked, Dialogue
from equalizer.health.probes.h2 import H2
from equalizer.health.verdict import Finding
from equalizer.model.probe import GrpcProbe

_SERVING = b"\x08\x01"
_WORDS = {b"": "UNKNOWN", b"\x08\x00": "UNKNOWN", b"\x08\x02": "NOT_SERVING", b"\x08\x03": "SERVICE_UNKNOWN"}
_FAULTS = {b"5": "NOT_FOUND, as the service is not known there", b"12": "UNIMPLEMENTED"}
_PREFIX = struct.Struct(">BI")  # whether it is compressed, and its length


def dialogues(probe: GrpcProbe, host: str, *, secure: bool) -> Callable[[], Dialogue]:
    """What makes a dialogue for each probe."""
    name = probe.service.encode()
    # A length under 128 is one byte of a varint, one up to 255 two.
    length = bytes([len(name)]) if len(name) < 128 else bytes([len(name) & 0x7F | 0x80, len(name) >> 7])
    message = b"\x0a" + length + name if name else b""
    sent = _PREFIX.pack(0, len(message)) + message
    fields = [
        (":method", "POST"),
        (":scheme", "https" if secure else "http"),
        (":authority", probe.host or host),
        (":path", "/grpc.health.v1.Health/Check"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("user-agent", "equalizer-probe"),
    ]
    return lambda: Asked(H2(fields, sent), _judged)


def _judged(found: H2) -> Finding | None:
    if not found.ended:
        return None
    if found.status != 200:
        return Finding(False, f"status {found.status}, not 200")
    # An answer without a message has its trailers in the place of the head.
    code = found.trailers.get(b"grpc-status") or found.field(b"grpc-status")
    if code != b"0":
        shown = code.decode("latin-1")[:8]
        return Finding(False, f"gRPC status {_FAULTS.get(code, shown or 'missing')}")
    message = bytes(found.body[_PREFIX.size :])
    if message == _SERVING:
        return Finding(True)
    return Finding(False, f"{_WORDS.get(message, 'an answer that is not understood')}, not SERVING")
