"""The control socket: a thread that accepts, and a short-lived one for each who asks.

Nobody who asks can hold up another or the engine: each has a thread of its own, a time in which to speak, and
there are only so many at once. The socket has mode 0600: who may connect is who may read our files.
"""

import fcntl
import os
import select
import socket
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import BoundedSemaphore, Thread
from typing import TypeAlias

from equalizer.control import place
from equalizer.control.answers import Upgraded
from equalizer.control.before import Held
from equalizer.control.requests import answer, refusal
from equalizer.control.service import Service
from equalizer.errors import ControlError

_PATIENCE = 5.0  # seconds for a whole request to come, and for its answer to be taken
_AT_ONCE = 16
_LONGEST = 64 << 10  # bytes of a request
_PATH = 107  # bytes of a path that the system takes


Succeed: TypeAlias = Callable[[Held, str], Upgraded]
"""Let the Equalizer of an interpreter take over, the control socket too."""


class ControlSocket:
    """An open control socket; as long as it is open, no other Equalizer opens it."""

    def __init__(self, service: Service, path: Path, upgrade: Succeed, held: Held | None = None) -> None:
        """Open it; a socket that a dead process left is replaced. Raises ControlError.

        `held` is that of the process before; `upgrade` lets another process follow.
        """
        self.path = path.absolute()
        self._service = service
        self._upgrade = upgrade
        self._places = BoundedSemaphore(_AT_ONCE)
        self._woken, self._wake = socket.socketpair()
        try:
            ours = held is not None and held.path == self.path
            self._socket = socket.socket(fileno=held.descriptor) if held and ours else _bound(path)
            self._socket.setblocking(False)  # of two processes that hear of a request, one gets it
            self._inode = os.stat(path).st_ino
        except OSError as error:
            raise _failed(path, error) from None
        self._accepting = Thread(target=self._accept, name="control", daemon=True)
        self._accepting.start()

    @property
    def held(self) -> Held:
        """For the process that follows."""
        return Held(self.path, self._socket.fileno())

    def close(self) -> None:
        """Take no more requests, and leave nothing behind; may be called again."""
        with suppress(OSError):
            # The name may be another's by now.
            if os.stat(self.path).st_ino == self._inode:
                os.unlink(self.path)
        self._end()

    def leave(self) -> None:
        """Take no more requests, as another process does, and finish those that have come."""
        self._end()
        until = time.monotonic() + _PATIENCE
        for _ in range(_AT_ONCE):
            self._places.acquire(timeout=max(until - time.monotonic(), 0))

    def _end(self) -> None:
        self._wake.close()
        self._accepting.join()
        self._socket.close()

    def _accept(self) -> None:
        ready = select.poll()
        ready.register(self._socket, select.POLLIN)
        ready.register(self._woken, select.POLLIN)
        while self._woken.fileno() not in {descriptor for descriptor, _ in ready.poll()}:
            try:
                peer, _ = self._socket.accept()
            except (ConnectionAbortedError, BlockingIOError):
                continue
            except OSError:
                time.sleep(0.1)  # out of descriptors: trying again at once would only spin
                continue
            peer.settimeout(_PATIENCE)
            if self._places.acquire(blocking=False):
                Thread(target=self._serve, args=(peer,), daemon=True).start()
            else:
                with peer, suppress(OSError):
                    peer.sendall(refusal(f"found {_AT_ONCE} requests at once", "ask again"))

    def _serve(self, peer: socket.socket) -> None:
        try:
            with peer, suppress(OSError):
                rest = b""
                while True:
                    line, rest = _line(peer, rest)
                    if not line:
                        return
                    peer.settimeout(_PATIENCE)
                    peer.sendall(answer(self._service, line, lambda python: self._upgrade(self.held, python)))
        except _TooLong:
            pass
        finally:
            self._places.release()


class _TooLong(Exception):
    """A line that does not end."""


def _line(peer: socket.socket, rest: bytes) -> tuple[bytes, bytes]:
    """The next line and what came after it; nothing at the end. A line must come whole in time."""
    until = time.monotonic() + _PATIENCE
    while b"\n" not in rest:
        if len(rest) > _LONGEST:
            peer.sendall(refusal("found a request without an end", "write one JSON object a line"))
            raise _TooLong
        peer.settimeout(max(until - time.monotonic(), 0.001))
        more = peer.recv(1 << 14)
        if not more:
            return rest, b""
        rest += more
    line, _, rest = rest.partition(b"\n")
    return line, rest


def _bound(path: Path) -> socket.socket:
    """A listening socket.

    Who begins at the same time waits, so that no living socket is taken for a dead one.
    """
    if len(os.fsencode(path)) > _PATH:
        raise ControlError(
            f"the path of the control socket is over {_PATH} bytes: {path}",
            'write a shorter one, under [control] socket = "/run/equalizer.sock"',
        )
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        _remove_dead(path)
        os.fchmod(listening.fileno(), 0o600)  # before it has a name: nobody may connect even for a moment
        listening.bind(str(path))
        os.chmod(path, 0o600)  # where the system does not look at the mode above
        listening.listen(_AT_ONCE)
    except BaseException:
        listening.close()
        raise
    finally:
        os.close(folder)
    return listening


def _remove_dead(path: Path) -> None:
    """Make room for our socket; raises ControlError when the path is anything but a dead socket."""
    try:
        kind = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(kind):
        raise ControlError(f"{path} is there and is no socket", "move it away, or write another path")
    if place.is_alive(path):
        raise ControlError(
            f"another Equalizer answers at {path}",
            'stop it, or write another path for this one, under [control] socket = "equalizer.sock"',
        )
    os.unlink(path)


def _failed(path: Path, error: OSError) -> ControlError:
    reason = (error.strerror or "unknown error").lower()
    return ControlError(f"the control socket {path} cannot be opened ({reason})", "write another path")
