"""What a proxy does to a request because it is one: Via, Max-Forwards, `OPTIONS *`, no TRACE."""

import pytest

from conftest import Balance, MakeOrigin
from support.balancer import get
from support.http2 import Client
from support.wire import Message


def seen(balance: Balance, make_origin: MakeOrigin, request: bytes, **pool: object) -> Message:
    """The request as the server read it."""
    origin = make_origin()
    assert balance(origin, pool=pool).ask(request).status == 200
    return origin.requests[0]


def test_via_is_ours_to_write_where_it_is_asked_for(balance: Balance, make_origin: MakeOrigin) -> None:
    assert seen(balance, make_origin, get()).all("via") == []
    assert seen(balance, make_origin, get(), via="eq1").all("via") == ["1.1 eq1"]
    old = seen(balance, make_origin, get(version="1.0"), via="eq1")
    assert old.all("via") == ["1.0 eq1"], "RFC 9110, 7.6.3: the version in which it came"
    chain = seen(balance, make_origin, get("Via: 1.1 cdn", "Via: 2 inner"), via="eq1")
    assert chain.all("via") == ["1.1 cdn", "2 inner", "1.1 eq1"]


def test_via_names_http2(balance: Balance, make_origin: MakeOrigin) -> None:
    origin = make_origin()
    with Client(balance(origin, pool={"via": "eq1"}).client()) as client:
        assert client.get().status == 200
    assert origin.requests[0].all("via") == ["2 eq1"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (["1"], ["0"]),
        (["7"], ["6"]),
        (["010"], ["9"]),
        (["x"], ["x"]),
        (["-1"], ["-1"]),
        (["1", "0"], ["1", "0"]),
    ],
)
def test_max_forwards_counts_us(
    balance: Balance, make_origin: MakeOrigin, written: list[str], expected: list[str]
) -> None:
    """RFC 9110, 7.6.2; what is no number, or there twice, counts nothing."""
    request = get(*(f"Max-Forwards: {value}" for value in written), method="OPTIONS")
    assert seen(balance, make_origin, request).all("max-forwards") == expected


@pytest.mark.parametrize("target", ["*", "/", "/a"])
def test_a_request_that_may_go_no_further_is_answered_by_us(
    balance: Balance, make_origin: MakeOrigin, target: str
) -> None:
    origin = make_origin()
    lb = balance(origin)
    answer = lb.ask(get("Max-Forwards: 0", method="OPTIONS", target=target))
    assert (answer.status, "OPTIONS" in (answer.get("allow") or "")) == (200, True)
    assert lb.ask(get("Max-Forwards: 0")).body == b"hello", "the field means nothing to other methods"
    assert [request.get("max-forwards") for request in origin.requests] == ["0"]


@pytest.mark.parametrize(
    ("target", "expected"),
    [("http://shop.test", "*"), ("http://shop.test/", "/"), ("http://shop.test/a", "/a"), ("*", "*")],
)
def test_options_of_a_host_without_a_path_is_about_the_whole_server(
    balance: Balance, make_origin: MakeOrigin, target: str, expected: str
) -> None:
    """RFC 9112, 3.2.4."""
    request = seen(balance, make_origin, get(method="OPTIONS", target=target))
    assert request.target == expected
    assert request.get("host") == "shop.test"


def test_trace_ends_here(balance: Balance, make_origin: MakeOrigin) -> None:
    origin = make_origin()
    answer = balance(origin).ask(get("Max-Forwards: 5", method="TRACE"))
    assert (answer.status, answer.get("allow")) == (405, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
    assert origin.connections == []
