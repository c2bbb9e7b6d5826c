"""Balance: who takes clients that bring no session, with several workers, and by weights that change."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from threading import Condition, Event

import pytest

from conftest import Balance, MakeOrigin, naming
from support.balancer import Balancer, get
from support.origin import Origin, Script, replying, response
from support.visitor import Visitor, until
from support.wire import LIMIT, Wire

WORDS = ("round_robin", "random", "least_requests", "p2c", "rendezvous", "maglev", "fastest_response")
ROOM = {"over": "query", "name": "room"}


def named(lb: Balancer, target: str = "/") -> str:
    name = lb.ask(get(target=target)).get("server-name")
    assert name is not None
    return name


class Full:
    """A server that answers nobody, and knows how many wait."""

    def __init__(self, make_origin: MakeOrigin, everywhere: Condition) -> None:
        self.inside, self._open, self.changed = 0, False, everywhere
        self.origin: Origin = make_origin(self._script())

    def _script(self) -> Script:
        def script(origin: Origin, wire: Wire) -> None:
            while origin.read(wire):
                with self.changed:
                    self.inside += 1
                    self.changed.notify_all()
                    assert self.changed.wait_for(lambda: self._open, LIMIT)
                wire.send(response(b""))

        return script

    def open(self) -> None:
        with self.changed:
            self._open = True
            self.changed.notify_all()


Filled = Callable[[Balancer, int], list[int]]


def wait_for(full: list[Full], count: int) -> None:
    """Wait until so many requests have arrived."""
    with full[0].changed:
        assert full[0].changed.wait_for(lambda: sum(each.inside for each in full) == count, LIMIT)


@pytest.fixture
def full(make_origin: MakeOrigin) -> Iterator[list[Full]]:
    everywhere = Condition()
    servers = [Full(make_origin, everywhere) for _ in range(3)]
    yield servers
    for server in servers:
        server.open()


@pytest.fixture
def fill(full: list[Full]) -> Iterator[Filled]:
    """Send requests that stay, each when the one before has arrived; how many each server has."""
    with ExitStack() as stack:

        def sent(lb: Balancer, count: int) -> list[int]:
            for number in range(1, count + 1):
                client = stack.enter_context(lb.client())
                client.send(get())
                wait_for(full, number)
            return [each.inside for each in full]

        yield sent


@pytest.mark.parametrize("word", WORDS)
def test_every_balance_serves_sessions_and_requests_without(
    word: str, balance: Balance, shops: dict[str, Origin]
) -> None:
    lb = balance(shops, workers=2, pool={"balance": word})
    visitors = [Visitor(lb, f"127.0.0.{number}") for number in range(2, 22)]
    homes = [visitor.home() for visitor in visitors]
    assert set(homes) <= set(shops)
    assert len(set(homes)) > 1
    assert [visitor.home() for visitor in visitors] == homes


@pytest.mark.parametrize("weights", [(100, 100, 100), (50, 100, 150)])
def test_the_fewest_requests_are_counted_over_all_workers(
    weights: tuple[int, int, int], balance: Balance, full: list[Full], fill: Filled
) -> None:
    servers = {
        f"web{place}": {"address": each.origin.address, "weight": weight}
        for place, (each, weight) in enumerate(zip(full, weights, strict=True))
    }
    pool = {"servers": servers, "balance": "least_requests", "persistence": "none"}
    lb = balance({"web0": full[0].origin}, workers=2, pool=pool)
    assert fill(lb, 12) == [weight // 25 for weight in weights]


def test_a_server_that_does_not_answer_gets_one_request_of_p2c(
    balance: Balance, shops: dict[str, Origin], full: list[Full]
) -> None:
    servers = {**shops, "web4": full[0].origin}
    lb = balance(servers, workers=2, pool={"balance": "p2c", "persistence": "none"})

    def arrived() -> int:
        return full[0].inside + sum(len(server.requests) for server in shops.values())

    with ExitStack() as stack:
        for number in range(1, 41):
            client = stack.enter_context(lb.client())
            stuck = full[0].inside
            client.send(get())
            assert until(arrived, lambda found, number=number: found == number)  # type: ignore[misc]
            if full[0].inside == stuck:
                client.response()
        assert full[0].inside == 1


@pytest.mark.parametrize("kind", ["rendezvous", "maglev"])
def test_a_key_has_one_server_whichever_worker_and_equalizer_is_asked(
    kind: str, balance: Balance, shops: dict[str, Origin]
) -> None:
    chosen = {"kind": kind, "key": ROOM} | ({"bound": "off"} if kind == "maglev" else {})
    pool = {"balance": chosen, "persistence": "none"}
    one, other = (balance(shops, workers=2, pool=pool) for _ in range(2))
    rooms = {room: named(one, f"/?room={room}") for room in range(12)}
    assert len(set(rooms.values())) == 3
    for _ in range(3):
        assert {room: named(one, f"/chat?room={room}") for room in rooms} == rooms
    assert {room: named(other, f"/?room={room}") for room in rooms} == rooms


def test_a_session_stays_where_its_key_does_not_lead_any_more(
    balance: Balance, shops: dict[str, Origin]
) -> None:
    lb = balance(shops, workers=2, pool={"balance": {"kind": "rendezvous", "key": ROOM}})
    visitor = Visitor(lb)
    home = visitor.home(target="/?room=1")
    assert visitor.homes(target="/?room=2") | visitor.homes(target="/?room=3") == {home}


def test_a_weight_counts_at_once_for_all_workers_and_is_kept_through_a_reload(
    balance: Balance, shops: dict[str, Origin]
) -> None:
    lb = balance(shops, workers=2)
    mine = next(each for each in (Visitor(lb) for _ in range(50)) if each.home() == "web1")
    change = lb.service.set_weight("shop", "web1", 0)
    assert (change.before, change.weight) == (100, 0)
    assert {Visitor(lb).home() for _ in range(20)} == {"web2", "web3"}
    lb.service.reload({**lb.config, "timeouts": {"stop": "1s"}})
    assert {Visitor(lb).home() for _ in range(20)} == {"web2", "web3"}
    assert mine.homes() == {"web1"}
    (server,) = [each for each in lb.service.status().pools[0].servers if each.name == "web1"]
    assert (server.weight, server.given, server.weight_now) == (100, 0, 0)
    lb.service.set_weight("shop", "web1", None)
    assert {Visitor(lb).home() for _ in range(20)} == set(shops)


def test_round_robin_goes_on_over_a_reload(balance: Balance, shops: dict[str, Origin]) -> None:
    lb = balance(shops, pool={"persistence": "none"})
    before = [named(lb) for _ in range(4)]
    lb.service.reload({**lb.config, "timeouts": {"stop": "1s"}})
    assert before + [named(lb) for _ in range(2)] == ["web1", "web2", "web3"] * 2


def slow(name: str) -> Script:
    """Answer with the server's name, after 20 ms."""

    def reply(request: object) -> bytes:
        Event().wait(0.02)
        return response(name.encode(), f"Server-Name: {name}")

    return replying(reply)


def test_weights_follow_response_times(balance: Balance, make_origin: MakeOrigin) -> None:
    servers = {"web1": make_origin(naming("web1")), "web2": make_origin(slow("web2"))}
    kind = {"kind": "fastest_response", "responsiveness": "fast"}
    lb = balance(servers, workers=2, pool={"balance": kind, "persistence": "none"})
    for _ in range(6):
        for _ in range(8):
            named(lb)
        lb.service.tick()
    weights = {each.name: each.weight_now for each in lb.service.status().pools[0].servers}
    assert weights["web2"] < 80
    assert weights["web1"] > 100
    took = {each.name: each.response_time for each in lb.service.status().pools[0].servers}
    assert took["web2"] is not None
    assert took["web2"] >= 0.02
    found = Counter(named(lb) for _ in range(40))
    assert found["web1"] > found["web2"]
