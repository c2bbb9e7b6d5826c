"""What a balance written in Python is asked, and what it may look at: plain values that cannot change.

def choose(birth: equalizer.Birth, pool: equalizer.PoolNow) -> str | None:
    ...  # the name of a server, or None for the pool's own choice
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

State: TypeAlias = Literal["up", "draining", "maintenance", "down"]


class Fields(Mapping[str, str]):
    """The fields of a request by their names, in whatever case; of several the first."""

    __slots__ = ("_lines",)

    def __init__(self, lines: Sequence[tuple[str, str]]) -> None:
        self._lines = lines

    def __getitem__(self, name: str) -> str:
        wanted = name.lower()
        for known, value in self._lines:
            if known.lower() == wanted:
                return value
        raise KeyError(name)

    def all(self, name: str) -> list[str]:
        """Every value of a name, in order."""
        wanted = name.lower()
        return [value for known, value in self._lines if known.lower() == wanted]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(known.lower() for known, _ in self._lines))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        """The names only: values may be secrets."""
        return f"Fields({', '.join(self)})"


@dataclass(frozen=True, slots=True, repr=False)
class Birth:
    """The request with which a session begins."""

    client: str
    """The client's address."""
    secure: bool
    """Whether it came over TLS."""
    method: str
    host: str
    """With its port, where the client wrote one."""
    path: str
    query: str
    """Without the question mark; empty where there is none."""
    fields: Fields
    """As the client sent them."""


@dataclass(frozen=True, slots=True)
class ServerNow:
    """A server as of the last second."""

    name: str
    state: State
    weight: int
    """For new sessions; 0 takes none."""
    in_flight: int
    waits: bool = False
    """Whether it is a hot spare, and other servers take sessions."""

    @property
    def takes_sessions(self) -> bool:
        """Whether it may be chosen: another choice is no better than none."""
        return self.state == "up" and self.weight > 0 and not self.waits


@dataclass(frozen=True, slots=True)
class PoolNow:
    """A pool as of the last second."""

    name: str
    servers: Mapping[str, ServerNow]


Choose: TypeAlias = Callable[[Birth, PoolNow], str | None]
"""A balance written in Python: the name of a server, or None for the pool's own choice."""
