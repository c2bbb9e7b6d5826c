"""What is malformed is answered, closed and not forwarded; what is odd arrives as one well-formed request."""

import pytest

from conftest import Balance, MakeOrigin
from hostile.cases import REQUESTS, RESPONSES, Case
from support.balancer import Balancer, get, post
from support.origin import HELLO, ending, replying, response

NAMES = [f"{case.section} {case.sent[:60]!r} {len(case.sent)}" for case in REQUESTS]


def test_there_are_enough_cases() -> None:
    assert len(set(REQUESTS)) == len(REQUESTS) >= 120
    assert len(set(RESPONSES)) == len(RESPONSES) >= 20


@pytest.mark.parametrize("case", REQUESTS, ids=NAMES)
def test_the_server_sees_one_well_formed_request_or_nothing(
    case: Case, balance: Balance, make_origin: MakeOrigin
) -> None:
    origin = make_origin()
    lb = balance(origin)
    with lb.client() as client:
        # What comes behind a refused request on its connection is never looked at.
        client.send(case.sent + get(target="/behind"))
        answer = client.response(case.sent[:4].decode("latin-1"))
        assert answer.status == case.status
        if case.status >= 400:
            assert answer.get("connection") == "close"
            assert client.at_end()
            assert origin.requests == []
            # What fits into one read is seen whole before anybody is asked.
            assert len(case.sent) > 16_000 or origin.connections == []
            return
        closes = answer.get("connection") == "close"
        if closes:
            assert client.at_end()
        else:
            assert client.response().status == 200
    origin.wait_for(lambda: len(origin.requests) >= 2 - closes)
    assert [request.target for request in origin.requests[1:]] == ["/behind"] * (not closes)


@pytest.mark.parametrize("case", RESPONSES, ids=[f"{case.sent[:60]!r}" for case in RESPONSES])
def test_a_response_that_cannot_be_passed_on_is_502(
    case: Case, balance: Balance, make_origin: MakeOrigin
) -> None:
    lb = balance(make_origin(ending(case.sent)))
    with lb.client() as client:
        for _ in range(2):
            client.send(get())
            answer = client.response()
            assert (answer.status, answer.body) == (502, b"502 Bad Gateway\n")
            assert answer.all("set-cookie") == []
    assert sum(lb.counts("web1")["faults"].values()) == 2


def test_a_refusal_arrives_although_more_is_being_sent(balance: Balance, make_origin: MakeOrigin) -> None:
    lb = balance(make_origin())
    with lb.client() as client:
        client.send(post(b"x" * 100_000, "Content-Length: 5"))
        assert client.response().status == 400
        assert client.at_end()


def test_a_chunk_that_is_malformed_later_ends_the_request(balance: Balance, make_origin: MakeOrigin) -> None:
    origin = make_origin()
    lb = balance(origin)
    with lb.client() as client:
        client.send(get("Transfer-Encoding: chunked", method="POST") + b"5\r\nhello\r\n")
        origin.wait_for(lambda: len(origin.connections) == 1)
        client.send(b"bad\n")
        assert client.response().status == 400
        assert client.at_end()
    origin.wait_for(lambda: origin.connections[0].sock.fileno() == -1)
    assert origin.requests == []
    assert b"bad" not in origin.connections[0].received
    assert not origin.connections[0].received.endswith(b"0\r\n\r\n")


def test_a_chunk_that_is_malformed_later_cuts_the_response(balance: Balance, make_origin: MakeOrigin) -> None:
    start = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    bad = b"4e20\r\n" + b"x" * 20_000 + b"\r\nbad\n"
    lb = balance(make_origin(ending(start + bad)))
    with lb.client() as client:
        client.send(get())
        client.until(b"\r\n\r\n")
        while not client.gone():
            client.take(1)
        assert not client.received.endswith(b"0\r\n\r\n")
        assert b"bad" not in client.received


@pytest.mark.parametrize(
    ("key", "value", "raw", "status"),
    [
        ("head", "1KiB", get("X: " + "a" * 1_000), 431),
        ("target", "1KiB", get(target="/" + "a" * 1_024), 414),
        ("fields", 3, get("A: 1", "B: 2", "C: 3"), 431),
        ("head", "1KiB", get("X: " + "a" * 800), 200),
        ("target", "1KiB", get(target="/" + "a" * 1_023), 200),
        ("fields", 3, get("A: 1", "B: 2"), 200),
    ],
)
def test_limits_are_settings(
    balance: Balance, make_origin: MakeOrigin, key: str, value: object, raw: bytes, status: int
) -> None:
    assert balance(make_origin(), limits={key: value}).ask(raw).status == status


@pytest.mark.parametrize("size", [60_000, 65_000])
def test_a_head_within_the_limit_is_served_whatever_its_size(
    balance: Balance, make_origin: MakeOrigin, size: int
) -> None:
    origin = make_origin(replying(lambda request: response(request.body)))
    lb: Balancer = balance(origin)
    answer = lb.ask(post(b"hello", "X: " + "a" * size))
    assert answer.body == b"hello"
    assert origin.requests[0].get("x") == "a" * size


def test_a_large_response_head_is_passed_on(balance: Balance, make_origin: MakeOrigin) -> None:
    lb = balance(make_origin(ending(HELLO.replace(b"\r\n\r\n", b"\r\nX: " + b"a" * 60_000 + b"\r\n\r\n"))))
    assert lb.ask(get()).get("x") == "a" * 60_000
