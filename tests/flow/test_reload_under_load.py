"""A hundred reloads that no client notices: of what they change, and of what they leave alone."""

import socket
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect as enter

from conftest import MakeOrigin, naming
from equalizer.control.service import Service
from equalizer.errors import ListenError
from support.authority import Authority
from support.balancer import get
from support.load import load
from support.room import Room
from support.visitor import until
from support.wire import Wire, connect

RELOADS = 100
CLIENTS = 4


@pytest.mark.timeout(180)
def test_changed_servers_routes_certificates_and_limits_break_nothing(
    make_origin: MakeOrigin, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    certificates = [authority.issue("one", "127.0.0.1"), authority.issue("two", "127.0.0.1", "shop.test")]
    names = ("web1", "web2", "web3", "web4")
    shop, plain = ({name: make_origin(naming(name)) for name in names} for _ in range(2))
    room = Room("room")

    def config(number: int) -> dict[str, Any]:
        pools: dict[str, Any] = {
            # One server comes or goes each time; the other two are there in turn with another address.
            "shop": {"servers": {name: shop[name].address for name in names[: 2 + number % 3]}},
            "plain": {"persistence": "none", "servers": {name: each.address for name, each in plain.items()}},
            "rooms": {"servers": {"room": room.address}},
        }
        pools["shop"]["servers"]["moving"] = (shop, plain)[number % 2]["web1"].address
        tls = {**certificates[number % 2], "min_version": "1.3"}
        return {
            "listeners": {
                "web": {"address": "127.0.0.1:0", "http2": number % 2 == 0},
                "web-tls": {"address": "127.0.0.1:0", "tls": tls},
            },
            "pools": pools,
            "routes": [{"pool": ("shop", "plain")[number % 2] if number else "rooms"}],
            "engine": {"workers": 2},
            "limits": {"head": f"{32 + number}KiB", "fields": 50 + number},
            "timeouts": {"response": f"{30 + number}s"},
        }

    with Service(config(0)) as service:
        web, web_tls = service.address("web"), service.address("web-tls")
        with enter(f"ws://{web}/") as tunnel:
            assert tunnel.recv() == "room"
            service.reload(config(1))
            with load(web, CLIENTS) as one, load(web_tls, CLIENTS, authority.trust()) as two:
                for number in range(2, 2 + RELOADS):
                    assert service.reload(config(number)).revision == number + 1
                    tunnel.send(f"still {number}")
                    assert tunnel.recv() == f"still {number}"
                    one.goes_on(1)
                    two.goes_on(1)
            # Every client has used one connection from the first exchange to the last.
            assert (one.connections, two.connections) == (CLIENTS, CLIENTS)
            assert (service.address("web"), service.address("web-tls")) == (web, web_tls)
            for server in plain.values():
                # As many as there were clients at once; a reload that lost them would open hundreds.
                assert 1 <= len(server.connections) <= 4 * CLIENTS
    room.end()


def test_a_pool_that_does_not_change_keeps_its_turn_and_its_connections(make_origin: MakeOrigin) -> None:
    servers = {name: make_origin(naming(name)) for name in ("web1", "web2", "web3")}
    other = make_origin()

    def config(number: int) -> dict[str, Any]:
        names = [f"other{each}" for each in range(1 + number % 3)]
        return {
            "listeners": {"web": {"address": "127.0.0.1:0"}},
            "pools": {
                "shop": {
                    "persistence": "none",
                    "servers": {name: each.address for name, each in servers.items()},
                },
                "other": {"servers": dict.fromkeys(names, other.address)},
            },
            "routes": [{"pool": "shop"}],
            "engine": {"workers": 1},
            "limits": {"fields": 50 + number},
        }

    with Service(config(0)) as service, connect(service.address("web")) as client:
        turns = []
        for number in range(1, RELOADS + 1):
            service.reload(config(number))
            client.send(get())
            turns.append(client.response().get("server-name"))
        assert turns == [f"web{1 + turn % 3}" for turn in range(RELOADS)]
        assert {name: len(each.connections) for name, each in servers.items()} == dict.fromkeys(servers, 1)


def test_a_listener_gets_another_name_and_keeps_its_address_and_its_clients(make_origin: MakeOrigin) -> None:
    server = make_origin(naming("web1"))
    free = [free_address() for _ in range(2)]

    def config(**listeners: str) -> dict[str, Any]:
        return {
            "listeners": {name: {"address": address} for name, address in listeners.items()},
            "pools": {"shop": {"servers": {"web1": server.address}}},
            "engine": {"workers": 2},
        }

    with Service(config(old=free[0], other=free[1])) as service, load(free[0]) as one, load(free[1]) as two:
        done = service.reload(config(new=free[0], other=free[1]))
        assert {"added listeners.new", "removed listeners.old"} <= set(done.changes)
        assert service.address("new") == free[0]
        one.goes_on(10)
        service.reload(config(new=free[1], other=free[0]))  # they change places
        assert (service.address("new"), service.address("other")) == (free[1], free[0])
        for crowd in (one, two):
            crowd.goes_on(10)
    assert (one.connections, two.connections) == (4, 4)


def test_a_listener_moves_and_who_is_connected_to_its_old_address_stays(
    make_origin: MakeOrigin,
) -> None:
    server = make_origin(naming("web1"))
    free = [free_address() for _ in range(2)]

    def config(address: str) -> dict[str, Any]:
        return {
            "listeners": {"web": {"address": address}},
            "pools": {"shop": {"servers": {"web1": server.address}}},
        }

    with Service(config(free[0])) as service, load(free[0]) as before:
        done = service.reload(config(free[1]))
        assert done.changes == (f'changed listeners.web.address: "{free[0]}" → "{free[1]}"',)
        before.goes_on(10)
        with load(free[1]) as after:
            after.goes_on(10)
        until(lambda: is_refused(free[0]), bool)
        assert before.connections == 4


def test_a_listener_takes_every_address_of_its_port_and_lets_go_of_them(make_origin: MakeOrigin) -> None:
    server = make_origin(naming("web1"))
    address = free_address()
    port = int(address.rpartition(":")[2])

    def config(*addresses: str) -> dict[str, Any]:
        return {
            "listeners": {f"web{number}": {"address": each} for number, each in enumerate(addresses)},
            "pools": {"shop": {"servers": {"web1": server.address}}},
            "engine": {"workers": 2},
        }

    every, six = f":{port}", f"[::]:{port}"
    with Service(config(address)) as service, load(address) as before:
        for addresses in ([every], [six], [every, six, address], [address]):
            service.reload(config(*addresses))
            for host in ("127.0.0.1", "::1") if six in addresses else ("127.0.0.1",):
                with Wire(socket.create_connection((host, port))) as client:
                    client.send(get())
                    assert client.response().status == 200
        before.goes_on(10)
    assert before.connections == 4


def test_a_port_is_shared_with_no_stranger(make_origin: MakeOrigin) -> None:
    address = free_address()
    port = address.rpartition(":")[2]
    pools = {"shop": {"servers": {"web1": make_origin().address}}}

    def config(address: str) -> dict[str, Any]:
        return {"listeners": {"web": {"address": address}}, "pools": pools}

    taken = pytest.raises(ListenError, match="Address already in use")
    with Service(config(address)), Service(config(free_address())) as service, taken:
        service.reload(config(f":{port}"))


def free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def is_refused(address: str) -> bool:
    try:
        connect(address).close()
    except ConnectionRefusedError:
        return True
    return False
