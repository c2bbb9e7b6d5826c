"""What is asked for by name; a name that is not there is told with those that are."""

from collections.abc import Mapping
from typing import TypeVar

from equalizer.errors import NotThereError

_Thing = TypeVar("_Thing")
_LISTED = 8


def pool_named(pools: Mapping[str, _Thing], name: str) -> _Thing:
    """The pool; raises NotThereError."""
    if name not in pools:
        raise NotThereError(f"found no pool {name}", f"write {' or '.join(pools)}")
    return pools[name]


def server_named(servers: Mapping[str, _Thing], pool: str, name: str) -> _Thing:
    """The server of a pool; raises NotThereError."""
    if name not in servers:
        known = " or ".join(list(servers)[:_LISTED])
        raise NotThereError(f"found no server {name} in pool {pool}", f"write {known}")
    return servers[name]
