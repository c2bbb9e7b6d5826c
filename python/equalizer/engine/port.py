"""What control asks of an engine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from equalizer.snapshot.wire import ServerState, Snapshot


@dataclass(frozen=True)
class Complaint:
    """What an engine has against a snapshot: the path of a key of the configuration, and a sentence."""

    path: tuple[str, ...]
    message: str


class Engine(Protocol):
    """A data plane."""

    def check(self, snapshot: Snapshot) -> Sequence[Complaint]:
        """Everything that would keep `apply` from taking this snapshot; changes nothing."""

    def apply(self, snapshot: Snapshot) -> None:
        """Serve by this snapshot, whole or not at all; raises SnapshotRefused or ListenError."""

    def set_states(self, states: Sequence[ServerState]) -> None:
        """Take these states in place of all before; a server that is not named is up. Raises EngineError."""

    def sockets(self) -> Mapping[str, str]:
        """The address that each listener really has."""

    def report(self) -> Mapping[str, object]:
        """Counters."""

    def drain(self, wait: timedelta) -> bool:
        """Accept nothing more and wait for the exchanges in flight; whether none is left."""

    def stop(self) -> None:
        """End at once; may be called again."""
