"""What can be said of a configuration before it is served."""

import json

from equalizer.config import schema as schemas
from equalizer.config.load import Written, load
from equalizer.control.reconcile import checked
from equalizer.control.ring import Ring
from equalizer.engine.native import start


def check(written: Written) -> str:
    """Validate without serving; one line that says what is there, then one a warning. Raises ConfigError."""
    loaded = load(written)
    engine = start(workers=1)
    try:
        notices = checked(loaded, engine, 1, Ring(), make_keys=False).notices
    finally:
        engine.stop()
    config = loaded.config
    servers = sum(len(pool.servers) for pool in config.pools.values())
    counts = ((len(config.listeners), "listener"), (len(config.pools), "pool"), (servers, "server"))
    there = ", ".join(count(number, noun) for number, noun in counts)
    return "\n".join((there, *notices))


def schema() -> str:
    """The JSON Schema of a configuration file."""
    return json.dumps(schemas.schema(), indent=2, ensure_ascii=False)


def count(number: int, noun: str) -> str:
    """A number of things, in words."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
