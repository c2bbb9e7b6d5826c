"""A malformed response over HTTP/2 is not passed on (RFC 9113, 8.1.1), and costs that exchange alone."""

from contextlib import suppress

import pytest
from h2.events import RequestReceived
from hpack import Encoder
from hyperframe.frame import DataFrame, Frame, HeadersFrame

from conftest import Balance, MakeOrigin
from support.balancer import get
from support.http2 import Client, Fields
from support.http2_server import begin
from support.origin import Origin, Script
from support.wire import Wire

OPEN, END = ("END_HEADERS",), ("END_HEADERS", "END_STREAM")
STATUS = (":status", "200")
Part = tuple[Fields | bytes, tuple[str, ...]]


def head(*more: tuple[str, str], flags: tuple[str, ...] = END) -> Part:
    return [STATUS, *more], flags


def body(flags: tuple[str, ...] = ()) -> Part:
    return b"hello", flags


WITHOUT_A_STATUS: Part = ([("x", "y")], END)
HEADS: dict[str, list[Part]] = {
    "no :status": [WITHOUT_A_STATUS],
    ":status twice": [head(STATUS)],
    ":status behind a field": [([("x", "y"), STATUS], END)],
    ":path": [head((":path", "/"))],
    ":method": [([(":method", "GET"), STATUS], END)],
    ":authority before a body": [head((":authority", "x"), flags=OPEN), body(("END_STREAM",))],
    ":path in an interim response": [([(":status", "103"), (":path", "/")], OPEN), head()],
    "101": [([(":status", "101")], OPEN)],
    "connection": [head(("connection", "close"))],
    "transfer-encoding": [head(("transfer-encoding", "chunked"))],
    "space before a value": [head(("x", " y"))],
    "tab behind a value": [head(("x", "y\t"))],
    "a length and no body": [head(("content-length", "5"))],
    "two lengths": [head(("content-length", "0"), ("content-length", "0"))],
    "a length that is none": [head(("content-length", "+0"))],
}
TRAILERS: dict[str, Part] = {
    ":path": ([(":path", "/")], END),
    ":status": ([STATUS], END),
    ":status behind a field": ([("x", "y"), STATUS], END),
    "space before a value": ([("x", " y")], END),
    "connection": ([("connection", "close")], END),
    "not the end": ([("x", "y")], OPEN),
}


def sending(*parts: Part) -> Script:
    """Answers `/bad` with these frames, and everything else with 200."""

    def script(_: Origin, wire: Wire) -> None:
        connection, encoder = begin(wire), Encoder()
        with suppress(ConnectionError):
            while data := wire.sock.recv(1 << 16):
                for event in connection.receive_data(data):
                    if not isinstance(event, RequestReceived):
                        continue
                    bad = dict(event.headers)[b":path"] == b"/bad"
                    answer = parts if bad else [head(("content-length", "0"))]
                    wire.send(b"".join(frame(event.stream_id, part, encoder).serialize() for part in answer))
                wire.send(connection.data_to_send())

    return script


def frame(stream: int, part: Part, encoder: Encoder) -> Frame:
    content, flags = part
    if isinstance(content, bytes):
        return DataFrame(stream, content, flags=flags)
    return HeadersFrame(stream, encoder.encode(content), flags=flags)


@pytest.mark.parametrize("name", HEADS)
def test_a_malformed_head_is_answered_with_502(balance: Balance, make_origin: MakeOrigin, name: str) -> None:
    origin = make_origin(sending(*HEADS[name]))
    lb = balance(origin, pool={"protocol": "h2c"})
    assert lb.ask(get()).status == 200
    assert lb.ask(get(target="/bad")).status == 502
    with Client(lb.client()) as client:
        assert client.get(path="/bad").status == 502
    assert lb.ask(get()).status == 200
    assert (lb.counts("web1")["faults"], len(origin.connections)) == ({"broken_response": 2}, 1)


@pytest.mark.parametrize("name", TRAILERS)
def test_malformed_trailers_are_not_taken_for_an_end(
    balance: Balance, make_origin: MakeOrigin, name: str
) -> None:
    origin = make_origin(sending(head(flags=OPEN), body(), TRAILERS[name]))
    lb = balance(origin, pool={"protocol": "h2c"})
    assert lb.ask(get()).status == 200
    with lb.client() as client:
        client.send(get("Connection: close", target="/bad"))
        with suppress(ConnectionError):
            client.rest()
        answer = bytes(client.received)
        # What had come of it before may have been passed on, but not an end.
        assert answer.startswith(b"HTTP/1.1 502 ") or not answer.endswith(b"0\r\n\r\n")
    with Client(lb.client()) as browser:
        seen = browser.get(path="/bad")
        assert seen.status == 502 or seen.reset is not None
    assert lb.ask(get()).status == 200
    assert lb.counts("web1")["faults"].keys() <= {"broken_response", "cut_short"}
    assert sum(lb.counts("web1")["faults"].values()) == 2
    assert len(origin.connections) == 1


def test_trailers_and_interim_responses_that_keep_to_the_rules_arrive(
    balance: Balance, make_origin: MakeOrigin
) -> None:
    hint: Part = ([(":status", "103"), ("link", "</a.css>")], OPEN)
    script = sending(hint, hint, head(flags=OPEN), body(), ([("x-sum", "9")], END))
    lb = balance(make_origin(script), pool={"protocol": "h2c"})
    for _ in range(3):
        with lb.client() as client:
            client.send(get(target="/bad"))
            heads = [client.head_of_response() for _ in range(3)]
            assert [head.status for head in heads] == [103, 103, 200]
            answer = client.body_of_response(heads[-1])
            assert (answer.body, answer.trailers) == (b"hello", (("x-sum", "9"),))
