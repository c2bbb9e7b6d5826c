"""A server that was in maintenance and is up again has forgotten its sessions, where the pool says so."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Thread

from flow.persistence.conftest import MakeServers
from support.origin import Origin
from support.process import LIMIT, Named, Running, run, running, write


def config(path: Path, origins: dict[str, Origin], fail_back: str = "stay") -> Path:
    more = f"""
        [pools.shop.sessions]
        incarnation_on_return = true
        announce = true
        fail_back = "{fail_back}"
        [keys]
        file = "eq.keys"
        """
    return write(path, {name: origin.address for name, origin in origins.items()}, more)


def ask(balancer: Running, cookie: str = "") -> tuple[str, str]:
    """The server that answers, and the session's cookie afterwards."""
    balancer.client.request("GET", "/", headers={"Cookie": cookie} if cookie else {})
    response = balancer.client.getresponse()
    response.read()
    home = response.headers["Server-Name"]
    return home, (response.headers["Set-Cookie"] or cookie).partition(";")[0]


def visitor_of(balancer: Running, server: str) -> str:
    """The cookie of a new client whose home is this server."""
    return next(cookie for home, cookie in (ask(balancer) for _ in range(9)) if home == server)


def announced(origin: Origin) -> str | None:
    return origin.requests[-1].get("session-moved")


def returns(file: Path) -> None:
    for word in ("maintenance", "up"):
        assert run(word, "shop/web1", "--config", file).returncode == 0


def lost(file: Path) -> dict[str, int]:
    counts: dict[str, int] = json.loads(run("status", "--json", "--config", file).stdout)["pools"][0]["lost"]
    return counts


def test_a_session_of_before_stays_and_is_told(tmp_path: Path, servers: MakeServers) -> None:
    origins = servers()
    file = config(tmp_path / "eq.toml", origins)
    with running(file) as balancer:
        early = visitor_of(balancer, "web1")
        returns(file)
        assert run("reload", "--config", file).returncode == 0
        home, stamped = ask(balancer, early)
        assert (home, announced(origins["web1"])) == ("web1", "from=web1; reason=incarnation_changed")
        assert stamped != early
        assert ask(balancer, stamped) == ("web1", stamped)
        assert announced(origins["web1"]) is None
        assert lost(file) == {"incarnation_changed": 1}
        late = visitor_of(balancer, "web1")
        assert ask(balancer, late) == ("web1", late)
        other = visitor_of(balancer, "web2")
        assert ask(balancer, other) == ("web2", other)
    # What is not known after a restart is not held against anybody.
    with running(file) as balancer:
        for cookie in (early, stamped, late):
            assert ask(balancer, cookie) == ("web1", cookie)


def test_a_session_that_left_meanwhile_fails_back_to_the_same_life_only(
    tmp_path: Path, servers: MakeServers
) -> None:
    for fail_back, homes in (("return", {"web1"}), ("return_same_incarnation", {"web2", "web3"})):
        file = config(tmp_path / "eq.toml", servers(), fail_back)
        with running(file) as balancer:
            returns(file)  # its life is known from now on
            cookie = visitor_of(balancer, "web1")
            assert run("maintenance", "shop/web1").returncode == 0
            away, moved = ask(balancer, cookie)
            assert away in {"web2", "web3"}
            assert run("up", "shop/web1").returncode == 0
            assert ask(balancer, moved)[0] in homes


def test_a_session_stays_where_it_is_while_the_server_it_left_has_no_room(tmp_path: Path) -> None:
    names = ("web1", "web2", "web3")
    with ExitStack() as stack:
        servers = {name: stack.enter_context(serving(name)) for name in names}
        lines = "".join(
            f'{name} = {{ address = "{server.address}", limit = 1 }}\n' for name, server in servers.items()
        )
        file = tmp_path / "eq.toml"
        file.write_text(f"""
            [listeners.web]
            address = "127.0.0.1:0"
            [pools.shop]
            queue.wait = "100ms"
            sessions = {{ fail_back = "return", burst = "off" }}
            [pools.shop.servers]
            {lines}""")
        balancer = stack.enter_context(running(file))
        born = (balancer.get() for _ in range(30))
        cookies = [cookie for home, cookie in born if home == "web1"]
        assert run("maintenance", "shop/web1", "--config", file).returncode == 0
        away = [balancer.get(cookie) for cookie in cookies]
        assert {home for home, _ in away} == {"web2", "web3"}
        assert run("up", "shop/web1", "--config", file).returncode == 0
        servers["web1"].asked.clear()
        servers["web1"].may_answer.clear()
        other = stack.enter_context(balancer.again())
        other.client.request("GET", "/", headers={"Cookie": cookies[0]})
        assert servers["web1"].asked.wait(LIMIT)
        assert [balancer.get(cookie)[0] for _, cookie in away] == [home for home, _ in away]
        servers["web1"].may_answer.set()
        assert other.client.getresponse().read() == b"web1"
        assert [balancer.get(cookie)[0] for _, cookie in away] == ["web1"] * len(away)
        (shop,) = json.loads(run("status", "--json", "--config", file).stdout)["pools"]
        assert shop["lost"] == {"home_maintenance": len(away)}
        assert not any(shop["limited"].values()), shop["limited"]


@contextmanager
def serving(name: str) -> Iterator[Named]:
    with Named(name) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def test_members_that_are_told_one_after_the_other_agree(tmp_path: Path, servers: MakeServers) -> None:
    origins = servers()
    files = [config(tmp_path / f"{name}.toml", origins) for name in "ab"]
    with ExitStack() as stack:
        one, other = (stack.enter_context(running(file)) for file in files)
        early = visitor_of(one, "web1")
        assert ask(other, early) == ("web1", early)
        for file in files:
            returns(file)
        _, stamped = ask(one, early)
        assert stamped != early
        for member in (other, one):
            assert ask(member, stamped) == ("web1", stamped)
        assert [lost(file) for file in files] == [{"incarnation_changed": 1}, {}]
