"""Agents: how a server is asked how much it has to do; one class a kind."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, Tag

from equalizer.model.duration import Interval
from equalizer.model.noun import bare_kind, refuse, told_apart
from equalizer.model.probe import TARGET, Paced

PORT = 1510
"""Where Coyote Point's server agents are asked."""


class _Agent(Paced):
    port: int = Field(default=PORT, ge=1, le=65535, strict=True)
    """The port that is asked, at the server's address."""
    interval: Interval = timedelta(seconds=10)
    """From the beginning of one question to that of the next."""
    fall: int = Field(default=3, ge=1, le=100, strict=True)
    """Questions in a row without an answer after which the load is no longer known."""
    require: bool = Field(default=False, strict=True, examples=[True])
    """Whether a server whose agent does not answer is down; else nothing follows from that."""


class TcpAgent(_Agent):
    """It writes a number to whoever connects, and closes."""

    kind: Literal["tcp"] = "tcp"


def _target(value: str) -> str:
    if TARGET.fullmatch(value) is None:
        raise refuse('a path such as "/load", with its query if it has one')
    return value


class HttpAgent(_Agent):
    """It answers a request with a number in JSON, alone or as `load` of an object."""

    kind: Literal["http"]
    path: Annotated[str, AfterValidator(_target)] = Field(default="/", examples=["/load"])
    """The path, with a query if it has one."""


Agent = Annotated[
    Annotated[TcpAgent, Tag("kind=tcp")] | Annotated[HttpAgent, Tag("kind=http")],
    told_apart("kind", default="tcp"),
    BeforeValidator(bare_kind, json_schema_input_type=Literal["tcp", "http"] | TcpAgent | HttpAgent),
    Field(examples=[{"kind": "tcp"}]),
]
"""`agent = "tcp"` is short for `agent = { kind = "tcp" }`."""
