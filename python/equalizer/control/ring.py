"""Which keys seal and open the cookies of this run, so that no reload loses a session by them.

Without a key file there is a key of this run. It outlives reloads, and still opens when a file is given.
A key file that was there and is gone is an error, for a new one would end every session.
"""

from pathlib import Path

from equalizer.control import keys
from equalizer.control.keys import Key
from equalizer.errors import KeyRingError


class Ring:
    """The keys of one run."""

    def __init__(self) -> None:
        self._own: Key | None = None
        self._read: set[Path] = set()

    def kept(self, asked: tuple[Key, ...] | None) -> tuple[Key, ...]:
        """Those that a configuration asks for, newest first, and the one of this run if it ever sealed."""
        if asked is None:
            self._own = self._own or Key.new()
            return (self._own,)
        taken = {key.id for key in asked}
        return asked if self._own is None or self._own.id in taken else (*asked, self._own)

    def read(self, file: Path, *, make: bool) -> tuple[Key, ...] | None:
        """The keys of a file; None where there is none and none is made. Raises KeyRingError."""
        if file in self._read:
            ring = keys.read(file)
            if ring is None:
                raise KeyRingError(
                    "which was there before and is gone", "restore it: it opens the running sessions' cookies"
                )
            return ring
        ring = keys.read_or_make(file) if make else keys.read(file)
        if ring is not None:
            self._read.add(file)
        return ring
