"""Matchers: what a request must be like; the same wherever requests are told apart."""

import re
from collections.abc import Mapping
from ipaddress import ip_network
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from equalizer.model.noun import Noun, refuse
from equalizer.model.words import FieldName

_MOST = 1024
# What a path holds in a request line (RFC 3986, pchar), beside letters that are written without an escape.
_PATH = re.compile(r"(?=[/*])[^\x00-\x20?#\x7f]+")
_METHOD = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Z]{1,64}", re.ASCII)
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"(?:\*\.)?(?:{_LABEL}\.)*{_LABEL}\.?|\[[0-9A-Fa-f:.]+\]", re.ASCII)
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")


def _path(value: str) -> str:
    if not _PATH.fullmatch(value) or len(value) > _MOST:
        raise refuse('a path such as "/static/*" or "*.css", without a query')
    return value


def _method(value: str) -> str:
    if not _METHOD.fullmatch(value):
        upper = value.upper()
        raise refuse(f'"{upper}"' if _METHOD.fullmatch(upper) else 'a method such as "GET"')
    return value


def _host(value: str) -> str:
    if not _HOST.fullmatch(value) or len(value) > 255:
        raise refuse('a host such as "shop.example", or "*.shop.example" for all below it, without a port')
    return value


def _value(value: str) -> str:
    if not _VALUE.fullmatch(value) or len(value) > _MOST or value != value.strip():
        raise refuse('a text such as "*bot*", up to 1024 characters, without spaces around it')
    return value


def _client(value: str) -> str:
    try:
        network = ip_network(value)
    except ValueError:
        raise refuse(_meant(value)) from None
    return str(network)


def _meant(value: str) -> str:
    """The prefix of an address that has more bits than its prefix says, else an example."""
    try:
        return f'"{ip_network(value, strict=False)}"'
    except ValueError:
        return 'an address or a prefix, such as "192.0.2.0/24" or "2001:db8::/32"'


def _listed(value: object) -> object:
    """One text is a list of one."""
    if isinstance(value, list | tuple):
        if not value:
            raise refuse("at least one, or leave it out")
        return tuple(value)
    return (value,)


PathGlob = Annotated[str, AfterValidator(_path), Field(examples=["/static/*"])]
Method = Annotated[str, AfterValidator(_method), Field(examples=["GET"])]
Host = Annotated[str, AfterValidator(_host), Field(examples=["*.shop.example"])]
TextGlob = Annotated[str, AfterValidator(_value), Field(examples=["*bot*"])]
Client = Annotated[str, AfterValidator(_client), Field(examples=["192.0.2.0/24"])]
Scheme = Literal["http", "https"]

Paths = Annotated[
    tuple[PathGlob, ...], BeforeValidator(_listed, json_schema_input_type=PathGlob | list[PathGlob])
]
Methods = Annotated[
    tuple[Method, ...], BeforeValidator(_listed, json_schema_input_type=Method | list[Method])
]
Hosts = Annotated[tuple[Host, ...], BeforeValidator(_listed, json_schema_input_type=Host | list[Host])]
Values = Annotated[
    tuple[TextGlob, ...], BeforeValidator(_listed, json_schema_input_type=TextGlob | list[TextGlob])
]
Clients = Annotated[
    tuple[Client, ...], BeforeValidator(_listed, json_schema_input_type=Client | list[Client])
]
Schemes = Annotated[
    tuple[Scheme, ...], BeforeValidator(_listed, json_schema_input_type=Scheme | list[Scheme])
]


class Matcher(Noun):
    """What a request must be like: every key that is written must hold, by one of its values."""

    path: Paths | None = Field(default=None, examples=["/static/*"])
    """The path without its query; `*` stands for any run of characters."""
    method: Methods | None = Field(default=None, examples=["GET"])
    """The method."""
    host: Hosts | None = Field(default=None, examples=["*.shop.example"])
    """The host without its port, or `*.` and a host for all below it."""
    field: dict[FieldName, Values] | None = Field(
        default=None, min_length=1, examples=[{"User-Agent": "*bot*"}]
    )
    """Values of fields, each of which must be there; `*` stands for any run of characters."""
    client: Clients | None = Field(default=None, examples=["192.0.2.0/24"])
    """The client's address, or a prefix of it."""
    scheme: Schemes | None = Field(default=None, examples=["https"])
    """How the request came."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if all(getattr(self, key) is None for key in type(self).model_fields):
            raise refuse('a table such as { path = "/static/*" }')
        return self


def _matchers(value: object) -> object:
    """One table is a list of one."""
    return _listed(value) if isinstance(value, list | tuple | Mapping | Matcher) else value


Matchers = Annotated[
    tuple[Matcher, ...],
    BeforeValidator(_matchers, json_schema_input_type=Matcher | list[Matcher]),
    Field(examples=[[{"path": "/static/*"}]]),
]
"""Several: one of them must match."""
