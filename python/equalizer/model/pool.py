"""A pool: interchangeable servers, with one balance and one persistence."""

from typing import Literal, Self

from pydantic import Field, model_validator

from equalizer.model.agent import Agent
from equalizer.model.balance import Balance, RoundRobin
from equalizer.model.breaker import Breaker
from equalizer.model.cookie import InsertCookie
from equalizer.model.duration import OptionalSeconds
from equalizer.model.ejection import Ejection
from equalizer.model.name import Name
from equalizer.model.noun import Noun, Refusal, refuse_keys
from equalizer.model.persistence import Persistence
from equalizer.model.probe import Probes, TlsProbe
from equalizer.model.queue import Queue
from equalizer.model.rates import Rates
from equalizer.model.retry import Retry
from equalizer.model.server import Server
from equalizer.model.server_tls import ServerTls
from equalizer.model.sessions import Sessions
from equalizer.model.share import Share
from equalizer.model.words import Pseudonym


class Pool(Noun):
    """Servers of which any can answer a new client, and one must answer a returning one."""

    protocol: Literal["h1", "h2", "h2c", "auto"] = "h1"
    """What its servers speak: HTTP/1.1; HTTP/2, without TLS as `h2c`; or what each chooses, beside `tls`."""
    proxy_protocol: Literal["off", "v1", "v2"] = "off"
    """Whether a connection to a server begins with a head of the PROXY protocol that tells of the client."""
    via: Pseudonym = None
    """What we call ourselves in the field `Via` of requests; `"off"` leaves it out."""
    balance: Balance = RoundRobin(kind="round_robin")
    """How a server is chosen when nothing is recalled."""
    persistence: Persistence = (InsertCookie(kind="cookie"),)
    """How a client comes back to its server; on by default, `"none"` turns it off."""
    sessions: Sessions = Sessions()
    """What holds for its sessions, whatever carries them."""
    queue: Queue = Queue()
    """Who may wait for a server that is at its limit."""
    rates: Rates = Field(default_factory=dict)
    """How many requests it takes in a time, by limits with names."""
    retry: Retry = Retry()
    """Which failures of a server are tried at another."""
    breaker: Breaker | None = None
    """When it is not asked any more for a while; absent for never."""
    tls: ServerTls | None = None
    """Present when its servers speak TLS."""
    probe: Probes | None = None
    """How its servers are asked, again and again, whether they can serve; absent for not at all."""
    panic: Share | None = None
    """The share of its servers that must be well by probes, else probes are not believed; absent for none."""
    slow_start: OptionalSeconds = None
    """How long one that comes back takes to grow from a tenth of its weight to all; `"off"` for at once."""
    ejection: Ejection | None = None
    """When a server is left alone for a while because of how it answers requests; absent for never."""
    agent: Agent | None = None
    """How its servers are asked how much they have to do; absent for not at all."""
    servers: dict[Name, Server] = Field(min_length=1, examples=[{"web1": "127.0.0.1:9001"}])
    """By name; the name is the server's identity, its address may change."""

    @model_validator(mode="after")
    def _fit(self) -> Self:
        refusals = []
        if self.panic is not None and self.probe is None:
            refusals.append(Refusal("panic", "panic without probe", 'probe = "tcp" beside it, or no panic'))
        asked = (*self.probe.all, *self.probe.any) if self.probe else ()
        if self.tls is None and any(isinstance(each, TlsProbe) and each.tls == "pool" for each in asked):
            found = 'kind "tls" in a pool without tls'
            refusals.append(Refusal("probe", found, "tls = {} in the probe, or in the pool"))
        if self.sessions.strict and self.retry.sessions == "elsewhere":
            found = '"elsewhere" beside sessions.strict = true'
            refusals.append(Refusal("retry.sessions", found, '"stay", or strict = false'))
        if all(server.spare for server in self.servers.values()):
            refusals.append(
                Refusal("servers", "nobody but spares", "at least one server without spare = true")
            )
        if self.persistence and not any(server.persist for server in self.servers.values()):
            found = "persist = false at every server"
            refusals.append(Refusal("servers", found, 'persistence = "none" in the pool, and no persist'))
        refuse_keys(refusals)
        return self
