"""What the cookies of the balancer before us mean: from what they say to the names of our servers."""

from collections.abc import Callable, Sequence
from ipaddress import IPv4Address

from equalizer.config.source import Source, show
from equalizer.errors import Problem
from equalizer.model.address import parse
from equalizer.model.foreign import (
    BigipCookie,
    CoyoteCookie,
    Foreign,
    HaproxyCookie,
    LiteralCookie,
    bigip_text,
    coyote_text,
)
from equalizer.snapshot import wire

Servers = Sequence[wire.Server]


def accepted(
    pool: str, written: Sequence[Foreign], servers: Servers, source: Source, problems: list[Problem]
) -> tuple[wire.Foreign, ...]:
    """Each foreign cookie with its map; where none was written, our servers' names or addresses make it."""
    found: list[wire.Foreign] = []
    for index, cookie in enumerate(written):
        meant = cookie.servers
        if meant is None:
            meant, fault = _meant(cookie, servers)
            if fault:
                message = f"found no servers, and {fault}; write servers = {_example(cookie, servers)}"
                problems.append(source.problem(("pools", pool, "sessions", "accept", index), message))
        form = "literal" if isinstance(cookie, HaproxyCookie | LiteralCookie) else cookie.format
        found.append(wire.Foreign(format=form, name=cookie.name, servers=meant))
    return tuple(found)


def _meant(cookie: Foreign, servers: Servers) -> tuple[dict[str, str], str]:
    """The map that our servers make, and why they make none."""
    match cookie:
        case BigipCookie():
            return _by_address(servers, bigip_text)
        case CoyoteCookie():
            return _by_address(servers, lambda address, _: coyote_text(address))
        case _:
            return {server.name: server.name for server in servers}, ""


def _by_address(servers: Servers, text: Callable[[IPv4Address, int], str]) -> tuple[dict[str, str], str]:
    meant: dict[str, str] = {}
    for server in servers:
        address = parse(server.address)
        if address is None or ":" in address.host:
            continue
        said = text(IPv4Address(address.host), address.port)
        if said in meant:
            return (
                {},
                f"the cookie cannot tell {show(meant[said])} from {show(server.name)} by their addresses",
            )
        meant[said] = server.name
    return meant, "" if meant else "no server has an IPv4 address"


def _example(cookie: Foreign, servers: Servers) -> str:
    there = "10.0.0.1" if isinstance(cookie, CoyoteCookie) else "10.0.0.1:80"
    return f'{{ "{there}" = {show(servers[0].name)} }}, with the addresses that the other balancer has'
