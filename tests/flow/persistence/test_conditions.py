"""No session for static files or bots, through a real engine; and several cookies of our name at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import Balance
from flow.persistence.conftest import MakeServers
from support.balancer import Balancer, get, set_cookie
from support.visitor import Visitor, outlast, reasons
from support.wire import Message

NAMES = {"web1", "web2", "web3"}
STATIC = {"path": ["/static/*", "*.css"]}
BOTS = {"field": {"User-Agent": "*bot*"}}


def sessions(lb: Balancer) -> int:
    """Live sessions, by the census."""
    servers: dict[str, dict[str, int]] = lb.report()["pools"]["shop"]["servers"]
    return sum(server["sessions"] for server in servers.values())


def of_a_name(answer: Message, name: str = "EQ") -> list[str]:
    """Cookies of this name that an answer sets."""
    return [line for line in answer.all("set-cookie") if line.startswith(f"{name}=")]


def test_static_files_and_bots_get_no_session(balance: Balance, servers: MakeServers) -> None:
    cookie = {"kind": "cookie", "unless": [STATIC, BOTS]}
    lb = balance(servers(), workers=2, pool={"persistence": cookie})
    for target, field in (
        ("/static/a.png", "X: 1"),
        ("/a/%73tyle.css?v=1", "X: 1"),
        ("/", "User-Agent: Googlebot/2.1"),
    ):
        stranger = Visitor(lb)
        assert stranger.homes(field, target=target, times=9) == NAMES
        assert stranger.jar == {}
    assert reasons(lb) == {"not_asked": 27}
    assert sessions(lb) == 0
    visitor = Visitor(lb)
    assert visitor.home(target="/static") in NAMES
    assert "EQ" in visitor.jar


def test_a_session_goes_home_also_for_its_static_files(balance: Balance, servers: MakeServers) -> None:
    origins = servers()
    cookie = {"kind": "cookie", "unless": STATIC}
    lb = balance(origins, workers=2, pool={"persistence": cookie, "sessions": {"idle": "4s"}})
    visitors = [Visitor(lb) for _ in range(6)]
    homes = [visitor.home() for visitor in visitors]
    outlast(1)
    for visitor, home in zip(visitors, homes, strict=True):
        answer = visitor.ask(target="/static/a.css")
        assert answer.get("server-name") == home
        assert not of_a_name(answer), "a quarter of idle has passed, but a file does not say so"
        assert of_a_name(visitor.ask(target="/")), "a page does"
    assert all(not seen.all("cookie") for origin in origins.values() for seen in origin.requests)


def test_a_file_begins_no_birth_and_joins_none(balance: Balance, servers: MakeServers) -> None:
    cookie = {"kind": "cookie", "unless": STATIC}
    lb = balance(servers(), workers=2, pool={"persistence": cookie, "sessions": {"burst": "1m"}})
    with lb.client() as file, lb.client() as page, lb.client() as other:
        file.send(get(target="/static/a.css"))
        assert not of_a_name(file.response())
        page.send(get())
        first = page.response()
        file.send(get(target="/static/b.css"))
        assert not of_a_name(file.response())
        other.send(get())
        second = other.response()
    assert set_cookie(first)[0] == set_cookie(second)[0]
    assert reasons(lb) == {"not_asked": 2, "new": 1, "new_shared": 1}


def test_the_first_page_of_a_browser_is_one_session_among_its_files(
    balance: Balance, servers: MakeServers
) -> None:
    cookie = {"kind": "cookie", "when": [{"path": "/", "method": ["GET", "POST"], "host": "*.test"}]}
    lb = balance(servers(), workers=2, pool={"persistence": cookie})
    targets = ["/", "/static/a.css", "/static/b.js", "/favicon.ico"] * 4

    def fetch(target: str) -> list[str]:
        return of_a_name(Visitor(lb).ask(target=target))

    with ThreadPoolExecutor(len(targets)) as pool:
        found = list(pool.map(fetch, targets))
    assert [bool(cookies) for cookies in found] == [target == "/" for target in targets]
    assert reasons(lb)["not_asked"] == 12


def test_bots_leave_no_records_and_keep_none_alive(balance: Balance, servers: MakeServers) -> None:
    address = {"kind": "address", "unless": BOTS, "idle": "2s"}
    lb = balance(servers(), workers=2, pool={"persistence": address})
    assert Visitor(lb).homes("User-Agent: bot", times=9) == NAMES
    home = Visitor(lb).home()
    with lb.client() as bot:
        for _ in range(3):
            bot.send(get("User-Agent: bot"))
            assert bot.response().get("server-name") == home
        outlast(2)
        bot.send(get("User-Agent: bot"))
        bot.response()
    assert reasons(lb) == {"not_asked": 10, "new": 1, "recalled": 3}


def test_matchers_know_client_and_scheme(balance: Balance, servers: MakeServers) -> None:
    cookie = {"kind": "cookie", "unless": [{"client": "127.0.0.8/29", "scheme": "http"}]}
    lb = balance(servers(), pool={"persistence": cookie})
    for source, stamped in (("127.0.0.7", True), ("127.0.0.8", False), ("127.0.0.15", False)):
        visitor = Visitor(lb, source=source)
        visitor.ask()
        assert ("EQ" in visitor.jar) is stamped, source


@pytest.mark.parametrize(
    ("duplicates", "home", "reason"),
    [
        ("first", "web1", "recalled"),
        ("last", "web3", "recalled"),
        ("newest", "web3", "recalled"),
        ("refuse", None, "ambiguous"),
    ],
)
def test_one_of_several_sessions_is_believed(
    balance: Balance, servers: MakeServers, duplicates: str, home: str | None, reason: str
) -> None:
    origins = servers()
    cookie = {"kind": "cookie", "duplicates": duplicates}
    lb = balance(origins, pool={"persistence": cookie, "sessions": {"burst": "off"}})
    pairs = [lb.cookie("web1"), lb.cookie("web2")]
    outlast(1)
    pairs.append(lb.cookie("web3"))
    before = reasons(lb).get(reason, 0)
    answer = lb.ask(get("Cookie: " + "; ".join(pairs)))
    assert reasons(lb)[reason] == before + 1
    assert home in (None, answer.get("server-name"))
    assert bool(of_a_name(answer)) is (home is None)
    assert all(not seen.all("cookie") for origin in origins.values() for seen in origin.requests)
