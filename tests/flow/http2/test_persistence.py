"""Persistence is decided for each exchange: what shares a connection need not share a home."""

from threading import Barrier

from conftest import Balance, MakeOrigin
from support.http2 import Answer, Client
from support.origin import Origin, replying, response
from support.visitor import reasons
from support.wire import LIMIT, Message


def session(answer: Answer) -> str | None:
    """The pair of our cookie."""
    values = [value for value in answer.all("set-cookie") if value.startswith("EQ=")]
    assert len(values) <= 1
    return values[0].partition(";")[0] if values else None


def test_clients_that_share_a_connection_reach_their_own_homes(
    balance: Balance, shops: dict[str, Origin]
) -> None:
    lb = balance(shops)
    cookies = {name: lb.cookie(name) for name in shops}
    with Client(lb.client()) as proxy:
        for _ in range(5):
            asked = {name: proxy.ask(("cookie", cookie)) for name, cookie in cookies.items()}
            for name, stream in asked.items():
                answer = proxy.answer(stream)
                assert (answer.get("server-name"), answer.get("set-cookie")) == (name, None)
    assert reasons(lb)["recalled"] == 15


def test_a_cookie_in_crumbs_is_found_and_taken_out(balance: Balance, shops: dict[str, Origin]) -> None:
    lb = balance(shops)
    cookie = lb.cookie("web2")
    with Client(lb.client()) as browser:
        for crumbs in (["a=1", cookie, "b=2"], [cookie, "a=1; b=2"], [f"a=1; {cookie}", "b=2"]):
            answer = browser.get(*[("cookie", crumb) for crumb in crumbs])
            assert (answer.get("server-name"), answer.get("set-cookie")) == ("web2", None)
            assert shops["web2"].requests[-1].all("cookie") == ["a=1; b=2"]


def test_a_new_client_is_stamped_once_and_then_recalled(balance: Balance, shops: dict[str, Origin]) -> None:
    with Client(balance(shops).client()) as browser:
        first = browser.get()
        cookie = session(first)
        assert cookie is not None
        for _ in range(5):
            again = browser.get(("cookie", cookie))
            assert again.get("server-name") == first.get("server-name")
            assert session(again) is None


def test_one_after_the_other_without_cookies_they_alternate(
    balance: Balance, shops: dict[str, Origin]
) -> None:
    with Client(balance(shops).client()) as proxy:
        homes = [proxy.get().get("server-name") for _ in range(6)]
    assert sorted(map(str, homes)) == ["web1", "web1", "web2", "web2", "web3", "web3"]


def test_the_first_requests_of_a_browser_on_one_connection_are_one_birth(
    balance: Balance, make_origin: MakeOrigin
) -> None:
    together = Barrier(8)

    def naming(name: str) -> Origin:
        def reply(_: Message) -> bytes:
            together.wait(LIMIT)  # all have come before any is answered
            return response(name.encode(), f"Server-Name: {name}")

        return make_origin(replying(reply))

    lb = balance({name: naming(name) for name in ("web1", "web2", "web3")})
    with Client(lb.client()) as browser:
        streams = [browser.ask() for _ in range(8)]
        answers = [browser.answer(stream) for stream in streams]
    assert len({answer.get("server-name") for answer in answers}) == 1
    assert None not in {session(answer) for answer in answers}
    assert reasons(lb) == {"new": 1, "new_shared": 7}
