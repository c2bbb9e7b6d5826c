"""Where clients reach what is served."""

from collections.abc import Mapping

from equalizer.control.ahead import count
from equalizer.errors import EqualizerError
from equalizer.model.config import Config
from equalizer.snapshot.compile import served


def listener_of(config: Config, name: str | None) -> str:
    """A listener's name, which may be left out where there is one; raises EqualizerError."""
    names = list(config.listeners)
    if name is None and len(names) == 1:
        return names[0]
    if name is None or name not in names:
        raise EqualizerError(f"found no listener {name}", f"write {' or '.join(names)}")
    return name


def url(config: Config, sockets: Mapping[str, str], listener: str | None = None) -> str:
    """Where a client on this machine reaches a listener; a wildcard address is reached by loopback."""
    name = listener_of(config, listener)
    host, _, port = sockets[name].rpartition(":")
    host = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)
    scheme = "https" if config.listeners[name].tls else "http"
    return f"{scheme}://{host}:{port}"


def summary(config: Config, sockets: Mapping[str, str]) -> list[str]:
    """One line a listener: what it serves."""
    pools = [(name, config.pools[name]) for name in served(config)]
    what = ", ".join(f"pool {name} with {count(len(pool.servers), 'server')}" for name, pool in pools)
    return [f"{name}: {url(config, sockets, name)} serves {what}" for name in config.listeners]
