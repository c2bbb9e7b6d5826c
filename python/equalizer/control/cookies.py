"""Opens and makes cookies for the owner of a configuration, who holds its keys; nothing has to run.

Where an Equalizer serves the configuration, a cookie is judged by what it knows of the servers.
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from equalizer.config.load import Loaded, load
from equalizer.config.source import show
from equalizer.control import place
from equalizer.control.answers import Status
from equalizer.control.key_source import configured, on_the_wire
from equalizer.control.remote import Remote
from equalizer.control.ring import Ring
from equalizer.engine import native
from equalizer.engine.port import ClosedCookie, OpenedCookie
from equalizer.errors import ConfigError, ControlError, Problem
from equalizer.model import duration
from equalizer.model.cookie import InsertCookie, PrefixCookie, RewriteCookie
from equalizer.snapshot import compile as compiler
from equalizer.snapshot import wire

__all__ = ["ClosedCookie", "OpenedCookie", "explain", "running", "seal"]

_NOT_OURS = "not_ours"
# No name of a cookie is as long as what we seal.
_OURS = re.compile(r"[A-Za-z0-9_-]{95}")


def explain(config: Path, value: str, now: Status | None = None) -> OpenedCookie | ClosedCookie:
    """What a value holds, bare or as `NAME=value`, be it in a whole field: of several the first that is ours.

    `now` is how the servers are; without it all are up. Raises ConfigError.
    """
    snapshot, states = _snapshot(load(config)), [] if now is None else _states(now)
    found = [native.explain_cookie(snapshot, states, _bare(each)) for each in value.split(";")]
    known = (each for each in found if isinstance(each, OpenedCookie) or each.reason != _NOT_OURS)
    return next(known, found[0])


def _bare(written: str) -> str:
    name, _, rest = written.partition("=")
    # Behind a bare value of ours the application's own may stand, and that may hold anything.
    return (rest if rest and not _OURS.search(name) else written).strip()


def running(config: Path) -> Status | None:
    """How the servers are of whoever serves this configuration; None where none is reached."""
    with suppress(ControlError):
        return Remote(place.of_file(config)).status()
    return None


def seal(config: Path, pool: str, server: str, idle: str = "0s") -> str:
    """`NAME=value` of a session at home at a server, born and last seen so long ago; raises ConfigError."""
    since = duration.parse(idle)
    if since is None:
        message = f"found --idle {show(idle)}; write a time such as 15m"
        raise ConfigError([Problem("command line", None, "", message)])
    loaded = load(config)
    cookie = _cookie(loaded, pool, server)
    # The application's own value follows: here it has none.
    end = "~" if isinstance(cookie, PrefixCookie) else ""
    name = cookie.full_name if isinstance(cookie, InsertCookie) else cookie.name
    return f"{name}={native.seal_cookie(_snapshot(loaded), pool, server, since)}{end}"


def _states(now: Status) -> list[wire.ServerState]:
    return [
        wire.ServerState(
            pool=pool.name,
            server=server.name,
            state=server.state,
            deadline=round(server.draining.deadline or 0) if server.draining else 0,
            idle_first=round(server.draining.idle_first or 0) if server.draining else 0,
        )
        for pool in now.pools
        for server in pool.servers
    ]


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


def _cookie(loaded: Loaded, pool: str, server: str) -> InsertCookie | RewriteCookie | PrefixCookie:
    """The first cookie of a pool that we seal."""
    pools = loaded.config.pools
    if pool not in pools:
        raise _wrong(loaded, ("pools",), f"found no pool {show(pool)}; write {_one_of(pools)}")
    servers = pools[pool].servers
    if server not in servers:
        message = f"found no server {show(server)}; write {_one_of(servers)}"
        raise _wrong(loaded, ("pools", pool, "servers"), message)
    sealed = (InsertCookie, RewriteCookie, PrefixCookie)
    found = next((kind for kind in pools[pool].persistence if isinstance(kind, sealed)), None)
    if found is None:
        message = 'found no cookie that is sealed; write { kind = "cookie" }'
        raise _wrong(loaded, ("pools", pool, "persistence"), message)
    return found


def _wrong(loaded: Loaded, path: tuple[str, ...], message: str) -> ConfigError:
    return ConfigError([loaded.source.problem(path, message)])


def _one_of(names: Iterable[str]) -> str:
    return " or ".join(map(show, names))
