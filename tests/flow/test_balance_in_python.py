"""Balance written in Python: asked once for each session, never waited for by those that have one."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import equalizer
from conftest import Balance
from support import choosing
from support.balancer import Balancer, get
from support.origin import Origin
from support.visitor import Visitor, reasons


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    choosing.seen.clear()
    choosing.pools.clear()
    choosing.going.clear()
    yield
    choosing.going.set()


def python(function: str, **more: Any) -> dict[str, Any]:
    """A pool that waits as long as it may: a busy machine is no failure."""
    settings = {"kind": "python", "function": f"support.choosing:{function}", "wait": "1s", **more}
    return {"balance": settings}


def choices(lb: Balancer) -> Mapping[str, int]:
    found: Mapping[str, int] = lb.report()["pools"]["shop"]["choices"]
    return found


def test_a_session_is_born_where_the_function_says_and_stays_there(
    balance: Balance, shops: dict[str, Origin]
) -> None:
    lb = balance(shops, workers=2, pool=python("by_field"))
    for number, name in enumerate(("web3", "web1", "web2"), 2):
        visitor = Visitor(lb, f"127.0.0.{number}")
        assert visitor.home(f"X-Server: {name}") == name
        assert visitor.homes("X-Server: web1") == {name}
    assert choices(lb) == {"chosen": 3}
    assert len(choosing.seen) == 3
    assert reasons(lb) == {"new": 3, "recalled": 12}


def test_the_function_sees_the_request_and_the_pool(balance: Balance, shops: dict[str, Origin]) -> None:
    lb = balance(shops, pool=python("by_field"))
    lb.service.set_weight("shop", "web3", 0)
    lb.service.set_state("shop", "web2", "draining")
    lb.service.tick()
    visitor = Visitor(lb, "127.0.0.9")
    visitor.ask("X-Server: web1", "Cookie: a=1", "Accept: x", "accept: y\xe9", target="/basket?item=7&n=1")
    (birth,), (pool,) = choosing.seen, choosing.pools
    assert (birth.client, birth.secure, birth.method) == ("127.0.0.9", False, "GET")
    assert (birth.host, birth.path, birth.query) == ("shop.test", "/basket", "item=7&n=1")
    assert birth.fields["ACCEPT"] == "x"
    assert birth.fields.all("accept") == ["x", "y\xe9"]
    assert list(birth.fields) == ["host", "x-server", "cookie", "accept"]
    assert repr(birth.fields) == "Fields(host, x-server, cookie, accept)"
    assert pool.name == "shop"
    assert {name: server.takes_sessions for name, server in pool.servers.items()} == {
        "web1": True,
        "web2": False,
        "web3": False,
    }


@pytest.mark.parametrize(
    ("function", "field", "outcome"),
    [
        ("by_field", "X-Other: 1", "left"),
        ("by_field", "X-Server: web9", "wrong"),
        ("by_field", "X-Server: web2", "wrong"),
        ("by_field", "X-Fails: 1", "failed"),
        ("number", "X-Other: 1", "wrong"),
    ],
)
def test_without_a_good_answer_the_pool_chooses_and_counts_why(
    function: str, field: str, outcome: str, balance: Balance, shops: dict[str, Origin]
) -> None:
    key = {"over": "field", "name": "X-Room"}
    lb = balance(shops, workers=2, pool=python(function, fallback={"kind": "rendezvous", "key": key}))
    lb.service.set_state("shop", "web2", "maintenance")
    homes = {Visitor(lb, f"127.0.0.{number}").home(field, "X-Room: 5") for number in range(2, 6)}
    assert len(homes) == 1
    assert homes <= {"web1", "web3"}
    assert choices(lb) == {outcome: 4}


def test_nothing_that_a_function_does_ends_the_choosing(balance: Balance, shops: dict[str, Origin]) -> None:
    lb = balance(shops, workers=2, pool=python("raising", fallback="random"))
    for number, what in enumerate(("exit", "unspeakable", "surrogate"), 2):
        Visitor(lb, f"127.0.0.{number}").home(f"X-Raise: {what}")
        assert Visitor(lb, f"127.0.1.{number}").home() == "web1"
    assert choices(lb) == {"failed": 2, "wrong": 1, "chosen": 3}


def test_a_spare_may_be_chosen_when_its_turn_has_come(balance: Balance, shops: dict[str, Origin]) -> None:
    addresses = {name: shop.address for name, shop in shops.items()}
    servers = {**addresses, "web3": {"address": addresses["web3"], "spare": True}}
    lb = balance(shops, workers=2, pool={**python("by_field"), "servers": servers})
    assert Visitor(lb).home("X-Server: web3") != "web3"
    assert [each.waits for each in choosing.pools[-1].servers.values()] == [False, False, True]
    for name in ("web1", "web2"):
        lb.service.set_state("shop", name, "maintenance")
    lb.service.tick()
    assert Visitor(lb, "127.0.0.2").home("X-Server: web3") == "web3"
    assert choosing.pools[-1].servers["web3"].takes_sessions
    assert choices(lb) == {"wrong": 1, "chosen": 1}


def test_nobody_with_a_session_waits_for_a_function_that_is_stuck(
    balance: Balance, shops: dict[str, Origin]
) -> None:
    lb = balance(shops, workers=2, pool=python("when_told", wait="300ms"))
    choosing.going.set()
    mine = Visitor(lb)
    assert mine.home() == "web1"
    choosing.going.clear()
    with ExitStack() as stack:
        waiting = [stack.enter_context(lb.client(f"127.0.0.{number}")) for number in range(2, 12)]
        for client in waiting:
            client.send(get())
        assert mine.homes(times=20) == {"web1"}
        assert {client.response().status for client in waiting} == {200}
    assert choices(lb) == {"chosen": 1, "late": 10}
    choosing.going.set()
    assert Visitor(lb, "127.0.0.99").home() == "web1"


def test_a_limit_holds_for_what_is_chosen(balance: Balance, shops: dict[str, Origin]) -> None:
    servers = {name: {"address": each.address, "limit": 1} for name, each in shops.items()}
    lb = balance(shops, workers=2, pool={"servers": servers, **python("by_field")})
    visitor = Visitor(lb)
    assert visitor.home("X-Server: web2") == "web2"
    assert visitor.homes() == {"web2"}


def test_parallel_first_requests_of_one_client_share_a_birth(
    balance: Balance, shops: dict[str, Origin]
) -> None:
    lb = balance(shops, workers=2, pool=python("by_field"))
    with ExitStack() as stack:
        clients = [stack.enter_context(lb.client()) for _ in range(6)]
        for client in clients:
            client.send(get("X-Server: web3"))
        assert {client.response().get("server-name") for client in clients} == {"web3"}


def test_a_function_beside_the_file_is_found_and_a_reload_takes_another(
    tmp_path: Path, shops: dict[str, Origin]
) -> None:
    (tmp_path / "my_shop_balance.py").write_text(
        "def first(birth, pool):\n    return min(pool.servers)\n\n"
        "def last(birth, pool):\n    return max(pool.servers)\n"
    )
    file = tmp_path / "eq.toml"

    def write(function: str) -> None:
        servers = "\n".join(f'{name} = "{each.address}"' for name, each in shops.items())
        file.write_text(
            '[listeners.web]\naddress = "127.0.0.1:0"\n[pools.shop]\n'
            f'balance = {{ kind = "python", function = "my_shop_balance:{function}", wait = "1s" }}\n'
            f"[pools.shop.servers]\n{servers}\n"
        )

    write("first")
    with equalizer.serve(file) as service:
        lb = Balancer.__new__(Balancer)
        lb.service = service
        assert Visitor(lb, "127.0.0.2").home() == "web1"
        write("last")
        service.reload()
        assert Visitor(lb, "127.0.0.3").home() == "web3"
        write("middle")
        with pytest.raises(equalizer.ConfigError, match='has no function "middle"'):
            service.reload()
        assert Visitor(lb, "127.0.0.4").home() == "web3"
