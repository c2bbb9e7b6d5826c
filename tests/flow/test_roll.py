"""The script of examples/ that restarts the servers of a pool, run as an operator runs it, under clients."""

import json
import os
import re
import secrets
import subprocess
import sys
import time
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from support.deployed import Machines, machines
from support.load import Load, load, request
from support.process import run, running, status
from support.wire import Message, Wire

EXAMPLES = Path(__file__).parents[2] / "examples"
LIMIT = 90  # seconds
PACE = 0.2  # seconds between two requests of a client
LENGTH = 15  # requests of a session that ends by itself


class Shoppers(Load):
    """Clients whose sessions end by themselves; then each comes again as somebody else."""

    def __init__(self, *arguments: Any) -> None:
        self.sessions = 0
        """Those that came to their end."""
        self.homes: set[tuple[str, str]] = set()
        """Each server and life of it that had one."""
        self._pause = Event()
        super().__init__(*arguments)

    def _exchange(self, wire: Wire, jar: list[str]) -> bool:
        jar.clear()
        visitor, homes = secrets.token_hex(8), set()
        for count in range(1, LENGTH + 1):
            answer = self._ask(wire, jar, visitor)
            homes.add((answer.get("server-name") or "", answer.get("server-life") or ""))
            assert (len(homes), answer.get("asked")) == (1, str(count)), homes
        with self._changed:
            self.sessions += 1
            self.homes |= homes
        return False

    def _ask(self, wire: Wire, jar: list[str], visitor: str) -> Message:
        self._pause.wait(PACE)
        answer = request(wire, jar, f"User-Agent: {visitor}")
        with self._changed:
            self.exchanges += 1
            self._changed.notify_all()
        return answer


class Loyal(Shoppers):
    """Clients whose sessions do not end."""

    def __init__(self, *arguments: Any) -> None:
        self.moves: list[tuple[float, str]] = []
        """When one was answered by another server, and which it had left."""
        super().__init__(*arguments)

    def _exchange(self, wire: Wire, jar: list[str]) -> bool:
        visitor, home = secrets.token_hex(8), ""
        while not self._ending:
            name = self._ask(wire, jar, visitor).get("server-name") or ""
            if home and name != home:
                with self._changed:
                    self.moves.append((time.time(), home))
            home = name
        return False


def written(folder: Path, there: Machines, idle: str = "30m") -> Path:
    """The configuration of the example, for servers that are there."""
    before, servers, after = re.split(
        r"(?<=servers]\n)((?:web\d.*\n)+)", (EXAMPLES / "roll.toml").read_text(), maxsplit=1
    )
    assert len(servers.splitlines()) >= len(there.servers)
    for of_example, here in (("127.0.0.1:8080", "127.0.0.1:0"), ('"1s"', '"200ms"'), ('"30m"', f'"{idle}"')):
        assert of_example in before
        before = before.replace(of_example, here)
    lines = (f'{name} = "{server.address}"\n' for name, server in there.servers.items())
    file = folder / "eq.toml"
    file.write_text("".join((before, *lines, after)))
    return file


def roll(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The script, to its end, with the command `equalizer` of this Python."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [sys.executable, EXAMPLES / "roll.py", *arguments],
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


def states() -> dict[str, object]:
    return {name: server["state"] for name, server in status().items()}


def lost() -> int:
    (pool,) = json.loads(run("status", "--json").stdout)["pools"]
    return sum(pool["lost"].values())


@pytest.mark.timeout(2 * LIMIT)
def test_ten_servers_are_restarted_and_no_session_that_ends_in_time_is_lost(tmp_path: Path) -> None:
    with machines(10) as there, running(written(tmp_path, there, idle="7s")) as balancer:
        with load(balancer.address, clients=8, kind=Shoppers) as crowd:
            done = roll("shop", "--deadline", "1m", "--at-once", "5", "--", *there.restart)
            crowd.goes_on(LENGTH)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.endswith("sessions lost: 0\n")
        assert isinstance(crowd, Shoppers)
        assert [len(server.lives) for server in there.servers.values()] == [2] * 10
        assert states() == dict.fromkeys(there.servers, "up")
        assert lost() == 0
    # Sessions were born while servers drained, and on those that were back.
    lives = {(name, str(server.lives[1])) for name, server in there.servers.items()}
    assert crowd.homes & lives
    assert crowd.homes - lives


def test_a_session_that_does_not_end_stays_until_the_deadline_and_then_moves_once(tmp_path: Path) -> None:
    with machines(3) as there, running(written(tmp_path, there)) as balancer:
        with load(balancer.address, clients=6, kind=Loyal) as crowd:
            done = roll("shop", "web1", "web2", "--deadline", "3s", "--", *there.restart)
            crowd.goes_on(6)
        assert (done.returncode, done.stderr) == (0, "")
        assert isinstance(crowd, Loyal)
        assert [len(server.lives) for server in there.servers.values()] == [2, 2, 1]
        found = [json.loads(line) for line in run("events", "--json").stdout.splitlines()]
        drained = {event["server"]: event["at"] for event in found if "→ draining" in event["text"]}
        assert drained.keys() == {"web1", "web2"} == {home for _, home in crowd.moves}
        # The engine counts a deadline in whole seconds.
        assert all(at >= drained[home] + 2 for at, home in crowd.moves)
        assert lost() == len(crowd.moves)
        # Who comes back after the deadline meets a server that still drains, or is in maintenance by then.
        told = re.findall(r"(\d+) home_(?:draining_moved|maintenance)", done.stdout.splitlines()[-1])
        assert sum(map(int, told)) == len(crowd.moves)


def test_it_stops_at_a_server_that_does_not_come_back_and_leaves_the_others_as_they_were(
    tmp_path: Path,
) -> None:
    with machines(4) as there, running(written(tmp_path, there)) as balancer:
        there.servers["web2"].may_start = False
        words = ("shop", "--at-once", "2", "--patience", "1", "--", *there.restart)
        done = roll(*words)
        assert done.returncode == 1
        assert done.stderr.splitlines() == [
            "roll.py: shop/web2 did not come back in 1 s, probe http /health: connection refused",
            "roll.py: left to do: web2 web3 web4; equalizer status shows how they are",
        ]
        assert states() == {"web1": "up", "web2": "maintenance", "web3": "up", "web4": "up"}
        assert [len(server.lives) for server in there.servers.values()] == [2, 1, 1, 1]
        again = roll(*words)
        message = "roll.py: web2 is maintenance; see to it first, or name the others\n"
        assert (again.returncode, again.stdout, again.stderr) == (2, "", message)
        assert balancer.get()


def test_it_stops_at_a_command_that_fails_and_lets_those_serve_that_it_has_drained(tmp_path: Path) -> None:
    with machines(3) as there, running(written(tmp_path, there)):
        done = roll("shop", "--at-once", "2", "--", "false")
        assert done.returncode == 1
        assert done.stderr.splitlines() == [
            "roll.py: shop/web1: false has failed with 1",
            "roll.py: left to do: web1 web2 web3; equalizer status shows how they are",
        ]
        assert states() == {"web1": "maintenance", "web2": "up", "web3": "up"}


def test_what_is_wrong_is_told_before_a_server_is_touched(tmp_path: Path) -> None:
    with machines(2) as there, running(written(tmp_path, there)):
        for arguments, code, said in (
            (["shp", "--", "true"], 2, "found no pool shp; write shop"),
            (["shop", "web9", "--", "true"], 2, "found no server web9; write web1 or web2"),
            (["shop"], 2, "write --at-once of 1 or more, and behind -- what restarts a server"),
            (["shop", "--", "no-such"], 2, "found no command no-such"),
            (["shop", "--at-once", "2", "--", "true"], 1, "while web1 and web2 drain, no other server would"),
            (["shop", "--deadline", "soon", "--", "true"], 1, 'found deadline "soon"; write a time from 1s'),
        ):
            done = roll(*arguments)
            assert (done.returncode, done.stdout) == (code, "")
            assert said in done.stderr
        assert run("events").stdout == ""


def test_a_server_without_a_probe_is_not_rolled(tmp_path: Path) -> None:
    with machines(2) as there, running(file := written(tmp_path, there)):
        file.write_text(re.sub(r"\[pools.shop.probe][^[]*", "", file.read_text()))
        assert run("reload").returncode == 0
        done = roll("shop", "web2", "--", "true")
        message = "roll.py: web2 has no probe that could say when it is back; give its pool one\n"
        assert (done.returncode, done.stdout, done.stderr) == (2, "", message)
