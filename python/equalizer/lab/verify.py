"""Decides whether a site keeps its sessions: real clients ask again and again, and note which server answers.

Clients share nothing: each has its own cookies, its own connections and, where asked, its own source address.
Two requests of three go over the connection that the client has, the third over a new one: persistence that
belongs to a connection, not to a session, does not pass.
"""

import asyncio
import ssl
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Address

import httpx2

from equalizer.lab.plan import Plan

_RECONNECT = 3
_BODY = 1 << 20  # bytes of a body that are searched, and read at all
_PATIENCE = 10.0  # seconds
_FIRST_SOURCE = IPv4Address("127.1.0.1")


class Verdict(Enum):
    """What was seen, in one word."""

    KEPT = "kept"
    BROKEN = "broken"
    UNTOLD = "untold"
    """Too little: fewer than two servers were seen, or no client was answered twice."""


@dataclass
class Client:
    """What one client saw."""

    requests: int = 0
    servers: list[str] = field(default_factory=list)
    """The servers that answered, each once in a row."""
    answers: Counter[str] = field(default_factory=Counter)
    """Answers by server."""
    untold: int = 0
    """Answers that named no server."""
    errors: Counter[str] = field(default_factory=Counter)
    """Requests without an answer of a server, by what came instead."""
    failure: str = ""
    """The last of these in words."""

    @property
    def changes(self) -> int:
        """How often the server changed."""
        return max(0, len(self.servers) - 1)

    def failed(self, kind: str, text: str) -> None:
        """Note what came instead of a server's answer."""
        self.errors[kind] += 1
        self.failure = text

    def answered(self, server: str) -> None:
        """Note who answered."""
        self.answers[server] += 1
        if self.servers[-1:] != [server]:
            self.servers.append(server)


@dataclass(frozen=True)
class Seen:
    """What all clients saw."""

    clients: tuple[Client, ...]
    seconds: float
    interrupted: bool

    @property
    def requests(self) -> int:
        """Those that were answered or failed; what the end cut off does not count."""
        return sum(client.requests for client in self.clients)

    @property
    def servers(self) -> Counter[str]:
        """Answers by server."""
        return sum((client.answers for client in self.clients), Counter())

    @property
    def errors(self) -> Counter[str]:
        """Failed requests by kind."""
        return sum((client.errors for client in self.clients), Counter())

    @property
    def failure(self) -> str:
        """One of the failures in words; empty where there was none."""
        return next((client.failure for client in self.clients if client.failure), "")

    @property
    def untold(self) -> int:
        """Answers that named no server."""
        return sum(client.untold for client in self.clients)

    @property
    def judged(self) -> int:
        """Clients that were answered twice at least."""
        return sum(client.answers.total() > 1 for client in self.clients)

    @property
    def broken(self) -> int:
        """Clients whose server changed."""
        return sum(client.changes > 0 for client in self.clients)

    @property
    def verdict(self) -> Verdict:
        """What that means; one server alone shows nothing, as no session could break."""
        if self.broken:
            return Verdict.BROKEN
        return Verdict.KEPT if self.judged and len(self.servers) > 1 else Verdict.UNTOLD


def measure(plan: Plan) -> Seen:
    """Run a plan to its end, or to Ctrl-C: what was seen until then counts."""
    return asyncio.run(_measure(plan))


async def _measure(plan: Plan) -> Seen:
    clock = asyncio.get_running_loop()
    start = clock.time()
    clients = tuple(Client() for _ in range(plan.clients))
    tls = ssl.create_default_context()
    interrupted = False
    try:
        async with asyncio.timeout(plan.seconds), asyncio.TaskGroup() as group:
            for number, client in enumerate(clients):
                group.create_task(_visit(plan, number, client, tls))
    except TimeoutError:
        pass
    except asyncio.CancelledError:
        interrupted = True  # Ctrl-C
    return Seen(clients, clock.time() - start, interrupted)


async def _visit(plan: Plan, number: int, client: Client, tls: ssl.SSLContext) -> None:
    """One client's requests, spread over time; one that is late is not made up for."""
    clock = asyncio.get_running_loop()
    begin = clock.time() + number / plan.clients / plan.rate
    source = str(_FIRST_SOURCE + number) if plan.sources else None
    # Requests that look like those of one browser may share a session in their first moments.
    headers = {"User-Agent": f"equalizer-verify/{number + 1}"}
    cookies = httpx2.Cookies()
    for first in range(0, plan.rounds, _RECONNECT):
        transport = httpx2.AsyncHTTPTransport(verify=tls, local_address=source)
        async with httpx2.AsyncClient(
            transport=transport,
            headers=headers,
            cookies=cookies,
            follow_redirects=True,
            timeout=_PATIENCE,
            trust_env=False,
        ) as http:
            for turn in range(first, min(first + _RECONNECT, plan.rounds)):
                await asyncio.sleep(max(0.0, begin + turn / plan.rate - clock.time()))
                await _ask(plan, http, client)
                if not plan.cookies:
                    http.cookies.clear()
            cookies = http.cookies


async def _ask(plan: Plan, http: httpx2.AsyncClient, client: Client) -> None:
    try:
        async with http.stream("GET", plan.url) as response:
            body = await _body(response)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        client.requests += 1
        client.failed(type(error).__name__, str(error) or type(error).__name__)
        return
    client.requests += 1
    server = _server(plan, response, body)
    if server:
        client.answered(server)
    elif response.status_code >= 500:
        client.failed(str(response.status_code), f"status {response.status_code}")
    else:
        client.untold += 1


async def _body(response: httpx2.Response) -> bytes:
    """The body, or as much of it as is searched: what is longer costs the connection."""
    body = bytearray()
    async for part in response.aiter_bytes():
        body += part
        if len(body) >= _BODY:
            break
    return bytes(body[:_BODY])


def _server(plan: Plan, response: httpx2.Response, body: bytes) -> str:
    """The name of the server that answered; empty where nothing tells it."""
    if plan.field is not None:
        return str(response.headers.get(plan.field, ""))
    found = plan.pattern.search(body.decode(errors="replace"))
    return (found[1] or "") if found else ""
