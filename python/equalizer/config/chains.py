"""Persistence between tables: cookies no browser would keep, groups and foreign cookies that lead nowhere.

Like the other checks between keys, these read the document as written and skip what has the wrong shape.
"""

from collections.abc import Iterator, Mapping

from equalizer.config.source import Source, dotted, show
from equalizer.errors import Problem

Table = Mapping[str, object]


def check(source: Source) -> list[Problem]:
    """Every problem between persistence and what stands elsewhere."""
    return [*_never_set(source), *_groups(source), *_accepted(source), *_spoken(source)]


def _never_set(source: Source) -> Iterator[Problem]:
    """Our own cookie, where a plain listener serves the pool and browsers refuse it there (RFC 6265bis)."""
    plain = list(_plain(source.data))
    if not plain:
        return
    lacks = f"but listener {show(plain[0])} has no TLS, so that browsers never keep the cookie there"
    tls = f"[{dotted(('listeners', plain[0], 'tls'))}]"
    for pool, table in _served(source.data):
        for index, cookie in _kinds(table):
            if cookie.get("kind") == "cookie" and cookie.get("mode", "insert") == "insert":
                for key, write in _needs_tls(cookie):
                    message = f"found {show(cookie[key])}, {lacks}; write {write}, or give it {tls}"
                    yield source.problem(("pools", pool, "persistence", index, key), message)


def _plain(data: Table) -> Iterator[str]:
    """The listeners whose clients surely have no TLS: not sent to HTTPS, and no proxy tells how they came."""
    listeners = dict(_tables(data.get("listeners")))
    https = _tables({name: listener.get("https") for name, listener in listeners.items()})
    redirects = [table.get("redirect") for _, table in https]
    sent = [name for each in redirects if isinstance(each, list | tuple) for name in each]
    for name, listener in listeners.items():
        if listener.get("tls") is None and not listener.get("trusted") and name not in sent:
            yield name


def _needs_tls(cookie: Table) -> Iterator[tuple[str, str]]:
    """The keys that keep browsers from taking the cookie over a plain connection, and what to write there."""
    name = cookie.get("name", "EQ")
    if cookie.get("prefix") in ("__Host-", "__Secure-"):
        yield "prefix", "a cookie without prefix"
    elif isinstance(name, str) and name.lower().startswith(("__host-", "__secure-")):
        yield "name", show(name.partition("-")[2] or "EQ")
    if cookie.get("secure") == "always":
        yield "secure", '"auto"'


def _groups(source: Source) -> Iterator[Problem]:
    """Pools that share sessions have the same servers: where one lacks a home, its sessions are re-homed."""
    first: dict[str, tuple[str, set[str]]] = {}
    for pool, table in _tables(source.data.get("pools")):
        servers = _names(table)
        for index, kind in _kinds(table):
            scope = kind.get("scope")
            group = scope.get("group") if isinstance(scope, Mapping) else None
            if not isinstance(group, str):
                continue
            other, theirs = first.setdefault(group, (pool, servers))
            if theirs != servers:
                odd = " and ".join(show(name) for name in sorted(theirs ^ servers))
                message = (
                    f"found the group {show(group)} of pool {show(other)}, and only one of the two has {odd}"
                    "; write servers of the same names, or another group"
                )
                yield source.problem(("pools", pool, "persistence", index, "scope", "group"), message)


def _accepted(source: Source) -> Iterator[Problem]:
    for pool, table in _tables(source.data.get("pools")):
        sessions = table.get("sessions")
        accept = sessions.get("accept") if isinstance(sessions, Mapping) else None
        known = _names(table)
        for index, cookie in enumerate(accept if isinstance(accept, list | tuple) else ()):
            servers = cookie.get("servers") if isinstance(cookie, Mapping) else None
            for text, server in servers.items() if isinstance(servers, Mapping) else ():
                if isinstance(server, str) and server not in known:
                    names = " or ".join(map(show, sorted(known)))
                    message = f"found {show(server)}, which is no server of the pool; write {names}"
                    path = ("pools", pool, "sessions", "accept", index, "servers", text)
                    yield source.problem(path, message)


def _spoken(source: Source) -> Iterator[Problem]:
    """A field that carries sessions, and in which servers and we speak of them: it would not get through."""
    for pool, table in _tables(source.data.get("pools")):
        sessions = table.get("sessions")
        taken = dict(_speaking(sessions if isinstance(sessions, Mapping) else {}))
        for index, kind in _kinds(table):
            name = kind.get("name")
            if kind.get("kind") == "field" and isinstance(name, str) and name.lower() in taken:
                message = f"found {show(name)}, which sessions.{taken[name.lower()]} has; write another name"
                yield source.problem(("pools", pool, "persistence", index, "name"), message)


def _speaking(sessions: Table) -> Iterator[tuple[str, str]]:
    """The fields in which servers and we speak of sessions, and the settings that have them."""
    for key, usual in (("pin_field", "Session-Pin"), ("incarnation_field", "")):
        name = sessions.get(key, usual)
        if isinstance(name, str):
            yield name.lower(), key
    if sessions.get("announce") is True:
        yield "session-moved", "announce"


def _served(data: Table) -> Iterator[tuple[str, Table]]:
    """The pools that requests go to; without routes there is one."""
    routes = data.get("routes")
    each = routes if isinstance(routes, list | tuple) else ()
    routed = [route.get("pool") for route in each if isinstance(route, Mapping)]
    return ((name, pool) for name, pool in _tables(data.get("pools")) if not routed or name in routed)


def _kinds(pool: Table) -> Iterator[tuple[int, Table]]:
    """The kinds of a pool that are tables: a bare word has nothing to check."""
    chain = pool.get("persistence")
    for index, kind in enumerate(chain if isinstance(chain, list | tuple) else (chain,)):
        if isinstance(kind, Mapping):
            yield index, kind


def _names(pool: Table) -> set[str]:
    servers = pool.get("servers")
    return set(map(str, servers)) if isinstance(servers, Mapping) else set()


def _tables(tables: object) -> Iterator[tuple[str, Table]]:
    for name, table in tables.items() if isinstance(tables, Mapping) else ():
        if isinstance(table, Mapping):
            yield str(name), table
