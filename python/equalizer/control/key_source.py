"""Which key ring a configuration means: a file's, or the environment's."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from equalizer.config.load import Loaded, load
from equalizer.config.source import show
from equalizer.control import keys
from equalizer.control.keys import Key
from equalizer.control.ring import KeyEvent, KeysRefused, KeysRenewed, Ring
from equalizer.errors import ConfigError, KeyRingError, Problem
from equalizer.snapshot import wire


def configured(loaded: Loaded, problems: list[Problem], *, make: bool, ring: Ring) -> tuple[Key, ...] | None:
    """The ring, newest first; None where there is none, and with a problem where it cannot be had."""
    settings = loaded.config.keys
    try:
        if settings.environment is not None:
            return _environment(settings.environment)
        if settings.file is not None:
            return ring.read(loaded.source.base / settings.file, make=make)
    except KeyRingError as error:
        where = "file" if settings.environment is None else "environment"
        found = show(getattr(settings, where))
        problems.append(loaded.source.problem(("keys", where), f"found {found}, {error}"))
    return None


def key_file(config: Path) -> Path:
    """The key file of a configuration file; raises ConfigError where it has none."""
    loaded = load(config)
    settings = loaded.config.keys
    if settings.file is not None:
        return loaded.source.base / settings.file
    if settings.environment is None:
        message = 'found no key file; write [keys] with file = "equalizer.keys"'
    else:
        message = f"found environment = {show(settings.environment)}; change the keys where that is set"
    raise ConfigError([loaded.source.problem(("keys",), message)])


def on_the_wire(ring: Sequence[Key]) -> tuple[wire.Key, ...]:
    """The ring as the engine takes it now: the key that seals comes first."""
    first = keys.sealing(ring, datetime.now(UTC))
    ordered = (first, *(key for key in ring if key is not first))
    return tuple(wire.Key(id=key.id, secret=key.text) for key in ordered)


def renewed(
    loaded: Loaded, ring: Ring, before: Sequence[wire.Key]
) -> tuple[tuple[wire.Key, ...], KeyEvent | None]:
    """The keys of a configuration that runs, by its file and the clock as they are now, and what is new."""
    written = loaded.config.keys.file
    if written is None:
        return tuple(before), None
    file = loaded.source.base / written
    event: KeyEvent | None = None
    if ring.has_changed(file):
        try:
            ring.read(file, make=False)
        except KeyRingError as error:
            event = KeysRefused(file, error)
    found = on_the_wire(ring.kept(ring.last(file)))
    if event is None and found != tuple(before):
        event = KeysRenewed(found[0].id, tuple(key.id for key in found[1:]))
    return found, event


def _environment(name: str) -> tuple[Key, ...]:
    text = os.environ.get(name)
    if text is None:
        raise KeyRingError("which is not set", 'set it, or write file = "equalizer.keys"')
    return keys.parse_list(text)
