"""Whether files are others than they were: by what the system says of them, not by what they hold."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from equalizer.config.load import Loaded, Written

Look: TypeAlias = tuple[int, ...] | None
"""What of a file is another after every change; None when it is not there."""


def look(file: Path) -> Look:
    """As it is now; of a link, what it leads to."""
    try:
        found = os.stat(file)
    except OSError:
        return None
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


class Watch:
    """A configuration and the files that it names, looked at from time to time: whether one has changed."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read = {file: look(file)}
        self._seen = dict(self._read)

    @classmethod
    def of(cls, written: Written) -> "Watch | None":
        """None where there is no file to be read again."""
        return cls(Path(written)) if isinstance(written, str | os.PathLike) else None

    def note(self) -> None:
        """Say that all are about to be read; whatever comes of that, none is new before its next change."""
        self._read = {file: look(file) for file in self._read}

    def use(self, loaded: Loaded) -> None:
        """The configuration has been read: look at the files that it names, which are next, and no others."""
        known = self._read
        self._read = {file: known.get(file) or look(file) for file in (self._file, *named(loaded))}

    def is_new(self) -> bool:
        """Whether they should be read, said once; not while one is written, nor for one that is away."""
        read, before = self._read, self._seen
        self._seen = {file: look(file) for file in read}
        if self._seen != before or all(each in (None, read[file]) for file, each in self._seen.items()):
            return False
        self._read = dict(self._seen)
        return True


def named(loaded: Loaded) -> Iterator[Path]:
    """The files that are read with a configuration; its keys and the token of its admin API are not."""
    config, base = loaded.config, loaded.source.base
    pairs = [config.admin.tls] if config.admin and config.admin.tls else []
    others: list[Path | None] = [config.debug.token_file] if config.debug else []
    for listener in config.listeners.values():
        if listener.tls:
            pairs += listener.tls.certificates
            others += [listener.tls.clients.ca, listener.tls.clients.crl] if listener.tls.clients else []
    for pool in config.pools.values():
        if pool.tls:
            others += [pool.tls.ca, pool.tls.certificate, pool.tls.key]
    for file in (*(file for pair in pairs for file in (pair.certificate, pair.key)), *others):
        if file is not None:
            yield base / file
