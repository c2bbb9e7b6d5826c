"""Which keys seal and open the cookies of this run, so that no reload loses a session by them.

Without a key file there is a key of this run. It outlives reloads, and still opens when a file is given.
A key file that was there and is gone is an error, for a new one would end every session.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from equalizer.control import keys
from equalizer.control.keys import Key
from equalizer.control.look import Look, look
from equalizer.errors import KeyRingError


@dataclass(frozen=True, slots=True)
class KeysRenewed:
    """Other keys, or another one that seals."""

    seals: int
    """The id of the key."""
    opens: tuple[int, ...]
    """The ids of the others."""


@dataclass(frozen=True, slots=True)
class KeysRefused:
    """The key file has changed and cannot be read; the keys of before are used on."""

    file: Path
    error: KeyRingError


KeyEvent: TypeAlias = KeysRenewed | KeysRefused


@dataclass
class _File:
    """A key file, as it was read last."""

    ring: tuple[Key, ...] = field(repr=False)
    look: Look


class Ring:
    """The keys of one run."""

    def __init__(self, own: Key | None = None) -> None:
        """`own` is the key of a run that this one goes on with."""
        self.own = own
        """The key that no file has, if one was needed."""
        self._files: dict[Path, _File] = {}

    def kept(self, asked: tuple[Key, ...] | None) -> tuple[Key, ...]:
        """Those that a configuration asks for, newest first, and the one of this run if it ever sealed."""
        if asked is None:
            self.own = self.own or Key.new()
            return (self.own,)
        taken = {key.id for key in asked}
        return asked if self.own is None or self.own.id in taken else (*asked, self.own)

    def read(self, file: Path, *, make: bool) -> tuple[Key, ...] | None:
        """The keys of a file; None where there is none and none is made. Raises KeyRingError."""
        known, found = self._files.get(file), look(file)
        if known:
            known.look = found  # whatever comes of it, there is nothing new before the next change
        ring = keys.read_or_make(file) if make and not known else keys.read(file)
        if ring is None and known:
            raise KeyRingError(
                "which was there before and is gone", "restore it: it opens the running sessions' cookies"
            )
        if ring is not None:
            self._files[file] = _File(ring, found)
        return ring

    def last(self, file: Path) -> tuple[Key, ...] | None:
        """The keys that were read last."""
        known = self._files.get(file)
        return known.ring if known else None

    def has_changed(self, file: Path) -> bool:
        """Whether a file that was read is another now."""
        known = self._files.get(file)
        return known is not None and known.look != look(file)
