"""What no single key can be blamed for: names that lead nowhere, addresses taken twice, absent files.

The checks read the document as it was written, not the model, so that they speak even when the model does not
hold: all problems are told at once. What has the wrong shape is skipped here; the model complains of it.
"""

import os
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path

from equalizer.config.source import Source, show
from equalizer.errors import Problem
from equalizer.model.address import Address, parse


def check(source: Source) -> list[Problem]:
    """Every problem between keys, and between keys and files."""
    return [*_routes(source), *_addresses(source), *_files(source), *_made(source)]


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


def _files(source: Source) -> Iterator[Problem]:
    for name, listener in _tables(source.data, "listeners"):
        tls = listener.get("tls")
        for key in ("certificate", "key"):
            written = tls.get(key) if isinstance(tls, Mapping) else None
            if not isinstance(written, str | Path):
                continue
            fault = _unreadable(source.base / written)
            if fault:
                message = f"found {show(written)}, {fault}; write the path of a PEM file"
                yield source.problem(("listeners", name, "tls", key), message)


def _made(source: Source) -> Iterator[Problem]:
    """Files that we make need a directory that is there, and keys come from one place."""
    keys = source.data.get("keys")
    if isinstance(keys, Mapping) and keys.get("file") is not None and keys.get("environment") is not None:
        yield source.problem(("keys",), "found file and environment; write one of them")
    records = source.data.get("records")
    if isinstance(keys, Mapping) and isinstance(records, Mapping):
        yield from _one_file(source, keys.get("file"), records.get("file"))
    for name, key in (("keys", "file"), ("records", "file"), ("control", "socket")):
        table = source.data.get(name)
        written = table.get(key) if isinstance(table, Mapping) else None
        if not isinstance(written, str | Path):
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
