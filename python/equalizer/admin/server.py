"""The thread that serves the admin API.

Nothing here can harm an exchange or the control loop: it has a thread and an event loop of its own, so many
connections and no more, and at the end nobody waits long for it.
"""

import errno
import socket
import ssl
from threading import Event, Thread
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

import structlog

from equalizer.control.admission import Admission
from equalizer.control.service import Service
from equalizer.control.sockets import Opened
from equalizer.errors import ListenError
from equalizer.telemetry import logs

if TYPE_CHECKING:
    import uvicorn

NAME: Final = "[admin]"
"""What our socket is called among those of listeners, which have no brackets."""
_AT_ONCE = 64  # connections
_ENDING = 3.0  # seconds
_AGAIN = 1.0
_HINTS = {
    errno.EADDRINUSE: "stop the process that has it, or write another port",
    errno.EACCES: "ports below 1024 need a privilege; write a higher one",
    errno.EADDRNOTAVAIL: "write an address that this machine has",
}


class Admin:
    """An open admin API; as a context, until it ends."""

    def __init__(self, service: Service, admission: Admission, handed: Opened | None = None) -> None:
        """Listen, and serve when everything is loaded. Raises ListenError."""
        self._service = service
        self._scheme = "http" if admission.tls is None else "https"
        self._token_at = admission.token_at
        self._socket = _Listening.at(admission, handed)
        self._server: uvicorn.Server | None = None
        self._closing = Event()
        self._thread = Thread(target=self._run, args=(admission.tls,), name="admin", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it is reached on this machine."""
        host, port = self._socket.getsockname()[:2]
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
        return f"{self._scheme}://[{host}]:{port}" if ":" in host else f"{self._scheme}://{host}:{port}"

    @property
    def summary(self) -> str:
        """What is told at the start."""
        return f"admin: {self.url}/api/v1/status, with the token {self._token_at}"

    @property
    def handle(self) -> tuple[str, int]:
        """The socket, for the process that follows."""
        return NAME, self._socket.fileno()

    def end(self) -> None:
        """Take no more requests, and finish those that have come; waits for nobody."""
        self._closing.set()
        if self._server:
            self._server.should_exit = True

    def close(self) -> None:
        """The same, and wait until that is done, but not for long; may be called again."""
        self.end()
        self._thread.join(_ENDING)
        self._socket.close()

    def __enter__(self) -> "Admin":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self, tls: ssl.SSLContext | None) -> None:
        try:
            if self._served(tls):
                return
            structlog.get_logger().error(
                "the admin API waits for a file descriptor; raise the limit of open files, "
                "or set connections at the listeners"
            )
            while not self._served(tls):
                self._closing.wait(_AGAIN)
        except Exception:
            logs.failed("the admin API has ended")

    def _served(self, tls: ssl.SSLContext | None) -> bool:
        """Serve until the end; False where no file descriptor is left to begin with."""
        try:
            from equalizer.admin.serving import server

            self._server = server(self._service, tls)
            if not self._closing.is_set():
                self._server.run(sockets=[self._socket])
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise
            return self._closing.is_set()
        return True


class _Listening(socket.socket):
    """A socket that accepts so many at once, before anything is said on their connections."""

    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        self._open: set[socket.socket] = set()

    @classmethod
    def at(cls, admission: Admission, handed: Opened | None) -> "_Listening":
        """A listening socket of an address, or the one that was handed over. Raises ListenError."""
        if handed:
            found = cls(fileno=handed.descriptor)
            found.setblocking(False)
            return found
        address = admission.address
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        found = cls(family, socket.SOCK_STREAM)
        try:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                found.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            found.bind((address.host, address.port))
            found.listen(_AT_ONCE)
            found.setblocking(False)
        except OSError as error:
            found.close()
            hint = _HINTS.get(error.errno or 0, "write another address")
            raise ListenError(
                f"admin: cannot listen on {address}: {(error.strerror or str(error)).lower()}",
                f"{hint} under [admin]",
            ) from None
        return found

    def accept(self) -> tuple[socket.socket, Any]:
        """The next connection; one too many is closed at once."""
        peer, address = super().accept()
        self._open = {each for each in self._open if each.fileno() != -1}
        if len(self._open) >= _AT_ONCE:
            peer.close()
            raise ConnectionAbortedError
        self._open.add(peer)
        return peer, address
