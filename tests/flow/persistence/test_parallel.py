"""Requests at the same moment: of one session whose home is gone, of one new client, and of a crowd."""

import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from threading import Barrier

from conftest import Balance, MakeOrigin, naming
from equalizer.control import cookies
from flow.persistence.conftest import MakeServers
from support.balancer import Balancer, get, set_cookie
from support.origin import Origin
from support.process import running
from support.visitor import Visitor, reasons
from support.wire import Message, Wire, connect

SESSIONS, REQUESTS = 100, 64
NAMES = [f"web{number}" for number in range(1, 6)]


def configured(tmp_path: Path, origins: dict[str, Origin]) -> Path:
    """The configuration as a file, for the command that opens a cookie."""
    servers = "\n".join(f'{name} = "{origin.address}"' for name, origin in origins.items())
    file = tmp_path / "equalizer.toml"
    file.write_text(
        f'[listeners.web]\naddress = "127.0.0.1:0"\n[pools.shop.servers]\n{servers}\n'
        '[keys]\nfile = "keys"\n[engine]\nworkers = 2\n'
    )
    return file


def session(file: Path, value: str) -> cookies.OpenedCookie:
    """What a cookie holds."""
    found = cookies.explain(file, value)
    assert isinstance(found, cookies.OpenedCookie)
    return found


def begin(address: str, home: str) -> list[str]:
    """The cookies of sessions at a home; nobody is born twice on one connection."""
    with connect(address) as client:
        births = SESSIONS * (len(NAMES) + 1)
        client.send(get() * births)
        answers = [client.response() for _ in range(births)]
    found = [set_cookie(answer)[0] for answer in answers if answer.get("server-name") == home]
    return found[:SESSIONS]


@dataclass
class Storm:
    """As many requests of every session as there are connections, all sent before an answer is read."""

    clients: list[Wire]
    cookies: list[str]

    def send(self) -> None:
        requests = b"".join(get(f"Cookie: {cookie}") for cookie in self.cookies)
        for client in self.clients:
            client.send(requests)

    def answers(self) -> list[list[Message]]:
        """By session."""
        by_client = [[client.response() for _ in self.cookies] for client in self.clients]
        return [list(of_session) for of_session in zip(*by_client, strict=True)]


def test_a_killed_home_has_one_successor_for_each_session(make_origin: MakeOrigin, tmp_path: Path) -> None:
    """Under parallel requests of all its sessions, at two processes of two workers that share only keys."""
    origins = {name: make_origin(naming(name)) for name in NAMES}
    file = configured(tmp_path, origins)
    twin = file.with_name("twin.toml")
    twin.write_text(file.read_text())
    opened = cache(partial(session, file))
    with ExitStack() as stack:
        members = [stack.enter_context(running(each)).address for each in (file, twin)]
        begun = begin(members[0], "web5")
        assert len({opened(cookie).session for cookie in begun}) == SESSIONS
        before = len(origins["web5"].requests)
        clients = [stack.enter_context(connect(members[turn % 2])) for turn in range(REQUESTS)]
        storm = Storm(clients, begun)
        storm.send()
        origins["web5"].wait_for(lambda: len(origins["web5"].requests) > before + SESSIONS * REQUESTS // 4)
        origins["web5"].end()  # in the midst of it
        during = storm.answers()
        storm.send()
        after = storm.answers()
    successors = [{answer.get("server-name") for answer in answers} for answers in after]
    assert all(len(homes) == 1 for homes in successors)
    assert set.union(*successors) == {"web1", "web2", "web3", "web4"}
    for cookie, homes, answers in zip(begun, successors, zip(during, after, strict=True), strict=True):
        met = [answer for each in answers for answer in each]
        assert {answer.status for answer in met} == {200}
        assert {answer.get("server-name") for answer in met} <= {"web5", *homes}
        for answer in met:
            home = answer.get("server-name")
            stamped = set_cookie(answer)[0] if home != "web5" else cookie
            assert (opened(stamped).session, opened(stamped).home) == (opened(cookie).session, home)
    met_during = Counter(answer.get("server-name") for answers in during for answer in answers)
    assert met_during["web5"] < SESSIONS * REQUESTS, "it was killed too late"


def burst(lb: Balancer, source: str, agents: list[str]) -> list[Message]:
    """The answers to requests of one address, all sent before any is answered, each on its own connection."""
    barrier = Barrier(len(agents))

    def visit(agent: str) -> Message:
        visitor = Visitor(lb, source)
        with visitor.connect() as wire:
            barrier.wait()
            wire.send(visitor.request(f"User-Agent: {agent}"))
            answer = wire.response()
            barrier.wait()
            return answer

    with ThreadPoolExecutor(len(agents)) as pool:
        return list(pool.map(visit, agents))


def test_the_first_visit_of_a_browser_is_one_birth(
    balance: Balance, servers: MakeServers, tmp_path: Path
) -> None:
    origins = servers()
    file = configured(tmp_path, origins)
    lb = balance(origins, workers=2, keys={"file": str(tmp_path / "keys")})
    met = set()
    for number in range(2, 8):
        answers = burst(lb, f"127.0.0.{number}", ["browser"] * 8)
        homes = {answer.get("server-name") for answer in answers}
        assert len(homes) == 1
        assert len({session(file, set_cookie(answer)[0]).session for answer in answers}) == 1
        met |= homes
    assert met == set(origins)
    assert reasons(lb) == {"new": 6, "new_shared": 42}


def test_without_a_window_nothing_is_shared(balance: Balance, servers: MakeServers) -> None:
    """The test above can fail: this is what it would see."""
    lb = balance(servers(), workers=2, pool={"sessions": {"burst": "off"}})
    answers = burst(lb, "127.0.0.2", ["browser"] * 8)
    assert {answer.get("server-name") for answer in answers} == {"web1", "web2", "web3"}
    assert reasons(lb) == {"new": 8}


def test_nobody_shares_a_birth_at_a_server_that_is_in_maintenance(
    balance: Balance, servers: MakeServers
) -> None:
    lb = balance(servers(), workers=2, pool={"sessions": {"burst": "1m"}})
    with lb.client() as first:
        first.send(get())
        home = first.response().get("server-name")
        assert home is not None
        assert Visitor(lb).home() == home
        lb.service.set_state("shop", home, "maintenance")
        assert home not in {Visitor(lb).home() for _ in range(4)}


def test_a_crowd_behind_one_address_is_spread(balance: Balance, servers: MakeServers) -> None:
    lb = balance(servers(), workers=2)
    clients = [lb.client() for _ in range(200)]
    for client in clients:
        client.send(get("User-Agent: everybody's"))
    spread = Counter(client.response().get("server-name") for client in clients)
    for client in clients:
        client.close()
    assert len(spread) == 3
    assert max(spread.values()) <= 90, spread
    assert reasons(lb)["new"] >= 200 / 16


def test_curls_without_cookies_alternate(balance: Balance, servers: MakeServers) -> None:
    for workers in (1, 2):
        lb = balance(servers(), workers=workers)
        command = ["curl", "-sS", "--noproxy", "*", "-o", "/dev/null", "-w", "%header{server-name}"]
        homes = [
            subprocess.run(
                [*command, lb.service.url("web")], capture_output=True, check=True, text=True
            ).stdout
            for _ in range(9)
        ]
        assert set(homes) == {"web1", "web2", "web3"}, homes
        assert workers == 2 or all(len(set(homes[at : at + 3])) == 3 for at in range(7)), homes
        assert workers == 2 or reasons(lb) == {"new": 9}
