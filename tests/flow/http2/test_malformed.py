"""A malformed request is refused by itself: no server hears of it, and others on the connection go on."""

import pytest
from hyperframe.frame import DataFrame, PingFrame, SettingsFrame

from conftest import Balance, MakeOrigin
from support.balancer import get
from support.http2 import FRAME, PREFACE, Fields, Raw, head
from support.origin import Origin

MALFORMED = "RST_STREAM PROTOCOL_ERROR"
"""RFC 9113, 8.1.1."""
UNREADABLE = "GOAWAY PROTOCOL_ERROR"
"""A field that is no field ends the connection, as RFC 9113, 5.4.1, permits."""

BAD = ("x-bad", "x")


def without(*names: str) -> Fields:
    return [(name, value) for name, value in head(BAD, path="/bad") if name not in names]


def instead(name: str, value: str, method: str = "GET") -> Fields:
    return [(known, value if known == name else old) for known, old in head(BAD, path="/bad", method=method)]


def bad(*fields: tuple[str, str], method: str = "GET", host: str = "shop.test") -> Fields:
    return head(BAD, *fields, path="/bad", method=method, host=host)


CASES: dict[str, tuple[Fields, str]] = {
    # 8.2: names and values
    "upper case": (bad(("X-Upper", "1")), UNREADABLE),
    "empty name": (bad(("", "1")), UNREADABLE),
    "space in a name": (bad(("a b", "1")), UNREADABLE),
    "space behind a name": (bad(("a ", "1")), UNREADABLE),
    "colon in a name": (bad(("a:b", "1")), UNREADABLE),
    "CR LF in a name": (bad(("a\r\nb", "1")), UNREADABLE),
    "NUL in a name": (bad(("a\0", "1")), UNREADABLE),
    "DEL in a name": (bad(("a\x7f", "1")), UNREADABLE),
    "UTF-8 in a name": (bad(("caf\xe9", "1")), UNREADABLE),
    "CR in a value": (bad(("a", "1\r2")), UNREADABLE),
    "LF in a value": (bad(("a", "1\n2")), UNREADABLE),
    "CR LF in a value": (bad(("a", "1\r\nx-more: 2")), UNREADABLE),
    "NUL in a value": (bad(("a", "1\x002")), UNREADABLE),
    "space before a value": (bad(("a", " 1")), MALFORMED),
    "tab behind a value": (bad(("a", "1\t")), MALFORMED),
    "only a space": (bad(("a", " ")), MALFORMED),
    # 8.2.2: fields of one connection
    "connection": (bad(("connection", "close")), MALFORMED),
    "connection that names a field": (bad(("connection", "x-bad")), MALFORMED),
    "keep-alive": (bad(("keep-alive", "timeout=5")), MALFORMED),
    "proxy-connection": (bad(("proxy-connection", "keep-alive")), MALFORMED),
    "transfer-encoding": (bad(("transfer-encoding", "chunked"), method="POST"), MALFORMED),
    "upgrade": (bad(("upgrade", "websocket")), MALFORMED),
    "te other than trailers": (bad(("te", "gzip")), MALFORMED),
    "te with more than trailers": (bad(("te", "trailers, gzip")), MALFORMED),
    # 8.3: pseudo-fields
    "no :method": (without(":method"), MALFORMED),
    "no :scheme": (without(":scheme"), MALFORMED),
    "no :path": (without(":path"), MALFORMED),
    "no :path and no :authority": ([*without(":path", ":authority"), ("host", "shop.test")], MALFORMED),
    ":method twice": ([(":method", "GET"), *bad()], MALFORMED),
    ":scheme twice": ([(":scheme", "http"), *bad()], MALFORMED),
    ":path twice": ([(":path", "/bad"), *bad()], MALFORMED),
    ":authority twice": ([(":authority", "shop.test"), *bad()], MALFORMED),
    ":path behind a field": ([*without(":path"), (":path", "/bad")], MALFORMED),
    "unknown pseudo-field": ([(":unknown", "1"), *bad()], UNREADABLE),
    ":status in a request": ([(":status", "200"), *bad()], MALFORMED),
    ":protocol without CONNECT": ([(":protocol", "websocket"), *bad()], MALFORMED),
    "empty :method": (instead(":method", ""), UNREADABLE),
    ":method with a space": (instead(":method", "GET /good HTTP/1.1"), UNREADABLE),
    "empty :scheme": (instead(":scheme", ""), MALFORMED),
    ":scheme with a space": (instead(":scheme", "ht tp"), MALFORMED),
    "empty :authority": (instead(":authority", ""), MALFORMED),
    "empty :path": (instead(":path", ""), MALFORMED),
    ":path with CR LF": (instead(":path", "/bad HTTP/1.1\r\nx-more: 1"), MALFORMED),
    ":path with NUL": (instead(":path", "/bad\0"), MALFORMED),
    ":path with a space": (instead(":path", "/bad x"), MALFORMED),
    ":authority with CR LF": (instead(":authority", "shop.test\r\nx-more: 1"), MALFORMED),
    ":authority with a space": (instead(":authority", "shop test"), MALFORMED),
    # 8.3.1: what the target means
    ":path without a slash": (instead(":path", "bad"), MALFORMED),
    ":path is a URL": (instead(":path", "http://shop.test/bad"), MALFORMED),
    "* with GET": (instead(":path", "*"), "400"),
    ":path with a fragment": (instead(":path", "/bad?x#y"), MALFORMED),
    "only a query": (instead(":path", "?bad"), "400"),
    "host that differs": (bad(("host", "other.test")), "400"),
    "host twice": (bad(("host", "shop.test"), ("host", "shop.test")), "400"),
    "hosts that differ": ([*without(":authority"), ("host", "shop.test"), ("host", "x.test")], "400"),
    "no host at all": (without(":authority"), "400"),
    "a user in :authority": (bad(host="me@shop.test"), "400"),
    "a path in :authority": (bad(host="shop.test/good"), MALFORMED),
    "two authorities": (bad(host="shop.test,x.test"), "400"),
    # 8.5: CONNECT
    "CONNECT": ([(":method", "CONNECT"), (":authority", "shop.test:443"), BAD], "501"),
    "CONNECT with a path": (bad(method="CONNECT"), MALFORMED),
    "CONNECT with a protocol that is none": ([(":protocol", "h3"), *bad(method="CONNECT")], "501"),
    # 8.1.1: lengths
    "length without a body": (bad(("content-length", "5"), method="POST"), MALFORMED),
    "length that is none": (bad(("content-length", "five"), method="POST"), MALFORMED),
    "length with a sign": (bad(("content-length", "+0"), method="POST"), MALFORMED),
    "list of lengths": (bad(("content-length", "0, 0"), method="POST"), MALFORMED),
    "empty length": (bad(("content-length", ""), method="POST"), "400"),
    "huge length": (bad(("content-length", "9" * 30), method="POST"), MALFORMED),
    "two lengths": (bad(("content-length", "0"), ("content-length", "1"), method="POST"), MALFORMED),
    # sizes
    "head too large": (bad(("a", "x" * 70_000)), "431"),
    "head too large in crumbs": (bad(*[("cookie", "x" * 500)] * 140), "431"),
    "too many fields": (bad(*[(f"x-{number}", "1") for number in range(100)]), "431"),
    "target too long": (instead(":path", "/bad" + "x" * 20_000), "414"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_malformed_request_is_refused_by_itself(
    balance: Balance, make_origin: MakeOrigin, name: str
) -> None:
    fields, outcome = CASES[name]
    origin = make_origin()
    with Raw(balance(origin).client()) as client:
        client.send(client.headers(1, head(path="/good")))
        assert (client.outcome(1), client.body(1)) == ("200", b"hello")
        client.send(*client.request(3, fields))
        assert client.outcome(3) == outcome
        if outcome.startswith("GOAWAY"):
            assert client.wire.gone()
        else:
            client.send(client.headers(5, head(path="/good")))
            assert client.outcome(5) == "200"
    saw_nothing(origin)


def test_a_head_may_be_as_large_as_over_http_1(balance: Balance, make_origin: MakeOrigin) -> None:
    lb = balance(make_origin(), limits={"head": 1024, "fields": 20})
    fields = [(f"x-{number}", "1" * 60) for number in range(12)]
    assert lb.ask(get(*map(": ".join, fields))).status == 200
    with Raw(lb.client()) as client:
        client.send(client.headers(1, head(*fields)))
        assert client.outcome(1) == "200"


def test_heads_that_are_too_large_are_counted(balance: Balance, make_origin: MakeOrigin) -> None:
    lb = balance(make_origin(), limits={"head": 1024})
    with Raw(lb.client()) as client:
        for stream, size in ((1, 1_000), (3, 2_000), (5, 10_000), (7, 60_000)):
            client.send(*client.request(stream, head(("x", "y" * size))))
            assert client.outcome(stream) == "431"
    assert lb.report()["answers"] == {"431": 4}


def test_a_head_many_times_as_large_ends_the_connection(balance: Balance, make_origin: MakeOrigin) -> None:
    lb = balance(make_origin(), limits={"head": 1024})
    with Raw(lb.client()) as client:
        client.send(*client.request(1, head(("x", "y" * 100_000))))
        assert client.outcome(1) == "GOAWAY ENHANCE_YOUR_CALM"
        assert client.wire.gone()


@pytest.mark.parametrize(
    "parts",
    [[b"abc"], [b"abc", b""], [b"abcdef"], [b"abcde", b"f"], [b"ab", b"cdef"]],
    ids=["short", "short, then empty", "long", "long at the end", "long in the middle"],
)
def test_a_body_of_another_length_is_refused(
    balance: Balance, make_origin: MakeOrigin, parts: list[bytes]
) -> None:
    origin = make_origin()
    with Raw(balance(origin).client()) as client:
        fields = bad(("content-length", "5"), method="POST")
        last = len(parts) - 1
        data = [DataFrame(1, part, flags=["END_STREAM"] * (at == last)) for at, part in enumerate(parts)]
        client.send(client.headers(1, fields, "END_HEADERS"), *data)
        assert client.outcome(1) == MALFORMED
        client.send(client.headers(3, head(path="/good")))
        assert client.outcome(3) == "200"
    assert [request.target for request in origin.requests] == ["/good"]


@pytest.mark.parametrize(
    "trailers",
    [
        [(":path", "/bad")],
        [("x-sum", "1"), (":path", "/bad")],
        [(":path", "/good")],
        [(":method", "GET")],
        [(":status", "200")],
        [(":authority", "shop.test"), ("x-sum", "1")],
        [("x-sum", " 1")],
        [("x-sum", "1\t")],
    ],
    ids=repr,
)
@pytest.mark.parametrize("size", [FRAME, 4])
def test_malformed_fields_behind_the_body_are_refused(
    balance: Balance, make_origin: MakeOrigin, trailers: Fields, size: int
) -> None:
    origin = make_origin()
    with Raw(balance(origin).client()) as client:
        client.send(client.headers(1, head(path="/good")))
        assert client.outcome(1) == "200"
        client.send(client.headers(3, bad(method="POST"), "END_HEADERS"), DataFrame(3, b"basket"))
        client.send(*client.request(3, trailers, size))
        assert client.outcome(3) == MALFORMED
        client.send(client.headers(5, head(path="/good")))
        assert client.outcome(5) == "200"
    assert {request.target for request in origin.requests} == {"/good"}


def test_a_path_with_a_fragment_is_refused_when_it_comes_by_its_number(
    balance: Balance, make_origin: MakeOrigin
) -> None:
    origin = make_origin()
    fragment = instead(":path", "/bad#x")
    with Raw(balance(origin).client()) as client:
        for round_ in range(30):
            first = 1 + 6 * round_
            # Entries come and go in the table of fields; some are larger than what is left of it.
            crumbs = [(f"x-{number}", "y" * (round_ * 37 % 300)) for number in range(round_ % 7)]
            client.send(*client.request(first, fragment + crumbs))
            assert client.outcome(first) == MALFORMED
            client.send(*client.request(first + 2, head(*crumbs, path=f"/good/{round_}")))
            assert client.outcome(first + 2) == "200"
            client.send(*client.request(first + 4, fragment))
            assert client.outcome(first + 4) == MALFORMED
    assert [request.target for request in origin.requests] == [f"/good/{number}" for number in range(30)]


@pytest.mark.parametrize("first", ["HEADERS", "PING"])
def test_a_connection_that_does_not_begin_with_settings_is_ended(
    balance: Balance, make_origin: MakeOrigin, first: str
) -> None:
    origin = make_origin()
    with Raw(balance(origin).client(), begin=False) as client:
        frame = client.headers(1, head(path="/bad")) if first == "HEADERS" else PingFrame(0, b"are you?")
        client.send(PREFACE, frame, SettingsFrame(0))
        assert client.outcome(3) == UNREADABLE
        assert client.wire.gone()
    assert origin.requests == []


@pytest.mark.parametrize("end", [True, False])
def test_what_follows_a_request_on_its_stream_is_no_request(
    balance: Balance, make_origin: MakeOrigin, end: bool
) -> None:
    origin = make_origin()
    with Raw(balance(origin).client()) as client:
        fields = head(("content-length", "0"), path="/good", method="POST")
        more = DataFrame(1, get(target="/bad"), flags=["END_STREAM"] * end)
        client.send(client.headers(1, fields, "END_HEADERS"), more)
        assert client.outcome(1) in (MALFORMED, "200")
        client.send(client.headers(3, head(path="/good")))
        assert client.outcome(3) == "200"
    saw_nothing(origin)


@pytest.mark.parametrize(
    ("fields", "target"),
    [
        (head(("te", "trailers")), "/"),
        (head(("host", "shop.test")), "/"),
        ([*[pair for pair in head() if pair[0] != ":authority"], ("host", "shop.test")], "/"),
        (head(path="*", method="OPTIONS"), "*"),
        (head(("a", "")), "/"),
        (head(("a", "caf\xe9\tau lait")), "/"),
        ([(":path", "/x"), (":authority", "shop.test"), (":scheme", "https"), (":method", "GET")], "/x"),
        (head(path="//x?y=//z"), "//x?y=//z"),
        (head(path="/" + "x" * 16_000), "/" + "x" * 16_000),
        (head(("a", "x" * 60_000)), "/"),
        (head(("content-length", "0"), method="POST"), "/"),
    ],
)
def test_what_is_only_unusual_arrives_as_one_request(
    balance: Balance, make_origin: MakeOrigin, fields: Fields, target: str
) -> None:
    origin = make_origin()
    with Raw(balance(origin).client()) as client:
        client.send(*client.request(1, fields))
        assert client.outcome(1) == "200"
    (request,) = origin.requests
    assert (request.target, request.get("host")) == (target, "shop.test")
    value = dict(fields).get("a")
    assert request.get("a") == value


def saw_nothing(origin: Origin) -> None:
    """No server has got a byte of what is bad."""
    assert {request.target for request in origin.requests} == {"/good"}
    assert not any(b"bad" in wire.received for wire in origin.connections)
