"""A record of an address is idle from the moment when the client's last connection closed."""

from conftest import Balance
from flow.persistence.conftest import MakeServers
from support.visitor import Visitor, outlast, reasons

RECORDS = {"kind": "address", "idle": "1s"}


def test_an_open_connection_keeps_its_record(balance: Balance, servers: MakeServers) -> None:
    lb = balance(servers(), workers=2, pool={"persistence": RECORDS})
    keeper, leaver = Visitor(lb, "127.0.0.2"), Visitor(lb, "127.0.0.3")
    with keeper.connect() as held:
        held.send(keeper.request())
        home = held.response().get("server-name")
        leaver.ask()
        outlast(1)
        assert keeper.home() == home
        assert reasons(lb) == {"new": 2, "recalled": 1}
        leaver.ask()
        assert reasons(lb) == {"new": 3, "recalled": 1}
    outlast(1)
    keeper.ask()
    assert reasons(lb) == {"new": 4, "recalled": 1}


def test_connections_of_one_prefix_keep_its_record_together(balance: Balance, servers: MakeServers) -> None:
    lb = balance(servers(), workers=2, pool={"persistence": {**RECORDS, "prefix4": 24}})
    first, second = Visitor(lb, "127.0.0.2"), Visitor(lb, "127.0.0.3")
    with second.connect() as held:
        with first.connect() as brief:
            brief.send(first.request())
            home = brief.response().get("server-name")
            held.send(second.request())
            assert held.response().get("server-name") == home
        outlast(1)
        assert first.home() == home
    assert reasons(lb) == {"new": 1, "recalled": 2}
