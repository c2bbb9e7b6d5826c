"""Random bytes that look like HTTP: the engine stays up, and nothing malformed leaves it on either side."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import Balance, MakeOrigin
from support.balancer import get
from support.origin import Origin, ending
from support.wire import Ended, Wire

EXAMPLES = 500

ENDS = st.sampled_from([b"\r\n"] * 12 + [b"\n", b"\r", b"\r\r\n", b"", b"\r\n ", b"\x00\r\n"])
NAMES = st.sampled_from(
    [
        b"Host",
        b"Content-Length",
        b"Transfer-Encoding",
        b"Connection",
        b"Cookie",
        b"Expect",
        b"X",
        b"TE",
        b"Set-Cookie",
    ]
)
VALUES = st.sampled_from(
    [
        b"shop.test",
        b"5",
        b"0",
        b"11",
        b"chunked",
        b"close",
        b"keep-alive",
        b"EQ=1; a=2",
        b"100-continue",
        b"gzip, chunked",
    ]
)
ODD = st.binary(max_size=6)
SPACES = st.sampled_from([b" "] * 9 + [b"", b"\t", b"  ", b" \x0b"])
FIELDS = st.tuples(NAMES | ODD, st.sampled_from([b":"] * 9 + [b" :", b""]), SPACES, VALUES | ODD, ENDS).map(
    b"".join
)
BODIES = st.sampled_from(
    [b"", b"hello", b"5\r\nhello\r\n0\r\n\r\n", b"5;a=b\r\nhello\r\n", b"0\r\n\r\n", b"x\r\n", b"1\n"]
)
METHODS = st.sampled_from([b"GET", b"POST", b"HEAD", b"PUT", b"OPTIONS"])
TARGETS = st.sampled_from([b"/", b"*", b"/a?b", b"http://shop.test/", b"a"])
VERSIONS = st.sampled_from([b"HTTP/1.1"] * 8 + [b"HTTP/1.0", b"HTTP/2.0", b""])
REQUEST_LINES = st.tuples(METHODS | ODD, SPACES, TARGETS | ODD, SPACES, VERSIONS, ENDS).map(b"".join)
HOST = st.just(b"Host: shop.test\r\n")
STATUSES = st.sampled_from([b"200", b"204", b"304", b"100", b"103", b"101", b"500", b"099", b"2000"])
STATUS_LINES = st.tuples(VERSIONS, SPACES, STATUSES | ODD, SPACES, ODD, ENDS).map(b"".join)


def messages(starts: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """A few messages in a row, most of them nearly right."""
    fields = st.lists(FIELDS, max_size=4).map(b"".join)
    one = st.tuples(starts, HOST, fields, ENDS, BODIES | ODD).map(b"".join)
    return st.lists(one, min_size=1, max_size=3).map(b"".join) | st.binary(max_size=200)


@pytest.mark.timeout(300)
def test_no_request_whatever_its_bytes_breaks_the_rules(balance: Balance, make_origin: MakeOrigin) -> None:
    origin = make_origin()
    lb = balance(origin, timeouts={"response": "1s"})

    @settings(max_examples=EXAMPLES)
    @given(messages(REQUEST_LINES))
    def attack(raw: bytes) -> None:
        with lb.client() as client:
            client.send(raw)
            client.finish()
            drained(client)
        assert origin.broken == []

    attack()
    assert lb.ask(get()).body == b"hello"
    assert lb.counts("web1")["in_flight"] == 0


@pytest.mark.timeout(300)
def test_no_response_whatever_its_bytes_breaks_the_rules(balance: Balance, make_origin: MakeOrigin) -> None:
    said = b""

    def script(origin: Origin, wire: Wire) -> None:
        ending(said)(origin, wire)

    lb = balance(make_origin(script))

    @settings(max_examples=EXAMPLES)
    @given(messages(STATUS_LINES), st.sampled_from(["GET", "HEAD", "POST"]))
    def attack(raw: bytes, method: str) -> None:
        nonlocal said
        said = raw
        with lb.client() as client:
            client.send(get(method=method))
            client.finish()
            drained(client, method)

    attack()
    said = b"HTTP/1.1 200 OK\r\n\r\nhello"
    assert lb.ask(get()).body == b"hello"
    assert lb.counts("web1")["in_flight"] == 0


def drained(client: Wire, method: str = "") -> None:
    """Read well-formed responses to the end of the connection, which may come in the middle of one.

    Without `method`, what comes may answer HEAD, and its body cannot be told: only the first head is read.
    """
    try:
        while not client.gone():
            client.response(method or "HEAD")
            if not method:
                client.rest()
    except (Ended, ConnectionError):
        return
