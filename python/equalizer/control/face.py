"""Another way to ask a running Equalizer than the control socket; it begins and ends with it."""

from collections.abc import Callable
from typing import Protocol, TypeAlias

from equalizer.control.service import Service
from equalizer.control.sockets import Opened


class Face(Protocol):
    """One that is open."""

    @property
    def summary(self) -> str:
        """What is told at the start."""

    @property
    def handle(self) -> tuple[str, int]:
        """Its socket, for the process that follows: the name by which that knows it, and the descriptor."""

    def end(self) -> None:
        """Take no more requests, and finish those that have come; waits for nobody."""

    def close(self) -> None:
        """The same, and wait until that is done, but not for long."""


OpenFace: TypeAlias = Callable[[Service, Opened | None], Face | None]
"""Opens one where the configuration asks for it, with the socket that was handed over for it."""
