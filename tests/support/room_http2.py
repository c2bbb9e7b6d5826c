"""A WebSocket server that speaks HTTP/2 only (RFC 8441)."""

from dataclasses import dataclass, field

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, Event, RequestReceived, StreamEnded, StreamReset
from h2.exceptions import StreamClosedError
from h2.settings import SettingCodes
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side

from support.http2_server import begin
from support.origin import Origin
from support.wire import Wire

Fields = list[tuple[str, str]]


@dataclass
class Talk:
    """One WebSocket."""

    fields: Fields
    words: Protocol
    due: bytearray = field(default_factory=bytearray)
    """What is still to be sent."""
    ends: bool = False
    """Whether nothing more will be."""


class Http2Room(Origin):
    """Says its name and then what it hears; to `bye` it says goodbye, and to `drop` that it has had enough.

    Requests for anything but WebSocket are answered with 200, and those for `/closed` with 403.
    """

    def __init__(self, name: str, streams: int = 100, offers: bool = True) -> None:
        self.name = name
        self.asked: list[Fields] = []
        self.ends: list[str] = []
        """How each WebSocket has ended: `end`, or the code of its reset."""
        self.says = {
            SettingCodes.MAX_CONCURRENT_STREAMS: streams,
            SettingCodes.ENABLE_CONNECT_PROTOCOL: int(offers),
        }
        super().__init__(self._serve)

    def _serve(self, _: Origin, wire: Wire) -> None:
        config = H2Configuration(client_side=False, header_encoding="utf-8")
        connection = begin(wire, config, self.says)
        talks: dict[int, Talk] = {}
        while data := wire.sock.recv(1 << 16):
            for event in connection.receive_data(data):
                self._see(connection, talks, event)
            for stream, talk in list(talks.items()):
                if self._send(connection, stream, talk):
                    del talks[stream]
            wire.send(connection.data_to_send())
            self.tell()

    def _see(self, connection: H2Connection, talks: dict[int, Talk], event: Event) -> None:
        match event:
            case RequestReceived():
                self._answer(connection, talks, event)
            case DataReceived() if event.stream_id in talks:
                connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                self._hear(connection, event.stream_id, talks[event.stream_id], event.data)
            case StreamEnded() if event.stream_id in talks:
                self.ends.append("end")
                talks[event.stream_id].ends = True
            case StreamReset() if talks.pop(event.stream_id, None):
                self.ends.append(ErrorCodes(event.error_code).name)

    def _answer(self, connection: H2Connection, talks: dict[int, Talk], event: RequestReceived) -> None:
        fields = [(str(name), str(value)) for name, value in event.headers]
        self.asked.append(fields)
        asked = dict(fields)
        answer = [(":status", "403" if asked[":path"] == "/closed" else "200"), ("server-name", self.name)]
        if ":protocol" not in asked or asked[":path"] == "/closed":
            connection.send_headers(event.stream_id, answer, end_stream=True)
            return
        connection.send_headers(event.stream_id, [*answer, ("sec-websocket-protocol", "chat")])
        talks[event.stream_id] = Talk(fields, Protocol(Side.SERVER, max_size=32 << 20))
        talks[event.stream_id].words.send_text(self.name.encode())

    def _hear(self, connection: H2Connection, stream: int, talk: Talk, data: bytes) -> None:
        talk.words.receive_data(data)
        for frame in talk.words.events_received():
            assert isinstance(frame, Frame)
            match frame.opcode:
                case Opcode.TEXT if frame.data == b"bye":
                    talk.words.send_close(4001, "as you wish")
                case Opcode.TEXT if frame.data == b"drop":
                    connection.reset_stream(stream, ErrorCodes.CANCEL)
                case Opcode.TEXT:
                    talk.words.send_text(frame.data, frame.fin)
                case Opcode.BINARY:
                    talk.words.send_binary(frame.data, frame.fin)
                case Opcode.CONT:
                    talk.words.send_continuation(frame.data, frame.fin)

    def _send(self, connection: H2Connection, stream: int, talk: Talk) -> bool:
        """Send what the windows have room for; whether that was the last."""
        for part in talk.words.data_to_send():
            talk.due += part
            talk.ends |= not part
        try:
            while talk.due and (room := connection.local_flow_control_window(stream)) > 0:
                length = min(room, connection.max_outbound_frame_size)
                connection.send_data(stream, bytes(talk.due[:length]))
                del talk.due[:length]
            if talk.ends and not talk.due:
                connection.end_stream(stream)
        except StreamClosedError:
            return True
        return talk.ends and not talk.due
