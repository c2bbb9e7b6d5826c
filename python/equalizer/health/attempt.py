"""One probe under way: a socket, a layer, a dialogue, and a time by which it must have ended."""

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from equalizer.health.probes.dialogue import Dialogue, Step
from equalizer.health.stream import Layer, Plain, Secured, fault
from equalizer.health.target import Target
from equalizer.health.verdict import Finding

_PIECE = 1 << 16
# What our own system refuses says nothing of the server.
_OURS: Final = {
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOBUFS,
    errno.ENOMEM,
    errno.EAGAIN,
    errno.EADDRNOTAVAIL,
    errno.EACCES,
    errno.EAFNOSUPPORT,
}


class Unable(Exception):
    """Our own system does not let us probe, with what it says."""


class Attempt:
    """It ends with one call of `done`."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, target: Target, done: Callable[[Finding], None]
    ) -> None:
        """Begin; raises Unable, and then never calls `done`."""
        self._loop, self._target, self._done = loop, target, done
        self._layer: Layer = Plain()
        self._dialogue: Dialogue | None = None
        self._heard = False
        self._out = b""
        self._socket = _socket(target)
        # The loop is given the number: what it does not find it writes out, which takes long for a socket.
        self._number = self._socket.fileno()
        self._reads = self._writes = False
        self._timer = loop.call_later(target.pace.timeout, self._late)
        number = self._socket.connect_ex((target.ip, target.port))
        if number in _OURS:
            self._close()
            raise Unable(os.strerror(number).lower())
        if number == errno.EINPROGRESS:
            self._on_room(self._connecting)
        elif number:
            # Not from within: who began this does not know it yet.
            loop.call_soon(self._failed, number)
        else:
            loop.call_soon(self._connected)

    def cancel(self) -> None:
        """End without a finding."""
        self._close()

    def _connecting(self) -> None:
        self._no_room()
        number = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            self._failed(number)
        else:
            self._connected()

    def _connected(self) -> None:
        if self._socket.fileno() < 0:
            return  # cancelled meanwhile
        if self._target.tls is None and self._target.begin is None:
            self._end(Finding(True))
            return
        self._loop.add_reader(self._number, self._readable)
        self._reads = True
        try:
            if self._target.tls is None:
                self._open()
            else:
                self._layer = Secured(self._target.tls, self._target.host)
                self._send(self._layer.give(b""))
        except ssl.SSLError as error:
            self._end(Finding(False, fault(error)))
        except OSError as error:
            self._failed(error.errno or 0)

    def _open(self) -> None:
        """The layer is ready: the dialogue begins, where there is one."""
        if self._target.begin is None:
            self._send(self._layer.give(b""))
            self._end(Finding(True))
            return
        self._dialogue = self._target.begin()
        self._send(self._layer.give(self._dialogue.opening()))

    def _readable(self) -> None:
        try:
            data = self._socket.recv(_PIECE)
            self._heard = self._heard or bool(data)
            self._take(data)
        except (BlockingIOError, InterruptedError):
            pass
        except ssl.SSLError as error:
            self._end(Finding(False, fault(error), answered=self._heard))
        except OSError as error:
            self._failed(error.errno or 0)

    def _take(self, data: bytes) -> None:
        shaking = not self._layer.ready
        meant = self._layer.take(data)
        if shaking:
            self._send(self._layer.give(b""))
            if not self._layer.ready:
                return
            self._open()
        if self._dialogue is None:
            return  # it has ended with the handshake
        if meant:
            self._step(self._dialogue.take(meant))
        if (self._layer.ended or not data) and self._socket.fileno() >= 0:
            self._step(self._dialogue.take(b""))

    def _step(self, step: Step) -> None:
        if isinstance(step, Finding):
            self._end(step)
        elif step:
            self._send(self._layer.give(step))

    def _send(self, data: bytes) -> None:
        if not data:
            return
        if not self._out:
            with suppress(BlockingIOError):
                data = data[self._socket.send(data) :]
            if data:
                self._on_room(self._flush)
        self._out += data

    def _flush(self) -> None:
        try:
            self._out = self._out[self._socket.send(self._out) :]
        except BlockingIOError:
            return
        except OSError as error:
            self._failed(error.errno or 0)
            return
        if not self._out:
            self._no_room()

    def _late(self) -> None:
        time = f"{self._target.pace.timeout:g}s"
        if self._dialogue is not None and self._heard:
            self._end(Finding(False, f"no {self._dialogue.lacks} within {time}"))
        else:
            what = "no answer" if self._layer.ready and self._dialogue is not None else "no connection"
            self._end(Finding(False, f"{what} within {time}", answered=False))

    def _failed(self, number: int) -> None:
        what = os.strerror(number).lower() if number else "an unknown error"
        self._end(Finding(False, what, answered=self._heard))

    def _end(self, finding: Finding) -> None:
        if self._socket.fileno() >= 0:
            self._close()
            self._done(finding)

    def _close(self) -> None:
        self._timer.cancel()
        if self._reads:
            self._loop.remove_reader(self._number)
            self._reads = False
        self._no_room()
        self._socket.close()

    def _on_room(self, then: Callable[[], None]) -> None:
        self._loop.add_writer(self._number, then)
        self._writes = True

    def _no_room(self) -> None:
        if self._writes:
            self._loop.remove_writer(self._number)
            self._writes = False


def may_ping() -> bool:
    """Whether the system lets us send echo requests."""
    try:
        _for_echoes(socket.AF_INET).close()
    except PermissionError:
        return False
    except OSError:
        return True  # something else is amiss, which a probe will tell
    return True


def _socket(target: Target) -> socket.socket:
    family = socket.AF_INET6 if ":" in target.ip else socket.AF_INET
    try:
        if target.carrier == "icmp":
            return _for_echoes(family)
        return socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    except OSError as error:
        raise Unable((error.strerror or str(error)).lower()) from None


def _for_echoes(family: socket.AddressFamily) -> socket.socket:
    """One for echoes alone, as the system may let anybody have; else one for all packets, as root may."""
    protocol = socket.IPPROTO_ICMPV6 if family == socket.AF_INET6 else socket.IPPROTO_ICMP
    try:
        return socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, protocol)
    except PermissionError:
        return socket.socket(family, socket.SOCK_RAW | socket.SOCK_NONBLOCK, protocol)
