"""`equalizer drain`, `up`, `maintenance` and `weight`: what a person says of a server."""

import re

from equalizer.cli.words import Which, clock, span
from equalizer.errors import RequestError


def change(
    word: str, target: str, which: Which, deadline: str | None = None, idle_first: str | None = None
) -> None:
    """Ask for it, and say what has become of it."""
    pool, server = _named(target)
    terms = {"deadline": deadline, "idle_first": idle_first} if word == "drain" else None
    done = which.remote().set_state(word, pool, server, terms)
    line = f"{pool}/{server}: {done.before} → {done.state}"
    if done.deadline is not None:
        line += f"; sessions that are left at {clock(done.deadline)} get another home"
    if done.idle_first is not None:
        line += f"; sessions that were idle for {span(done.idle_first)} go first"
    if done.but:
        line += f"; but it is down: {done.but}"
    print(line)


def weigh(target: str, weight: str, which: Which) -> None:
    """Ask for another weight, and say what has become of it."""
    pool, server = _named(target)
    if weight != "configured" and not re.fullmatch("[0-9]{1,9}", weight):
        raise RequestError(
            f"found the weight {weight}", 'write a whole number from 0 to 256, or "configured"'
        )
    number = None if weight == "configured" else int(weight)
    done = which.remote().set_weight(pool, server, number)
    print(f"{pool}/{server}: weight {done.before} → {done.weight}")


def _named(target: str) -> tuple[str, str]:
    pool, slash, server = target.partition("/")
    if not (pool and slash and server):
        raise RequestError(f"found {target}", "write POOL/SERVER, such as shop/web1")
    return pool, server
