"""What a client may send frame by frame, and what has to become of it: RFC 9113 as a table.

Stream 1 of a case is a request that its server has not answered yet, where the case begins one.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    PushPromiseFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from support.http2 import FRAME, Raw, head

FINE = "fine"
"""The connection goes on, and so does what was begun."""
PROTOCOL, SIZE, CLOSED, FLOW = "PROTOCOL_ERROR", "FRAME_SIZE_ERROR", "STREAM_CLOSED", "FLOW_CONTROL_ERROR"
COMPRESSION = "COMPRESSION_ERROR"

HEADERS, OPEN, END = "END_HEADERS", ("END_HEADERS",), ("END_HEADERS", "END_STREAM")
Send = Callable[[Raw], None]


@dataclass(frozen=True)
class Case:
    """What is sent, and what has to come."""

    section: str
    name: str
    send: Send
    outcome: str
    """`FINE`, or the frame that has to come and its code; for a stream that of number 1 unless told."""
    stream: int = 1
    instead: str = ""
    """What comes where the error of a stream ends the connection, as an endpoint may choose (5.4.1)."""

    @property
    def comes(self) -> str:
        """What has to come."""
        return self.instead or self.outcome


def raw(kind: int, payload: bytes = b"", flags: int = 0, stream: int = 0) -> bytes:
    """A frame of any kind and content."""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def sends(*frames: Frame | bytes) -> Send:
    """Nothing but these."""
    return lambda client: client.send(*frames)


def after(*frames: Frame | bytes, flags: tuple[str, ...] = END, path: str = "/held") -> Send:
    """A request on stream 1 and these behind it."""
    return lambda client: client.send(client.headers(1, head(path=path, method="POST"), *flags), *frames)


def on(stream: int, *before: Frame | bytes) -> Send:
    """A request on this stream."""
    return lambda client: client.send(*before, client.headers(stream, head()))


def padded(kind: type[DataFrame] | type[HeadersFrame], length: int) -> Send:
    """A frame on stream 1 whose padding is longer than itself."""

    def send(client: Raw) -> None:
        if kind is DataFrame:
            client.send(client.headers(1, head(path="/held", method="POST"), HEADERS))
            client.send(raw(0, bytes([length]) + b"abc", 0x8, 1))
        else:
            client.send(raw(1, bytes([length]) + client.block(head()), 0xD, 1))

    return send


def depending_on_itself(client: Raw) -> None:
    frame = client.headers(1, head())
    frame.flags.add("PRIORITY")
    frame.depends_on = 1
    client.send(frame)


def in_parts(*between: Frame | bytes, number: int = 2) -> Send:
    """A head on stream 1 in parts, with these after the first part."""

    def send(client: Raw) -> None:
        block = client.block(head())
        cuts = [len(block) * part // number for part in range(number + 1)]
        parts = [block[start:end] for start, end in itertools.pairwise(cuts)]
        frames: list[Frame] = [ContinuationFrame(1, part) for part in parts[1:]]
        frames[-1].flags.add(HEADERS)
        client.send(HeadersFrame(1, parts[0], flags=["END_STREAM"]), *between, *frames)

    return send


def twice(second: int) -> Send:
    """A request on stream 5, then one on this stream."""
    return lambda client: client.send(client.headers(5, head(path="/held")), client.headers(second, head()))


def more_headers(*flags: str) -> Send:
    def send(client: Raw) -> None:
        client.send(client.headers(1, head(path="/held", method="POST"), HEADERS))
        client.send(client.headers(1, [("x-trailer", "1")], *flags))

    return send


def headers_after(*frames: Frame) -> Send:
    def send(client: Raw) -> None:
        client.send(client.headers(1, head(path="/held", method="POST"), *END), *frames)
        client.send(client.headers(1, head(method="POST"), *END))

    return send


def too_large(client: Raw) -> None:
    client.send(client.headers(1, head(path="/held", method="POST"), HEADERS))
    client.send(raw(0, bytes(FRAME + 1), 0, 1))


def settings(identifier: int, value: int) -> Send:
    return sends(raw(4, identifier.to_bytes(2, "big") + value.to_bytes(4, "big")))


GO, RESET = "GOAWAY ", "RST_STREAM "
RST = RstStreamFrame(1, 8)

CASES = [
    # 4.1 Frame format
    Case("4.1", "a frame of an unknown kind is ignored", sends(raw(0xFA, b"abc", 0xFF, 0)), FINE),
    Case("4.1", "unknown flags are ignored", sends(raw(6, bytes(8), 0xFE)), FINE),
    Case("4.1", "the reserved bit is ignored", sends(raw(6, bytes(8), 0, 1 << 31)), FINE),
    # 4.2 Frame size
    Case("4.2", "DATA of 16,384 bytes", after(DataFrame(1, bytes(FRAME)), flags=OPEN), FINE),
    Case("4.2", "DATA of one more", too_large, GO + SIZE),
    Case("4.2", "HEADERS too large", sends(raw(1, bytes(FRAME + 1), 5, 1)), GO + SIZE),
    Case("4.2", "a frame of an unknown kind too large", sends(raw(0xFA, bytes(FRAME + 1))), GO + SIZE),
    # 4.3 Field compression
    Case("4.3", "an index beyond the table", sends(raw(1, b"\xff\xff\x7f", 5, 1)), GO + COMPRESSION),
    Case("4.3", "index 0", sends(raw(1, b"\x80", 5, 1)), GO + COMPRESSION),
    Case("4.3", "an integer without an end", sends(raw(1, b"\xff" * 30, 5, 1)), GO + COMPRESSION),
    Case("4.3", "a block cut in a string", sends(raw(1, b"\x00\x7fab", 5, 1)), GO + COMPRESSION),
    Case(
        "4.3", "a table larger than allowed", sends(raw(1, b"\x3f\xe1\xff\x03\x82", 5, 1)), GO + COMPRESSION
    ),
    Case("4.3", "a change of the table at the end", sends(raw(1, b"\x82\x20", 5, 1)), GO + COMPRESSION),
    Case("4.3", "Huffman padding with zeros", sends(raw(1, b"\x00\x81\x18\x00", 5, 1)), GO + COMPRESSION),
    Case("4.3", "PRIORITY inside a block", in_parts(PriorityFrame(1)), GO + PROTOCOL),
    Case("4.3", "HEADERS of another stream inside a block", in_parts(HeadersFrame(3)), GO + PROTOCOL),
    # 5.1 Stream states
    Case("5.1", "idle: DATA", sends(DataFrame(1, b"x")), GO + PROTOCOL),
    Case("5.1", "idle: RST_STREAM", sends(RST), GO + PROTOCOL),
    Case("5.1", "idle: WINDOW_UPDATE", sends(WindowUpdateFrame(1, 100)), GO + PROTOCOL),
    Case("5.1", "idle: CONTINUATION", sends(ContinuationFrame(1, flags=OPEN)), GO + PROTOCOL),
    Case("5.1", "idle: PRIORITY", sends(PriorityFrame(1)), FINE),
    Case("5.1", "half-closed: DATA", after(DataFrame(1, b"x")), RESET + CLOSED, instead=GO + CLOSED),
    Case("5.1", "half-closed: HEADERS", headers_after(), RESET + CLOSED, instead=GO + CLOSED),
    Case("5.1", "half-closed: CONTINUATION", after(ContinuationFrame(1, flags=OPEN)), GO + PROTOCOL),
    Case("5.1", "half-closed: WINDOW_UPDATE", after(WindowUpdateFrame(1, 100)), FINE),
    Case("5.1", "reset by the client: DATA", after(RST, DataFrame(1, b"x"), flags=OPEN), RESET + CLOSED),
    Case("5.1", "reset by the client: HEADERS", headers_after(RST), RESET + CLOSED, instead=GO + CLOSED),
    Case("5.1", "reset by the client: PRIORITY", after(RST, PriorityFrame(1)), FINE),
    Case("5.1", "reset by the client: again", after(RST, RST), FINE),
    # 5.1.1 Stream identifiers
    Case("5.1.1", "an even number", on(2), GO + PROTOCOL),
    Case("5.1.1", "a smaller number", twice(3), GO + PROTOCOL),
    Case("5.1.1", "numbers left out", on(1001), "200", 1001),
    # 5.3 Prioritisation, which is no more, but its frames are
    Case("5.3.1", "PRIORITY on itself", after(PriorityFrame(1, depends_on=1)), RESET + PROTOCOL),
    Case("5.3.1", "HEADERS that depend on themselves", depending_on_itself, RESET + PROTOCOL),
    # 5.5 Extensions
    Case("5.5", "an unknown frame on a stream", after(raw(0xFA, b"abc", 0, 1)), FINE),
    Case("5.5", "an unknown frame inside a block", in_parts(raw(0xFA, b"abc", 0, 1)), GO + PROTOCOL),
    # 6.1 DATA
    Case("6.1", "on stream 0", sends(raw(0, b"x")), GO + PROTOCOL),
    Case("6.1", "too much padding", padded(DataFrame, 4), GO + PROTOCOL),
    Case("6.1", "nothing but padding", after(raw(0, b"\x03abc", 8, 1), flags=OPEN), FINE),
    Case("6.1", "padded without a length", after(raw(0, b"", 8, 1), flags=OPEN), GO + SIZE),
    # 6.2 HEADERS
    Case("6.2", "on stream 0", sends(raw(1, b"\x82", 5, 0)), GO + PROTOCOL),
    Case("6.2", "too much padding", padded(HeadersFrame, 200), GO + PROTOCOL),
    # 6.3 PRIORITY
    Case("6.3", "on stream 0", sends(raw(2, bytes(5))), GO + PROTOCOL),
    Case("6.3", "of 4 bytes", after(raw(2, bytes(4), 0, 1)), GO + SIZE),
    # 6.4 RST_STREAM
    Case("6.4", "on stream 0", sends(raw(3, bytes(4))), GO + PROTOCOL),
    Case("6.4", "of 3 bytes", after(raw(3, bytes(3), 0, 1)), GO + SIZE),
    # 6.5 SETTINGS
    Case("6.5", "ACK with content", sends(raw(4, bytes(6), 1)), GO + SIZE),
    Case("6.5", "ACK that nobody asked for", sends(raw(4, b"", 1), raw(4, b"", 1)), GO + PROTOCOL),
    Case("6.5", "on a stream", sends(raw(4, b"", 0, 1)), GO + PROTOCOL),
    Case("6.5", "of 3 bytes", sends(raw(4, bytes(3))), GO + SIZE),
    Case("6.5.2", "ENABLE_PUSH = 2", settings(2, 2), GO + PROTOCOL),
    Case("6.5.2", "INITIAL_WINDOW_SIZE too large", settings(4, 1 << 31), GO + FLOW),
    Case("6.5.2", "MAX_FRAME_SIZE too small", settings(5, FRAME - 1), GO + PROTOCOL),
    Case("6.5.2", "MAX_FRAME_SIZE too large", settings(5, 1 << 24), GO + PROTOCOL),
    Case("6.5.2", "an unknown setting", settings(0xFA, 1), FINE),
    Case("6.5.2", "no table for fields", settings(1, 0), FINE),
    # 6.6 PUSH_PROMISE
    Case("6.6", "by a client", after(PushPromiseFrame(1, 2, b"\x82", flags=OPEN), flags=OPEN), GO + PROTOCOL),
    # 6.7 PING
    Case("6.7", "ACK that nobody asked for", sends(PingFrame(0, bytes(8), flags=["ACK"])), FINE),
    Case("6.7", "on a stream", sends(raw(6, bytes(8), 0, 1)), GO + PROTOCOL),
    Case("6.7", "of 6 bytes", sends(raw(6, bytes(6))), GO + SIZE),
    # 6.8 GOAWAY
    Case("6.8", "on a stream", sends(raw(7, bytes(8), 0, 1)), GO + PROTOCOL),
    Case("6.8", "too short", sends(raw(7, bytes(4))), GO + SIZE),
    # 6.9 WINDOW_UPDATE
    Case("6.9", "of 0, connection", sends(raw(8, bytes(4))), GO + PROTOCOL),
    Case("6.9", "of 0, stream", after(raw(8, bytes(4), 0, 1)), RESET + PROTOCOL, instead=GO + PROTOCOL),
    Case("6.9", "of 3 bytes", sends(raw(8, bytes(3))), GO + SIZE),
    Case(
        "6.9.1", "beyond 2^31 - 1, connection", sends(*[WindowUpdateFrame(0, (1 << 31) - 1)] * 2), GO + FLOW
    ),
    Case("6.9.1", "beyond 2^31 - 1, stream", after(*[WindowUpdateFrame(1, (1 << 31) - 1)] * 2), RESET + FLOW),
    Case(
        "6.9.2",
        "INITIAL_WINDOW_SIZE that makes a window too large",
        after(WindowUpdateFrame(1, (1 << 31) - 65_536), SettingsFrame(0, settings={4: 65_536})),
        GO + FLOW,
    ),
    # 6.10 CONTINUATION
    Case("6.10", "many", in_parts(number=5), "200"),
    Case("6.10", "DATA inside a block", in_parts(DataFrame(1, b"x")), GO + PROTOCOL),
    Case("6.10", "on stream 0", sends(raw(9, b"\x82", 4, 0)), GO + PROTOCOL),
    Case("6.10", "of another stream", in_parts(ContinuationFrame(3)), GO + PROTOCOL),
    Case(
        "6.10",
        "behind the end of a block",
        after(ContinuationFrame(1, flags=OPEN), flags=OPEN),
        GO + PROTOCOL,
    ),
    # 7 Error codes
    Case("7", "RST_STREAM with an unknown code", after(RstStreamFrame(1, 0xFA)), FINE),
    Case("7", "GOAWAY with an unknown code", sends(GoAwayFrame(0, 0, 0xFA)), "end"),
    # 8.1 Message framing
    Case("8.1", "trailers that do not end the stream", more_headers(HEADERS), RESET + PROTOCOL),
    Case("8.1", "trailers that end the stream", more_headers(*END), FINE),
]
