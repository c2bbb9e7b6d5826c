"""The file of records: one process has it, and it is replaced whole.

The lock is on the file itself, and the file that takes its place is locked before it gets the name: at no
time can another process take the name for free.
"""

import fcntl
import os
import stat
from contextlib import suppress
from pathlib import Path
from threading import Lock

from equalizer.errors import RecordsError

_WRITE = "write a path that we may read and write"
_MOST = 4 << 30  # bytes: more than any tables write, less than would fill the memory by mistake


class RecordFile:
    """A file of records that is ours until it is closed."""

    def __init__(self, path: Path, held: int | None = None) -> None:
        """Take it, and make it when it is absent; raises RecordsError. `held` is the file, taken already."""
        self.path = path
        self._writing = Lock()
        self._lent = False
        if held is not None:
            self._held: int | None = held
            return
        try:
            self._held = _locked(path)
        except OSError as error:
            raise RecordsError(f"which cannot be opened ({_reason(error)})", _WRITE) from None

    def read(self) -> bytes:
        """What a run before has left; empty when there was none. Raises OSError."""
        with open(self.path, "rb") as file:
            return file.read(_MOST)

    def write(self, content: bytes) -> None:
        """Replace what is there; raises OSError, and then it is as it was."""
        with self._writing:
            if self._held is None or self._lent:
                return
            # Always the same name, so that one who is killed here leaves no more than one.
            temporary = self.path.with_name(f".{self.path.name}.new")
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            try:
                os.fchmod(descriptor, 0o600)
                with open(descriptor, "wb", closefd=False) as file:
                    file.write(content)
                os.fsync(descriptor)
                fcntl.flock(descriptor, fcntl.LOCK_EX)  # at once: nobody else knows it
                os.replace(temporary, self.path)
            except BaseException:
                os.close(descriptor)
                with suppress(OSError):
                    os.unlink(temporary)
                raise
            os.close(self._held)
            self._held = descriptor
            _on_disk(self.path.parent)

    def lend(self) -> int | None:
        """Write no more, so that the descriptor stays that of the file, for another process."""
        with self._writing:
            self._lent = True
            return self._held

    def take_back(self) -> None:
        """Write again."""
        self._lent = False

    def keep_aside(self) -> Path | None:
        """Give what is there a second name, as the next `write` takes the first; None where that fails."""
        aside = self.path.with_name(f"{self.path.name}.refused")
        try:
            aside.unlink(missing_ok=True)
            os.link(self.path, aside)
        except OSError:
            return None
        return aside

    def close(self) -> None:
        """Leave it to the next process, after a `write` that is under way; may be called again."""
        with self._writing:
            if self._held is not None:
                os.close(self._held)
                self._held = None


def _locked(path: Path) -> int:
    """The file, ours alone; raises OSError or RecordsError."""
    while True:
        # A pipe is refused like anything else that is no file, not waited for.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK, 0o600)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise RecordsError("which is no regular file", "write the path of a file")
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # It may have been replaced between the two, by a process that has ended since.
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                return descriptor
        except FileNotFoundError:
            pass  # removed between the two
        except BlockingIOError:
            os.close(descriptor)
            raise RecordsError(
                "which another Equalizer uses", "stop it, or write another path for this one"
            ) from None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _on_disk(folder: Path) -> None:
    """The new name, too."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _reason(error: OSError) -> str:
    return (error.strerror or "unknown error").lower()
