"""How an address is written: `IP:port` to accept on, `host:port` to connect to."""

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from equalizer.model.noun import refuse

_HOST = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*\.?", re.ASCII)
_SCHEME = re.compile(r"https?://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Address:
    """A host (a name, or an IP without brackets) and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_ip(self) -> bool:
        """Whether there is nothing left to resolve."""
        return _ip(self.host) is not None


def parse(text: str) -> Address | None:
    """`host:port`, `IP:port`, `[IPv6]:port` or `:port` (every IPv4 address); None when it is none of them."""
    host, colon, port = text.rpartition(":")
    if not colon or not re.fullmatch(r"\d{1,5}", port, re.ASCII) or int(port) > 65535:
        return None
    if host.startswith("[") and host.endswith("]"):
        inner = _ip(host[1:-1])
        return Address(str(inner), int(port)) if isinstance(inner, IPv6Address) else None
    if not host:
        return Address("0.0.0.0", int(port))
    ip = _ip(host)
    if isinstance(ip, IPv4Address):
        return Address(str(ip), int(port))
    return Address(host, int(port)) if _is_name(host) else None


def _ip(text: str) -> IPv4Address | IPv6Address | None:
    for kind in (IPv4Address, IPv6Address):
        try:
            return kind(text)
        except AddressValueError:
            continue
    return None


def _is_name(host: str) -> bool:
    """A name as DNS and container networks have it; one that ends in digits is a mistyped IPv4 address."""
    last = host.rstrip(".").rpartition(".")[2]
    return len(host) <= 253 and _HOST.fullmatch(host) is not None and not last.isdecimal()


def _repair(text: str, host: str) -> Address | None:
    """What the user probably meant: a URL, a bare port, `*:port`, an IPv6 address without brackets."""
    bare = _SCHEME.sub("", text).rstrip("/")
    if bare.startswith("*:"):
        bare = host + bare[1:]
    if bare.isascii() and bare.isdecimal():
        bare = f"{host}:{bare}"
    inner, _, port = bare.rpartition(":")
    return parse(bare) or parse(f"[{inner}]:{port}")


def _listen(value: object) -> Address:
    address = _read(value, "127.0.0.1:8080", "0.0.0.0")
    if not address.is_ip:
        raise refuse('an IP address and a port to accept on, such as "127.0.0.1:8080" or ":8080"')
    return address


def _connect(value: object) -> Address:
    address = _read(value, "127.0.0.1:9001", "127.0.0.1")
    if address.port == 0 or str(value).startswith(":"):
        raise refuse('a host and a port from 1 to 65535, such as "127.0.0.1:9001"')
    return address


def _read(value: object, example: str, host: str) -> Address:
    if isinstance(value, Address):
        return value
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    address = parse(text) if isinstance(value, str) else None
    if address and "%" in address.host:
        raise refuse('an IPv6 address without a scope such as "%eth0"')
    if address is None:
        meant = _repair(text, host)
        raise refuse(f'"{meant}"' if meant else f'host:port, such as "{example}"')
    return address


ListenAddress = Annotated[
    Address,
    BeforeValidator(_listen),
    PlainSerializer(str),
    WithJsonSchema({"type": "string"}),
    Field(examples=["127.0.0.1:8080"]),
]
"""An IP and a port to accept on; port 0 asks the system for one."""

ServerAddress = Annotated[
    Address,
    BeforeValidator(_connect),
    PlainSerializer(str),
    WithJsonSchema({"type": "string"}),
    Field(examples=["127.0.0.1:9001"]),
]
"""A host and a port to connect to."""
