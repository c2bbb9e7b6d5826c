"""Requests at the same moment: of one session whose home is gone, of one new client, and of a crowd."""

import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from conftest import Balance, MakeOrigin, naming
from equalizer.control import cookies
from flow.persistence.conftest import MakeServers
from support.balancer import Balancer, get, set_cookie
from support.origin import Origin
from support.visitor import Visitor, reasons
from support.wire import Message

SESSIONS, REQUESTS = 20, 64
NAMES = [f"web{number}" for number in range(1, 6)]


def configured(tmp_path: Path, origins: dict[str, Origin]) -> Path:
    """The configuration as a file, for the command that opens a cookie."""
    servers = "\n".join(f'{name} = "{origin.address}"' for name, origin in origins.items())
    file = tmp_path / "equalizer.toml"
    file.write_text(
        f'[listeners.web]\naddress = "127.0.0.1:0"\n[pools.shop.servers]\n{servers}\n[keys]\nfile = "keys"\n'
    )
    return file


def session(file: Path, value: str) -> str:
    """The id of a cookie's session."""
    found = cookies.explain(file, value)
    assert isinstance(found, cookies.OpenedCookie)
    return found.session


def test_a_killed_home_has_one_successor_for_each_session(
    balance: Balance, make_origin: MakeOrigin, tmp_path: Path
) -> None:
    """Under parallel requests of all its sessions, at two members of two workers that share only keys."""
    origins = {name: make_origin(naming(name)) for name in NAMES}
    file = configured(tmp_path, origins)
    members = [balance(origins, workers=2, keys={"file": str(tmp_path / "keys")}) for _ in range(2)]
    visitors: list[Visitor] = []
    for number in range(2, 250):
        # Two clients of one address may be taken for one until the other worker has seen the first one leave.
        visitor = Visitor(members[0], f"127.0.0.{number}")
        if visitor.home() == "web5" and len(visitors) < SESSIONS:
            visitors.append(visitor)
    begun = [session(file, visitor.jar["EQ"]) for visitor in visitors]
    assert len(set(begun)) == SESSIONS

    def storm(thread: int) -> list[list[tuple[str, str]]]:
        """An eighth of the requests of every session, on a connection of its own."""
        lb, met = members[thread % 2], []
        with lb.client() as client:
            for place, visitor in enumerate(visitors):
                if thread == 0 and place == 1:
                    origins["web5"].end()  # in the midst of it
                answers: list[tuple[str, str]] = []
                for _ in range(REQUESTS // 8):
                    client.send(visitor.request())
                    answer = client.response()
                    assert answer.status == 200
                    value = set_cookie(answer)[0] if answer.all("set-cookie") else f"EQ={visitor.jar['EQ']}"
                    answers.append((str(answer.get("server-name")), value))
                met.append(answers)
        return met

    with ThreadPoolExecutor(8) as pool:
        storms = list(pool.map(storm, range(8)))
    successors = []
    for place, visitor in enumerate(visitors):
        answers = [answer for each in storms for answer in each[place]]
        assert len(answers) == REQUESTS
        homes = {home for home, _ in answers} - {"web5"}
        assert len(homes) <= 1, homes
        assert {session(file, value) for _, value in answers} == {begun[place]}
        successors.append(visitor.home())
        assert homes <= {successors[-1]}
        visitor.lb = members[1]
        assert visitor.homes() == {successors[-1]}
    assert len(set(successors)) > 1


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
        assert len({session(file, set_cookie(answer)[0][3:]) for answer in answers}) == 1
        met |= homes
    assert met == set(origins)
    assert reasons(lb) == {"new": 6, "new_shared": 42}


def test_without_a_window_nothing_is_shared(balance: Balance, servers: MakeServers) -> None:
    """The test above can fail: this is what it would see."""
    lb = balance(servers(), workers=2, pool={"sessions": {"burst": "off"}})
    answers = burst(lb, "127.0.0.2", ["browser"] * 8)
    assert {answer.get("server-name") for answer in answers} == {"web1", "web2", "web3"}
    assert reasons(lb) == {"new": 8}


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
