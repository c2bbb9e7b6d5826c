"""From a configuration to the snapshot that the engine runs: files are read and host names resolved here."""

import socket
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from equalizer.config.load import Loaded
from equalizer.config.source import Source, show
from equalizer.errors import ConfigError, Problem
from equalizer.model.access_log import AccessLog
from equalizer.model.address import Address
from equalizer.model.config import Config
from equalizer.model.duration import milliseconds, seconds
from equalizer.model.ejection import Ejection
from equalizer.model.listener import Listener
from equalizer.model.pool import Pool
from equalizer.snapshot import balance, foreign, guards, persistence, tls, token, wire
from equalizer.snapshot.files import Files

_HTTPS = 443
_LOOKUPS = 16  # at a time: a name server that is silent costs its timeout once, not once a name

Resolve = Callable[[str], str]


def compile(  # noqa: A001 - the design's word for it
    loaded: Loaded, keys: Sequence[wire.Key], revision: int, resolve: Resolve | None = None
) -> wire.Snapshot:
    """The snapshot of a configuration; raises ConfigError with every file and name that fails."""
    config, source = loaded.config, loaded.source
    problems: list[Problem] = []
    hosts = _resolved(config, source, resolve or first_address, problems)
    listeners = tuple(_listeners(config, source, problems))
    pools = tuple(_pool(name, pool, hosts, source, problems) for name, pool in config.pools.items())
    debug = token.debugging(config.debug, source, problems) if config.debug else None
    if problems:
        raise ConfigError(problems)
    return wire.Snapshot(
        revision=revision,
        listeners=listeners,
        pools=pools,
        routes=tuple(wire.Route(pool=pool) for pool in served(config)),
        keys=tuple(keys),
        limits=wire.Limits(**config.limits.model_dump() | {"body": config.limits.body or 0}),
        timeouts=_timeouts(config),
        access_log=_access_log(config.access_log, source) if config.access_log else None,
        debug=debug,
    )


def served(config: Config) -> list[str]:
    """The pools that requests go to, in the order of the routes; the only pool needs none."""
    return [route.pool for route in config.routes] or list(config.pools)


def first_address(host: str) -> str:
    """The first address of a host name, IPv4 before IPv6; raises OSError."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    best = min(found, key=lambda each: each[0] != socket.AF_INET)
    return str(best[4][0])


def _resolved(config: Config, source: Source, resolve: Resolve, problems: list[Problem]) -> dict[str, str]:
    """Host name to IP, each name asked once."""
    names = [
        (("pools", pool, "servers", server, "address"), each.address.host)
        for pool, table in config.pools.items()
        for server, each in table.servers.items()
        if not each.address.is_ip
    ]
    unique = list(dict.fromkeys(host for _, host in names))
    with ThreadPoolExecutor(_LOOKUPS) as threads:
        hosts = dict(zip(unique, threads.map(lambda host: _address_of(host, resolve), unique), strict=True))
    for path, host in names:
        if hosts[host] is None:
            message = (
                f"found the host name {show(host)}, which has no address; write one that resolves, or an IP"
            )
            problems.append(source.problem(path, message))
    return {host: address for host, address in hosts.items() if address is not None}


def _address_of(host: str, resolve: Resolve) -> str | None:
    try:
        return resolve(host)
    except (OSError, UnicodeError):
        return None


def _listeners(config: Config, source: Source, problems: list[Problem]) -> Iterator[wire.Listener]:
    redirects = {name: each for each in config.listeners.values() for name in each.https.redirect}
    files = Files(source, problems)
    for name, listener in config.listeners.items():
        https = listener.https
        encrypted = tls.listener(listener.tls, files, ("listeners", name, "tls")) if listener.tls else None
        subdomains = "; includeSubDomains" if https.subdomains else ""
        yield wire.Listener(
            name=name,
            address=str(listener.address),
            tls=encrypted,
            http2=listener.http2,
            redirect=_port(redirects[name]) if name in redirects else None,
            hsts=f"max-age={seconds(https.hsts)}{subdomains}" if https.hsts else "",
            location=https.location,
            trusted=listener.trusted,
            proxy_protocol=listener.proxy_protocol == "required",
            connections=listener.connections,
        )


def _port(listener: Listener) -> int:
    """The port that clients know a listener by; one that the system chooses cannot be known here."""
    return listener.https.port or listener.address.port or _HTTPS


def _pool(name: str, pool: Pool, hosts: dict[str, str], source: Source, problems: list[Problem]) -> wire.Pool:
    servers = tuple(
        wire.Server(
            name=server,
            address=_numeric(each.address, hosts),
            host=each.address.host,
            weight=each.weight,
            limit=each.limit,
            spare=each.spare,
            persist=each.persist,
            generation=each.generation,
            incarnation=each.incarnation,
        )
        for server, each in pool.servers.items()
    )
    accept = foreign.accepted(name, pool.sessions.accept, servers, source, problems)
    return wire.Pool(
        name=name,
        protocol=pool.protocol,
        proxy_protocol=pool.proxy_protocol,
        via=pool.via or "",
        balance=balance.balance(pool.balance),
        persistence=tuple(map(persistence.kind, pool.persistence)),
        sessions=persistence.sessions(pool.sessions, accept),
        queue=wire.Queue(wait=milliseconds(pool.queue.wait), length=pool.queue.length),
        watch=_watch(pool.ejection) if pool.ejection else None,
        rates=guards.rates(pool.rates),
        retry=guards.retry(pool.retry),
        breaker=guards.breaker(pool.breaker) if pool.breaker else None,
        tls=tls.servers(pool.tls, Files(source, problems), ("pools", name, "tls")) if pool.tls else None,
        servers=servers,
    )


def _watch(ejection: Ejection) -> wire.Watch:
    return wire.Watch(failures=ejection.failures, timed=ejection.slower is not None)


def _numeric(address: Address, hosts: dict[str, str]) -> str:
    return str(Address(hosts.get(address.host, address.host), address.port))


def _access_log(log: AccessLog, source: Source) -> wire.AccessLog:
    file = None if log.file is None else str((source.base / log.file).absolute())
    return wire.AccessLog(file=file, format=log.format, query=log.query)


def _timeouts(config: Config) -> wire.Timeouts:
    """All but `stop`, which is ours to keep."""
    times = {name: milliseconds(getattr(config.timeouts, name)) for name in wire.Timeouts.model_fields}
    return wire.Timeouts(**times)
