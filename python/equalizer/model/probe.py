"""Probes: how a server is asked, again and again, whether it can serve; one class a kind."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    Tag,
    WithJsonSchema,
    model_validator,
)

from equalizer.model.duration import Duration, Interval, write
from equalizer.model.matcher import Method
from equalizer.model.noun import Noun, Refusal, bare_kind, refuse, refuse_keys, told_apart
from equalizer.model.server_tls import ServerTls
from equalizer.model.share import Half
from equalizer.model.words import FieldName

MOST_MATCHED = 1024
"""Bytes of an answer that `match` looks at."""
_TIMEOUT = timedelta(seconds=2)
TARGET = re.compile(r"/[\x21\x22\x24-\x7e]{0,1023}")
"""What a request asks for; a "#" would begin a fragment, which is never sent."""
_AUTHORITY = re.compile(r"[A-Za-z0-9._:\[\]-]{1,255}")
_VALUE = re.compile(r"[\x20-\x7e]{0,1024}")
_SERVICE = re.compile(r"[\x21-\x7e]{0,255}")
_STATUS = re.compile(r"([1-5]\d\d)(?:\s*-\s*([1-5]\d\d))?", re.ASCII)
_HEX = re.compile(r"(?:\s*[0-9A-Fa-f]{2})*\s*")
_HOW_STATUS = 'a status such as 200, or a range such as "200-399"'
# Fields that say where a message ends, or are written by keys of their own (RFC 9112).
_OURS = {"host", "connection", "content-length", "transfer-encoding", "te", "upgrade"}


def _matches(pattern: re.Pattern[str], how: str) -> AfterValidator:
    def check(value: str) -> str:
        if pattern.fullmatch(value) is None:
            raise refuse(how)
        return value

    return AfterValidator(check)


def _expression(value: str) -> str:
    try:
        re.compile(value.encode())
    except (re.error, RecursionError) as error:
        raise refuse(f"a regular expression that Python's re takes ({error})") from None
    return value


def _statuses(value: object) -> object:
    """One is a list of one."""
    if isinstance(value, list | tuple):
        if not value:
            raise refuse(_HOW_STATUS)
        return tuple(value)
    return (value,)


def _status(value: object) -> tuple[int, int]:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    match = _STATUS.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None or int(match[2] or match[1]) < int(match[1]):
        raise refuse(_HOW_STATUS)
    return int(match[1]), int(match[2] or match[1])


def write_status(status: tuple[int, int]) -> str:
    """As it could be written."""
    low, high = status
    return str(low) if low == high else f"{low}-{high}"


Status = Annotated[
    tuple[int, int],
    BeforeValidator(_status),
    PlainSerializer(write_status),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 100, "maximum": 599},
                {"type": "string", "pattern": r"^\s*[1-5][0-9]{2}(\s*-\s*[1-5][0-9]{2})?\s*$"},
            ],
            "examples": [200],
        }
    ),
]
"""The least and the greatest that will do."""
Expression = Annotated[str, AfterValidator(_expression), Field(examples=["^OK"])]
Authority = Annotated[str, _matches(_AUTHORITY, 'a host, or a host and a port, such as "shop.example"')]
Value = Annotated[str, _matches(_VALUE, "a text of up to 1024 visible ASCII characters and spaces")]


def _fields(value: dict[str, str]) -> dict[str, str]:
    taken = next((name for name in value if name.lower() in _OURS), None)
    if taken is not None:
        raise refuse('fields that the probe does not write itself, such as { Accept = "*/*" }', f"{taken}")
    return value


class Paced(Noun):
    """What is asked again and again."""

    interval: Interval = timedelta(seconds=5)
    """From the beginning of one question to that of the next."""
    timeout: Duration | None = Field(default=None, examples=["2s"])
    """How long an answer may take, connecting included; absent 2s, or the interval where that is shorter."""

    @property
    def patience(self) -> timedelta:
        """How long one question may take."""
        return min(_TIMEOUT, self.interval) if self.timeout is None else self.timeout

    @model_validator(mode="after")
    def _ends_before_the_next(self) -> Self:
        if self.timeout is not None and self.timeout > self.interval:
            found = f"a timeout of {write(self.timeout)} beside an interval of {write(self.interval)}"
            refuse_keys([Refusal("timeout", found, "a timeout that is not longer than the interval")])
        return self


class _Probe(Paced):
    jitter: Half = 0.1
    """By what part of the interval a probe comes earlier or later, so that they do not come all at once."""
    rise: int = Field(default=2, ge=1, le=100, strict=True)
    """Probes in a row that must pass before a server that is down is up."""
    fall: int = Field(default=3, ge=1, le=100, strict=True)
    """Probes in a row that must fail before a server that is up is down."""
    start: Literal["up", "down"] = "up"
    """What a server counts as before its first probe has ended, which alone is then believed."""


class _Ported(_Probe):
    port: int | None = Field(default=None, ge=1, le=65535, strict=True, examples=[8081])
    """The port that is asked; absent, the server's own."""


def _tls(*words: str) -> BeforeValidator:
    """One of the words, or a table: which of them was meant is seen at once, so that one mistake is told."""

    def chosen(value: object) -> object:
        if isinstance(value, ServerTls) or (isinstance(value, str) and value in words):
            return value
        if isinstance(value, Mapping):
            return ServerTls.model_validate(value)
        choices = ", ".join(f'"{word}"' for word in words)
        raise refuse(f'{choices} or a table such as {{ name = "shop.internal" }}')

    return BeforeValidator(chosen)


class _Secured(_Ported):
    tls: Annotated[Literal["pool", "off"] | ServerTls, _tls("pool", "off")] = Field(
        default="pool", examples=["off"]
    )
    """Whether it speaks TLS: as the pool does, never, or by a table like that of the pool."""


class TcpProbe(_Ported):
    """The server accepts a connection."""

    kind: Literal["tcp"]


class TlsProbe(_Secured):
    """The server makes a TLS handshake, and proves who it is where that is verified."""

    kind: Literal["tls"]
    tls: Annotated[Literal["pool"] | ServerTls, _tls("pool")] = Field(default="pool", examples=["pool"])
    """As the pool does, or by a table like that of the pool."""


class HttpProbe(_Secured):
    """The server answers a request as expected."""

    kind: Literal["http"]
    method: Method = "GET"
    """The method."""
    path: Annotated[
        str,
        _matches(TARGET, 'a path such as "/health", with its query if it has one'),
        Field(examples=["/health"]),
    ] = "/"
    """The path, with a query if it has one."""
    host: Authority | None = Field(default=None, examples=["shop.example"])
    """The host that is asked for; absent, the server's address as it is written."""
    fields: Annotated[dict[FieldName, Value], AfterValidator(_fields)] = Field(
        default={}, examples=[{"Accept": "application/json"}]
    )
    """Further fields of the request."""
    status: Annotated[
        tuple[Status, ...],
        BeforeValidator(_statuses, json_schema_input_type=Status | list[Status]),
        PlainSerializer(lambda statuses: [write_status(status) for status in statuses]),
    ] = ((200, 399),)
    """What the status must be: one, a range, or a list of them."""
    body: Expression | None = Field(default=None, examples=['"status": *"up"'])
    """A regular expression that must be found in the first 64 KiB of the body."""


class AcvProbe(_Secured):
    """Active content verification: what the server answers to some bytes matches."""

    kind: Literal["acv"]
    send: str = Field(default="", max_length=65536, examples=["PING\r\n"])
    """What is sent, as UTF-8; nothing where the server speaks first."""
    send_hex: Annotated[str, _matches(_HEX, 'pairs of hexadecimal digits, such as "00 1f"')] = Field(
        default="", max_length=65536, examples=["00 1f"]
    )
    """The same for bytes that are no text."""
    match: Expression = Field(examples=["^\\+PONG"])
    """A regular expression that must be found in the first 1,024 bytes of the answer."""

    @model_validator(mode="after")
    def _sent_once(self) -> Self:
        if self.send and self.send_hex:
            refuse_keys([Refusal("send_hex", "send and send_hex", "one of them")])
        return self

    @property
    def sent(self) -> bytes:
        """What is sent."""
        return self.send.encode() or bytes.fromhex(self.send_hex)


class GrpcProbe(_Secured):
    """The server's health service says SERVING (grpc.health.v1)."""

    kind: Literal["grpc"]
    service: Annotated[str, _matches(_SERVICE, 'the name of a service, such as "shop.Cart"')] = Field(
        default="", examples=["shop.Cart"]
    )
    """Which service is asked for; empty for the whole server."""
    host: Authority | None = Field(default=None, examples=["shop.example"])
    """The authority that is asked for; absent, the server's address as it is written."""


class IcmpProbe(_Probe):
    """The machine answers an echo request: nothing is known of the server on it."""

    kind: Literal["icmp"]


Probe = TcpProbe | TlsProbe | HttpProbe | AcvProbe | GrpcProbe | IcmpProbe
Kind = Annotated[
    Annotated[TcpProbe, Tag("kind=tcp")]
    | Annotated[HttpProbe, Tag("kind=http")]
    | Annotated[AcvProbe, Tag("kind=acv")]
    | Annotated[TlsProbe, Tag("kind=tls")]
    | Annotated[GrpcProbe, Tag("kind=grpc")]
    | Annotated[IcmpProbe, Tag("kind=icmp")],
    told_apart("kind"),
]
Bare = Literal["tcp", "http", "tls", "grpc", "icmp"]
"""The kinds that need no settings; `"tcp"` is short for `{ kind = "tcp" }`."""


def _listed(value: object) -> object:
    if isinstance(value, list | tuple):
        return tuple(bare_kind(each) for each in value)
    return (bare_kind(value),)


_Kinds = Annotated[
    tuple[Kind, ...], BeforeValidator(_listed, json_schema_input_type=Bare | Kind | list[Bare | Kind])
]


class ProbeTable(Noun):
    """Several probes of one server."""

    all: _Kinds = Field(default=(), examples=[["tcp", "icmp"]])
    """Every one must pass."""
    any: _Kinds = Field(default=(), examples=[["tcp", "icmp"]])
    """One of them must pass."""

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if not self.all and not self.any:
            raise refuse('at least one probe, such as { kind = "tcp" }')
        return self


def _combined(value: object) -> object:
    """One probe, or a list of them, that must all pass, is short for a table with `all`."""
    if isinstance(value, ProbeTable) or (isinstance(value, Mapping) and ("all" in value or "any" in value)):
        return value
    return {"all": value}


Probes = Annotated[
    ProbeTable,
    BeforeValidator(_combined, json_schema_input_type=Bare | Kind | list[Bare | Kind] | ProbeTable),
    Field(examples=[{"kind": "http", "path": "/health"}]),
]
