"""How many sessions live where: counted from the cookies alone, and nearly right."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import Balance, MakeOrigin
from flow.persistence.conftest import MakeServers
from support.balancer import Balancer, get
from support.origin import END, terse
from support.visitor import reasons

NAMES = ("web1", "web2", "web3")
CONNECTIONS, AT_ONCE = 8, 125


def crowd(lb: Balancer, number: int, sessions: int) -> Counter[str]:
    """New clients, one after another on one connection; those of two connections are told apart."""
    met: Counter[str] = Counter()
    request = get(f"User-Agent: crowd {number}")
    with lb.client() as client:
        for _ in range(sessions // AT_ONCE):
            client.send(request * AT_ONCE)
            while client.received.count(END) < AT_ONCE:
                assert client.fill()
            met.update({name: client.received.count(f": {name}\r\n".encode()) for name in NAMES})
            client.received.clear()
    return met


@pytest.mark.parametrize("sessions", [1_000, 100_000])
def test_the_census_is_right_within_three_percent(
    balance: Balance, make_origin: MakeOrigin, sessions: int
) -> None:
    lb = balance({name: make_origin(terse(name)) for name in NAMES}, workers=2)
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        crowds = pool.map(lambda number: crowd(lb, number, sessions // CONNECTIONS), range(CONNECTIONS))
        met = sum(crowds, Counter[str]())
    assert reasons(lb) == {"new": met.total()} == {"new": sessions}
    counted = census(lb)
    assert sum(counted.values()) == pytest.approx(sessions, rel=0.03)
    for name, count in met.items():
        assert counted[name] == pytest.approx(count, rel=0.03)


def test_a_session_counts_once_at_both_workers(balance: Balance, servers: MakeServers) -> None:
    lb = balance(servers(), workers=2)
    cookies = [lb.cookie("web2") for _ in range(5)]
    before = census(lb)["web2"]
    for cookie in cookies * 4:
        lb.ask(get(f"Cookie: {cookie}"))
    assert census(lb)["web2"] == before


def test_a_session_counts_from_its_first_exchange_where_no_birth_is_shared(
    balance: Balance, servers: MakeServers
) -> None:
    lb = balance(servers(), workers=2, pool={"sessions": {"burst": "off"}})
    cookies = [lb.cookie(name) for name in ("web1", "web2", "web3")]
    born = sum(reasons(lb).values())
    assert sum(census(lb).values()) == born
    for cookie in cookies:
        lb.ask(get(f"Cookie: {cookie}"))
    assert sum(census(lb).values()) == born


def test_a_client_known_by_its_address_is_one_session(balance: Balance, servers: MakeServers) -> None:
    lb = balance(servers(), pool={"persistence": "address"})
    for _ in range(3):
        lb.ask(get())
    assert sum(census(lb).values()) == 1


def census(lb: Balancer) -> dict[str, int]:
    """Sessions by server."""
    servers: dict[str, dict[str, int]] = lb.report()["pools"]["shop"]["servers"]
    return {name: server["sessions"] for name, server in servers.items()}
