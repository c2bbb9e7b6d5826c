"""A reload loses nothing: cookies, records, and what servers are in the middle of."""

from datetime import timedelta

import pytest

from conftest import Balance
from flow.persistence.conftest import MakeServers
from support.balancer import Balancer, configuration
from support.origin import Origin, answering, response
from support.visitor import Visitor, lost, reasons

NAMES = {"web1", "web2", "web3"}
KINDS: list[tuple[object, str]] = [
    ("cookie", ""),
    ("address", ""),
    ({"kind": "cookie", "mode": "learn", "name": "SID"}, "Set-Cookie: SID={name}-{number}"),
    ({"kind": "field", "mode": "learn", "name": "Mcp-Session-Id"}, "Mcp-Session-Id: {name}-{number}"),
]


def begin(lb: Balancer) -> list[tuple[Visitor, str, tuple[str, ...]]]:
    """Nine clients, their homes, and the fields that they repeat."""
    begun: list[tuple[Visitor, str, tuple[str, ...]]] = []
    for number in range(2, 11):
        visitor = Visitor(lb, f"127.0.0.{number}")
        answer = visitor.ask()
        told = answer.get("mcp-session-id")
        fields = (f"Mcp-Session-Id: {told}",) if told else ()
        begun.append((visitor, str(answer.get("server-name")), fields))
    assert {home for _, home, _ in begun} == NAMES
    return begun


@pytest.mark.parametrize(("persistence", "says"), KINDS, ids=["cookie", "address", "learn", "field"])
def test_sessions_survive_every_change_of_servers(
    balance: Balance, servers: MakeServers, persistence: object, says: str
) -> None:
    number = iter(range(10**6))

    def told(name: str, _: object) -> tuple[str, ...]:
        return (says.format(name=name, number=next(number)),) if says else ()

    origins, moved = servers(told), servers(told)
    more = servers(told, names="web4 web0")
    pool = {"persistence": persistence}
    lb = balance(origins, workers=2, pool=pool)
    begun = begin(lb)

    def all_stay(servers: dict[str, Origin]) -> None:
        lb.service.reload(configuration(servers, 2, pool=pool))
        for visitor, home, fields in begun:
            # The session may be given another value with every answer; the first one counts.
            assert visitor.home(*fields) == home

    all_stay({name: origins[name] for name in ("web3", "web1", "web2")})
    all_stay({"web4": more["web4"], **origins, "web0": more["web0"]})
    all_stay({**moved, **more})
    for origin in origins.values():
        origin.end()
    all_stay(moved)
    assert lost(lb) == {}
    assert reasons(lb) == {"new": 9, "recalled": 36}


def test_another_size_of_a_table_keeps_its_records(balance: Balance, servers: MakeServers) -> None:
    origins = servers()
    lb = balance(origins, workers=2, pool={"persistence": "address"})
    begun = begin(lb)
    for settings in ({"capacity": 5000}, {"idle": "2h"}, {"prefix6": 48, "capacity": 2000}):
        persistence = {"kind": "address", **settings}
        lb.service.reload(configuration(origins, 2, pool={"persistence": persistence}))
        assert [visitor.home() for visitor, _, _ in begun] == [home for _, home, _ in begun]


def test_a_removed_server_is_a_loss_that_is_told(balance: Balance, servers: MakeServers) -> None:
    origins = servers()
    lb = balance(origins, workers=2, pool={"sessions": {"announce": True}})
    begun = [(visitor, home) for visitor, home, _ in begin(lb)]
    left = {name: origin for name, origin in origins.items() if name != "web2"}
    lb.service.reload(configuration(left, 2, pool={"sessions": {"announce": True}}))
    gone = sum(home == "web2" for _, home in begun)
    for visitor, home in begun:
        assert visitor.homes() == ({home} if home != "web2" else {visitor.home()})
    assert lost(lb) == {"home_removed": gone}
    told = [
        value for one in left.values() for request in one.requests for value in request.all("session-moved")
    ]
    assert told == ["reason=home_removed"] * gone


def test_states_and_lives_outlast_a_reload(balance: Balance, servers: MakeServers) -> None:
    origins = servers(lambda name, request: ("Server-Life: a",))
    sessions = {"sessions": {"incarnation_field": "Server-Life"}}
    lb = balance(origins, workers=2, pool=sessions)
    begun = [(visitor, home) for visitor, home, _ in begin(lb)]
    for visitor, _ in begun:
        visitor.ask()
    lb.service.set_state("shop", "web2", "draining", deadline=timedelta(hours=1))
    lb.service.reload(configuration(origins, 2, pool=sessions))
    assert [visitor.home() for visitor, _ in begun] == [home for _, home in begun]
    assert {Visitor(lb).home() for _ in range(8)} == {"web1", "web3"}
    for name, origin in origins.items():
        origin.script = answering(response(b"", f"Server-Name: {name}", "Server-Life: b"))
        for wire in origin.connections:
            wire.finish()
    for visitor, home in begun:
        assert visitor.home() == home
    assert set(lost(lb)) <= {"incarnation_changed"}
