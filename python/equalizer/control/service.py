"""The one API behind every face: check a configuration, serve it, ask how it does."""

import json
import os
from collections.abc import Mapping
from types import TracebackType

from equalizer.config import schema as schemas
from equalizer.config.load import Loaded, Written, load
from equalizer.control.reconcile import checked, reconcile
from equalizer.engine.native import start
from equalizer.errors import EqualizerError
from equalizer.snapshot.compile import served

_NO_KEY_FILE = "no [keys] file: cookies are sealed with a key for this run, and mean nothing after it"


def check(written: Written) -> str:
    """Validate without serving; one line that says what is there. Raises ConfigError."""
    loaded = load(written)
    engine = start(workers=1)
    try:
        checked(loaded, engine, revision=1, make_keys=False)
    finally:
        engine.stop()
    config = loaded.config
    servers = sum(len(pool.servers) for pool in config.pools.values())
    counts = ((len(config.listeners), "listener"), (len(config.pools), "pool"), (servers, "server"))
    return ", ".join(_count(number, noun) for number, noun in counts)


def schema() -> str:
    """The JSON Schema of a configuration file."""
    return json.dumps(schemas.schema(), indent=2, ensure_ascii=False)


class Service:
    """A configuration that is being served; as a context, until it ends."""

    def __init__(self, written: Written, name: str = "config") -> None:
        """Serve; `name` is what messages call a configuration that is not a file. Raises EqualizerError."""
        self._loaded: Loaded = load(written, name)
        self._engine = start(self._loaded.config.engine.workers or _cores())
        try:
            reconcile(self._loaded, self._engine, revision=1)
        except BaseException:
            self._engine.stop()
            raise

    def address(self, listener: str | None = None) -> str:
        """The `IP:port` that a listener really has; the name may be left out where there is one."""
        return self._engine.sockets()[self._name(listener)]

    def url(self, listener: str | None = None) -> str:
        """Where a client on this machine reaches a listener; a wildcard address is reached by loopback."""
        name = self._name(listener)
        host, _, port = self.address(name).rpartition(":")
        host = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)
        scheme = "https" if self._loaded.config.listeners[name].tls else "http"
        return f"{scheme}://{host}:{port}"

    def report(self) -> Mapping[str, object]:
        """Counters of the engine."""
        return self._engine.report()

    def summary(self) -> list[str]:
        """One line a listener: what it serves."""
        pools = [(name, self._loaded.config.pools[name]) for name in served(self._loaded.config)]
        what = ", ".join(f"pool {name} with {_count(len(pool.servers), 'server')}" for name, pool in pools)
        return [f"{name}: {self.url(name)} serves {what}" for name in self._loaded.config.listeners]

    def notices(self) -> list[str]:
        """What the user should know although it is no error."""
        config = self._loaded.config
        seals = any(pool.persistence for pool in config.pools.values())
        kept = config.keys.file is not None or config.keys.environment is not None
        return [_NO_KEY_FILE] if seals and not kept else []

    def drain(self) -> bool:
        """Accept nothing more, wait up to `timeouts.stop` for exchanges in flight; whether none is left."""
        return self._engine.drain(self._loaded.config.timeouts.stop)

    def stop(self) -> None:
        """End at once; may be called again."""
        self._engine.stop()

    def _name(self, listener: str | None) -> str:
        names = list(self._loaded.config.listeners)
        if listener is None and len(names) == 1:
            return names[0]
        if listener is None or listener not in names:
            raise EqualizerError(f"found no listener {listener}", f"write {' or '.join(names)}")
        return listener

    def __enter__(self) -> "Service":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Drain after success, end at once after a failure."""
        try:
            if error is None:
                self.drain()
        finally:
            self.stop()


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _cores() -> int:
    """Those that this process may use, where the system says; a container is given few of many."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
