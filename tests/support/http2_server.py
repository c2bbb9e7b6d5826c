"""A server that speaks HTTP/2, HTTP/1.1, or what both sides agree on under TLS."""

import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded
from h2.settings import SettingCodes, Settings

from support.origin import HELLO, Origin, Script, answering
from support.wire import Wire

H2, H1 = "h2", "http/1.1"


def begin(
    wire: Wire, config: H2Configuration | None = None, says: Mapping[SettingCodes, int] | None = None
) -> H2Connection:
    """The server's side of a connection; its settings, with what it `says` there, are sent."""
    connection = H2Connection(config or H2Configuration(client_side=False))
    if says:
        connection.local_settings = Settings(client=False, initial_values=dict(says))
    connection.initiate_connection()
    wire.send(connection.data_to_send())
    return connection


@dataclass
class Asked:
    """A request that came over HTTP/2."""

    fields: list[tuple[str, str]]
    body: bytearray = field(default_factory=bytearray)

    def get(self, name: str) -> str:
        """The value of the only field of this name."""
        (value,) = (value for known, value in self.fields if known == name)
        return value


class Http2Server(Origin):
    """With a certificate it prefers HTTP/2 among what it `speaks`; without, HTTP/2 is all that it speaks.

    It answers over HTTP/2 when so many requests wait at a time as are wanted `together`.
    """

    def __init__(
        self,
        own: dict[str, str] | None = None,
        speaks: Sequence[str] = (H2, H1),
        script: Script | None = None,
        together: int = 1,
    ) -> None:
        self.context: ssl.SSLContext | None = None
        if own:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(own["certificate"], own["key"])
            self.speak(*speaks)
        self.http1 = script or answering(HELLO)
        self.together = together
        self.agreed: list[str | None] = []
        """What was agreed on, a connection each; None where nothing was."""
        self.asked: list[Asked] = []
        """What came over HTTP/2."""
        super().__init__(self._begin)

    def speak(self, *protocols: str) -> None:
        """Agree on these from now on; on none where there are none."""
        assert self.context
        self.context.set_alpn_protocols(list(protocols))

    def hang_up(self) -> None:
        """End the connections there are."""
        for wire in self.connections:
            try:
                wire.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def _begin(self, origin: Origin, wire: Wire) -> None:
        agreed: str | None = H2
        if self.context:
            wire.sock = self.context.wrap_socket(wire.sock, server_side=True)
            agreed = wire.sock.selected_alpn_protocol()
        self.agreed.append(agreed)
        self.tell()
        if agreed == H2:
            self._serve(wire)
        else:
            self.http1(origin, wire)

    def _serve(self, wire: Wire) -> None:
        connection = begin(wire, H2Configuration(client_side=False, header_encoding="utf-8"))
        streams: dict[int, Asked] = {}
        waiting: list[int] = []
        while data := wire.sock.recv(1 << 16):
            for event in connection.receive_data(data):
                if isinstance(event, RequestReceived):
                    streams[event.stream_id] = Asked(
                        [(str(name), str(value)) for name, value in event.headers]
                    )
                elif isinstance(event, DataReceived):
                    streams[event.stream_id].body += event.data
                    connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, StreamEnded):
                    self.asked.append(streams[event.stream_id])
                    waiting.append(event.stream_id)
            if len(waiting) >= self.together:
                for stream in waiting:
                    connection.send_headers(stream, [(":status", "200"), ("content-length", "5")])
                    connection.send_data(stream, b"hello", end_stream=True)
                waiting.clear()
            wire.send(connection.data_to_send())
            self.tell()
