"""Probes over a reload, and probes that several pools share."""

import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Balance, MakeOrigin
from equalizer.errors import ConfigError
from flow.probes.conftest import FAST, Watcher
from support.balancer import Balancer
from support.origin import Origin, answering, response
from support.process import COMMAND, LIMIT, write
from support.wire import Wire

Watch = Callable[[Balancer], Watcher]
HEALTH = {"kind": "http", "path": "/health", **FAST}


def test_what_probes_found_outlives_a_reload(balance: Balance, make_origin: MakeOrigin, watch: Watch) -> None:
    servers = {"web1": make_origin(), "web2": make_origin(answering(response(status="500 No")))}
    lb = balance(servers, pool={"probe": HEALTH})
    events = watch(lb)
    events.until("server shop/web2: up → down")
    before = events.probed("web1", 2)
    lb.config["pools"]["shop"]["servers"]["web3"] = make_origin().address
    lb.service.reload(lb.config)
    assert events.server("web2").state == "down"
    assert events.server("web1").probes[0].passed >= before.probes[0].passed
    assert events.probed("web3").probes[0].up is True
    assert not [event for event in lb.service.events().events if "down → up" in event.text]
    lb.config["pools"]["shop"]["probe"] = {**HEALTH, "status": 500}
    lb.service.reload(lb.config)
    reloaded = events.last
    assert "server shop/web1: up → down" in events.until("web1").text
    events.last = reloaded  # whichever was first
    events.until("server shop/web2: down → up")
    del lb.config["pools"]["shop"]["probe"]
    lb.service.reload(lb.config)
    assert [events.server(name).state for name in ("web1", "web2", "web3")] == ["up"] * 3
    assert events.server("web1").probes == ()


def test_a_new_server_may_have_to_prove_itself_first(
    balance: Balance, make_origin: MakeOrigin, watch: Watch
) -> None:
    patient = {"interval": "20s", "timeout": "20s", "start": "down"}
    lb = balance({"web1": make_origin()}, pool={"probe": {**HEALTH, **patient}})
    events = watch(lb)
    events.until("server shop/web1: down → up, its probes pass")
    silent = make_origin(never_answering)
    lb.config["pools"]["shop"]["servers"]["web2"] = silent.address
    lb.service.reload(lb.config)
    found = events.server("web2")
    assert (found.state, found.why) == ("down", "probe http /health: no verdict yet")
    assert events.server("web1").state == "up"


def never_answering(origin: Origin, wire: Wire) -> None:
    """Read until the other side has had enough."""
    while wire.sock.recv(1 << 16):
        pass


def test_pools_share_the_same_probe_of_the_same_address(
    balance: Balance, make_origin: MakeOrigin, watch: Watch
) -> None:
    origin = make_origin()
    pool = {"servers": {"web1": origin.address}, "probe": HEALTH}
    lb = balance(origin, pool=pool, routes=[{"pool": "shop"}])
    lb.config["pools"]["other"] = {**pool, "servers": {"web9": origin.address}}
    lb.service.reload(lb.config)
    watch(lb).probed("web1", 3)
    origin.close()
    events = watch(lb)
    told = {events.until("up → down").text.partition(":")[0] for _ in range(2)}
    assert told == {"server shop/web1", "server other/web9"}
    shop, other = (pool.servers[0].probes[0] for pool in lb.service.status().pools)
    assert shop.passed == other.passed
    assert len(origin.requests) in (shop.passed, shop.passed + 1)


def test_servers_that_are_asked_at_one_port_share_the_probe(
    balance: Balance, make_origin: MakeOrigin, watch: Watch
) -> None:
    health = make_origin()
    port = int(health.address.rpartition(":")[2])
    servers = {"web1": make_origin().address, "web2": make_origin().address}
    lb = balance(servers, pool={"probe": {**HEALTH, "port": port}})
    events = watch(lb)
    events.probed("web1", 2)
    health.close()
    told = {events.until("up → down").text.partition(":")[0] for _ in range(2)}
    assert told == {"server shop/web1", "server shop/web2"}
    web1, web2 = (server.probes[0] for server in lb.service.status().pools[0].servers)
    assert web1.passed == web2.passed
    assert len(health.requests) in (web1.passed, web1.passed + 1)


def echoes_are_for_all() -> bool:
    """Whether the system lets us send echo requests without any right."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP).close()
    except PermissionError:
        return False
    return True


@pytest.mark.skipif(echoes_are_for_all(), reason="the system lets everybody send echo requests")
def test_where_the_system_allows_no_echo_requests_that_is_told(tmp_path: Path) -> None:
    file = write(tmp_path / "eq.toml", {"web1": "127.0.0.1:9001"}, '[pools.shop]\nprobe = ["tcp", "icmp"]')
    # Root may send them all the same, but for one who gives that right up.
    prefix = ("setpriv", "--bounding-set=-net_raw") if os.geteuid() == 0 else ()
    command = [*prefix, *COMMAND, "check", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert done.returncode == 2
    assert "pools.shop.probe[1]: " in done.stderr
    assert "the system lets this process send no echo requests" in done.stderr


def test_a_probe_with_files_that_are_none_is_told(balance: Balance, make_origin: MakeOrigin) -> None:
    with pytest.raises(ConfigError) as refused:
        balance(make_origin(), pool={"probe": {"kind": "tls", "tls": {"ca": "nowhere.pem"}}})
    assert [problem.key for problem in refused.value.problems] == ["pools.shop.probe.tls.ca"]
