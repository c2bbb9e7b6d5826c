"""Changes to a key ring file: one at a time, and each whole or not at all.

A change locks the file's directory, not the file: the file is replaced, and a lock on it would be a lock on
what nobody reads any more. Readers need no lock; they see the ring before the change or the one after.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from equalizer.control import keys
from equalizer.control.keys import Key
from equalizer.errors import KeyRingError
from equalizer.model import duration

Ring = tuple[Key, ...]

_KEEP = 3
WAIT = timedelta(minutes=5)
"""How long a new key waits: long enough for every Equalizer that shares the file to have read it."""
_LONGEST = timedelta(days=30)


@dataclass(frozen=True)
class Change:
    """What a change left in the ring, newest first, and what it took out."""

    ring: Ring
    dropped: Ring


def new(path: Path) -> Change:
    """Make a ring of one key; raises KeyRingError where there is a file."""
    with _told(path):
        key = keys.make(path)
        if key is None:
            raise KeyRingError("which exists", "run: equalizer keys rotate, or write another path")
        return Change((key,), ())


def rotate(path: Path, keep: int = _KEEP, wait: timedelta = WAIT) -> Change:
    """Put a new key in front that seals after `wait`; of those beyond `keep` only one that seals stays."""
    if keep < 1:
        raise KeyRingError(f"found --keep {keep}", "write 1 or more: the new key is one of them")

    def added(ring: Ring) -> Ring:
        grown = (Key.new({key.id for key in ring}, wait), *ring)
        first = keys.sealing(grown, datetime.now(UTC))
        return grown[:keep] if first in grown[:keep] else (*grown[:keep], first)

    return _change(path, added)


def waiting(after: str | None, *, now: bool) -> timedelta:
    """How long a new key shall wait, as the command line has it; raises KeyRingError."""
    if now and after is not None:
        raise KeyRingError(f"found --seal-after {after} and --seal-now", "write one of them")
    wait = WAIT if after is None else duration.parse(after)
    if wait is None or not timedelta(seconds=1) <= wait <= _LONGEST:
        raise KeyRingError(
            f"found --seal-after {after}", 'write a time from 1s to 30d, such as "5m", or --seal-now'
        )
    return timedelta(0) if now else wait


def retire(path: Path, identity: int) -> Change:
    """Take one key out; what it sealed opens no more."""

    def without(ring: Ring) -> Ring:
        if identity not in {key.id for key in ring}:
            ids = ", ".join(str(key.id) for key in ring)
            raise KeyRingError(f"which has no key {identity}", f"write one of {ids}")
        if len(ring) == 1:
            raise KeyRingError(
                f"whose last key is {identity}", "run equalizer keys rotate first, then retire it"
            )
        return tuple(key for key in ring if key.id != identity)

    return _change(path, without)


def ring(path: Path) -> Ring:
    """The keys of a file, newest first."""
    with _told(path):
        return _present(path)


def _change(path: Path, change: Callable[[Ring], Ring]) -> Change:
    with _told(path):
        real = path.resolve()  # a link stays one
        try:
            with _locked(real.parent):
                before = _present(real)
                after = change(before)
                _replace(real, after)
        except OSError as error:
            raise keys.failed("changed", error) from None
        return Change(after, tuple(key for key in before if key not in after))


def _present(path: Path) -> Ring:
    found = keys.read(path)
    if found is None:
        raise KeyRingError("which does not exist", f"run: equalizer keys new {path}")
    return found


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Alone with the files of a directory, among those who ask; raises OSError."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
        os.fsync(descriptor)  # the rename, too, is on the disk before we say that it is done
    finally:
        os.close(descriptor)


def _replace(path: Path, ring: Ring) -> None:
    owner = path.stat()
    temporary = keys.written(path, ring)
    try:
        if owner.st_uid != os.geteuid():
            os.chown(temporary, owner.st_uid, owner.st_gid)  # root rotates, the service still reads
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Errors say which file they are about."""
    try:
        yield
    except KeyRingError as error:
        raise KeyRingError(f"found {path}, {error.message}", error.hint) from None
