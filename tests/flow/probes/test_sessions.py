"""Sessions and probes: who is re-homed, who returns, and who is found to have forgotten."""

import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from conftest import Balance, MakeOrigin
from flow.probes.conftest import FAST, Watcher
from support.balancer import Balancer
from support.origin import Origin, replying, response
from support.visitor import Visitor, lost, outlast, reasons
from support.wire import Message

Watch = Callable[[Balancer], Watcher]
NAMES = ("web1", "web2", "web3")
HEALTH = {"kind": "http", "path": "/health", "start": "up", **FAST}


class Shop:
    """Servers that answer with their names, and to probes as they are told."""

    def __init__(self, make_origin: MakeOrigin) -> None:
        self.ill: set[str] = set()
        self.lives = dict.fromkeys(NAMES, "1")
        self.refused: dict[str, float] = {}
        """When a probe was last told that the server is ill."""
        self.origins = {name: self._origin(make_origin, name) for name in NAMES}

    def _origin(self, make_origin: MakeOrigin, name: str) -> Origin:
        def reply(request: Message) -> bytes:
            ill = request.target == "/health" and name in self.ill
            if ill:
                self.refused.setdefault(name, time.time())
            status = "503 No" if ill else "200 OK"
            return response(b"", f"Server-Name: {name}", f"Server-Life: {self.lives[name]}", status=status)

        return make_origin(replying(reply))


@pytest.fixture
def shop(make_origin: MakeOrigin) -> Shop:
    return Shop(make_origin)


def one_each(lb: Balancer) -> dict[str, Visitor]:
    """A client of every server."""
    visitors: dict[str, Visitor] = {}
    while set(visitors) != set(NAMES):
        visitor = Visitor(lb)
        visitors[visitor.home()] = visitor
    return visitors


def fall(shop: Shop, events: Watcher, name: str) -> None:
    shop.ill.add(name)
    events.until(f"server shop/{name}: up → down, probe http /health: status 503, not 200-399")


def rise(shop: Shop, events: Watcher, name: str) -> None:
    shop.ill.discard(name)
    events.until(f"server shop/{name}: down → up, its probes pass")


def test_the_sessions_of_a_home_that_is_down_agree_on_another(
    balance: Balance, shop: Shop, watch: Watch
) -> None:
    lb = balance(shop.origins, workers=2, pool={"probe": HEALTH})
    events = watch(lb)
    visitors = one_each(lb)
    fall(shop, events, "web2")
    with ThreadPoolExecutor(8) as pool:
        homes = set(pool.map(lambda _: _again(visitors["web2"]), range(16)))
    assert len(homes) == 1
    assert homes < {"web1", "web3"}
    assert visitors["web1"].homes() == {"web1"}
    assert visitors["web3"].homes() == {"web3"}
    assert {Visitor(lb).home() for _ in range(8)} == {"web1", "web3"}
    assert lost(lb) == {"home_down": 16}
    assert lb.counts("web2")["faults"] == {}


def _again(visitor: Visitor) -> str | None:
    """The server that answers the old cookie."""
    with visitor.connect() as wire:
        wire.send(visitor.request())
        return wire.response().get("server-name")


def test_a_strict_pool_refuses_the_sessions_of_a_home_that_is_down(
    balance: Balance, shop: Shop, watch: Watch
) -> None:
    lb = balance(shop.origins, pool={"probe": HEALTH, "sessions": {"strict": True}})
    events, visitor = watch(lb), one_each(lb)["web2"]
    fall(shop, events, "web2")
    assert visitor.ask().status == 503
    rise(shop, events, "web2")
    assert visitor.home() == "web2"


@pytest.mark.parametrize(("fail_back", "returns"), [("stay", False), ("return", True)])
def test_whether_a_session_returns_is_as_fail_back_says(
    balance: Balance, shop: Shop, watch: Watch, fail_back: str, returns: bool
) -> None:
    lb = balance(shop.origins, pool={"probe": HEALTH, "sessions": {"fail_back": fail_back}})
    events, visitor = watch(lb), one_each(lb)["web2"]
    fall(shop, events, "web2")
    meanwhile = visitor.home()
    assert meanwhile != "web2"
    rise(shop, events, "web2")
    assert visitor.homes() == ({"web2"} if returns else {meanwhile})


def test_a_server_that_was_down_has_forgotten_where_the_settings_say_so(
    balance: Balance, shop: Shop, watch: Watch
) -> None:
    lb = balance(shop.origins, pool={"probe": HEALTH, "sessions": {"incarnation_on_return": True}})
    events, visitors = watch(lb), one_each(lb)
    outlast(0)
    fall(shop, events, "web2")
    rise(shop, events, "web2")
    assert visitors["web2"].home() == "web2"
    assert lost(lb) == {"incarnation_changed": 1}
    assert visitors["web1"].home() == "web1"
    assert lost(lb) == {"incarnation_changed": 1}


def test_a_probe_finds_a_restart_before_the_first_client_does(
    balance: Balance, shop: Shop, watch: Watch
) -> None:
    lb = balance(shop.origins, pool={"probe": HEALTH, "sessions": {"incarnation_field": "Server-Life"}})
    events = watch(lb)
    events.probed("web2")
    visitors = one_each(lb)
    assert visitors["web2"].home() == "web2"
    assert lost(lb) == {}
    shop.lives["web2"] = "2"
    events.probed("web2", 2)
    assert visitors["web2"].home() == "web2"
    assert lost(lb) == {"incarnation_changed": 1}
    assert reasons(lb)["incarnation_changed"] == 1


def test_a_verdict_is_with_the_workers_at_once(balance: Balance, shop: Shop, watch: Watch) -> None:
    lb = balance(shop.origins, workers=2, pool={"probe": {**HEALTH, "fall": 1}})
    events = watch(lb)
    events.probed("web2")
    took = []
    for _ in range(5):
        shop.refused.clear()
        fall(shop, events, "web2")
        took.append(lb.service.events().events[-1].at - shop.refused["web2"])
        assert {Visitor(lb).home() for _ in range(6)} == {"web1", "web3"}
        rise(shop, events, "web2")
    assert statistics.median(took) < 1, took


def test_a_person_and_a_probe_do_not_hide_each_other(balance: Balance, shop: Shop, watch: Watch) -> None:
    lb = balance(shop.origins, pool={"probe": HEALTH})
    events, visitors = watch(lb), one_each(lb)
    fall(shop, events, "web2")
    change = lb.service.set_state("shop", "web2", "up")
    assert change.but == "probe http /health: status 503, not 200-399"
    assert events.server("web2").state == "down"
    # A wrong answer is an answer: whoever drains keeps its sessions.
    assert lb.service.set_state("shop", "web2", "draining").but == ""
    assert (events.server("web2").state, events.server("web2").said) == ("draining", "draining")
    assert visitors["web2"].homes() == {"web2"}
    lb.service.set_state("shop", "web2", "maintenance")
    assert events.server("web2").state == "maintenance"
    shop.ill.clear()
    events.until("server shop/web2: maintenance, its probes pass")
    lb.service.set_state("shop", "web2", "up")
    assert events.server("web2").state == "up"


def test_a_server_that_drains_and_is_gone_is_down(balance: Balance, shop: Shop, watch: Watch) -> None:
    lb = balance(shop.origins, pool={"probe": HEALTH})
    events, visitor = watch(lb), one_each(lb)["web2"]
    lb.service.set_state("shop", "web2", "draining")
    shop.origins["web2"].end()
    events.until("server shop/web2: draining → down, probe http /health: ")
    found = events.server("web2")
    assert (found.state, found.said) == ("down", "draining")
    assert visitor.home() != "web2"
    assert lost(lb) == {"home_down": 1}


def test_with_too_few_servers_left_probes_are_not_believed(
    balance: Balance, shop: Shop, watch: Watch
) -> None:
    lb = balance(shop.origins, pool={"probe": HEALTH, "panic": "50%"})
    events = watch(lb)
    visitors = one_each(lb)
    fall(shop, events, "web1")
    shop.ill.add("web2")
    assert events.until("pool shop: 1 of 3 servers are well, so probes are not believed")
    assert [events.server(name).state for name in NAMES] == ["up"] * 3
    assert events.server("web2").why == "probe http /health: status 503, not 200-399"
    assert {name: visitors[name].home() for name in NAMES} == dict(zip(NAMES, NAMES, strict=True))
    assert lb.service.status().pools[0].panics
    shop.ill.discard("web2")
    assert events.until("pool shop: 2 of 3 servers are well, probes are believed again")
    assert [events.server(name).state for name in NAMES] == ["down", "up", "up"]


SERVER = """
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200)
        self.send_header("Server-Name", sys.argv[1])
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Answer)
print(server.server_port, flush=True)
server.serve_forever()
"""


@contextmanager
def process(name: str, port: int = 0) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A server that is a process, and its port."""
    command = [sys.executable, "-c", SERVER, name, str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        try:
            yield server, int(server.stdout.readline())
        finally:
            server.kill()


@pytest.mark.parametrize(
    ("probe", "why"),
    [
        ({"timeout": "300ms"}, "no answer within 0.3s"),
        ({"timeout": "300ms", "body": "^"}, "no answer within 0.3s"),
    ],
)
def test_a_server_that_hangs_is_found_before_its_sessions_wait_for_it(
    balance: Balance, watch: Watch, probe: dict[str, Any], why: str
) -> None:
    with process("web1") as (hanging, port), process("web2") as (_, other):
        servers = {"web1": f"127.0.0.1:{port}", "web2": f"127.0.0.1:{other}"}
        lb = balance(servers, pool={"probe": {**HEALTH, **probe}})
        events = watch(lb)
        visitor = Visitor(lb)
        while visitor.home() != "web1":
            visitor = Visitor(lb)
        hanging.send_signal(signal.SIGSTOP)
        events.until(f"server shop/web1: up → down, probe http /health: {why}")
        assert visitor.home() == "web2"
        hanging.send_signal(signal.SIGCONT)
        events.until("server shop/web1: down → up")


def test_a_server_that_is_killed_and_started_again_is_back(balance: Balance, watch: Watch) -> None:
    with process("web2") as (_, other):
        with process("web1") as (_, port):
            servers = {"web1": f"127.0.0.1:{port}", "web2": f"127.0.0.1:{other}"}
            lb = balance(servers, pool={"probe": HEALTH, "sessions": {"fail_back": "return"}})
            events = watch(lb)
            visitor = Visitor(lb)
            while visitor.home() != "web1":
                visitor = Visitor(lb)
        events.until("server shop/web1: up → down")
        assert visitor.home() == "web2"
        with process("web1", port):
            events.until("server shop/web1: down → up")
            assert visitor.home() == "web1"
