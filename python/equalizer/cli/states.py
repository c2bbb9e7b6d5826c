"""`equalizer drain`, `up` and `maintenance`: what a person says of a server."""

from equalizer.cli.words import Which, clock, span
from equalizer.errors import RequestError


def change(
    word: str, target: str, which: Which, deadline: str | None = None, idle_first: str | None = None
) -> None:
    """Ask for it, and say what has become of it."""
    pool, slash, server = target.partition("/")
    if not (pool and slash and server):
        raise RequestError(f"found {target}", "write POOL/SERVER, such as shop/web1")
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
