"""Every kind of persistence through a real engine: a client comes back by whatever it carries."""

import itertools
from collections.abc import Sequence

import httpx2
import pytest

from conftest import Balance
from flow.persistence.conftest import MakeServers
from support.origin import Origin
from support.visitor import LENGTH, Visitor, reasons
from support.wire import Message

NAMES = {"web1", "web2", "web3"}


class Application:
    """Sets its own cookie where the client has none, with another value every time."""

    def __init__(self, cookie: str, value: str = "{name}-{number}") -> None:
        self.cookie, self.value = cookie, value
        self.numbers = itertools.count()

    def __call__(self, name: str, request: Message) -> Sequence[str]:
        if any(f"{self.cookie}=" in field for field in request.all("cookie")):
            return ()
        return (
            f"Set-Cookie: {self.cookie}={self.value.format(name=name, number=next(self.numbers))}; Path=/",
        )


def seen(origins: dict[str, Origin], field: str) -> list[str | None]:
    """What the servers were sent in a field, in no order."""
    return [request.get(field) for origin in origins.values() for request in origin.requests]


@pytest.mark.parametrize(
    "persistence",
    [
        {"kind": "cookie"},
        {"kind": "cookie", "mode": "rewrite", "name": "SID"},
        {"kind": "cookie", "mode": "prefix", "name": "SID"},
        {"kind": "cookie", "mode": "prefix", "name": "SID", "seal_value": True},
        {"kind": "cookie", "mode": "learn", "name": "SID"},
    ],
    ids=["insert", "rewrite", "prefix", "sealed prefix", "learn"],
)
def test_cookies_bring_every_client_back(
    balance: Balance, servers: MakeServers, persistence: dict[str, object]
) -> None:
    lb = balance(servers(Application("SID")), workers=2, pool={"persistence": persistence})
    visitors = [Visitor(lb) for _ in range(9)]
    homes = [visitor.home() for visitor in visitors]
    assert set(homes) == NAMES
    for number in range(2, 5):
        for visitor, home in zip(visitors, homes, strict=True):
            visitor.source = f"127.0.0.{number}"
            assert visitor.home() == home
    assert reasons(lb)["recalled"] == 27


def test_a_prefixed_value_reaches_its_server_as_it_was_set(balance: Balance, servers: MakeServers) -> None:
    for seal in (False, True):
        origins = servers(Application("SID", value="a.b~c{number}"))
        mode = {"kind": "cookie", "mode": "prefix", "name": "SID", "seal_value": seal}
        visitor = Visitor(balance(origins, pool={"persistence": mode}))
        visitor.ask()
        assert ("a.b~c0" in visitor.jar["SID"]) is not seal
        visitor.ask("Cookie: other=1")
        assert sorted(all_cookies(origins)) == [
            "SID=a.b~c0",
            "other=1",
        ]


def all_cookies(origins: dict[str, Origin]) -> list[str]:
    """Every cookie field that the servers were sent."""
    return [
        value for origin in origins.values() for request in origin.requests for value in request.all("cookie")
    ]


def test_a_rewritten_cookie_holds_nothing_of_the_servers(balance: Balance, servers: MakeServers) -> None:
    mode = {"kind": "cookie", "mode": "rewrite", "name": "SID"}
    visitor = Visitor(balance(servers(Application("SID")), pool={"persistence": mode}))
    assert not set(visitor.ask().all("set-cookie")[0]) & {"~"}
    assert "web" not in visitor.jar["SID"]
    assert len(visitor.jar["SID"]) == LENGTH


@pytest.mark.parametrize(
    ("field", "target"),
    [
        ("Cookie: JSESSIONID=abc.web2", "/"),
        ('Cookie: a=1; JSESSIONID="abc.web2"', "/"),
        ("X: 1", "/cart;jsessionid=abc.web2?item=1"),
        ("X: 1", "/cart?a=1&jsessionid=abc.web2"),
    ],
)
def test_a_route_names_its_server(balance: Balance, servers: MakeServers, field: str, target: str) -> None:
    mode = {"kind": "cookie", "mode": "route", "name": "JSESSIONID", "parameters": ["jsessionid"]}
    lb = balance(servers(), pool={"persistence": mode})
    assert Visitor(lb).homes(field, target=target) == {"web2"}
    assert Visitor(lb).homes(field.replace("web2", "web9"), target=target.replace("web2", "web9")) < NAMES
    assert Visitor(lb).homes() == NAMES


def test_a_field_of_ours_is_repeated_by_the_client(balance: Balance, servers: MakeServers) -> None:
    origins = servers()
    lb = balance(origins, workers=2, pool={"persistence": {"kind": "field", "name": "Session-Id"}})
    homes = set()
    for _ in range(6):
        first = Visitor(lb).ask()
        homes.add(first.get("server-name"))
        field = f"session-id: {first.get('Session-Id')}"
        assert Visitor(lb).homes(field) == {first.get("server-name")}
        assert Visitor(lb).ask(field).get("session-id") is None
    assert homes == NAMES
    assert set(seen(origins, "session-id")) == {None}


def test_a_field_of_the_server_is_learnt_and_forgotten(balance: Balance, servers: MakeServers) -> None:
    number = itertools.count()

    def says(name: str, request: Message) -> Sequence[str]:
        if request.method == "DELETE":
            return ("Mcp-Session-Id:",)
        return () if request.get("mcp-session-id") else (f"Mcp-Session-Id: s{next(number)}",)

    mode = {"kind": "field", "mode": "learn", "name": "Mcp-Session-Id"}
    lb = balance(servers(says), workers=2, pool={"persistence": mode})
    first = Visitor(lb).ask()
    field = f"Mcp-Session-Id: {first.get('mcp-session-id')}"
    assert Visitor(lb).homes(field) == {first.get("server-name")}
    assert Visitor(lb).ask(field, method="DELETE").get("server-name") == first.get("server-name")
    assert Visitor(lb).homes(field, times=9) == NAMES


def test_an_address_keeps_a_client_without_cookies(balance: Balance, servers: MakeServers) -> None:
    lb = balance(servers(), workers=2, pool={"persistence": "address"})
    homes = {}
    for number in range(2, 11):
        transport = httpx2.HTTPTransport(local_address=f"127.0.0.{number}")
        with httpx2.Client(transport=transport, trust_env=False) as http:
            homes[number] = http.get(lb.service.url("web")).headers["server-name"]
    assert set(homes.values()) == NAMES
    for number, home in homes.items():
        assert Visitor(lb, source=f"127.0.0.{number}").homes() == {home}
    assert reasons(lb) == {"new": 9, "recalled": 36}


def test_neighbours_share_a_record_where_the_prefix_says_so(balance: Balance, servers: MakeServers) -> None:
    lb = balance(servers(), pool={"persistence": {"kind": "address", "prefix4": 24}})
    assert len({Visitor(lb, source=f"127.0.0.{number}").home() for number in range(2, 9)}) == 1
    assert len({Visitor(lb, source=f"127.0.{number}.1").home() for number in range(1, 4)}) > 1


@pytest.mark.parametrize(
    ("over", "one", "target"),
    [
        ({"over": "field", "name": "X-Tenant"}, "x-tenant: t{0}", "/"),
        ({"over": "cookie", "name": "account"}, "Cookie: a=1; account=t{0}; b=2", "/"),
        ({"over": "query", "name": "room"}, "X: 1", "/?a=1&room=t{0}"),
        ({"over": "path"}, "X: 1", "/t{0}?a=1"),
    ],
)
def test_a_hash_sends_the_same_text_to_the_same_server(
    balance: Balance, servers: MakeServers, over: dict[str, str], one: str, target: str
) -> None:
    origins = servers()
    pools = [balance(origins, workers=2, pool={"persistence": {"kind": "hash", **over}}) for _ in range(2)]
    homes = set()
    for number in range(12):
        field, where = one.format(number), target.format(number)
        found = {home for lb in pools for home in Visitor(lb).homes(field, target=where, times=3)}
        assert len(found) == 1
        homes |= found
    assert homes == NAMES
    if over["over"] != "path":
        assert Visitor(pools[0]).homes(target="/") == NAMES


def test_a_hash_over_the_address_needs_no_record(balance: Balance, servers: MakeServers) -> None:
    origins = servers()
    lbs = [
        balance(origins, workers=2, pool={"persistence": {"kind": "hash", "over": "address"}})
        for _ in range(2)
    ]
    homes = set()
    for number in range(2, 14):
        found = {home for lb in lbs for home in Visitor(lb, f"127.0.0.{number}").homes()}
        assert len(found) == 1
        homes |= found
    assert homes == NAMES
