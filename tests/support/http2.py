"""HTTP/2 clients: one that keeps to the rules, and one that sends whatever frames it is told to."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    DataReceived,
    Event,
    InformationalResponseReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)
from hpack import Decoder, Encoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
)

from support.wire import Wire

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""What every connection begins with."""

FRAME = 16_384
"""What a frame may hold unless more was agreed on."""

Fields = list[tuple[str, str]]


def head(*fields: tuple[str, str], method: str = "GET", path: str = "/", host: str = "shop.test") -> Fields:
    """The fields of a request."""
    pseudo = [(":method", method), (":scheme", "http"), (":authority", host), (":path", path)]
    return pseudo + list(fields)


@dataclass
class Answer:
    """A response, as far as it has come."""

    interim: list[int] = field(default_factory=list)
    status: int = 0
    fields: Fields = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    ended: bool = False
    reset: ErrorCodes | int | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes."""
        return self.ended or self.reset is not None

    def all(self, name: str) -> list[str]:
        """The values of every field of this name."""
        return [value for known, value in self.fields if known == name]

    def get(self, name: str) -> str | None:
        """The value of the only field of this name; `None` where there is none."""
        values = self.all(name)
        assert len(values) <= 1, f"{name} came {len(values)} times"
        return values[0] if values else None


class Client:
    """A client that keeps to the rules, and is strict about what it gets."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.reading = True
        """Whether what is read of bodies opens the windows again."""
        self.connection = H2Connection(H2Configuration(client_side=True, header_encoding="latin-1"))
        self.answers: dict[int, Answer] = {}
        self.order: list[int] = []
        """Streams, in the order in which they ended."""
        self.connection.initiate_connection()
        self.flush()

    def flush(self) -> None:
        """Send what is due."""
        self.wire.send(self.connection.data_to_send())

    def ask(
        self,
        *fields: tuple[str, str],
        body: bytes | None = None,
        end: bool = True,
        method: str = "GET",
        path: str = "/",
    ) -> int:
        """Begin a request: its stream."""
        stream = self.connection.get_next_available_stream_id()
        self.answers[stream] = Answer()
        self.connection.send_headers(
            stream, head(*fields, method=method, path=path), end_stream=end and body is None
        )
        self.flush()
        if body is not None:
            self.upload(stream, body, end)
        return stream

    def upload(self, stream: int, body: bytes, end: bool = True) -> None:
        """Send a body as fast as the windows allow; what comes meanwhile is read."""
        left = memoryview(body)
        while left and not self.answers[stream].is_over:
            room = min(
                self.connection.local_flow_control_window(stream), self.connection.max_outbound_frame_size
            )
            if room == 0:
                self.fill()
                continue
            self.connection.send_data(stream, bytes(left[:room]))
            left = left[room:]
            self.flush()
        if end and not self.answers[stream].is_over:
            self.connection.end_stream(stream)
            self.flush()

    def fill(self) -> bool:
        """Wait for something, and take it in; false at the end of the connection."""
        self.wire.received.clear()
        if not self.wire.fill():
            return False
        for event in self.connection.receive_data(bytes(self.wire.received)):
            self._see(event)
        self.flush()
        return True

    def until(self, ready: Callable[[], bool]) -> None:
        """Read until this is true."""
        while not ready():
            assert self.fill(), "the connection has ended"

    def answer(self, stream: int) -> Answer:
        """Wait for the end of a response, a reset too."""
        answer = self.answers[stream]
        self.until(lambda: answer.is_over)
        return answer

    def get(self, *fields: tuple[str, str], method: str = "GET", path: str = "/") -> Answer:
        """A request without a body, and its response."""
        return self.answer(self.ask(*fields, method=method, path=path))

    def _see(self, event: Event) -> None:
        match event:
            case InformationalResponseReceived():
                fields = text(event.headers)
                self.answers[event.stream_id].interim.append(int(fields[0][1]))
            case ResponseReceived():
                answer = self.answers[event.stream_id]
                (_, status), *answer.fields = text(event.headers)
                answer.status = int(status)
            case DataReceived():
                self.answers[event.stream_id].body += event.data
                if self.reading and event.flow_controlled_length:
                    self.connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case StreamEnded():
                self.answers[event.stream_id].ended = True
                self.order.append(event.stream_id)
            case StreamReset():
                self.answers[event.stream_id].reset = event.error_code
                self.order.append(event.stream_id)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.wire.close()


def text(fields: Iterable[tuple[bytes | str, bytes | str]]) -> Fields:
    """Fields as text."""
    return [(_text(name), _text(value)) for name, value in fields]


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")


class Raw:
    """A client that sends what it is told to, and reads frame by frame."""

    def __init__(self, wire: Wire, settings: dict[int, int] | None = None, begin: bool = True) -> None:
        self.wire = wire
        self.encoder = Encoder()
        self.decoder = Decoder()
        self.seen: list[Frame] = []
        """Every frame that came."""
        if begin:
            self.wire.send(PREFACE + SettingsFrame(0, settings=settings or {}).serialize())

    def send(self, *frames: Frame | bytes) -> None:
        """Write frames, or bytes as they are."""
        parts = [part if isinstance(part, bytes) else part.serialize() for part in frames]
        self.wire.send(b"".join(parts))

    def block(self, fields: Iterable[tuple[str | bytes, str | bytes]]) -> bytes:
        """Fields, compressed; names as they are."""
        return self.encoder.encode([(_bytes(name), _bytes(value)) for name, value in fields])

    def headers(
        self, stream: int, fields: Iterable[tuple[str | bytes, str | bytes]], *flags: str
    ) -> HeadersFrame:
        """A request's head; it ends headers and stream unless flags are given."""
        return HeadersFrame(stream, self.block(fields), flags=flags or ("END_HEADERS", "END_STREAM"))

    def request(
        self, stream: int, fields: Iterable[tuple[str | bytes, str | bytes]], size: int = FRAME
    ) -> list[Frame]:
        """A request without a body, in as many frames of this size as its head needs."""
        block = self.block(fields)
        parts = [block[at : at + size] for at in range(0, len(block), size)]
        frames: list[Frame] = [HeadersFrame(stream, parts[0], flags=["END_STREAM"])]
        frames += [ContinuationFrame(stream, part) for part in parts[1:]]
        frames[-1].flags.add("END_HEADERS")
        return frames

    def frame(self) -> Frame | None:
        """The next frame; `None` at the end of the connection."""
        try:
            if self.wire.at_end():
                return None
            start = self.wire.take(9)
            frame, length = Frame.parse_frame_header(memoryview(start))
            frame.parse_body(memoryview(self.wire.take(length)))
        except ConnectionError:
            return None
        self.wire.forget()
        self.seen.append(frame)
        with suppress(ConnectionError):  # what has come before the end is still read
            if isinstance(frame, SettingsFrame) and "ACK" not in frame.flags:
                self.send(SettingsFrame(0, flags=["ACK"]))
            if isinstance(frame, PingFrame) and "ACK" not in frame.flags:
                self.send(PingFrame(0, frame.opaque_data, flags=["ACK"]))
        return frame

    def wait(self, ready: Callable[[Frame], bool]) -> Frame:
        """The next frame for which this is true."""
        while (frame := self.frame()) is not None:
            if ready(frame):
                return frame
        raise AssertionError(f"the connection has ended after {self.seen}")

    def outcome(self, stream: int) -> str:
        """What becomes of a stream: its status, its reset, or the connection's end."""
        while (frame := self.frame()) is not None:
            match frame:
                case GoAwayFrame() if frame.error_code != ErrorCodes.NO_ERROR:
                    return f"GOAWAY {ErrorCodes(frame.error_code).name}"
                case RstStreamFrame() if frame.stream_id == stream:
                    return f"RST_STREAM {ErrorCodes(frame.error_code).name}"
                case HeadersFrame() if frame.stream_id == stream:
                    return dict(text(self.decoder.decode(frame.data)))[":status"]
                case HeadersFrame():
                    self.decoder.decode(frame.data)
        return "end"

    def ping(self, payload: bytes = b"are you?") -> str:
        """Ask for a sign of life: `PING`, or how the connection has ended."""
        with suppress(ConnectionError):
            self.send(PingFrame(0, payload))
        while (frame := self.frame()) is not None:
            if isinstance(frame, GoAwayFrame):
                return f"GOAWAY {ErrorCodes(frame.error_code).name}"
            if isinstance(frame, HeadersFrame):
                self.decoder.decode(frame.data)
            if isinstance(frame, PingFrame) and frame.opaque_data == payload:
                return "PING"
        return "end"

    def last_words(self) -> list[str]:
        """The codes of every GOAWAY up to the connection's end."""
        while (frame := self.frame()) is not None:
            if isinstance(frame, HeadersFrame):
                self.decoder.decode(frame.data)
        frames = [frame for frame in self.seen if isinstance(frame, GoAwayFrame)]
        return [ErrorCodes(frame.error_code).name for frame in frames]

    def body(self, stream: int) -> bytes:
        """A response's content, to its end."""
        content = b""
        while True:
            frame = self.wait(lambda frame: frame.stream_id == stream)
            assert isinstance(frame, DataFrame), frame
            content += frame.data
            if "END_STREAM" in frame.flags:
                return content

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.wire.close()


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("latin-1")
