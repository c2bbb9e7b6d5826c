"""What no single key can be blamed for: names that lead nowhere, addresses taken twice, absent files.

The checks read the document as it was written, not the model, so that they speak even when the model does not
hold: all problems are told at once. What has the wrong shape is skipped here; the model complains of it.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from equalizer.config import places
from equalizer.config.source import Source, show
from equalizer.errors import Problem
from equalizer.model.access_log import STDOUT
from equalizer.model.address import Address, parse
from equalizer.model.admin import Admin

_ADMIN = str(Admin.model_fields["address"].default)
_MADE = (
    *(("keys", "file"), ("records", "file"), ("control", "socket")),
    *(("access_log", "to"), ("admin", "token_file")),
)
"""Files that are made when they are absent."""


def check(source: Source) -> list[Problem]:
    """Every problem between keys, and between keys and files."""
    found = (_routes, _addresses, _files, _made, _https, _protocols, _introductions, _asked_at_births)
    return [problem for find in found for problem in find(source)]


def _routes(source: Source) -> Iterator[Problem]:
    pools = list(_tables(source.data, "pools"))
    routes = source.data.get("routes", [])
    if not isinstance(routes, list | tuple):
        return
    if not routes and len(pools) > 1:
        names = " or ".join(show(name) for name, _ in pools)
        message = f"found {len(pools)} pools and no route; write [[routes]] with pool = {names}"
        yield source.problem(("pools",), message)
    for index, route in enumerate(routes):
        if index > 0:
            message = "found a route after one that takes every request; write one route"
            yield source.problem(("routes", index), message)
        name = route.get("pool") if isinstance(route, Mapping) else None
        if isinstance(name, str) and name not in dict(pools):
            close = get_close_matches(name, dict(pools), n=1) or [pool for pool, _ in pools]
            write = " or ".join(map(show, close)) or "the name of a pool"
            yield source.problem(
                ("routes", index, "pool"), f"found {show(name)}, which is no pool; write {write}"
            )


def _addresses(source: Source) -> Iterator[Problem]:
    """Port 0 is never taken: the system gives each its own."""
    taken: dict[Address, str] = {}
    for name, listener in _tables(source.data, "listeners"):
        written = listener.get("address")
        address = parse(written) if isinstance(written, str) else written
        if not isinstance(address, Address) or address.port == 0:
            continue
        if address in taken:
            message = f"found {show(written)}, which listener {show(taken[address])} has; write another port"
            yield source.problem(("listeners", name, "address"), message)
        taken.setdefault(address, name)
    admin = source.data.get("admin")
    written = admin.get("address", _ADMIN) if isinstance(admin, Mapping) else None
    address = parse(written) if isinstance(written, str) else written
    if isinstance(address, Address) and address in taken:
        message = f"found {show(str(address))}, which listener {show(taken[address])} has; write another port"
        yield source.problem(("admin", "address"), message)


def _files(source: Source) -> Iterator[Problem]:
    for path, written in _named_files(source.data):
        fault = _unreadable(source.base / written)
        if fault:
            yield source.problem(path, f"found {show(written)}, {fault}; write the path of a PEM file")


def _named_files(data: Mapping[str, object]) -> Iterator[tuple[places.Path, str | Path]]:
    """The files that TLS needs, wherever they are named."""
    for name, listener in _tables(data, "listeners"):
        tls, place = listener.get("tls"), ("listeners", name, "tls")
        if not isinstance(tls, Mapping):
            continue
        yield from _paths(tls, place, "certificate", "key")
        yield from _paths(tls.get("clients"), (*place, "clients"), "ca", "crl")
        several = tls.get("certificates")
        for index, each in enumerate(several if isinstance(several, list | tuple) else ()):
            yield from _paths(each, (*place, "certificates", index), "certificate", "key")

    admin = data.get("admin")
    if isinstance(admin, Mapping):
        yield from _paths(admin.get("tls"), ("admin", "tls"), "certificate", "key")
    for name, pool in _tables(data, "pools"):
        yield from _paths(pool.get("tls"), ("pools", name, "tls"), "certificate", "key", "ca")


def _paths(table: object, place: places.Path, *keys: str) -> Iterator[tuple[places.Path, str | Path]]:
    if not isinstance(table, Mapping):
        return
    for key in keys:
        written = table.get(key)
        if isinstance(written, str | Path):
            yield (*place, key), written


def _made(source: Source) -> Iterator[Problem]:
    """Files that we make need a directory that is there, and keys come from one place."""
    keys = source.data.get("keys")
    if isinstance(keys, Mapping) and keys.get("file") is not None and keys.get("environment") is not None:
        yield source.problem(("keys",), "found file and environment; write one of them")
    records = source.data.get("records")
    if isinstance(keys, Mapping) and isinstance(records, Mapping):
        yield from _one_file(source, keys.get("file"), records.get("file"))
    for name, key in _MADE:
        table = source.data.get(name)
        written = table.get(key) if isinstance(table, Mapping) else None
        if not isinstance(written, str | Path) or (key == "to" and written == STDOUT):
            continue
        try:
            fault = "which is in no directory" if not (source.base / written).parent.is_dir() else ""
        except (OSError, ValueError):
            fault = "which is no file name"
        if fault:
            message = f"found {show(written)}, {fault}; write a path in a directory that exists"
            yield source.problem((name, key), message)


def _one_file(source: Source, keys: object, records: object) -> Iterator[Problem]:
    """The file of records is replaced from time to time, whatever it is."""
    if not isinstance(keys, str | Path) or not isinstance(records, str | Path):
        return
    if os.path.normpath(source.base / keys) == os.path.normpath(source.base / records):
        message = f"found {show(records)}, which is the key file; write another path"
        yield source.problem(("records", "file"), message)


def _https(source: Source) -> Iterator[Problem]:
    """Clients are kept on a listener with TLS, and come there from listeners without.

    To one without, a proxy that is trusted may bring clients that came to it by HTTPS.
    """
    listeners = dict(_tables(source.data, "listeners"))
    plain = [name for name, listener in listeners.items() if listener.get("tls") is None]
    taken: dict[str, str] = {}
    for name, listener in listeners.items():
        https = listener.get("https")
        if isinstance(https, Mapping) and name in plain:
            if https.keys() <= {"location"}:
                continue
            message = "found https on a listener without TLS; write it at the listener with tls"
            yield source.problem(("listeners", name, "https"), message)
        elif isinstance(https, Mapping):
            redirect = https.get("redirect")
            for index, other in enumerate(redirect if isinstance(redirect, list | tuple) else ()):
                if not isinstance(other, str):
                    continue
                fault = _no_redirect(other, listeners, plain, taken)
                if fault:
                    write = " or ".join(map(show, plain)) or "the name of a listener without TLS"
                    message = f"found {show(other)}, {fault}; write {write}"
                    yield source.problem(("listeners", name, "https", "redirect", index), message)
                taken.setdefault(other, name)


def _no_redirect(
    other: str, listeners: Mapping[str, object], plain: Sequence[str], taken: Mapping[str, str]
) -> str:
    """Why a listener's clients cannot be sent elsewhere; empty when they can."""
    if other not in listeners:
        return "which is no listener"
    if other not in plain:
        return "which has TLS itself"
    return f"which {show(taken[other])} has" if other in taken else ""


def _protocols(source: Source) -> Iterator[Problem]:
    """Under TLS both sides agree on HTTP/2; without, it has to be known beforehand."""
    for name, pool in _tables(source.data, "pools"):
        protocol, tls = pool.get("protocol"), pool.get("tls")
        if protocol == "h2c" and tls is not None:
            message = 'found "h2c" beside tls; write "h2" or "auto", or leave out tls'
            yield source.problem(("pools", name, "protocol"), message)
        elif protocol in ("h2", "auto") and tls is None:
            message = f'found {show(protocol)} without tls; write tls = {{}} beside it, or "h2c" or "h1"'
            yield source.problem(("pools", name, "protocol"), message)


def _introductions(source: Source) -> Iterator[Problem]:
    """Nobody can be told of a client by everybody, nor of several clients on one connection."""
    for name, listener in _tables(source.data, "listeners"):
        if listener.get("proxy_protocol") == "required" and not listener.get("trusted"):
            message = (
                'found "required" without trusted; write trusted = ["10.0.0.1"] beside it, the addresses of '
                "those that connect"
            )
            yield source.problem(("listeners", name, "proxy_protocol"), message)
    for name, pool in _tables(source.data, "pools"):
        version, protocol = pool.get("proxy_protocol"), pool.get("protocol", "h1")
        if version in ("v1", "v2") and protocol in ("h2", "h2c", "auto"):
            message = (
                f"found {show(version)} beside protocol = {show(protocol)}, whose connections clients share; "
                'write protocol = "h1", or "off"'
            )
            yield source.problem(("pools", name, "proxy_protocol"), message)


def _asked_at_births(source: Source) -> Iterator[Problem]:
    """A balance in Python is asked when a session begins, so that something has to begin one."""
    for name, pool in _tables(source.data, "pools"):
        balance, written = pool.get("balance"), pool.get("persistence", "cookie")
        kinds = written if isinstance(written, list | tuple) else [written]
        if isinstance(balance, Mapping) and balance.get("kind") == "python" and not any(map(_begins, kinds)):
            found = f"found {show(written)} beside a balance in Python, which is asked when a session begins"
            message = f'{found}; write a kind that begins sessions, such as "cookie"'
            yield source.problem(("pools", name, "persistence"), message)


def _begins(kind: object) -> bool:
    if isinstance(kind, Mapping):
        return kind.get("kind") != "hash" and kind.get("mode") != "route"
    return kind != "none"


def _unreadable(path: Path) -> str:
    """Why a file cannot be read; empty when it can."""
    try:
        if path.is_file():
            return "" if os.access(path, os.R_OK) else "which may not be read"
        return "which is no file" if path.exists() else "which does not exist"
    except (OSError, ValueError):
        return "which is no file name"


def _tables(data: Mapping[str, object], key: str) -> Iterator[tuple[str, Mapping[str, object]]]:
    tables = data.get(key)
    for name, table in tables.items() if isinstance(tables, Mapping) else ():
        if isinstance(table, Mapping):
            yield str(name), table
