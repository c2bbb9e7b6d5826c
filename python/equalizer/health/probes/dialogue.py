"""The form of a dialogue with a server: what is sent first, and what is made of each piece of the answer."""

from collections.abc import Callable
from typing import Generic, Protocol, TypeAlias, TypeVar

from equalizer.health.verdict import Finding

MOST_BODY = 1 << 16
"""Bytes of a body that are looked at."""

Step: TypeAlias = bytes | Finding
"""What to send next, which may be nothing, or how it ended."""


class Dialogue(Protocol):
    """One conversation with a server, seen from us; over whatever carries it."""

    lacks: str
    """What is missing where something came, and then nothing more in time."""

    def opening(self) -> bytes:
        """What is sent first."""

    def take(self, data: bytes) -> Step:
        """The next piece of the answer; empty at its end, where only a finding will do."""


class Broken(Exception):
    """An answer that is none, with what is wrong in a few words."""


class Exchange(Protocol):
    """One request and its response, in a version of HTTP."""

    status: int
    """0 until it has come."""
    headed: bool
    """Whether all fields have come."""
    ended: bool
    """Whether all of it has come, or as much of the body as is looked at."""
    body: bytearray
    trailers: dict[bytes, bytes]

    def opening(self) -> bytes:
        """The request."""

    def feed(self, data: bytes) -> bytes:
        """Take a piece of the response, empty at its end; what to send back. Raises Broken."""

    def field(self, name: bytes) -> bytes:
        """The value of a field, by its name in small letters; empty where there is none."""


_Exchange = TypeVar("_Exchange", bound=Exchange)


class Asked(Generic[_Exchange]):
    """A `Dialogue`: one exchange, and what is judged of it."""

    lacks = "whole answer"

    def __init__(self, exchange: _Exchange, judge: Callable[[_Exchange], Finding | None]) -> None:
        """`judge` says None while it cannot tell."""
        self._exchange, self._judge = exchange, judge
        self._answered = False

    def opening(self) -> bytes:
        """The request."""
        return self._exchange.opening()

    def take(self, data: bytes) -> Step:
        """A piece of the response."""
        self._answered = self._answered or bool(data)
        try:
            back = self._exchange.feed(data)
        except Broken as error:
            return Finding(False, str(error), answered=self._answered)
        return self._judge(self._exchange) or back
