"""What is malformed is answered, closed and not forwarded; what is odd arrives as one well-formed request."""

import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from conftest import Balance, MakeOrigin
from hostile.cases import ALL_REQUESTS, RESPONSES, Request, Response
from support.balancer import Balancer, configuration, get, post
from support.origin import HELLO, Origin, ending, replying, response
from support.wire import Ended, Message, Wire

BAD_GATEWAY = b"502 Bad Gateway\n"
# What concerns one connection only has no business on the next.
HOP_BY_HOP = re.compile("(?i)connection|keep-alive|proxy-connection|te|upgrade|http2-settings")


def test_there_are_enough_cases() -> None:
    assert len({case.sent for case in ALL_REQUESTS}) == len(ALL_REQUESTS) >= 500
    assert len({(case.method, case.text) for case in RESPONSES}) == len(RESPONSES) >= 100


class Flow(NamedTuple):
    """A balancer in front of one server, which many cases pass through."""

    lb: Balancer
    origin: Origin

    def bytes_seen(self) -> int:
        """How much has come to the server."""
        return sum(len(wire.received) for wire in self.origin.connections)

    def is_settled(self) -> bool:
        """Whether the server has seen the end of every connection but the one that is kept."""
        return sum(wire.sock.fileno() >= 0 for wire in self.origin.connections) == 1


@pytest.fixture(scope="module")
def flow() -> Iterator[Flow]:
    """One for all cases of this worker: what one leaves behind, the next will notice."""
    origin = Origin(answering_cases)
    lb = Balancer(configuration({"web1": origin}, workers=1))
    yield Flow(lb, origin)
    lb.stop()
    origin.end()
    assert origin.broken == []


@pytest.mark.parametrize("case", ALL_REQUESTS, ids=[f"{case.rule} {case.text[:80]}" for case in ALL_REQUESTS])
def test_the_server_sees_one_well_formed_request_or_nothing(case: Request, flow: Flow) -> None:
    before, bytes_before = len(flow.origin.requests), flow.bytes_seen()
    with flow.lb.client() as client:
        # What comes behind a refused request on its connection is never looked at.
        client.send(case.sent + get(target="/behind"))
        answer = client.response(case.sent[:4].decode("latin-1"))
        assert answer.status == case.status
        if not case.seen:
            assert case.status >= 400
            assert answer.get("connection") == "close"
            assert client.at_end()
            assert len(flow.origin.requests) == before
            if len(case.sent) > 16_000:
                # The server may have been asked, on a connection that has been broken off then.
                assert flow.lb.ask(get(target="/next")).body == b"hello"
                flow.origin.wait_for(flow.is_settled)
            else:
                # What fits into one read is seen whole before anybody is asked.
                assert flow.bytes_seen() == bytes_before
            return
        closes = answer.get("connection") == "close"
        if closes:
            assert client.at_end()
        else:
            assert client.response().status == 200
    first, *more = flow.origin.requests[before:]
    assert seen(first) == case.seen
    assert [name for name, _ in first.fields if HOP_BY_HOP.fullmatch(name)] == []
    assert first.get("x-forwarded-for") == "127.0.0.1"
    assert [request.target for request in more] == ["/behind"] * (not closes)


@pytest.mark.parametrize("case", RESPONSES, ids=[f"{case.method} {case.text[:80]}" for case in RESPONSES])
def test_the_client_gets_one_well_formed_response_whole_or_knows(case: Response, flow: Flow) -> None:
    before = faults(flow.lb)
    with flow.lb.client() as client:
        client.send(get(f"Case: {RESPONSES.index(case)}", method=case.method))
        while (answer := client.head_of_response()).status < 200:
            pass
        assert answer.status == case.status
        if case.content is None:
            with pytest.raises((Ended, ConnectionError)):
                client.body_of_response(answer, case.method)
        else:
            whole = client.body_of_response(answer, case.method)
            assert whole.body == (
                case.content if case.status != 502 or case.method == "HEAD" else BAD_GATEWAY
            )
            assert case.status != 502 or answer.all("set-cookie") == []
    # Nothing of it is left for anybody else.
    assert flow.lb.ask(get(target="/next")).body == b"hello"
    # One that is cut short is a fault of the server's, too.
    assert faults(flow.lb) == before + (case.status == 502 or case.content is None)


def seen(request: Message) -> str:
    """A request as the table writes it; trailers stand behind the content."""
    place = f"{request.method} {request.get('host')}{request.target}"
    trailers = [f"{name}:{value}" for name, value in request.trailers]
    return " ".join(filter(None, [place, request.body.decode("latin-1"), *trailers]))


def answering_cases(origin: Origin, wire: Wire) -> None:
    """Answer with the response that the field Case names, or else with an ordinary one."""
    while request := origin.read(wire):
        number = request.get("case")
        if number is None:
            wire.send(HELLO)
            continue
        case = RESPONSES[int(number)]
        wire.send(case.sent)
        if case.ends:
            return


def faults(lb: Balancer) -> int:
    """How often the server failed."""
    return sum(lb.counts("web1")["faults"].values())


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
