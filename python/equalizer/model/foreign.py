"""Foreign cookies: what another balancer's cookie says, and which of our servers it means."""

import re
from collections.abc import Callable
from ipaddress import AddressValueError, IPv4Address
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, Tag

from equalizer.model.address import parse
from equalizer.model.name import Name
from equalizer.model.noun import Noun, refuse, told_apart
from equalizer.model.words import CookieName


def bigip_text(address: IPv4Address, port: int) -> str:
    """`ADDRESS.PORT.0000`, both as decimal numbers with their bytes turned round."""
    turned = int.from_bytes(address.packed, "little"), int.from_bytes(port.to_bytes(2), "little")
    return f"{turned[0]}.{turned[1]}.0000"


def coyote_text(address: IPv4Address) -> str:
    """The address in upper-case hexadecimal."""
    return address.packed.hex().upper()


def _from_bigip(text: str) -> str | None:
    if re.fullmatch(r"\d{1,10}\.\d{1,5}\.\d{4}", text, re.ASCII):
        return text
    address = parse(text)
    try:
        return bigip_text(IPv4Address(address.host), address.port) if address else None
    except AddressValueError:
        return None


def _from_coyote(text: str) -> str | None:
    if re.fullmatch(r"[0-9A-Fa-f]{8}", text, re.ASCII):
        return text.upper()
    try:
        return coyote_text(IPv4Address(text))
    except AddressValueError:
        return None


def _literal(text: str) -> str | None:
    """A cookie value of RFC 6265."""
    return text if re.fullmatch(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]{1,128}", text) else None


def _each(read: Callable[[str], str | None], rule: str) -> AfterValidator:
    """Every text as the cookie has it."""

    def check(servers: dict[str, Name]) -> dict[str, Name]:
        wrong = next((text for text in servers if read(text) is None), None)
        if wrong is not None:
            raise refuse(rule, f'"{wrong[:80]}" before a server')
        return {read(text) or text: server for text, server in servers.items()}

    return AfterValidator(check)


LiteralServers = Annotated[
    dict[str, Name],
    Field(min_length=1, examples=[{"s1": "web1"}]),
    _each(_literal, "what the cookie says, without spaces, quotes, commas, semicolons or backslashes"),
]
BigipServers = Annotated[
    dict[str, Name],
    Field(min_length=1, examples=[{"10.0.0.1:80": "web1"}]),
    _each(_from_bigip, 'an IPv4 address and a port, such as "10.0.0.1:80"'),
]
CoyoteServers = Annotated[
    dict[str, Name],
    Field(min_length=1, examples=[{"10.0.0.1": "web1"}]),
    _each(_from_coyote, 'an IPv4 address, such as "10.0.0.1"'),
]


class _Literal(Noun):
    name: CookieName = Field(examples=["SERVERID"])
    """The cookie's name."""
    servers: LiteralServers | None = None
    """What the value says, and the server it means; absent where the names are the same."""


class HaproxyCookie(_Literal):
    """HAProxy's `cookie NAME insert`: the value is what its `server` line says after `cookie`."""

    format: Literal["haproxy"]
    """How the value names a server."""


class LiteralCookie(_Literal):
    """A cookie whose whole value names a server."""

    format: Literal["literal"]
    """How the value names a server."""


class BigipCookie(Noun):
    """BIG-IP's cookie: the server's address and port as numbers."""

    format: Literal["bigip"]
    """How the value names a server."""
    name: CookieName = Field(default="BIGipServer", examples=["BIGipServer"])
    """How the cookie's name begins; the rest is the pool's name there."""
    servers: BigipServers | None = None
    """`IP:port` there, and the server it means; absent where our servers have the same addresses."""


class CoyoteCookie(Noun):
    """Coyote Point's cookie: the server's address in hexadecimal."""

    format: Literal["coyote"]
    """How the value names a server."""
    name: CookieName = Field(default="Coyote-", examples=["Coyote-"])
    """How the cookie's name begins."""
    servers: CoyoteServers | None = None
    """The address there, and the server it means; absent where our servers have the same addresses."""


Foreign = Annotated[
    Annotated[HaproxyCookie, Tag("format=haproxy")]
    | Annotated[LiteralCookie, Tag("format=literal")]
    | Annotated[BigipCookie, Tag("format=bigip")]
    | Annotated[CoyoteCookie, Tag("format=coyote")],
    told_apart("format"),
]
