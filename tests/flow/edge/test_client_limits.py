"""How many connections, requests and bytes a client gets, and what it hears when it wants more."""

import json
from pathlib import Path
from typing import Any

import pytest

from conftest import Balance, MakeOrigin
from support.balancer import Balancer, get, post
from support.http2 import Client, Raw, head
from support.origin import Origin, chunked
from support.wire import Wire

PROXY = "127.0.0.3"


def web(**listener: object) -> dict[str, Any]:
    return {"listeners": {"web": {"address": "127.0.0.1:0", **listener}}}


def asks(client: Wire) -> int:
    client.send(get())
    return client.response().status


def admitted(lb: Balancer, count: int, source: str = "127.0.0.1") -> list[Wire]:
    """So many clients, each of which was answered."""
    clients = [lb.client(source) for _ in range(count)]
    assert [asks(client) for client in clients] == [200] * count
    return clients


def turned_away(lb: Balancer, status: int, source: str = "127.0.0.1") -> None:
    with lb.client(source) as client:
        client.send(get())
        answer = client.response()
        assert (answer.status, answer.get("connection")) == (status, "close")
        assert answer.get("retry-after") is not None
        assert client.gone()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_listener_takes_so_many_connections(
    balance: Balance, make_origin: MakeOrigin, workers: int, tmp_path: Path
) -> None:
    log = tmp_path / "access.log"
    lb = balance(make_origin(), workers, access_log={"to": str(log)}, **web(connections=3))
    clients = admitted(lb, 3)
    for _ in range(2):
        turned_away(lb, 503)
    assert asks(clients[0]) == 200, "who is in stays"
    report = lb.report()
    assert report["refused"] == {"listener_full": 2}
    assert report["answers"] == {"503": 2}
    clients.pop().close()
    lb_is_free(lb, 2)
    clients += admitted(lb, 1)
    for client in clients:
        client.close()
    lb.stop()
    faults = [json.loads(line).get("fault") for line in log.read_text().splitlines()]
    assert sorted(fault for fault in faults if fault) == ["listener_full"] * 2


def lb_is_free(lb: Balancer, connections: int) -> None:
    """Wait until the engine has seen the others close."""
    while lb.report()["connections"] > connections:
        pass


@pytest.mark.parametrize("workers", [1, 2])
def test_the_clients_of_a_prefix_share_their_connections(
    balance: Balance, make_origin: MakeOrigin, workers: int
) -> None:
    lb = balance(make_origin(), workers, limits={"clients": {"connections": 2, "prefix4": 31}})
    clients = [*admitted(lb, 1, "127.0.0.4"), *admitted(lb, 1, "127.0.0.5")]
    turned_away(lb, 429, "127.0.0.4")
    clients += admitted(lb, 2, "127.0.0.6")
    assert lb.report()["refused"] == {"client_full": 1}
    clients.pop(0).close()
    lb_is_free(lb, 3)
    clients += admitted(lb, 1, "127.0.0.4")
    for client in clients:
        client.close()


def test_a_trusted_proxy_may_have_any_number(balance: Balance, make_origin: MakeOrigin) -> None:
    lb = balance(make_origin(), limits={"clients": {"connections": 1}}, **web(trusted=[PROXY]))
    for client in [*admitted(lb, 5, PROXY), *admitted(lb, 1)]:
        client.close()


def test_a_client_told_by_a_proxy_is_counted(balance: Balance, make_origin: MakeOrigin) -> None:
    required = web(trusted=[PROXY], proxy_protocol="required")
    lb = balance(make_origin(), limits={"clients": {"connections": 1}}, **required)
    statuses = []
    clients = [lb.client(PROXY) for _ in range(3)]
    for client, host in zip(clients, (7, 7, 8), strict=True):
        client.send(f"PROXY TCP4 192.0.2.{host} 192.0.2.1 1 80\r\n".encode() + get())
        statuses.append(client.response().status)
    assert statuses == [200, 429, 200]
    for client in clients:
        client.close()


def test_beyond_those_that_are_answered_connections_close(balance: Balance, make_origin: MakeOrigin) -> None:
    """Who asks nothing and holds the connection takes no more than a few places."""
    lb = balance(make_origin(), **web(connections=1))
    clients = admitted(lb, 1)
    silent = [lb.client() for _ in range(64)]
    with lb.client() as client:
        assert client.gone()
    assert asks(clients[0]) == 200
    assert lb.report()["refused"] == {"listener_full": 65}
    for each in clients + silent:
        each.close()


def test_who_is_turned_away_has_the_time_of_a_head(balance: Balance, make_origin: MakeOrigin) -> None:
    lb = balance(make_origin(), timeouts={"head": "200ms"}, **web(connections=1))
    clients = admitted(lb, 1)
    with lb.client() as silent:
        assert silent.gone()
    assert asks(clients[0]) == 200
    clients[0].close()


def test_a_changed_limit_holds_for_who_comes(balance: Balance, make_origin: MakeOrigin) -> None:
    lb = balance(make_origin(), **web(connections=1))
    clients = admitted(lb, 1)
    turned_away(lb, 503)
    lb_is_free(lb, 1)
    lb.config["listeners"]["web"]["connections"] = 2
    lb.service.reload(lb.config)
    clients += admitted(lb, 1)
    for client in clients:
        client.close()


def test_streams_of_a_connection_too_many_are_answered(balance: Balance, make_origin: MakeOrigin) -> None:
    lb = balance(make_origin(), **web(connections=1))
    clients = admitted(lb, 1)
    with Raw(lb.client()) as late:
        late.send(*late.request(1, head()))
        assert late.outcome(1) == "503"
        assert set(late.last_words()) == {"NO_ERROR"}
    clients[0].close()


def test_the_last_request_of_a_connection_says_so(balance: Balance, make_origin: MakeOrigin) -> None:
    origin = make_origin()
    lb = balance(origin, limits={"requests": 3})
    with lb.client() as client:
        client.send(get() * 5)
        answers = [client.response() for _ in range(3)]
        assert client.gone()
    assert [answer.get("connection") for answer in answers] == [None, None, "close"]
    assert len(origin.requests) == 3


def test_a_connection_of_http2_that_has_served_enough_says_goodbye(
    balance: Balance, make_origin: MakeOrigin
) -> None:
    origin = make_origin()
    lb = balance(origin, limits={"requests": 3})
    with Raw(lb.client()) as client:
        for stream in (1, 3, 5):
            client.send(*client.request(stream, head()))
            assert client.outcome(stream) == "200"
        assert set(client.last_words()) == {"NO_ERROR"}
    assert len(origin.requests) == 3


SIZES = [(100, 200), (101, 413)]


@pytest.mark.parametrize(("size", "status"), SIZES)
@pytest.mark.parametrize("coding", ["length", "chunked", "several chunks"])
def test_a_body_has_a_largest_size(
    balance: Balance, make_origin: MakeOrigin, size: int, status: int, coding: str
) -> None:
    origin = make_origin()
    lb = balance(origin, limits={"body": 100})
    body = b"x" * size
    chunks = {"chunked": [body], "several chunks": [body[:60], body[60:]]}
    start = get("Transfer-Encoding: chunked", method="POST")
    whole = post(body) if coding == "length" else start + chunked(*chunks[coding])
    assert lb.ask(whole).status == status
    assert len(origin.requests) == (status == 200)
    assert lb.report()["answers"] == ({"413": 1} if status == 413 else {})


def test_a_body_that_comes_in_pieces_is_cut_at_its_largest_size(
    balance: Balance, make_origin: MakeOrigin
) -> None:
    """The server has seen a part of it by then, and never an end."""
    origin = make_origin()
    with balance(origin, limits={"body": 100_000}).client() as client:
        client.send(get("Transfer-Encoding: chunked", method="POST"))
        for _ in range(2):
            client.send(b"%x\r\n%b\r\n" % (60_000, b"x" * 60_000))
        assert client.response().status == 413
    assert origin.requests == []


def test_who_asks_first_hears_it_before_the_body(balance: Balance, make_origin: MakeOrigin) -> None:
    origin: Origin = make_origin()
    with balance(origin, limits={"body": "1KiB"}).client() as client:
        client.send(get("Expect: 100-continue", "Content-Length: 2048", method="PUT"))
        assert client.response().status == 413
    assert origin.connections == []


@pytest.mark.parametrize("told", [True, False])
def test_streams_have_a_largest_body(balance: Balance, make_origin: MakeOrigin, told: bool) -> None:
    lb = balance(make_origin(), limits={"body": 100})
    length = [("content-length", "101")] if told else []
    with Client(lb.client()) as client:
        stream = client.ask(*length, body=b"x" * 101, method="POST")
        assert client.answer(stream).status == 413
        assert client.answer(client.ask(body=b"x" * 100, method="POST")).status == 200
