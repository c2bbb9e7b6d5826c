"""How a pool chooses, as it crosses the boundary; mirrors crates/core/src/snapshot/wire/balance.rs."""

from typing import Annotated, Literal

from pydantic import Field

from equalizer.snapshot.parts import U8, U32, Wire


class RoundRobin(Wire):
    """Smooth weighted round robin."""

    kind: Literal["round_robin"]


class Random(Wire):
    """By chance, weighted."""

    kind: Literal["random"]


class LeastRequests(Wire):
    """Fewest requests in flight over all workers, weighted."""

    kind: Literal["least_requests"]


class P2c(Wire):
    """Of two by chance the better one, weighted."""

    kind: Literal["p2c"]


class Hashed(Wire):
    """What a hash is taken of."""

    over: Literal["field", "cookie", "query", "path", "address"]
    name: str
    prefix4: U8
    prefix6: U8


class Rendezvous(Wire):
    """A key of the request chooses, weighted."""

    kind: Literal["rendezvous"]
    key: Hashed


class Maglev(Wire):
    """The same by a table."""

    kind: Literal["maglev"]
    key: Hashed
    bound: U32
    """Hundredths of its share that a server may have in flight; 0 for any number."""


class Dynamic(Wire):
    """Smooth weighted round robin, by weights that are computed from reports."""

    kind: Literal["dynamic"]


Own = Annotated[
    RoundRobin | Random | LeastRequests | P2c | Rendezvous | Maglev | Dynamic, Field(discriminator="kind")
]


class Python(Wire):
    """A function outside chooses for sessions that are born; the fallback where it does not."""

    kind: Literal["python"]
    wait: U32
    """Milliseconds that a birth waits at most."""
    fallback: Own


Balance = Annotated[
    RoundRobin | Random | LeastRequests | P2c | Rendezvous | Maglev | Dynamic | Python,
    Field(discriminator="kind"),
]
