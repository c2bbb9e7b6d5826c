"""The engine in Rust; the only place that imports it."""

import errno
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, cast

from equalizer.engine.port import ClosedCookie, Complaint, Drill, Engine, OpenedCookie, RecordsTaken
from equalizer.errors import EngineError, EngineMissing, ListenError, LogFileError, SnapshotRefused
from equalizer.model.duration import milliseconds, seconds
from equalizer.snapshot.wire import Born, ServerState, ServerWeight, Snapshot

if TYPE_CHECKING:
    from equalizer import _engine

_HINTS = {
    errno.EADDRINUSE: "stop the process that has it, or write another port",
    errno.EACCES: "ports below 1024 need a privilege; write a higher one, or grant CAP_NET_BIND_SERVICE",
    errno.EADDRNOTAVAIL: "write an address that this machine has, or :PORT for all of them",
}

_LOG_HINT = 'write the path of a file that may be written to, or "stdout"'


def start(workers: int) -> Engine:
    """A running engine that serves nothing yet; raises EngineMissing."""
    with _installed():
        from equalizer import _engine
    return _Native(_engine.Engine(workers), _engine.EngineError)


def explain_cookie(
    snapshot: Snapshot, states: Sequence[ServerState], value: str
) -> OpenedCookie | ClosedCookie:
    """What a cookie value holds under a snapshot, while this is said of servers.

    Raises EngineMissing or SnapshotRefused.
    """
    with _installed():
        from equalizer import _engine
    try:
        found = json.loads(_engine.explain_cookie(_bytes(snapshot), _states(states), value))
    except _engine.EngineError as error:
        raise _refused(error) from error
    return OpenedCookie(**found) if found.pop("opened") == "yes" else ClosedCookie(**found)


def seal_cookie(snapshot: Snapshot, pool: str, server: str, idle: timedelta = timedelta()) -> str:
    """A value that makes a server the home of a session, born and last seen so long ago.

    Raises EngineMissing or SnapshotRefused.
    """
    with _installed():
        from equalizer import _engine
    try:
        return _engine.seal_cookie(_bytes(snapshot), pool, server, seconds(idle))
    except _engine.EngineError as error:
        raise _refused(error) from error


@contextmanager
def _installed() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise EngineMissing(f"the engine is not installed ({error})", "run: pip install .") from None


class _Native:
    """Bytes to values and back; nothing is decided here."""

    def __init__(self, engine: "_engine.Engine", refusal: type[Exception]) -> None:
        self._engine = engine
        self._refusal = refusal

    def check(self, snapshot: Snapshot) -> Sequence[Complaint]:
        found = json.loads(self._engine.check(_bytes(snapshot)))
        return [Complaint(tuple(each["path"]), each["message"], each["warning"]) for each in found]

    def apply(self, snapshot: Snapshot) -> None:
        try:
            self._engine.apply(_bytes(snapshot))
        except self._refusal as error:
            raise _refused(error) from error
        except OSError as error:
            if error.filename is not None:
                raise LogFileError(error.strerror or str(error), _LOG_HINT) from error
            hint = _HINTS.get(error.errno or 0, "write another address")
            raise ListenError(error.strerror or str(error), hint) from error

    def set_states(self, states: Sequence[ServerState]) -> None:
        try:
            self._engine.set_states(_states(states))
        except self._refusal as error:
            raise EngineError(f"the engine refuses the states: {error}", "") from error

    def tell_incarnation(self, pool: str, server: str, incarnation: str) -> None:
        try:
            self._engine.tell_incarnation(pool, server, incarnation)
        except self._refusal as error:
            raise EngineError(f"the engine refuses the incarnation: {error}", "") from error

    def set_weights(self, weights: Sequence[ServerWeight]) -> None:
        try:
            self._engine.set_weights(json.dumps([each.model_dump() for each in weights]).encode())
        except self._refusal as error:
            raise EngineError(f"the engine refuses the weights: {error}", "") from error

    def load_records(self, snapshot: Snapshot, records: bytes) -> RecordsTaken:
        try:
            return RecordsTaken(**json.loads(self._engine.load_records(_bytes(snapshot), records)))
        except self._refusal as error:
            raise EngineError(str(error), "") from error

    def records(self) -> bytes:
        return self._engine.records()

    def adopt(self, listener: str | None, descriptor: int) -> None:
        self._engine.adopt(listener, descriptor)

    def handles(self) -> Sequence[tuple[str, int]]:
        return self._engine.handles()

    def sockets(self) -> Mapping[str, str]:
        return cast(dict[str, str], json.loads(self._engine.sockets()))

    def report(self, *, sessions: bool = True) -> Mapping[str, object]:
        return cast(dict[str, object], json.loads(self._engine.report(sessions)))

    def births(self, most: int, wait: int) -> Sequence[tuple[int, Born]] | None:
        found = self._engine.births(most, wait)
        return None if found is None else cast(list[tuple[int, Born]], json.loads(found))

    def decide(self, chosen: Sequence[tuple[int, str | None]], failed: Sequence[int]) -> None:
        self._engine.decide(json.dumps({"chosen": chosen, "failed": failed}).encode())

    def failing(self, wait: int) -> Sequence[tuple[str, str]] | None:
        return self._engine.failing(wait)

    def drain(self, wait: timedelta, *, in_their_time: bool = False) -> bool:
        return self._engine.drain(milliseconds(wait), in_their_time)

    def drill(self, what: Drill) -> None:
        self._engine.drill(what)

    def stop(self) -> None:
        self._engine.stop()


def _refused(error: Exception) -> SnapshotRefused:
    return SnapshotRefused(f"the engine refuses the configuration: {error}", "")


def _states(states: Sequence[ServerState]) -> bytes:
    return json.dumps([each.model_dump() for each in states]).encode()


def _bytes(snapshot: Snapshot) -> bytes:
    return snapshot.model_dump_json().encode()
