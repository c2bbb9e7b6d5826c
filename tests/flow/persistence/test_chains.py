"""Several kinds in a chain: the first that knows decides, and each keeps what the others lose."""

from pathlib import Path

from conftest import Balance
from flow.persistence.conftest import MakeServers
from support.balancer import Balancer, set_cookie
from support.visitor import Visitor, reasons

NAMES = {"web1", "web2", "web3"}


def test_an_address_stands_behind_the_cookie(balance: Balance, servers: MakeServers) -> None:
    lb = balance(servers(), workers=2, pool={"persistence": ["cookie", "address"]})
    first = Visitor(lb, "127.0.0.2")
    home = first.home()
    first.source = "127.0.0.3"
    assert first.homes() == {home}, "the cookie goes with the client"
    answer = Visitor(lb, "127.0.0.2").ask()
    assert answer.get("server-name") == home, "the address stays without the cookie"
    assert set_cookie(answer)
    assert reasons(lb) == {"new": 1, "recalled": 4, "recalled_fallback": 1}


def test_the_cookie_decides_where_the_address_says_something_else(
    balance: Balance, servers: MakeServers
) -> None:
    lb = balance(servers(), pool={"persistence": ["cookie", "address"]})
    visitors = {(visitor := Visitor(lb, f"127.0.0.{number}")).home(): visitor for number in range(2, 9)}
    assert set(visitors) == NAMES
    visitors["web1"].source = visitors["web2"].source
    assert visitors["web1"].homes() == {"web1"}


def test_a_hash_stands_behind_the_cookie(balance: Balance, servers: MakeServers) -> None:
    chain = [{"kind": "cookie"}, {"kind": "hash", "over": "field", "name": "X-Tenant"}]
    lb = balance(servers(), workers=2, pool={"persistence": chain})
    tenants = {f"X-Tenant: t{number}" for number in range(9)}
    homes = {tenant: Visitor(lb).homes(tenant) for tenant in tenants}
    assert all(len(found) == 1 for found in homes.values())
    visitor = Visitor(lb)
    (home,) = visitor.homes("X-Tenant: t1")
    assert {visitor.home(tenant) for tenant in tenants} == {home}


def test_scopes_say_who_opens_a_cookie(balance: Balance, servers: MakeServers) -> None:
    # Both listeners serve one pool; the scope decides whether a session crosses from one to the other.
    listeners = {"other": {"address": "127.0.0.1:0"}}
    for scope, crosses in [("pool", True), ("listener", False), ({"group": "shops"}, True)]:
        persistence = {"kind": "cookie", "scope": scope}
        lb = balance(servers(), listeners=listeners, pool={"persistence": persistence})
        visitor = Visitor(lb)
        (home,) = visitor.homes()
        kept = dict(visitor.jar)
        visitor.listener = "other"
        found = set()
        for _ in range(4):
            visitor.jar = dict(kept)
            found.add(visitor.home())
        assert (found == {home}) is crosses, scope
        assert (reasons(lb).get("not_ours", 0) == 0) is crosses


def test_a_group_is_shared_by_pools_whose_servers_have_the_same_names(
    balance: Balance, servers: MakeServers, tmp_path: Path
) -> None:
    keys = {"file": str(tmp_path / "keys")}
    addresses = {name: origin.address for name, origin in servers().items()}

    def member(pool: str, scope: object) -> Balancer:
        settings = {"servers": addresses, "persistence": {"kind": "cookie", "scope": scope}}
        return balance({}, keys=keys, pools={pool: settings})

    for scope, shared in [({"group": "shops"}, True), ("pool", False)]:
        shop, pay = member("shop", scope), member("pay", scope)
        Visitor(pay).ask()  # the rounds of both begin at web1
        visitors = [Visitor(shop) for _ in range(6)]
        homes = [visitor.home() for visitor in visitors]
        assert set(homes) == NAMES
        for visitor in visitors:
            visitor.lb = pay
        assert ([visitor.home() for visitor in visitors] == homes) is shared
        assert reasons(pay, "pay") == {"new": 1, "recalled" if shared else "not_ours": 6}
