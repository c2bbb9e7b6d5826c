"""`equalizer verify`: whether a site, ours or anybody's, keeps its sessions."""

import json
import sys
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from equalizer.lab.verify import Seen

_SHOWN = 20  # broken clients; JSON has all
_EXIT = {"kept": 0, "broken": 1, "untold": 2}


def verify(  # noqa: PLR0913 - each is an option of the command
    url: str,
    /,
    *,
    field: str | None = None,
    pattern: str | None = None,
    clients: int = 100,
    duration: str = "30s",
    rate: float = 1.0,
    cookie_jar: bool = True,
    sources: bool = False,
    as_json: Annotated[bool, Parameter(name="--json")] = False,
) -> None:
    """Open real clients against a URL and count the sessions that change servers.

    Exit code 0 when none did, 1 when one did, 2 when servers could not be told apart.

    Parameters
    ----------
    url
        What the clients ask for: a page that any server can answer, GET only.
    field
        The response field that names the server.
    pattern
        A regular expression whose one group finds the server's name in the body.
    clients
        How many there are, each with its own cookies and connections.
    duration
        How long it takes; Ctrl-C ends it and tells what was seen.
    rate
        Requests a second of each client.
    cookie_jar
        Whether clients send back the cookies that they are given.
    sources
        Give each client an address of its own, of 127.1.0.1 and up; loopback only.
    as_json
        Print JSON, with every client.
    """
    from equalizer.lab import plan
    from equalizer.lab.verify import measure

    seen = measure(plan.read(plan.Written(url, clients, duration, rate, field, pattern, cookie_jar, sources)))
    print(json.dumps(_document(seen), indent=2) if as_json else "\n".join(_lines(seen)))
    sys.exit(_EXIT[seen.verdict.value])


def _lines(seen: "Seen") -> list[str]:
    requests = f"{seen.requests} in {seen.seconds:.1f} s{', interrupted' if seen.interrupted else ''}"
    untold = f", and {seen.untold} answers that name no server" if seen.untold else ""
    return [
        *_broken(seen),
        f"clients   {len(seen.clients)}, {seen.judged} of them answered twice or more",
        f"requests  {requests}",
        f"errors    {seen.errors.total()}{_counts(seen.errors)}{untold}",
        f"servers   {len(seen.servers)}{_counts(seen.servers)}",
        f"broken    {seen.broken} of {seen.judged} sessions",
        _conclusion(seen),
    ]


def _broken(seen: "Seen") -> list[str]:
    """A line for each client whose server changed."""
    numbered = [(number, client) for number, client in enumerate(seen.clients, 1) if client.changes]
    lines = [
        f"client {number}: {client.changes} changes in {client.requests} requests: "
        + " → ".join(client.servers[:6])
        + (" → …" if len(client.servers) > 6 else "")
        for number, client in numbered[:_SHOWN]
    ]
    more = len(numbered) - len(lines)
    return [*lines, f"… and {more} clients more; --json shows all"] if more else lines


def _conclusion(seen: "Seen") -> str:
    if seen.broken:
        return "sessions broke"
    if seen.errors and seen.errors.total() == seen.requests:
        hint = "; set SSL_CERT_FILE to that of your authority" if "CERTIFICATE_VERIFY" in seen.failure else ""
        return f"no server answered: {seen.failure}{hint}"
    if not seen.servers:
        return "servers could not be told apart: no answer named one; look at --field or --pattern"
    if len(seen.servers) == 1:
        return "servers could not be told apart: only one was seen; more clients may reach another"
    if not seen.judged:
        return "servers could not be told apart: no client was answered twice; write a longer --duration"
    return "every session kept its server"


def _document(seen: "Seen") -> dict[str, object]:
    return {
        "verdict": seen.verdict.value,
        "clients": len(seen.clients),
        "judged": seen.judged,
        "requests": seen.requests,
        "seconds": round(seen.seconds, 3),
        "interrupted": seen.interrupted,
        "errors": dict(seen.errors),
        "untold": seen.untold,
        "servers": dict(seen.servers),
        "broken": seen.broken,
        "by_client": [
            {"requests": client.requests, "changes": client.changes, "servers": client.servers}
            for client in seen.clients
        ],
    }


def _counts(counts: "dict[str, int]") -> str:
    told = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
    return f": {told}" if told else ""
