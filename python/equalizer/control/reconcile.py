"""How a configuration becomes what is served: compile, check, apply; nothing changes before all is well."""

from equalizer.config.load import Loaded
from equalizer.control.key_source import configured, on_the_wire
from equalizer.control.keys import Key
from equalizer.engine.port import Engine
from equalizer.errors import ConfigError, Problem
from equalizer.snapshot import compile as compiler
from equalizer.snapshot import wire


def reconcile(loaded: Loaded, engine: Engine, revision: int) -> None:
    """Make the engine serve a configuration; a key file that is absent is made."""
    engine.apply(checked(loaded, engine, revision, make_keys=True))


def checked(loaded: Loaded, engine: Engine, revision: int, *, make_keys: bool) -> wire.Snapshot:
    """The snapshot of a configuration, after every check; raises ConfigError with all that is wrong."""
    problems: list[Problem] = []
    # A key for this run where there is no ring; that also where it cannot be had, to check the rest.
    ring = configured(loaded, problems, make=make_keys) or (Key.new(),)
    try:
        snapshot = compiler.compile(loaded, on_the_wire(ring), revision)
    except ConfigError as error:
        raise ConfigError([*error.problems, *problems]) from None
    problems += [loaded.source.problem(each.path, each.message) for each in engine.check(snapshot)]
    if problems:
        raise ConfigError(problems)
    return snapshot
