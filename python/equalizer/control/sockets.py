"""Which listener gets which of the sockets that others opened: systemd, or the process before this one.

A socket belongs to the listener of its name, and else to that of its address. It must have the address that
the listener is written with; where that has port 0, any port of the same IP.
"""

import os
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from equalizer.engine.port import Engine
from equalizer.errors import ListenError
from equalizer.model.address import Address
from equalizer.model.listener import Listener

_FIRST = 3  # the descriptor that systemd's sockets begin with


@dataclass(frozen=True, slots=True)
class Opened:
    """A listening socket that is ours to use or to close."""

    name: str
    """What its opener calls it."""
    descriptor: int
    address: Address

    @classmethod
    def of(cls, name: str, descriptor: int) -> "Opened":
        """By its descriptor; raises ListenError when it is no listening TCP socket."""
        try:
            os.set_inheritable(descriptor, False)
            with socket.socket(fileno=os.dup(descriptor)) as found:
                listens = found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
                if found.family in (socket.AF_INET, socket.AF_INET6) and listens:
                    host, port = found.getsockname()[:2]
                    return cls(name, descriptor, Address(str(ip_address(host)), port))
        except OSError:
            pass
        raise ListenError(
            f"the socket {name} that was handed over does not listen for TCP",
            "write ListenStream=IP:PORT for it",
        )

    def close(self) -> None:
        """Nobody uses it."""
        os.close(self.descriptor)


def of_systemd(environment: Mapping[str, str]) -> tuple[Opened, ...]:
    """Those that systemd opened for this process (sd_listen_fds(3)); raises ListenError."""
    if environment.get("LISTEN_PID") != str(os.getpid()):
        return ()
    count = environment.get("LISTEN_FDS", "")
    names = environment.get("LISTEN_FDNAMES", "").split(":")
    descriptors = range(_FIRST, _FIRST + (int(count) if count.isdecimal() else 0))
    names += ["unknown"] * (len(descriptors) - len(names))
    return tuple(Opened.of(name, each) for name, each in zip(names, descriptors, strict=False))


def adopt(
    opened: Iterable[Opened], listeners: Mapping[str, Listener], engine: Engine, *, may_move: bool
) -> tuple[str, ...]:
    """Give each socket to its listener; what is told of those that nobody wants, which are closed.

    Raises ListenError where a listener and its socket have other addresses, unless it `may_move`.
    """
    notices = []
    for each in opened:
        name, named = _listener(each, listeners), listeners.get(each.name)
        if name is None and named and not may_move:
            raise ListenError(
                f"listener {each.name} has the address {named.address}, and its socket {each.address}",
                "write the same address for both",
            )
        # The engine closes one without a listener later: until then it knows that the address is ours.
        engine.adopt(name, each.descriptor)
        if name is None and not named:
            notices.append(
                f"no listener for the socket {each.name}, which listens on {each.address}: it is closed"
            )
    return tuple(dict.fromkeys(notices))


def _listener(opened: Opened, listeners: Mapping[str, Listener]) -> str | None:
    named = listeners.get(opened.name)
    if named and _fits(opened.address, named.address):
        return opened.name
    return next((name for name, each in listeners.items() if each.address == opened.address), None)


def _fits(address: Address, asked: Address) -> bool:
    return address.host == asked.host and asked.port in (0, address.port)
