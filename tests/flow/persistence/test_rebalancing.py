"""A server joins: idle sessions move to it, so many a minute, and every Equalizer moves the same ones."""

import json
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta
from pathlib import Path

from conftest import MakeOrigin, naming
from equalizer.config.load import load
from equalizer.control import rotation
from equalizer.control.reconcile import checked
from equalizer.control.ring import Ring
from equalizer.engine import native
from support.balancer import get, set_cookie
from support.process import run, running, write
from support.wire import connect

IDLE, BUSY, SESSIONS = timedelta(minutes=15), timedelta(minutes=5), 800
OLD, NAMES = ("web1", "web2", "web3"), ("web1", "web2", "web3", "web4")


@contextmanager
def closed() -> Iterator[str]:
    """An address that nobody listens on."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        host, port = taken.getsockname()
        yield f"{host}:{port}"


def seal(file: Path, idle: timedelta) -> list[tuple[str, str]]:
    """Homes of sessions that were last seen so long ago, and their cookies."""
    engine = native.start(workers=1)
    try:
        snapshot = checked(load(file), engine, 1, Ring(), make_keys=False).snapshot
    finally:
        engine.stop()
    homes = [OLD[number % len(OLD)] for number in range(SESSIONS)]
    return [(home, f"EQ={native.seal_cookie(snapshot, 'shop', home, idle)}") for home in homes]


def visit(address: str, cookies: list[str]) -> list[tuple[str | None, str]]:
    """Who answers each client, and the cookie that it has then."""
    with connect(address) as client:
        client.send(b"".join(get(f"Cookie: {cookie}") for cookie in cookies))
        answers = [client.response() for _ in cookies]
    return [
        (answer.get("server-name"), set_cookie(answer)[0] if answer.all("set-cookie") else cookie)
        for answer, cookie in zip(answers, cookies, strict=True)
    ]


def moved(members: list[str], sessions: list[tuple[str, str]]) -> dict[str, str]:
    """The cookies of sessions that every member sends to web4, and those that bring them back there."""
    cookies = [cookie for _, cookie in sessions]
    one, two = (visit(member, cookies) for member in members)
    assert [home for home, _ in one] == [home for home, _ in two]
    met = [(old, home, cookie) for (old, _), (home, cookie) in zip(sessions, one, strict=True)]
    assert all(home in (old, "web4") for old, home, _ in met)
    went = [home == "web4" for _, home, _ in met]
    return {cookie: met[place][2] for place, cookie in enumerate(cookies) if went[place]}


def test_idle_sessions_move_to_a_server_that_joined_and_everybody_moves_the_same(
    make_origin: MakeOrigin, tmp_path: Path
) -> None:
    servers = {name: make_origin(naming(name)).address for name in NAMES}
    rotation.new(tmp_path / "keys")
    files = [tmp_path / "one.toml", tmp_path / "two.toml"]

    def configure(names: tuple[str, ...], rate: str) -> None:
        more = f'[keys]\nfile = "keys"\n[pools.shop.sessions]\nrebalance = {{ rate = "{rate}" }}'
        for file in files:
            write(file, {name: servers[name] for name in names}, more)

    def reload(rate: str) -> None:
        configure(NAMES, rate)
        for file in files:
            done = run("reload", "--config", file)
            assert (done.returncode, done.stderr) == (0, "")

    configure(OLD, "10%/min")
    with ExitStack() as stack:
        members = [stack.enter_context(running(file)).address for file in files]
        idle, busy = seal(files[0], IDLE), seal(files[0], BUSY)
        met = visit(members[0], [cookie for _, cookie in idle])
        assert [home for home, _ in met] == [home for home, _ in idle], "nobody has joined"
        reload("10%/min")
        assert moved(members, busy) == {}
        first = moved(members, idle)
        # A quarter of the sessions would choose the fourth server, and a tenth of those may in this minute.
        assert SESSIONS / 4 / 10 / 3 < len(first) < SESSIONS / 10
        for member in members:
            assert Counter(home for home, _ in visit(member, list(first.values()))) == {"web4": len(first)}
        reload("100%/min")
        assert moved(members, busy) == {}
        everybody = moved(members, idle)
        assert first.keys() < everybody.keys()
        assert SESSIONS / 4 * 0.7 < len(everybody) < SESSIONS / 4 * 1.3


def test_sessions_stay_where_the_server_that_joined_does_not_answer(
    make_origin: MakeOrigin, tmp_path: Path
) -> None:
    servers = {name: make_origin(naming(name)).address for name in OLD}
    rotation.new(tmp_path / "keys")
    file = tmp_path / "one.toml"
    more = '[keys]\nfile = "keys"\n[pools.shop.sessions]\nrebalance = { rate = "100%/min" }'
    write(file, servers, more)
    with running(file) as member:
        idle = seal(file, IDLE)
        with closed() as nobody:
            write(file, {**servers, "web4": nobody}, more)
            assert run("reload", "--config", file).returncode == 0
            met = visit(member.address, [cookie for _, cookie in idle])
        assert [home for home, _ in met] == [home for home, _ in idle]
        (shop,) = json.loads(run("status", "--json", "--config", file).stdout)["pools"]
        assert shop["lost"] == {}
