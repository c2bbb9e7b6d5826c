"""Prints how HAProxy and nginx take the cases of the table: `docs/reference/framing.md`, by `make framing`.

Their answers decide nothing here: the table says what is right, and the tests hold Equalizer to it.
"""

import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

from hostile.cases import ALL_REQUESTS, RESPONSES, Request, Response
from support import peers
from support.balancer import get
from support.origin import HELLO, Origin
from support.wire import ANY_REQUEST_LINE, Ended, Malformed, Message, Wire, connect

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "framing.md"
PATIENCE = 2.0  # seconds for an answer; the peers give up on half a message after one
REST = 0.2  # seconds for what may follow an answer
LONGEST = 90  # characters of a case that are shown

INTRODUCTION = """# Framing, case by case

The table of `tests/hostile`, run against other balancers in their default settings in front of one server
that reads by the letter of RFC 9112. Equalizer's own answers are the tests; here are the cases in which
another answers in another way. Written by `make framing`, with {versions}.

"Refused" is an answer of 400 or more, or none, with no server seeing anything. "Passed" means that a server
got a well-formed request, which is told where it is another one than ours; "malformed" that what the server
got was not HTTP/1.1 as the RFC writes it. To be more lenient is not always wrong: the RFCs allow some of
it. What Equalizer refuses, and why, is told in [refusals](refusals.md).
"""
REQUESTS_BELOW = (
    "`<post>` and `<chunked>` begin an ordinary POST; an ordinary request follows on the connection."
)
RESPONSES_BELOW = "The method, and what the server said; `<end>` where it closed."


Case = TypeVar("Case", Request, Response)


class Outcome(NamedTuple):
    """What became of a case: told to the reader, and the same for two that differ in the status only."""

    kind: str
    status: str

    def __str__(self) -> str:
        return f"{self.kind} {self.status}".strip()


def of_request(case: Request, address: str, origin: Origin) -> Outcome:
    """What a peer makes of a request."""
    requests, broken = len(origin.requests), len(origin.broken)
    with connect(address) as client:
        client.sock.settimeout(PATIENCE)
        client.send(case.sent + get(target="/behind"))
        status = _status(client)
        client.sock.settimeout(REST)
        _drain(client)
    seen = [told(request) for request in origin.requests[requests:] if request.target != "/behind"]
    if len(origin.broken) > broken:
        return Outcome("malformed", status)
    if not seen:
        return Outcome("refused" if status >= "4" or not status else "answered", status)
    if seen == [case.seen]:
        return Outcome("passed", "")
    return Outcome("passed", " then ".join(f"`{one}`" for one in seen))


def of_response(case: Response, address: str, origin: Origin) -> Outcome:
    """What a client gets of a response through a peer."""
    with connect(address) as client:
        client.sock.settimeout(PATIENCE)
        client.send(get(f"Case: {RESPONSES.index(case)}", method=case.method))
        try:
            while (head := client.head_of_response()).status < 200:
                pass
            if head.status == 502:
                return Outcome("502", "")
            whole = client.body_of_response(head, case.method)
        except Malformed:
            return Outcome("malformed", "")
        except (Ended, OSError):
            return Outcome("cut", "") if client.received else Outcome("no answer", "")
    return Outcome(f"{whole.status} {whole.body.decode('latin-1')[:20]}".strip(), "")


def told(request: Message) -> str:
    """A request as the table writes it; an absolute target that agrees with Host is told as its path."""
    host, target = ",".join(request.all("host")), request.target
    _, absolute, rest = target.partition("://")
    authority, _, path = rest.partition("/")
    if absolute and authority.lower() == (host or authority).lower():
        host, target = host or authority, f"/{path}"
    trailers = [f"{name}:{value}" for name, value in request.trailers]
    return " ".join(
        filter(None, [f"{request.method} {host}{target}", request.body.decode("latin-1"), *trailers])
    )


def answering(origin: Origin, wire: Wire) -> None:
    """Answer with the response that the field Case names, or else with an ordinary one."""
    while request := origin.read(wire):
        number = request.get("case")
        case = RESPONSES[int(number)] if number else None
        wire.send(case.sent if case else HELLO)
        if case and case.ends:
            return


def expected_request(case: Request) -> Outcome:
    """What becomes of a request here."""
    return Outcome("passed", "") if case.seen else Outcome("refused", str(case.status))


def expected_response(case: Response) -> Outcome:
    """What becomes of a response here."""
    if case.status == 502:
        return Outcome("502", "")
    return Outcome("cut" if case.content is None else f"{case.status} {case.content.decode()}".strip(), "")


def ask(name: str, cases: list[Case], ask_one: Callable[[Case, str, Origin], Outcome]) -> list[Outcome]:
    """A peer's answers to the cases, in order."""
    origin = Origin(answering, line=ANY_REQUEST_LINE)
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            peers.running(name, origin.address, Path(folder)) as address,
        ):
            return [ask_one(case, address, origin) for case in cases]
    finally:
        origin.end()


def table(
    names: list[str], rows: list[tuple[str, str, Outcome]], answers: list[list[Outcome]]
) -> tuple[str, int]:
    """The rows in which somebody differs, and how many there are."""
    lines = [f"| rule | case | equalizer | {' | '.join(names)} |", "| --- " * (len(names) + 3) + "|"]
    for (rule, text, ours), theirs in zip(rows, zip(*answers, strict=True), strict=True):
        if any((other.kind, "`" in other.status) != (ours.kind, False) for other in theirs):
            cells = [rule, _code(text), str(ours), *map(str, theirs)]
            lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines), len(lines) - 2


def write(names: list[str]) -> None:
    """Ask every peer, and write the page."""
    versions = " and ".join(f"{name} {peers.version(name)}" for name in names)
    requests = [(case.rule, case.text, expected_request(case)) for case in ALL_REQUESTS]
    responses = [(case.rule, f"{case.method}: {case.text}", expected_response(case)) for case in RESPONSES]
    first, first_count = table(names, requests, [ask(name, ALL_REQUESTS, of_request) for name in names])
    second, second_count = table(names, responses, [ask(name, RESPONSES, of_response) for name in names])
    text = f"""{INTRODUCTION.format(versions=versions)}
## Requests

{first_count} of {len(requests)} cases. {REQUESTS_BELOW}

{first}

## Responses

{second_count} of {len(responses)} cases. {RESPONSES_BELOW}

{second}
"""
    PAGE.write_text(text)
    print(f"{PAGE.name}: {first_count} + {second_count} differences")


def _status(client: Wire) -> str:
    try:
        while (head := client.head_of_response()).status < 200:
            pass
    except (Ended, Malformed, OSError):
        return ""
    return str(head.status)


def _drain(client: Wire) -> None:
    try:
        while client.fill():
            pass
    except OSError:
        return


def _code(text: str) -> str:
    shown = text if len(text) <= LONGEST else text[:LONGEST] + "…"
    return f"`` {shown} ``" if "`" in shown else f"`{shown}`"


if __name__ == "__main__":
    absent = [name for name in peers.COMMANDS if shutil.which(name) is None]
    if absent:
        sys.exit(f"framing: {', '.join(absent)} is not there: apt install haproxy nginx-light")
    write(list(peers.COMMANDS))
