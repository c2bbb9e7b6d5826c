"""One exchange of HTTP/2, on a connection of its own (RFC 9113)."""

from collections.abc import Sequence

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import H2Error

from equalizer.health.probes.dialogue import MOST_BODY, Broken

_STREAM = 1
_SETTINGS = 4  # the type of the first frame that a server sends (RFC 9113 section 3.4): its fourth byte


class H2:
    """An `Exchange`."""

    def __init__(self, fields: Sequence[tuple[str, str]], body: bytes = b"") -> None:
        self.status = 0
        self.headed = False
        self.ended = False
        self.body = bytearray()
        self.trailers: dict[bytes, bytes] = {}
        self._fields: dict[bytes, bytes] = {}
        self._asked, self._sent = fields, body
        self._first = b""
        self._connection = H2Connection(H2Configuration(client_side=True, header_encoding=None))

    def opening(self) -> bytes:
        """The preface and the request."""
        self._connection.initiate_connection()
        self._connection.send_headers(_STREAM, self._asked, end_stream=not self._sent)
        if self._sent:
            self._connection.send_data(_STREAM, self._sent, end_stream=True)
        return self._connection.data_to_send()

    def field(self, name: bytes) -> bytes:
        """The value of a field, by its name in small letters; empty where there is none."""
        return self._fields.get(name, b"")

    def feed(self, data: bytes) -> bytes:
        """Take a piece of the response; what to send back."""
        if not data:
            raise Broken("closed within the answer" if self.status else "closed before an answer")
        self._first += data[: 4 - len(self._first)]
        if len(self._first) == 4 and self._first[3] != _SETTINGS:
            raise Broken("an answer that is not HTTP/2")
        try:
            for event in self._connection.receive_data(data):
                self._happened(event)
        except H2Error:
            raise Broken("an answer that is not HTTP/2") from None
        if len(self.body) >= MOST_BODY:
            del self.body[MOST_BODY:]
            self.ended = True
        return self._connection.data_to_send()

    def _happened(self, event: Event) -> None:
        match event:
            case ResponseReceived(headers=fields):
                self._fields = {bytes(name): bytes(value) for name, value in fields or ()}
                self.status = int(self._fields[b":status"])
                self.headed = True
            case TrailersReceived(headers=fields):
                self.trailers = {bytes(name): bytes(value) for name, value in fields or ()}
            case DataReceived(data=data, flow_controlled_length=length):
                self.body += data or b""
                self._connection.acknowledge_received_data(length or 0, _STREAM)
            case StreamEnded():
                self.ended = True
            case StreamReset() | ConnectionTerminated() if not self.ended:
                raise Broken("refused by the server")
            case _:
                pass
