"""Cookies of the balancer before us: their sessions stay, and get our cookie with the first answer."""

from ipaddress import IPv4Address

import pytest

from conftest import Balance
from equalizer.model.foreign import bigip_text, coyote_text
from flow.persistence.conftest import MakeServers
from support.visitor import LENGTH, Visitor, reasons


def bigip(address: str) -> str:
    host, _, port = address.partition(":")
    return bigip_text(IPv4Address(host), int(port))


@pytest.mark.parametrize(
    ("accept", "cookie"),
    [
        ({"format": "literal", "name": "SRV"}, "SRV=web2"),
        ({"format": "haproxy", "name": "SRV", "servers": {"s1": "web1", "s2": "web2"}}, "SRV=s2"),
        ({"format": "haproxy", "name": "SRV", "servers": {"s2": "web2"}}, "SRV=s2|Zm9v|YmFy"),
        ({"format": "haproxy", "name": "SRV", "servers": {"s2": "web2"}}, "SRV=s2~own"),
        ({"format": "bigip"}, "BIGipServershop={bigip}"),
        ({"format": "bigip", "servers": {"10.0.0.1:80": "web2"}}, "BIGipServerpool_a=16777226.20480.0000"),
        ({"format": "coyote", "servers": {"10.0.0.1": "web2"}}, "Coyote-2-0a000001=0A000001:0"),
    ],
)
def test_a_session_of_another_balancer_stays_where_it_is(
    balance: Balance, servers: MakeServers, accept: dict[str, object], cookie: str
) -> None:
    origins = servers()
    lb = balance(origins, workers=2, pool={"sessions": {"accept": [accept]}})
    for _ in range(4):
        visitor = Visitor(lb)
        assert visitor.home("Cookie: " + cookie.format(bigip=bigip(origins["web2"].address))) == "web2"
        assert len(visitor.jar["EQ"]) == LENGTH
        assert visitor.homes() == {"web2"}
    assert reasons(lb) == {"accepted": 4, "recalled": 16}
    assert all("SRV=s" not in value for one in origins["web2"].requests for value in one.all("cookie"))


def test_ours_is_believed_where_both_come(balance: Balance, servers: MakeServers) -> None:
    lb = balance(servers(), pool={"sessions": {"accept": [{"format": "literal", "name": "SRV"}]}})
    visitor = Visitor(lb)
    home = visitor.home()
    other = "web1" if home != "web1" else "web2"
    assert visitor.homes(f"Cookie: SRV={other}") == {home}
    assert {Visitor(lb).home("Cookie: SRV=web9") for _ in range(6)} == {"web1", "web2", "web3"}
    assert "accepted" not in reasons(lb)


def test_the_sessions_of_a_server_known_by_its_address(balance: Balance, servers: MakeServers) -> None:
    """All servers of a test have one host, so that coyote's form cannot tell them apart without a map."""
    assert coyote_text(IPv4Address("127.0.0.1")) == "7F000001"
    lb = balance({"web1": servers()["web1"]}, pool={"sessions": {"accept": [{"format": "coyote"}]}})
    assert Visitor(lb).home("Cookie: Coyote-2-x=7F000001:0") == "web1"
    assert reasons(lb) == {"accepted": 1}
