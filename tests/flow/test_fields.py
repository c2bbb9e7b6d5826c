"""What a head loses, keeps and gains on its way."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest

from conftest import Balance, MakeOrigin
from support.balancer import get
from support.http2 import Client
from support.origin import Origin, answering, response
from support.wire import Message, Wire


def seen(balance: Balance, make_origin: MakeOrigin, request: bytes) -> Message:
    """The request as the server read it."""
    origin = make_origin()
    assert balance(origin).ask(request).status == 200
    return origin.requests[0]


def test_fields_travel_in_order_and_to_the_byte(balance: Balance, make_origin: MakeOrigin) -> None:
    fields = [
        "X-One: 1",
        "aCCept:  */* ; q=\t1",
        "X-Two: ü",
        "X-One: 2",
        "Empty:",
        "X_Three: 3",
        "Via: 1.1 cdn",
    ]
    request = seen(balance, make_origin, get(*fields))
    raw = b"".join(line.encode("latin-1") + b"\r\n" for line in ["Host: shop.test", *fields])
    assert raw in request.head


@pytest.mark.parametrize("host", ["shop.test", "shop.test:8080", "127.0.0.1", "[::1]:80", "SHOP.test"])
def test_host_is_kept(balance: Balance, make_origin: MakeOrigin, host: str) -> None:
    request = seen(balance, make_origin, f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    assert request.get("host") == host
    assert request.get("x-forwarded-host") == host


def test_an_empty_host_stays_one_empty_host(balance: Balance, make_origin: MakeOrigin) -> None:
    """RFC 9112, 3.2: a client without an authority sends Host with an empty value."""
    request = seen(balance, make_origin, b"GET / HTTP/1.1\r\nHost:\r\n\r\n")
    assert (request.get("host"), request.get("x-forwarded-host")) == ("", None)


def test_version_10_without_host_gets_an_empty_one(balance: Balance, make_origin: MakeOrigin) -> None:
    assert seen(balance, make_origin, b"GET / HTTP/1.0\r\n\r\n").get("host") == ""


@pytest.mark.parametrize(
    "fields", ["HTTP/1.1\r\nHost: shop.test\r\n", "HTTP/1.0\r\n", "HTTP/1.0\r\nHost: shop.test\r\n"]
)
def test_the_absolute_form_becomes_target_and_host(
    balance: Balance, make_origin: MakeOrigin, fields: str
) -> None:
    request = seen(balance, make_origin, f"GET http://shop.test/a?b=c {fields}\r\n".encode())
    assert (request.target, request.get("host")) == ("/a?b=c", "shop.test")
    assert request.get("x-forwarded-host") == "shop.test"


def test_the_absolute_form_without_a_path_means_the_root(balance: Balance, make_origin: MakeOrigin) -> None:
    request = seen(balance, make_origin, b"GET http://shop.test HTTP/1.1\r\nHost: shop.test\r\n\r\n")
    assert request.target == "/"


@pytest.mark.parametrize(
    "target", ["/", "/a/../b//c;d=e?f=%00&g", "//shop", "/?", "/a?http://b/", '/"<>[]\\^`{|}']
)
def test_a_target_is_not_touched(balance: Balance, make_origin: MakeOrigin, target: str) -> None:
    assert seen(balance, make_origin, get(target=target)).target == target


def test_options_may_ask_about_the_whole_server(balance: Balance, make_origin: MakeOrigin) -> None:
    assert seen(balance, make_origin, get(target="*", method="OPTIONS")).start == "OPTIONS * HTTP/1.1"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "get"])
def test_methods_are_not_touched(balance: Balance, make_origin: MakeOrigin, method: str) -> None:
    assert seen(balance, make_origin, get(method=method)).method == method


def test_fields_of_one_connection_end_there(balance: Balance, make_origin: MakeOrigin) -> None:
    """RFC 9110, 7.6.1."""
    ours = [
        "Keep-Alive: timeout=5",
        "Proxy-Connection: keep-alive",
        "TE: trailers",
        "Upgrade: h2c",
        "Trailer: X-Sum",
    ]
    named = ["X-Mine: 1", "HTTP2-Settings: AAAA", "X-Stays: 2", "connection: X-Also", "X-Also: 3"]
    request = seen(
        balance, make_origin, get("Connection: keep-alive, x-mine ,,http2-settings", *ours, *named)
    )
    names = [name.lower() for name, _ in request.fields]
    assert names == [
        "host",
        "x-stays",
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-forwarded-host",
        "forwarded",
    ]


@pytest.mark.parametrize(
    "name", ["Host", "Cookie", "Content-Length", "X-Forwarded-For", "Forwarded", "Authorization"]
)
def test_connection_cannot_take_away_what_the_server_relies_on(
    balance: Balance, make_origin: MakeOrigin, name: str
) -> None:
    request = seen(
        balance, make_origin, get(f"Connection: {name}", "Cookie: a=b", "Content-Length: 2") + b"ok"
    )
    expected = {"host": "shop.test", "cookie": "a=b", "content-length": "2", "x-forwarded-for": "127.0.0.1"}
    assert {known: request.get(known) for known in expected} == expected


def test_fields_of_the_servers_connection_end_there_too(balance: Balance, make_origin: MakeOrigin) -> None:
    fields = [
        "Connection: X-Mine, keep-alive",
        "X-Mine: 1",
        "Keep-Alive: timeout=5",
        "Upgrade: h2c",
        "X-Stays: 2",
    ]
    answer = balance(make_origin(answering(response(b"hello", *fields)))).ask(get())
    assert [name for name, _ in answer.fields if name not in ("Set-Cookie", "Date")] == [
        "X-Stays",
        "Content-Length",
    ]


def test_a_426_says_what_to_change_to(balance: Balance, make_origin: MakeOrigin) -> None:
    """RFC 9110, 15.5.22; Connection names the field (7.8). HTTP/2 has neither (RFC 9113, 8.2.2)."""
    demand = ["Connection: upgrade", "Upgrade: HTTP/3.0, websocket"]
    lb = balance(make_origin(answering(response(b"no", *demand, status="426 Upgrade Required"))))
    answer = lb.ask(get())
    assert (answer.status, answer.body) == (426, b"no")
    assert (answer.all("upgrade"), answer.all("connection")) == (["HTTP/3.0, websocket"], ["upgrade"])
    last = lb.ask(get("Connection: close"))
    assert (last.get("upgrade"), last.all("connection")) == ("HTTP/3.0, websocket", ["close, upgrade"])
    with Client(lb.client()) as browser:
        over_http2 = browser.get()
    assert (over_http2.status, bytes(over_http2.body)) == (426, b"no")
    assert (over_http2.get("upgrade"), over_http2.get("connection")) == (None, None)


def test_a_response_without_a_date_gets_one(balance: Balance, make_origin: MakeOrigin) -> None:
    """RFC 9110, 6.6.1."""
    theirs = "Sun, 06 Nov 1994 08:49:37 GMT"
    origin = make_origin(answering(response(b"hello"), response(b"hello", f"date: {theirs}")))
    lb = balance(origin)
    before = datetime.now(UTC) - timedelta(seconds=2)
    ours = lb.ask(get()).get("date")
    refused = lb.ask(get(version="9.9")).get("date")
    for date in (ours, refused):
        assert date is not None
        assert before <= parsedate_to_datetime(date) <= datetime.now(UTC)
    with lb.client() as client:
        client.send(get() * 2)
        assert {client.response().get("date"), client.response().get("date")} >= {theirs}


def test_trailers_travel_both_ways(balance: Balance, make_origin: MakeOrigin) -> None:
    """RFC 9112, 7.1.2, without those that RFC 9110, 6.5.1 does not let come last."""
    trailers = b"X-Sum: 17\r\nContent-Length: 5\r\nSet-Cookie: a=1\r\nX-Two:\r\n\r\n"
    body = b"5\r\nhello\r\n0\r\n" + trailers
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
    origin = make_origin(answering(head + body))
    request = get("Transfer-Encoding: chunked", "Trailer: X-Sum", method="POST")
    lb = balance(origin)
    kept = (("X-Sum", "17"), ("X-Two", ""))
    answer = lb.ask(request + body)
    assert (answer.body, answer.trailers, answer.get("trailer")) == (b"hello", kept, "X-Sum")
    (seen_here,) = origin.requests
    assert (seen_here.body, seen_here.trailers, seen_here.get("trailer")) == (b"hello", kept, "X-Sum")
    # In HTTP/1.0 nothing can trail.
    old = lb.ask(get(version="1.0"))
    assert (old.body, old.get("trailer")) == (b"hello", None)


def test_trailers_of_a_body_that_is_streamed_travel_too(balance: Balance, make_origin: MakeOrigin) -> None:
    body = b"4e20\r\n" + b"x" * 20_000 + b"\r\n0\r\nX-Sum: 17\r\n\r\n"
    origin = make_origin(answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body))
    answer = balance(origin).ask(get("Transfer-Encoding: chunked", method="POST") + body)
    for message in (answer, origin.requests[0]):
        assert (len(message.body), message.trailers) == (20_000, (("X-Sum", "17"),))


def test_a_client_cannot_forge_where_it_comes_from(balance: Balance, make_origin: MakeOrigin) -> None:
    origin = make_origin()
    forged = [
        "X-Forwarded-For: 1.2.3.4",
        "x-forwarded-proto: https",
        "X-Forwarded-Host: evil",
        "Forwarded: for=1.2.3.4",
    ]
    with balance(origin).client("127.0.0.9") as client:
        client.send(get(*forged))
        client.response()
    request: Message = origin.requests[0]
    assert request.get("x-forwarded-for") == "127.0.0.9"
    assert request.get("x-forwarded-proto") == "http"
    assert request.get("x-forwarded-host") == "shop.test"
    assert request.get("forwarded") == 'for=127.0.0.9;host="shop.test";proto=http'


def test_a_response_keeps_its_fields_and_phrase(balance: Balance, make_origin: MakeOrigin) -> None:
    fields = [
        "Server: shop",
        "Set-Cookie: a=1",
        "X-Odd:  a\tb ",
        "Set-Cookie: b=2; Path=/",
        "Vary: *",
        "Via: 1.1 x",
    ]
    raw = response(b"hello", *fields, status="299 Quite  Fine")
    answer = balance(make_origin(answering(raw))).ask(get())
    assert answer.start == "HTTP/1.1 299 Quite  Fine"
    assert b"".join(line.encode() + b"\r\n" for line in fields) in answer.head


def test_a_response_may_come_without_a_phrase(balance: Balance, make_origin: MakeOrigin) -> None:
    lb = balance(make_origin(answering(b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n")))
    assert lb.ask(get()).start == "HTTP/1.1 200 "


def test_interim_responses_are_passed_on(balance: Balance, make_origin: MakeOrigin) -> None:
    """RFC 9110, 15.2; RFC 8297."""
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nConnection: x\r\nX: y\r\n\r\n"
    lb = balance(make_origin(answering(b"HTTP/1.1 102 Processing\r\n\r\n" + hints + response(b"hello"))))
    with lb.client() as client:
        for _ in range(2):
            client.send(get())
            assert client.response().head == b"HTTP/1.1 102 Processing\r\n\r\n"
            assert (
                client.response().head == b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
            )
            assert client.response().body == b"hello"
        client.send(get(version="1.0"))
        assert client.response().status == 200


def test_the_client_waits_for_100_until_the_server_says_so(balance: Balance, make_origin: MakeOrigin) -> None:
    """RFC 9110, 10.1.1, from end to end."""

    def script(origin: Origin, wire: Wire) -> None:
        assert b"\r\nExpect: 100-continue\r\n" in wire.until(b"\r\n\r\n")
        assert len(wire.received) == wire.received.index(b"\r\n\r\n") + 4
        wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert wire.take(5) == b"hello"
        wire.send(response(b"thanks"))

    with balance(make_origin(script)).client() as client:
        client.send(get("Expect: 100-continue", "Content-Length: 5", method="POST"))
        assert client.response().head == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(b"hello")
        assert client.response().body == b"thanks"


def test_a_body_that_the_server_does_not_want_is_not_waited_for(
    balance: Balance, make_origin: MakeOrigin
) -> None:
    refusal = response(b"no", status="417 Expectation Failed")

    def script(origin: Origin, wire: Wire) -> None:
        wire.until(b"\r\n\r\n")
        wire.send(refusal)
        assert wire.gone()

    with balance(make_origin(script)).client() as client:
        client.send(get("Expect: 100-continue", "Content-Length: 5", method="POST"))
        answer = client.response()
        assert (answer.status, answer.get("connection")) == (417, "close")
        assert client.at_end()
