"""When the records of addresses and learned values are read and written, so that they outlive a restart.

Only a path that cannot be used keeps Equalizer from starting. What is no good in the file is told, put aside
and begun anew: clients of lost records get another home, and clients of a stopped Equalizer get nothing.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias

from equalizer.config.load import Loaded
from equalizer.config.source import show
from equalizer.control.before import Held
from equalizer.control.record_file import RecordFile
from equalizer.engine.port import Engine, RecordsTaken
from equalizer.errors import ConfigError, EngineError, RecordsError
from equalizer.snapshot.wire import Snapshot


@dataclass(frozen=True, slots=True)
class RecordsRead:
    """Records of a run before are here again."""

    file: Path
    counts: RecordsTaken


@dataclass(frozen=True, slots=True)
class RecordsRefused:
    """A file of records is no good; Equalizer starts without."""

    file: Path
    why: str
    aside: Path | None
    """Where what was there is kept."""


@dataclass(frozen=True, slots=True)
class RecordsUnwritten:
    """The file of records could not be written; it is as it was."""

    file: Path
    why: str


RecordEvent: TypeAlias = RecordsRead | RecordsRefused | RecordsUnwritten


class Records:
    """What a run does with its file of records."""

    def __init__(self, file: RecordFile, engine: Engine, tell: Callable[[RecordEvent], None]) -> None:
        self.file, self._engine, self._tell = file, engine, tell
        self._written = time.monotonic()

    def restore(self, snapshot: Snapshot) -> None:
        """Give the engine what a run before has left, before it serves this snapshot."""
        path = self.file.path
        try:
            content = self.file.read()
            if content:
                self._tell(RecordsRead(path, self._engine.load_records(snapshot, content)))
        except EngineError as error:
            self._tell(RecordsRefused(path, error.message, self.file.keep_aside()))
        except OSError as error:
            self._tell(RecordsRefused(path, f"it cannot be read ({error.strerror})", self.file.keep_aside()))

    def tick(self, every: timedelta) -> None:
        """Write them when it is time."""
        if time.monotonic() - self._written >= every.total_seconds():
            self.write()

    def write(self) -> None:
        """Write them now."""
        self._written = time.monotonic()
        try:
            self.file.write(self._engine.records())
        except OSError as error:
            self._tell(RecordsUnwritten(self.file.path, error.strerror or str(error)))

    def close(self) -> None:
        """Leave the file to the next run; may be called again."""
        self.file.close()


def opened(
    loaded: Loaded, engine: Engine, tell: Callable[[RecordEvent], None], held: Held | None = None
) -> Records | None:
    """With the file that a configuration asks for, ours alone; raises ConfigError when it cannot be had.

    `held` is the file of the process before.
    """
    written = loaded.config.records.file
    if written is None:
        return None
    try:
        path = (loaded.source.base / written).absolute()
        descriptor = held.descriptor if held and held.path == path else None
        return Records(RecordFile(path, descriptor), engine, tell)
    except RecordsError as error:
        message = f"found {show(written)}, {error.message}; {error.hint}"
        raise ConfigError([loaded.source.problem(("records", "file"), message)]) from None
