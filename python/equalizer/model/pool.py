"""A pool: interchangeable servers, with one balance and one persistence."""

from typing import Literal

from pydantic import Field

from equalizer.model.balance import Balance, RoundRobin
from equalizer.model.cookie import InsertCookie
from equalizer.model.name import Name
from equalizer.model.noun import Noun
from equalizer.model.persistence import Persistence
from equalizer.model.queue import Queue
from equalizer.model.server import Server
from equalizer.model.server_tls import ServerTls
from equalizer.model.sessions import Sessions
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
    tls: ServerTls | None = None
    """Present when its servers speak TLS."""
    servers: dict[Name, Server] = Field(min_length=1, examples=[{"web1": "127.0.0.1:9001"}])
    """By name; the name is the server's identity, its address may change."""
