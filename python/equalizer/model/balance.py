"""Balance: how a pool chooses a server when nothing is recalled; one class a kind."""

import re
from datetime import timedelta
from difflib import get_close_matches
from typing import Annotated, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    Tag,
    WithJsonSchema,
    model_validator,
)

from equalizer.model.duration import SCHEMA, parse, write
from equalizer.model.key import Key, KeyAddress
from equalizer.model.noun import Noun, bare_kind, refuse, told_apart


class RoundRobin(Noun):
    """Each server in turn, as often as its weight says."""

    kind: Literal["round_robin"]


class Random(Noun):
    """By chance, in proportion to the weights."""

    kind: Literal["random"]


class LeastRequests(Noun):
    """The server with the fewest requests in flight for its weight, over all workers."""

    kind: Literal["least_requests"]


class P2c(Noun):
    """Of two by chance the one that answers sooner, for what it has in flight and its weight."""

    kind: Literal["p2c"]


class Rendezvous(Noun):
    """What the request carries chooses: the same value, the same server, on every Equalizer."""

    kind: Literal["rendezvous"]
    key: Key = KeyAddress(over="address")
    """What of the request chooses."""


def _bound(value: object) -> float | None:
    if value is None or value == "off":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1.01 <= value <= 10:
        raise refuse('a number from 1.01 to 10, such as 1.25, or "off"')
    return float(value)


Bound = Annotated[
    float | None,
    BeforeValidator(_bound),
    PlainSerializer(lambda bound: "off" if bound is None else bound),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 1.01, "maximum": 10}, {"const": "off"}]}),
    Field(examples=[1.25]),
]


class Maglev(Noun):
    """As rendezvous, at the same cost for ten servers and a thousand, and with a bound."""

    kind: Literal["maglev"]
    key: Key = KeyAddress(over="address")
    """What of the request chooses."""
    bound: Bound = 1.25
    """How many times its share of all requests in flight a server may have; `"off"` for any number."""


Share = Annotated[int, Field(ge=0, le=100, strict=True)]
"""What one of several is worth."""


class _Dynamic(Noun):
    responsiveness: Literal["slow", "medium", "fast"] = "medium"
    """How fast weights follow: half of the way in 17, 5 or 2 seconds."""


class FastestResponse(_Dynamic):
    """Weights follow response times."""

    kind: Literal["fastest_response"]


class Adaptive(_Dynamic):
    """Weights follow response times, requests in flight and the server agents, all alike."""

    kind: Literal["adaptive"]


class ServerAgent(_Dynamic):
    """Weights follow what the server agents say."""

    kind: Literal["server_agent"]


class Custom(_Dynamic):
    """Weights follow the three as much as each is worth; only their proportion matters."""

    kind: Literal["custom"]
    response_time: Share = 0
    """What response times are worth."""
    in_flight: Share = 0
    """What requests in flight are worth."""
    agent: Share = 0
    """What the server agents say is worth."""

    @model_validator(mode="after")
    def _of_something(self) -> Self:
        if not (self.response_time or self.in_flight or self.agent):
            raise refuse("response_time, in_flight or agent, at least one above 0", "nothing that counts")
        return self


_Own = (
    Annotated[RoundRobin, Tag("kind=round_robin")]
    | Annotated[Random, Tag("kind=random")]
    | Annotated[LeastRequests, Tag("kind=least_requests")]
    | Annotated[P2c, Tag("kind=p2c")]
    | Annotated[Rendezvous, Tag("kind=rendezvous")]
    | Annotated[Maglev, Tag("kind=maglev")]
    | Annotated[FastestResponse, Tag("kind=fastest_response")]
    | Annotated[Adaptive, Tag("kind=adaptive")]
    | Annotated[ServerAgent, Tag("kind=server_agent")]
    | Annotated[Custom, Tag("kind=custom")]
)
_OwnKind = Annotated[_Own, told_apart("kind")]

Bare = Literal[
    "round_robin",
    "random",
    "least_requests",
    "p2c",
    "rendezvous",
    "maglev",
    "fastest_response",
    "adaptive",
    "server_agent",
]
"""The kinds that need no settings."""
_TABLES = ("custom", "python")
"""Those that do."""


def _bare(value: object) -> object:
    if not isinstance(value, str):
        return value
    words = get_args(Bare)
    if value not in (*words, *_TABLES):
        close = get_close_matches(value, words, n=1)
        quoted = [f'"{word}"' for word in close or words]
        raise refuse(", ".join(quoted[:-1]) + " or " * (len(quoted) > 1) + quoted[-1])
    return bare_kind(value)


Fallback = Annotated[
    _OwnKind,
    BeforeValidator(_bare, json_schema_input_type=Bare | _OwnKind),
    Field(examples=["round_robin"]),
]
_FUNCTION = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)


def _named(value: str) -> str:
    if _FUNCTION.fullmatch(value) is None:
        raise refuse('MODULE:FUNCTION, such as "shop.balance:choose"')
    return value


def _wait(value: object) -> timedelta:
    found = parse(value)
    if found is None or not timedelta(milliseconds=1) <= found <= timedelta(seconds=1):
        raise refuse('a time from 1ms to 1s, such as "5ms"')
    return found


class Python(Noun):
    """A function of yours chooses, once for each session, when it is born."""

    kind: Literal["python"]
    function: Annotated[str, AfterValidator(_named), Field(examples=["shop.balance:choose"])]
    """`MODULE:FUNCTION`; a module may lie beside the file."""
    fallback: Fallback = RoundRobin(kind="round_robin")
    """How the pool chooses where the function does not, and for requests without a session."""
    wait: Annotated[timedelta, BeforeValidator(_wait), PlainSerializer(write), SCHEMA] = timedelta(
        milliseconds=5
    )
    """How long a birth waits for the function."""


_Kind = Annotated[_Own | Annotated[Python, Tag("kind=python")], told_apart("kind")]

Balance = Annotated[
    _Kind, BeforeValidator(_bare, json_schema_input_type=Bare | _Kind), Field(examples=["round_robin"])
]
"""`"p2c"` is short for `{ kind = "p2c" }`."""
