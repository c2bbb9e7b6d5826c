"""Opens and makes cookies for the owner of a configuration, who holds its keys; nothing has to run."""

from collections.abc import Iterable
from pathlib import Path

from equalizer.config.load import Loaded, load
from equalizer.config.source import show
from equalizer.control.key_source import configured, on_the_wire
from equalizer.control.ring import Ring
from equalizer.engine import native
from equalizer.engine.port import ClosedCookie, OpenedCookie
from equalizer.errors import ConfigError, Problem
from equalizer.model import duration
from equalizer.snapshot import compile as compiler
from equalizer.snapshot import wire

__all__ = ["ClosedCookie", "OpenedCookie", "explain", "seal"]


def explain(config: Path, value: str) -> OpenedCookie | ClosedCookie:
    """What a value holds, bare or as `NAME=value`; raises ConfigError."""
    bare = value.partition(";")[0].rpartition("=")[2].strip()
    return native.explain_cookie(_snapshot(load(config)), bare)


def seal(config: Path, pool: str, server: str, idle: str = "0s") -> str:
    """`NAME=value` of a session at home at a server, born and last seen so long ago; raises ConfigError."""
    since = duration.parse(idle)
    if since is None:
        message = f"found --idle {show(idle)}; write a time such as 15m"
        raise ConfigError([Problem("command line", None, "", message)])
    loaded = load(config)
    name = _cookie(loaded, pool, server)
    return f"{name}={native.seal_cookie(_snapshot(loaded), pool, server, since)}"


def _snapshot(loaded: Loaded) -> wire.Snapshot:
    problems: list[Problem] = []
    ring = configured(loaded, problems, make=False, ring=Ring())
    if problems:
        raise ConfigError(problems)
    if ring is None:
        raise ConfigError([loaded.source.problem(("keys",), _no_ring(loaded))])
    # A cookie names its home by name, so that no host name needs an address here.
    return compiler.compile(loaded, on_the_wire(ring), revision=1, resolve=lambda _: "0.0.0.0")


def _no_ring(loaded: Loaded) -> str:
    file = loaded.config.keys.file
    if file is None:
        return 'found no keys, so that each run has its own; write [keys] with file = "equalizer.keys"'
    path = loaded.source.base / file
    return f"found {show(file)}, which does not exist; run: equalizer keys new {path}"


def _cookie(loaded: Loaded, pool: str, server: str) -> str:
    """The name of a pool's own cookie."""
    pools = loaded.config.pools
    if pool not in pools:
        raise _wrong(loaded, ("pools",), f"found no pool {show(pool)}; write {_one_of(pools)}")
    servers = pools[pool].servers
    if server not in servers:
        message = f"found no server {show(server)}; write {_one_of(servers)}"
        raise _wrong(loaded, ("pools", pool, "servers"), message)
    names = [kind.name for kind in pools[pool].persistence if kind.kind == "cookie"]
    if not names:
        raise _wrong(loaded, ("pools", pool, "persistence"), 'found no cookie; write { kind = "cookie" }')
    return names[0]


def _wrong(loaded: Loaded, path: tuple[str, ...], message: str) -> ConfigError:
    return ConfigError([loaded.source.problem(path, message)])


def _one_of(names: Iterable[str]) -> str:
    return " or ".join(map(show, names))
