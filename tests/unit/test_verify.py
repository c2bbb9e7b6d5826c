"""What a measurement may ask, and what its verdict rests on."""

import pytest

from equalizer.errors import ConfigError
from equalizer.lab import plan
from equalizer.lab.plan import Written
from equalizer.lab.verify import Client, Seen, Verdict

GOOD = {
    "url": "http://127.0.0.1:8080/",
    "clients": 100,
    "duration": "30s",
    "rate": 1.0,
    "field": "X-Server",
    "pattern": None,
    "cookies": True,
    "sources": False,
}


def written(**changes: object) -> Written:
    return Written(**{**GOOD, **changes})  # type: ignore[arg-type]


def test_a_plan_is_bounded_in_requests_and_time() -> None:
    read = plan.read(written(rate=2.0))
    assert (read.clients, read.rounds, read.seconds) == (100, 60, 30.0)
    assert plan.read(written(duration="100ms")).rounds == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"url": "127.0.0.1:8080"}, "none of HTTP"),
        ({"url": "ftp://127.0.0.1"}, "none of HTTP"),
        ({"url": "http://"}, "none of HTTP"),
        ({"url": "http://[::1"}, "none of HTTP"),
        ({"url": "http://127.0.0.1:99999/"}, "none of HTTP"),
        ({"url": "http://me:word@127.0.0.1/"}, "with a password or user"),
        ({"url": "http://shop.test/", "sources": True}, "--sources and the host shop.test"),
        ({"clients": 0}, "--clients 0; write a number from 1 to 1000"),
        ({"clients": 1001}, "--clients 1001"),
        ({"duration": "soon"}, '--duration "soon"; write a time up to an hour'),
        ({"duration": "2h"}, '--duration "2h"'),
        ({"duration": "0s"}, '--duration "0s"'),
        ({"rate": 0.0}, "--rate 0"),
        ({"rate": 101.0}, "--rate 101"),
        ({"rate": float("nan")}, "--rate nan"),
        ({"field": None}, "neither --field nor --pattern"),
        ({"pattern": "(a)"}, "--field and --pattern"),
        ({"field": "X Server"}, '--field "X Server"'),
        ({"field": None, "pattern": "("}, "no regular expression"),
        ({"field": None, "pattern": "web"}, "with 0 groups; write one group"),
        ({"field": None, "pattern": "(w)(eb)"}, "with 2 groups"),
    ],
)
def test_a_wrong_plan_is_told(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        plan.read(written(**changes))
    assert message in str(caught.value)
    assert "; write" in str(caught.value)
    assert "word" not in str(caught.value).replace("password", "")


def test_everything_wrong_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        plan.read(written(url="x", clients=0, rate=0.0, duration="", field=None))
    assert len(caught.value.problems) == 5


def seen(*histories: str) -> Seen:
    """Clients that were answered by servers of one letter each; a dot is an answer without a name."""
    clients = []
    for history in histories:
        client = Client(requests=len(history))
        for server in history:
            if server == ".":
                client.untold += 1
            else:
                client.answered(server)
        clients.append(client)
    return Seen(tuple(clients), 1.0, interrupted=False)


@pytest.mark.parametrize(
    ("histories", "verdict", "broken"),
    [
        (("aaa", "bbb"), Verdict.KEPT, 0),
        (("aaa", "bab"), Verdict.BROKEN, 1),
        (("ab", "ba"), Verdict.BROKEN, 2),
        (("a.a", "b"), Verdict.KEPT, 0),
        (("aaa", "aaa"), Verdict.UNTOLD, 0),
        (("a", "b"), Verdict.UNTOLD, 0),
        (("...", "..."), Verdict.UNTOLD, 0),
        (("", ""), Verdict.UNTOLD, 0),
    ],
)
def test_a_verdict_needs_two_servers_and_a_client_that_came_back(
    histories: tuple[str, ...], verdict: Verdict, broken: int
) -> None:
    assert (seen(*histories).verdict, seen(*histories).broken) == (verdict, broken)


def test_changes_and_totals_are_counted() -> None:
    all_ = seen("aabba.", "bb")
    assert [client.changes for client in all_.clients] == [2, 0]
    assert all_.clients[0].servers == ["a", "b", "a"]
    assert (all_.requests, all_.untold, all_.judged) == (8, 1, 2)
    assert all_.servers == {"a": 3, "b": 4}
