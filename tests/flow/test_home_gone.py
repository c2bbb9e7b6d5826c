"""When a session's home is gone: what is tried elsewhere, what never twice, and where it lives then."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from conftest import Balance, MakeOrigin
from support.balancer import Balancer, get, post, set_cookie
from support.origin import HELLO, Origin, Script, answering, response
from support.wire import Wire

WHOLE = post(b"hello")


def resetting(origin: Origin, wire: Wire) -> None:
    """Read a whole request and reset the connection instead of answering."""
    origin.read(wire)
    wire.reset()


def resetting_at_head(origin: Origin, wire: Wire) -> None:
    """Reset the connection as soon as a head is there."""
    wire.until(b"\r\n\r\n")
    wire.reset()


def with_cookie(request: bytes, cookie: str) -> bytes:
    """The same request of a client with a cookie."""
    return request.replace(b"\r\n", f"\r\nCookie: {cookie}\r\n".encode(), 1)


def continuing(origin: Origin, wire: Wire) -> None:
    """Ask for the body, then answer."""
    wire.until(b"\r\n\r\n")
    wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert wire.take(5) == b"hello"
    wire.send(HELLO)


def test_a_refused_connection_moves_the_session(balance: Balance, shops: dict[str, Origin]) -> None:
    lb = balance(shops)
    cookie = lb.cookie("web2")
    shops["web2"].end()
    answer = lb.ask(get(f"Cookie: {cookie}"))
    new_home, moved = answer.get("server-name"), set_cookie(answer)[0]
    assert new_home in ("web1", "web3")
    for _ in range(4):
        again = lb.ask(get(f"Cookie: {moved}"))
        assert (again.get("server-name"), again.all("set-cookie")) == (new_home, [])
    assert lb.report()["pools"]["shop"]["reasons"]["home_down"] == 1


@pytest.mark.parametrize(
    "request_", [get(), get(method="HEAD"), post(b"hello", method="PUT"), get(method="DELETE")]
)
def test_a_reset_before_a_response_is_repeated_elsewhere_when_that_is_safe(
    balance: Balance, shops: dict[str, Origin], request_: bytes
) -> None:
    lb = balance(shops)
    cookie = lb.cookie("web2")
    shops["web2"].script = resetting
    drop_connections(lb, shops["web2"])
    answer = lb.ask(with_cookie(request_, cookie))
    assert answer.status == 200
    assert answer.get("server-name") in ("web1", "web3")
    assert set_cookie(answer)


def drop_connections(lb: Balancer, origin: Origin) -> None:
    """Close a server's connections, so that the next exchange needs a new one."""
    for wire in origin.connections:
        try:
            wire.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            continue
    origin.wait_for(lambda: all(wire.sock.fileno() == -1 for wire in origin.connections))
    assert lb.report()


@contextmanager
def unreachable() -> Iterator[str]:
    """An address that answers no connection request: its queue is full."""
    with ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        while True:
            client = stack.enter_context(socket.socket())
            client.settimeout(0.2)
            try:
                client.connect(full.getsockname())
            except TimeoutError:
                break
        yield f"127.0.0.1:{full.getsockname()[1]}"


@pytest.mark.parametrize("request_", [get(), WHOLE], ids=["GET", "POST"])
def test_a_connect_timeout_moves_the_session(
    balance: Balance, shops: dict[str, Origin], tmp_path: Path, request_: bytes
) -> None:
    keys = {"file": str(tmp_path / "keys")}
    cookie = balance(shops, keys=keys).cookie("web2")
    with unreachable() as address:
        lb = balance({**shops, "web2": address}, keys=keys, timeouts={"connect": "200ms"})
        answer = lb.ask(with_cookie(request_, cookie))
        assert answer.get("server-name") in ("web1", "web3")
        assert set_cookie(answer)
        assert lb.counts("web2")["faults"] == {"connect_timeout": 1}


def test_where_nobody_is_left_after_a_connect_timeout_the_client_hears_504(balance: Balance) -> None:
    with unreachable() as address:
        lb = balance({"web1": address}, timeouts={"connect": "200ms"})
        assert lb.ask(get()).status == 504


def test_a_home_that_is_no_longer_configured_moves_the_session(
    balance: Balance, shops: dict[str, Origin], tmp_path: Path
) -> None:
    keys = {"file": str(tmp_path / "keys")}
    cookie = balance(shops, keys=keys).cookie("web2")
    del shops["web2"]
    lb = balance(shops, keys=keys)
    answer = lb.ask(get(f"Cookie: {cookie}"))
    assert set_cookie(answer)
    assert lb.report()["pools"]["shop"]["reasons"] == {"home_removed": 1}


def test_parallel_requests_of_a_session_move_to_the_same_server(
    balance: Balance, make_origin: MakeOrigin, tmp_path: Path
) -> None:
    names = [f"web{number}" for number in range(8)]
    origins: dict[str, Origin] = {}
    for name in names:
        origins[name] = make_origin(answering(response(b"", f"Server-Name: {name}")))
    keys = {"file": str(tmp_path / "keys")}
    members = [balance(origins, workers=2, keys=keys) for _ in range(2)]
    cookie = members[0].cookie("web5")
    origins["web5"].end()

    def visit(turn: int) -> tuple[str | None, str | None]:
        lb = members[turn % 2]
        answer = lb.ask(get(f"Cookie: {cookie}"))
        again = lb.ask(get(f"Cookie: {set_cookie(answer)[0]}"))
        return answer.get("server-name"), again.get("server-name")

    with ThreadPoolExecutor(8) as pool:
        homes = {home for pair in pool.map(visit, range(40)) for home in pair}
    assert len(homes) == 1
    assert homes.isdisjoint({"web5"})


@pytest.mark.parametrize(
    ("request_", "script"),
    [
        (WHOLE, resetting),
        (post(b""), resetting),
        (get(method="POST"), resetting),
        (get(method="PATCH"), resetting),
        (post(b"x" * 200_000), resetting),
        (post(b"x" * 200_000, method="PUT"), resetting),
        (post(b"hello").replace(b"th: 5", b"th: 9"), resetting_at_head),
        (get("Transfer-Encoding: chunked", method="POST") + b"5\r\nhello\r\n", resetting_at_head),
    ],
    ids=[
        "POST",
        "empty POST",
        "bare POST",
        "PATCH",
        "long POST",
        "long PUT",
        "part of a POST",
        "part in chunks",
    ],
)
def test_what_may_have_been_done_is_not_done_again(
    balance: Balance, shops: dict[str, Origin], request_: bytes, script: Script
) -> None:
    lb = balance(shops)
    cookie = lb.cookie("web2")
    shops["web2"].script = script
    drop_connections(lb, shops["web2"])
    before = {name: len(origin.requests) for name, origin in shops.items()}
    answer = lb.ask(with_cookie(request_, cookie))
    assert (answer.status, answer.body) == (502, b"502 Bad Gateway\n")
    assert answer.all("set-cookie") == []
    assert all(len(shops[name].requests) == before[name] for name in ("web1", "web3"))
    assert len(shops["web2"].requests) <= before["web2"] + 1


def test_a_body_that_is_still_all_with_the_client_goes_elsewhere(
    balance: Balance, shops: dict[str, Origin]
) -> None:
    lb = balance(shops)
    cookie = lb.cookie("web2")
    for name, origin in shops.items():
        origin.script = resetting_at_head if name == "web2" else continuing
        drop_connections(lb, origin)
    with lb.client() as client:
        client.send(with_cookie(post(b"", "Expect: 100-continue").replace(b"th: 0", b"th: 5"), cookie))
        assert client.response().status == 100
        client.send(b"hello")
        assert set_cookie(client.response())


@pytest.mark.parametrize(
    ("framing", "pieces", "method", "status"),
    [
        ("Content-Length: 10", [b"hello", b"again"], "PUT", 200),
        ("Transfer-Encoding: chunked", [b"5\r\nhello\r\n", b"5\r\nagain\r\n0\r\n\r\n"], "PUT", 200),
        ("Content-Length: 10", [b"hello", b"again"], "POST", 502),
    ],
)
def test_a_small_body_that_comes_after_its_head_is_kept_for_another_server(
    balance: Balance, shops: dict[str, Origin], framing: str, pieces: list[bytes], method: str, status: int
) -> None:
    lb = balance(shops)
    cookie = lb.cookie("web2")
    with lb.client() as client:

        def resetting_at_the_end(origin: Origin, wire: Wire) -> None:
            wire.until(b"\r\n\r\n")
            for piece in pieces:
                client.send(piece)
                wire.take(len(piece))
            wire.reset()

        shops["web2"].script = resetting_at_the_end
        drop_connections(lb, shops["web2"])
        client.send(with_cookie(get(framing, method=method), cookie))
        answer = client.response()
    assert answer.status == status
    bodies = [request.body for name in ("web1", "web3") for request in shops[name].requests if request.body]
    assert bodies == ([b"helloagain"] if status == 200 else [])


def closing_after_one(origin: Origin, wire: Wire) -> None:
    """Answer one request; take a second one, and close without a word."""
    if origin.read(wire):
        wire.send(HELLO)
        origin.read(wire)


def test_a_connection_closed_meanwhile_says_nothing_about_its_server(
    balance: Balance, make_origin: MakeOrigin
) -> None:
    origin = make_origin(closing_after_one)
    lb = balance({"web1": origin, "web2": make_origin()})
    cookie = lb.ask(get())
    assert len(origin.requests) == 1
    field = f"Cookie: {set_cookie(cookie)[0]}"
    for _ in range(3):
        again = lb.ask(get(field))
        assert (again.status, again.all("set-cookie")) == (200, [])
    assert lb.counts("web1")["faults"] == {}


def test_a_post_is_not_sent_twice_into_a_closing_connection(
    balance: Balance, make_origin: MakeOrigin
) -> None:
    origin = make_origin(closing_after_one)
    lb = balance(origin)
    lb.ask(get())
    assert lb.ask(WHOLE).status == 502
    assert [request.method for request in origin.requests] == ["GET", "POST"]


@pytest.mark.parametrize("request_", [get(), WHOLE, get(method="POST")], ids=["GET", "POST", "bare POST"])
def test_what_the_server_closed_while_idle_is_not_used(
    balance: Balance, make_origin: MakeOrigin, request_: bytes
) -> None:
    def once(origin: Origin, wire: Wire) -> None:
        if origin.read(wire):
            wire.send(HELLO)

    origin = make_origin(once)
    lb = balance(origin)
    for turn in range(1, 6):
        assert lb.ask(request_).body == b"hello"
        origin.wait_for(lambda: all(wire.sock.fileno() == -1 for wire in origin.connections))
        assert len(origin.requests) == turn


@pytest.mark.parametrize("request_", [get(), WHOLE, get(method="HEAD")], ids=["GET", "POST", "HEAD"])
def test_without_any_server_the_client_is_asked_to_come_back(
    balance: Balance, shops: dict[str, Origin], request_: bytes
) -> None:
    lb = balance(shops)
    for origin in shops.values():
        origin.end()
    with lb.client() as client:
        for _ in range(2):
            client.send(request_)
            answer = client.response(request_.partition(b" ")[0].decode())
            assert (answer.status, answer.get("retry-after")) == (503, "5")
            assert answer.get("content-type") == "text/plain; charset=utf-8"
            assert answer.all("set-cookie") == []
            assert answer.body == (b"" if request_.startswith(b"HEAD") else b"503 Service Unavailable\n")
    assert lb.report()["answers"] == {"503": 2}


def test_a_home_that_is_back_is_home_again_to_who_never_left(
    balance: Balance, shops: dict[str, Origin], make_origin: MakeOrigin
) -> None:
    lb = balance(shops)
    cookie = lb.cookie("web2")
    host, _, port = shops["web2"].address.partition(":")
    shops["web2"].end()
    assert set_cookie(lb.ask(get(f"Cookie: {cookie}")))
    make_origin(answering(response(b"", "Server-Name: web2 again")), address=(host, int(port)))
    assert lb.ask(get(f"Cookie: {cookie}")).get("server-name") == "web2 again"


def test_broken_answers_are_not_asked_for_again(balance: Balance, shops: dict[str, Origin]) -> None:
    lb = balance(shops)
    cookie = lb.cookie("web2")
    shops["web2"].script = answering(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n")
    drop_connections(lb, shops["web2"])
    before = len(shops["web1"].requests) + len(shops["web3"].requests)
    assert lb.ask(get(f"Cookie: {cookie}")).status == 502
    assert len(shops["web1"].requests) + len(shops["web3"].requests) == before


def test_what_brings_servers_down_is_not_tried_on_all_of_them(
    balance: Balance, make_origin: MakeOrigin
) -> None:
    origins = {f"web{number}": make_origin(resetting) for number in range(1, 9)}
    lb = balance(origins)
    assert lb.ask(get()).status == 502
    assert sum(len(origin.requests) for origin in origins.values()) == 4
    assert lb.ask(post(b"hello", method="PUT")).status == 502
    assert sum(len(origin.requests) for origin in origins.values()) == 8


def test_a_refused_connection_is_no_reason_not_to_try_all(balance: Balance, make_origin: MakeOrigin) -> None:
    origins = {f"web{number}": make_origin() for number in range(1, 9)}
    lb = balance(origins)
    for name in list(origins)[:-1]:
        origins[name].end()
    assert [lb.ask(get()).status for _ in range(8)] == [200] * 8


@pytest.mark.parametrize(("strict", "status"), [(False, 502), (True, 503)])
def test_when_the_last_server_hung_up_it_is_a_bad_gateway(
    balance: Balance, shops: dict[str, Origin], strict: bool, status: int
) -> None:
    lb = balance(shops, pool={"sessions": {"strict": strict}})
    cookie = lb.cookie("web2")
    for origin in shops.values():
        origin.script = resetting
        drop_connections(lb, origin)
    answer = lb.ask(get(f"Cookie: {cookie}"))
    assert (answer.status, answer.all("set-cookie")) == (status, [])
    assert sum(lb.counts(name)["faults"].get("closed", 0) for name in shops) == (1 if strict else 3)
