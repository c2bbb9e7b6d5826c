"""What clients may do with their connections, and how those to servers are shared."""

from threading import Event

import pytest

from conftest import Balance, MakeOrigin
from support.balancer import get, post
from support.origin import HELLO, Origin, answering, ending, replying, response
from support.wire import LIMIT, Wire


def test_a_connection_serves_one_request_after_another(balance: Balance, make_origin: MakeOrigin) -> None:
    origin = make_origin()
    with balance(origin).client() as client:
        for _ in range(5):
            client.send(get())
            answer = client.response()
            assert (answer.status, answer.body, answer.get("connection")) == (200, b"hello", None)
    assert len(origin.connections) == 1


def test_twenty_pipelined_requests_are_answered_in_order(balance: Balance, make_origin: MakeOrigin) -> None:
    origin = make_origin(replying(lambda request: response(request.target.encode())))
    with balance(origin).client() as client:
        client.send(b"".join(get(target=f"/{number}") for number in range(20)))
        assert [client.response().body for _ in range(20)] == [b"/%d" % number for number in range(20)]


def test_pipelined_bodies_reach_their_own_requests(balance: Balance, make_origin: MakeOrigin) -> None:
    origin = make_origin(replying(lambda request: response(request.target.encode() + request.body)))
    sent, expected = [], []
    for number in range(20):
        body = b"%d," % number * (number * 400)
        coded = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
        as_chunks = get("Transfer-Encoding: chunked", target=f"/{number}", method="PUT") + coded
        as_length = get(f"Content-Length: {len(body)}", target=f"/{number}", method="PUT") + body
        sent.append(as_chunks if number % 2 else as_length)
        expected.append(b"/%d" % number + body)
    with balance(origin).client() as client:
        client.send(b"".join(sent))
        assert [client.response().body for _ in range(20)] == expected


def test_a_request_may_come_byte_by_byte(balance: Balance, make_origin: MakeOrigin) -> None:
    origin = make_origin()
    with balance(origin).client() as client:
        for byte in post(b"abc", "Cookie: a=1"):
            client.send(bytes([byte]))
        assert client.response().body == b"hello"
    assert origin.requests[0].body == b"abc"


def test_many_clients_share_one_connection_to_a_server(balance: Balance, make_origin: MakeOrigin) -> None:
    lb = balance(make_origin())
    for _ in range(10):
        assert lb.ask(get()).body == b"hello"
    counts = dict(lb.counts("web1"))
    # Of so few answers each is timed.
    assert counts.pop("micros") > 0
    assert sum(counts.pop("times").values()) == 10
    assert counts == {
        "connects": 1,
        "exchanges": 10,
        "faults": {},
        "errors": 0,
        "given_up": 0,
        "failures": 0,
        "in_flight": 0,
        "limit": 0,
        "waiting": 0,
        "sessions": 10,
        "state": "up",
        "tunnels": 0,
        "timed": 10,
        "handshake": "",
        "weight": 100,
    }


@pytest.mark.parametrize(
    "last",
    [
        response(b"hello", "Connection: close"),
        b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        HELLO + b"more than was announced",
    ],
    ids=["close", "version 1.0", "bytes too many"],
)
def test_a_server_connection_that_is_not_clean_is_not_used_again(
    balance: Balance, make_origin: MakeOrigin, last: bytes
) -> None:
    lb = balance(make_origin(answering(last)))
    with lb.client() as client:
        for _ in range(3):
            client.send(get())
            answer = client.response()
            assert (answer.body, answer.get("connection")) == (b"hello", None)
    assert lb.counts("web1")["connects"] == 3


def test_what_a_server_says_unasked_answers_nobody(balance: Balance, make_origin: MakeOrigin) -> None:
    said = Event()

    def script(origin: Origin, wire: Wire) -> None:
        while origin.read(wire):
            wire.send(HELLO)
            if len(origin.requests) == 1:
                wire.send(response(b"injected"))
                said.set()

    lb = balance(make_origin(script))
    assert lb.ask(get()).body == b"hello"
    # Said after the next request it would be the answer to that, as far as anybody can tell.
    assert said.wait(LIMIT)
    assert [lb.ask(get()).body for _ in range(2)] == [b"hello"] * 2


def test_a_server_of_version_10_may_keep_its_connection(balance: Balance, make_origin: MakeOrigin) -> None:
    kept = b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello"
    lb = balance(make_origin(answering(kept)))
    assert [lb.ask(get()).body for _ in range(3)] == [b"hello"] * 3
    assert lb.counts("web1")["connects"] == 1


def test_a_client_that_asks_to_close_is_told_and_closed(balance: Balance, make_origin: MakeOrigin) -> None:
    with balance(make_origin()).client() as client:
        client.send(get("Connection: close"))
        answer = client.response()
        assert (answer.body, answer.get("connection")) == (b"hello", "close")
        assert client.at_end()


def test_what_follows_a_last_request_is_not_served_and_breaks_nothing(
    balance: Balance, make_origin: MakeOrigin
) -> None:
    origin = make_origin(replying(lambda request: response(b"x" * 500_000)))
    with balance(origin).client() as client:
        client.send(get("Connection: close") + get(target="/never"))
        assert len(client.response().body) == 500_000
        assert client.at_end()
    assert [request.target for request in origin.requests] == ["/"]


def test_a_client_of_version_10_is_closed_unless_it_asks(balance: Balance, make_origin: MakeOrigin) -> None:
    origin = make_origin()
    lb = balance(origin)
    with lb.client() as client:
        client.send(get(version="1.0"))
        assert client.response().get("connection") == "close"
        assert client.at_end()
    with lb.client() as client:
        for _ in range(3):
            client.send(get("Connection: keep-alive", version="1.0"))
            assert client.response().get("connection") == "keep-alive"
    assert {request.start for request in origin.requests} == {"GET / HTTP/1.1"}


def test_a_client_of_version_10_gets_no_chunks(balance: Balance, make_origin: MakeOrigin) -> None:
    coded = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    with balance(make_origin(answering(coded))).client() as client:
        client.send(get("Connection: keep-alive", version="1.0"))
        answer = client.response()
        assert (answer.body, answer.get("transfer-encoding")) == (b"hello", None)
        assert answer.get("connection") == "close"


def test_a_response_until_close_is_chunked_and_the_client_stays(
    balance: Balance, make_origin: MakeOrigin
) -> None:
    lb = balance(make_origin(ending(b"HTTP/1.1 200 OK\r\n\r\nhello")))
    with lb.client() as client:
        for _ in range(3):
            client.send(get())
            answer = client.response()
            assert (answer.body, answer.get("transfer-encoding")) == (b"hello", "chunked")


def test_a_client_that_has_finished_sending_is_still_answered(
    balance: Balance, make_origin: MakeOrigin
) -> None:
    with balance(make_origin()).client() as client:
        client.send(get() + get())
        client.finish()
        assert [client.response().body, client.response().body] == [b"hello", b"hello"]
        assert client.at_end()


def test_a_client_that_leaves_harms_no_other(balance: Balance, make_origin: MakeOrigin) -> None:
    origin = make_origin()
    lb = balance(origin)
    for part in (b"", b"GET", get()[:-2], get(), post(b"abc")[:-1]):
        client = lb.client()
        client.send(part)
        client.reset()
    assert lb.ask(get()).body == b"hello"


def test_a_request_behind_the_last_one_does_not_break_its_answer(
    balance: Balance, make_origin: MakeOrigin
) -> None:
    """RFC 9112, 9.6: bytes that nobody reads would make the end a reset, which may overtake the answer."""
    asked, sent = Event(), Event()

    def script(origin: Origin, wire: Wire) -> None:
        origin.read(wire)
        asked.set()
        assert sent.wait(LIMIT)
        wire.send(HELLO)

    lb = balance(make_origin(script), limits={"requests": 1})
    with lb.client() as client:
        client.send(get())
        assert asked.wait(LIMIT)
        client.send(get(target="/behind"))
        sent.set()
        answer = client.response()
        assert (answer.body, answer.get("connection")) == (b"hello", "close")
        assert client.at_end()
