"""What lies between a socket and a dialogue: nothing, or TLS, spoken without a socket."""

import ssl
import tempfile
from typing import Final, Protocol

from equalizer.snapshot.wire import Own, ServerTls

_VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


class Layer(Protocol):
    """Takes what came from the network and gives what is meant for the dialogue, and the reverse."""

    ready: bool
    """Whether a handshake, where there is one, is over."""
    ended: bool
    """Whether the other side has said that nothing more comes, though its connection is still there."""

    def take(self, data: bytes) -> bytes:
        """What came, as it is meant; empty in, at the end. Raises ssl.SSLError."""

    def give(self, data: bytes) -> bytes:
        """What is to be sent, as it must be sent; with nothing, what the layer itself has to say."""


class Plain:
    """A `Layer` that changes nothing."""

    ready = True
    ended = False

    def take(self, data: bytes) -> bytes:
        """The same."""
        return data

    def give(self, data: bytes) -> bytes:
        """The same."""
        return data


class Secured:
    """A `Layer` of TLS."""

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        self.ready = self.ended = False
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_hostname=host)

    def take(self, data: bytes) -> bytes:
        """Decrypted, once the handshake is over."""
        if data:
            self._in.write(data)
        else:
            self._in.write_eof()
        if not self.ready:
            self._shake()
        return self._read() if self.ready else b""

    def give(self, data: bytes) -> bytes:
        """Encrypted."""
        if not self.ready:
            self._shake()
        elif data:
            self._tls.write(data)
        return self._out.read()

    def _shake(self) -> None:
        try:
            self._tls.do_handshake()
            self.ready = True
        except ssl.SSLWantReadError:
            pass

    def _read(self) -> bytes:
        found = bytearray()
        try:
            while more := self._tls.read(1 << 16):
                found += more
            self.ended = True
        except (ssl.SSLWantReadError, ssl.SSLEOFError):
            pass  # many servers close without saying so (RFC 8446 section 6.1)
        return bytes(found)


def context(tls: ServerTls, protocol: str) -> ssl.SSLContext:
    """What TLS goes by, and what is agreed on in it, if anything (ALPN). Raises ssl.SSLError."""
    made = ssl.create_default_context(cadata=tls.ca or None)
    made.minimum_version = _VERSIONS[tls.min_version]
    if not tls.verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    if protocol:
        made.set_alpn_protocols([protocol])
    if tls.own:
        _show(made, tls.own)
    return made


def _show(made: ssl.SSLContext, own: Own) -> None:
    """Our own certificate; it can only be read from a file, so one without a name is made."""
    with tempfile.TemporaryFile() as file:
        file.write(f"{own.key}\n{own.certificate}".encode())
        file.flush()
        made.load_cert_chain(f"/dev/fd/{file.fileno()}")


def fault(error: ssl.SSLError) -> str:
    """What is wrong, in a few words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"a certificate that is not believed ({error.verify_message})"
    return f"no TLS ({(error.reason or 'closed').lower().replace('_', ' ')})"
