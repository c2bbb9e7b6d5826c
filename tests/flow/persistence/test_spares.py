"""Hot spares and servers without sessions: who takes requests when, and whose cookie says what."""

from typing import Any

from conftest import Balance
from flow.persistence.conftest import MakeServers
from support.balancer import Balancer
from support.origin import Origin
from support.visitor import Visitor, lost, reasons


def serve(balance: Balance, origins: dict[str, Origin], **of_web3: Any) -> Balancer:
    """With these settings at web3."""
    addresses = {name: each.address for name, each in origins.items()}
    servers = {**addresses, "web3": {"address": addresses["web3"], **of_web3}}
    return balance(origins, workers=2, pool={"servers": servers})


def test_a_spare_serves_when_all_others_have_failed_and_keeps_what_was_born_there(
    balance: Balance, servers: MakeServers
) -> None:
    origins = servers()
    lb = serve(balance, origins, spare=True)
    of_web1 = next(each for each in (Visitor(lb) for _ in range(4)) if each.home() == "web1")
    assert {Visitor(lb).home() for _ in range(12)} == {"web1", "web2"}
    lb.service.set_state("shop", "web2", "draining")
    origins["web1"].end()
    born = Visitor(lb)
    assert (born.home(), of_web1.home()) == ("web3", "web3")
    lb.service.set_state("shop", "web2", "up")
    assert (born.homes(), Visitor(lb).home()) == ({"web3"}, "web2")
    assert lost(lb) == {"home_down": 1}


def test_a_server_without_sessions_serves_and_names_nobody(balance: Balance, servers: MakeServers) -> None:
    lb = serve(balance, servers(), persist=False)
    visitors = [Visitor(lb) for _ in range(12)]
    homes = [visitor.home() for visitor in visitors]
    assert set(homes) == {"web1", "web2", "web3"}
    assert [bool(visitor.jar) for visitor in visitors] == [home != "web3" for home in homes]
    assert lb.counts("web3")["sessions"] == 0
    assert set(reasons(lb)) <= {"new", "new_shared"}
