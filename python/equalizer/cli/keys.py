"""`equalizer keys`: make, rotate and retire the keys of the cookies; a secret is never printed."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from equalizer.errors import ConfigError, Problem

app = App(name="keys")

File = Annotated[Path | None, Parameter(show_default=False)]
Config = Annotated[Path | None, Parameter(name="--config", show_default=False)]


@app.command
def new(file: File = None, *, config: Config = None) -> None:
    """Make a key ring of one key; a file that is there is left alone.

    Parameters
    ----------
    file
        The key ring file.
    config
        A configuration whose key ring file is meant.
    """
    from equalizer.control import rotation

    path = _path(file, config)
    print(f"{path}: key {rotation.new(path).ring[0].id} seals and opens")


@app.command
def rotate(file: File = None, *, keep: int = 3, config: Config = None) -> None:
    """Put a new key in front: it seals from the next reload on, the others still open.

    Parameters
    ----------
    file
        The key ring file.
    keep
        How many keys the ring holds then; the oldest go, and what they sealed opens no more.
    config
        A configuration whose key ring file is meant.
    """
    from equalizer.control import rotation

    path = _path(file, config)
    change = rotation.rotate(path, keep)
    dropped = "".join(f", key {key.id} is gone" for key in change.dropped)
    print(f"{path}: key {change.ring[0].id} seals after a reload{dropped}")


@app.command
def retire(*words: str, config: Config = None) -> None:
    """Take one key out: clients whose cookies it sealed begin new sessions. The last key stays.

    Parameters
    ----------
    words
        The key ring file (not with --config), and the key's ID.
    config
        A configuration whose key ring file is meant.
    """
    from equalizer.control import rotation

    path, identity = _retired(words, config)
    change = rotation.retire(path, identity)
    print(f"{path}: key {identity} is gone after a reload, key {change.ring[0].id} seals")


@app.command(name="list")
def list_(file: File = None, *, config: Config = None) -> None:
    """Show each key's id, when it was made, and what it does; never its secret.

    Parameters
    ----------
    file
        The key ring file.
    config
        A configuration whose key ring file is meant.
    """
    from equalizer.control import rotation

    for place, key in enumerate(rotation.ring(_path(file, config))):
        created = f"{key.created:%Y-%m-%d %H:%M:%S %Z}" if key.created else "unknown"
        print(f"{key.id:>5}  created {created:<23}  {'seals and opens' if place == 0 else 'opens'}")


def _retired(words: tuple[str, ...], config: Path | None) -> tuple[Path, int]:
    *files, identity = words or ("",)
    if len(files) > 1 or not identity.isdecimal():
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
