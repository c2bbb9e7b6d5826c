"""How a configuration becomes what is served: compile, check, apply; nothing changes before all is well."""

from equalizer.config.load import Loaded
from equalizer.config.source import show
from equalizer.control import keys
from equalizer.engine.port import Engine
from equalizer.errors import ConfigError, KeyRingError, Problem
from equalizer.snapshot import compile as compiler
from equalizer.snapshot import wire


def reconcile(loaded: Loaded, engine: Engine, revision: int) -> None:
    """Make the engine serve a configuration; a key file that is absent is made."""
    engine.apply(checked(loaded, engine, revision, make_keys=True))


def checked(loaded: Loaded, engine: Engine, revision: int, *, make_keys: bool) -> wire.Snapshot:
    """The snapshot of a configuration, after every check; raises ConfigError with all that is wrong."""
    problems: list[Problem] = []
    ring = _ring(loaded, problems, make=make_keys)
    try:
        snapshot = compiler.compile(loaded, ring, revision)
    except ConfigError as error:
        raise ConfigError([*error.problems, *problems]) from None
    problems += [loaded.source.problem(each.path, each.message) for each in engine.check(snapshot)]
    if problems:
        raise ConfigError(problems)
    return snapshot


def _ring(loaded: Loaded, problems: list[Problem], *, make: bool) -> list[wire.Key]:
    """The keys of the file, or one for this run; that also where the file is refused, to check the rest."""
    file = loaded.config.keys.file
    ring: tuple[keys.Key, ...] | None = None
    if file is not None:
        path = loaded.source.base / file
        try:
            ring = keys.read_or_make(path) if make else keys.read(path)
        except KeyRingError as error:
            problems.append(loaded.source.problem(("keys", "file"), f"found {show(file)}, {error}"))
    return [wire.Key(id=key.id, secret=key.text) for key in ring or (keys.Key.new(),)]
