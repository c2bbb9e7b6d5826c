"""How many sessions live where: counted from the cookies alone, and nearly right."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import Balance
from flow.persistence.conftest import MakeServers
from support.balancer import Balancer, get
from support.visitor import reasons

CONNECTIONS, AT_ONCE = 8, 25


@pytest.mark.parametrize("sessions", [1_000, 10_000])
def test_the_census_is_right_within_three_percent(
    balance: Balance, servers: MakeServers, sessions: int
) -> None:
    lb = balance(servers(), workers=2)

    def crowd(number: int) -> Counter[str | None]:
        """New clients, one after another on one connection; those of two connections are told apart."""
        met: Counter[str | None] = Counter()
        request = get(f"User-Agent: crowd {number}")
        with lb.client() as client:
            for _ in range(sessions // CONNECTIONS // AT_ONCE):
                client.send(request * AT_ONCE)
                met.update(client.response().get("server-name") for _ in range(AT_ONCE))
                client.forget()
        return met

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        met = sum(pool.map(crowd, range(CONNECTIONS)), Counter[str | None]())
    assert reasons(lb) == {"new": sessions}
    counted = census(lb)
    assert sum(counted.values()) == pytest.approx(sessions, rel=0.03)
    for name, count in met.items():
        assert counted[str(name)] == pytest.approx(count, rel=0.03)


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
