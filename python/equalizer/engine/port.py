"""What control asks of an engine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, Protocol, TypeAlias

from equalizer.snapshot.wire import Born, ServerState, ServerWeight, Snapshot


@dataclass(frozen=True)
class Complaint:
    """What an engine has against a snapshot: the path of a key of the configuration, and a sentence."""

    path: tuple[str, ...]
    message: str
    """One that begins with "which" is about what is written there."""
    warning: bool = False
    """Whether the engine takes the snapshot all the same."""


@dataclass(frozen=True)
class OpenedCookie:
    """What a cookie value holds, and what would become of it."""

    pool: str
    home: str | None
    """None when it is no longer a server of the pool."""
    session: str
    """In hexadecimal."""
    born: int
    """Unix seconds, as `seen`."""
    seen: int
    pinned: bool
    """Whether the server asked never to move it."""
    key: int
    """The id of the key that sealed it."""
    generation: Mapping[str, int]
    """Of the `pool` and of the `server`, when it was sealed."""
    incarnation: str | None
    """None when nobody told the server's life."""
    honoured: bool
    """Whether a request that carries it would reach its home."""
    reason: str
    """Why, in the word of logs and metrics."""


@dataclass(frozen=True)
class ClosedCookie:
    """A value that does not open."""

    reason: str


@dataclass(frozen=True)
class RecordsTaken:
    """What became of the records of a run before."""

    taken: int
    expired: int
    """Idle for too long."""
    no_room: int
    """Beyond the capacity, the longest idle."""
    unclaimed: int
    """Of a pool or kind that is gone."""


Drill: TypeAlias = Literal["connection", "worker", "accepting"]
"""What panics: the next connection, a worker, or what accepts for it."""


class Engine(Protocol):
    """A data plane."""

    def check(self, snapshot: Snapshot) -> Sequence[Complaint]:
        """Everything that would keep `apply` from taking this snapshot, and warnings; changes nothing."""

    def apply(self, snapshot: Snapshot) -> None:
        """Serve by this snapshot, whole or not at all; raises SnapshotRefused or ListenError."""

    def set_states(self, states: Sequence[ServerState]) -> None:
        """Take these states in place of all before; a server that is not named is up. Raises EngineError."""

    def tell_incarnation(self, pool: str, server: str, incarnation: str) -> None:
        """A server said so elsewhere than in a response to a client. Raises EngineError."""

    def set_weights(self, weights: Sequence[ServerWeight]) -> None:
        """Take these weights in place of all before; others are as configured. Raises EngineError."""

    def load_records(self, snapshot: Snapshot, records: bytes) -> RecordsTaken:
        """Take the records of a run before, ahead of the first `apply`, of this snapshot.

        Raises EngineError, without a hint, when they cannot be read.
        """

    def records(self) -> bytes:
        """The records that are kept now, for `load_records`; they are as private as the sessions."""

    def adopt(self, listener: str | None, descriptor: int) -> None:
        """Take a listening socket for a listener, ahead of the first `apply`; that closes those of none."""

    def handles(self) -> Sequence[tuple[str, int]]:
        """The descriptors that are accepted on, each with its listener; they stay the engine's."""

    def sockets(self) -> Mapping[str, str]:
        """The address that each listener really has."""

    def report(self, *, sessions: bool = True) -> Mapping[str, object]:
        """Counters; without `sessions`, which take long to count, it may be asked every second."""

    def births(self, most: int, wait: int) -> Sequence[tuple[int, Born]] | None:
        """Wait for births to choose for, so many milliseconds at most; None once the engine has stopped."""

    def decide(self, chosen: Sequence[tuple[int, str | None]], failed: Sequence[int]) -> None:
        """The names of the servers that were chosen for births, if one was, and births without an answer."""

    def failing(self, wait: int) -> Sequence[tuple[str, str]] | None:
        """Wait for servers that fail in a row, so many milliseconds at most: pools and names.

        None once the engine has stopped.
        """

    def drain(self, wait: timedelta, *, in_their_time: bool = False) -> bool:
        """Accept nothing more and wait for the exchanges in flight; whether none is left.

        Connections without an exchange end at once, or, `in_their_time`, after their next one.
        """

    def drill(self, what: Drill) -> None:
        """Panic on purpose: for tests of what survives it."""

    def stop(self) -> None:
        """End at once; may be called again."""
