"""`equalizer keys`: make, rotate and retire the keys of the cookies; a secret is never printed."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from equalizer.errors import ConfigError, Problem

if TYPE_CHECKING:
    from equalizer.control.rotation import Change

app = App(name="keys")

_Config = Annotated[
    Path | None,
    Parameter(name="--config", show_default=False, help="A configuration whose key ring file is meant."),
]


@Parameter(name="*")  # its fields are parameters of each command
@dataclass(frozen=True)
class _Which:
    """Which key ring is meant."""

    file: Annotated[Path | None, Parameter(show_default=False, help="The key ring file.")] = None
    config: _Config = field(default=None, kw_only=True)

    def path(self) -> Path:
        """Of the file; raises ConfigError."""
        return _path(self.file, self.config)


_NONE = _Which()


@app.command
def new(which: _Which = _NONE) -> None:
    """Make a key ring of one key; a file that is there is left alone."""
    from equalizer.control import rotation

    path = which.path()
    print(f"{path}: key {rotation.new(path).ring[0].id} seals and opens")


@app.command
def rotate(
    which: _Which = _NONE,
    *,
    keep: int = 3,
    seal_after: Annotated[str | None, Parameter(name="--seal-after")] = None,
    seal_now: Annotated[bool, Parameter(name="--seal-now", negative="")] = False,
) -> None:
    """Put a new key in front: it opens at once and seals after a while, when all who share the file have it.

    A running Equalizer reads the file by itself.

    Parameters
    ----------
    keep
        How many keys the ring holds then; the oldest go, and what they sealed opens no more. The key that
        seals stays until another does.
    seal_after
        How long the new key waits before it seals; 5m when left out.
    seal_now
        The new key seals at once: where one Equalizer alone has the file.
    """
    from equalizer.control import rotation

    wait = rotation.waiting(seal_after, now=seal_now)
    path = which.path()
    change = rotation.rotate(path, keep, wait)
    added = change.ring[0]
    when = f"opens, and seals from {_clock(added.seals_from)} on" if added.seals_from else "seals and opens"
    print(f"{path}: key {added.id} {when}{_gone(change)}")


@app.command
def retire(*words: str, config: _Config = None) -> None:
    """Take one key out: clients whose cookies it sealed begin new sessions. The last key stays.

    Parameters
    ----------
    words
        The key ring file (not with --config), and the key's ID.
    """
    from equalizer.control import keys, rotation

    path, identity = _retired(words, config)
    change = rotation.retire(path, identity)
    print(f"{path}: key {keys.sealing(change.ring, datetime.now(UTC)).id} seals{_gone(change)}")


@app.command(name="list")
def list_(which: _Which = _NONE) -> None:
    """Show each key's id, when it was made, and what it does; never its secret."""
    from equalizer.control import keys, rotation

    ring, now = rotation.ring(which.path()), datetime.now(UTC)
    sealing = keys.sealing(ring, now)
    for key in ring:
        does = "seals and opens" if key is sealing else "opens"
        if key.seals_from is not None and key.waits(now):
            does += f", waits until {_clock(key.seals_from)}"
        print(f"{key.id:>5}  created {_clock(key.created) if key.created else 'unknown':<23}  {does}")


def _clock(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S %Z}"


def _gone(change: "Change") -> str:
    return "".join(f", key {key.id} is gone" for key in change.dropped)


def _retired(words: tuple[str, ...], config: Path | None) -> tuple[Path, int]:
    *files, identity = words or ("",)
    if len(files) > 1 or not re.fullmatch("[0-9]{1,9}", identity):
        raise _wrong("write FILE ID, or ID --config FILE; equalizer keys list shows the IDs")
    return _path(Path(files[0]) if files else None, config), int(identity)


def _path(file: Path | None, config: Path | None) -> Path:
    from equalizer.control import key_source

    if file is not None and config is None:
        return file
    if config is not None and file is None:
        return key_source.key_file(config)
    raise _wrong("write either FILE or --config FILE")


def _wrong(message: str) -> ConfigError:
    return ConfigError([Problem("command line", None, "", message)])
