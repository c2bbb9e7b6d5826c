"""Whether a file is another one than it was: by what the system says of it, not by what it holds."""

import os
from pathlib import Path
from typing import TypeAlias

Look: TypeAlias = tuple[int, ...] | None
"""What of a file is another after every change; None when it is not there."""


def look(file: Path) -> Look:
    """As it is now."""
    try:
        found = os.stat(file)
    except OSError:
        return None
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


class Watch:
    """A file that is looked at from time to time, to be read when it has changed."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._read = self._seen = look(file)

    def note(self) -> None:
        """Say that it is about to be read; whatever comes of that, it is not new before its next change."""
        self._read = look(self.file)

    def is_new(self) -> bool:
        """Whether it should be read, said once; not while it is being written, nor while it is away."""
        before, self._seen = self._seen, look(self.file)
        if self._seen is None or self._seen != before or self._seen == self._read:
            return False
        self._read = self._seen
        return True
