"""gRPC through HTTP/2 on both sides: calls of all four shapes, their ends, and sessions."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Event

import grpc
import pytest

from conftest import Balance
from support.balancer import Balancer

NAMES = ("web1", "web2", "web3")
SERVICE = "shop.Basket"


class Basket:
    """A server whose messages are plain bytes."""

    def __init__(self, name: str) -> None:
        self.name = name.encode()
        self.cancelled = Event()
        self.fields: list[str] = []
        self.server = grpc.server(ThreadPoolExecutor(8))
        handlers = {
            "Add": grpc.unary_unary_rpc_method_handler(self.add),
            "List": grpc.unary_stream_rpc_method_handler(self.list),
            "Pack": grpc.stream_unary_rpc_method_handler(self.pack),
            "Talk": grpc.stream_stream_rpc_method_handler(self.talk),
            "Refuse": grpc.unary_unary_rpc_method_handler(self.refuse),
            "Sleep": grpc.unary_unary_rpc_method_handler(self.sleep),
        }
        self.server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, handlers)])
        self.address = f"127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"
        self.server.start()

    def add(self, item: bytes, context: grpc.ServicerContext) -> bytes:
        self.fields = [str(key) for key, _ in context.invocation_metadata()]
        context.set_trailing_metadata((("basket-size", "1"),))
        return self.name + b": " + item

    def list(self, item: bytes, _: grpc.ServicerContext) -> Iterator[bytes]:
        for number in range(100):
            yield item + str(number).encode()

    def pack(self, items: Iterator[bytes], _: grpc.ServicerContext) -> bytes:
        return str(sum(map(len, items))).encode()

    def talk(self, items: Iterator[bytes], _: grpc.ServicerContext) -> Iterator[bytes]:
        for item in items:
            yield self.name + item

    def refuse(self, _: bytes, context: grpc.ServicerContext) -> None:
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "the basket is full")

    def sleep(self, _: bytes, context: grpc.ServicerContext) -> bytes:
        context.add_callback(self.cancelled.set)
        self.cancelled.wait(20)
        return b""


@pytest.fixture
def baskets() -> Iterator[dict[str, Basket]]:
    """Three servers."""
    with ExitStack() as stack:
        made = {name: Basket(name) for name in NAMES}
        for basket in made.values():
            stack.callback(basket.server.stop, None)
        yield made


@pytest.fixture
def lb(balance: Balance, baskets: dict[str, Basket]) -> Balancer:
    """Equalizer in front of them."""
    pool = {"protocol": "h2c"}
    return balance({name: one.address for name, one in baskets.items()}, workers=2, pool=pool)


@pytest.fixture
def channel(lb: Balancer) -> Iterator[grpc.Channel]:
    """A client's connection to Equalizer."""
    with grpc.insecure_channel(lb.address) as channel:
        yield channel


def path(method: str) -> str:
    return f"/{SERVICE}/{method}"


def test_calls_of_all_four_shapes(channel: grpc.Channel) -> None:
    answer, call = channel.unary_unary(path("Add")).with_call(b"tea", timeout=20)
    assert answer.endswith(b": tea")
    assert ("basket-size", "1") in call.trailing_metadata()
    listed = list(channel.unary_stream(path("List"))(b"tea", timeout=20))
    assert listed == [b"tea" + str(number).encode() for number in range(100)]
    pieces = [b"x" * 50_000] * 40
    assert channel.stream_unary(path("Pack"))(iter(pieces), timeout=20) == b"2000000"


def test_both_sides_talk_by_turns(channel: grpc.Channel) -> None:
    heard: list[bytes] = []
    turn = Event()

    def words() -> Iterator[bytes]:
        for word in (b"one", b"two", b"three"):
            turn.clear()
            yield word
            assert turn.wait(20)  # the next is said only when the last was answered

    for answer in channel.stream_stream(path("Talk"))(words(), timeout=20):
        heard.append(answer[4:])
        turn.set()
    assert heard == [b"one", b"two", b"three"]


def test_an_error_without_a_message_arrives_as_it_was_said(channel: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary(path("Refuse"))(b"", timeout=20)
    assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert refused.value.details() == "the basket is full"


def test_a_call_that_takes_too_long_ends_at_the_server_too(
    channel: grpc.Channel, baskets: dict[str, Basket]
) -> None:
    with pytest.raises(grpc.RpcError) as late:
        channel.unary_unary(path("Sleep"))(b"", timeout=0.3)
    assert late.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert any(basket.cancelled.wait(20) for basket in baskets.values())


def test_a_session_is_kept_by_its_cookie(channel: grpc.Channel, baskets: dict[str, Basket]) -> None:
    add = channel.unary_unary(path("Add"))
    first, call = add.with_call(b"tea", timeout=20)
    given = dict(call.initial_metadata())
    cookie = str(given["set-cookie"]).partition(";")[0]
    for _ in range(6):
        again, call = add.with_call(b"tea", metadata=(("cookie", cookie),), timeout=20)
        assert again == first
        assert "set-cookie" not in dict(call.initial_metadata())
    home = baskets[first.partition(b":")[0].decode()]
    assert "cookie" not in home.fields


def test_a_session_is_kept_by_its_field(balance: Balance, baskets: dict[str, Basket]) -> None:
    pool = {"protocol": "h2c", "persistence": {"kind": "field", "name": "session-id"}}
    lb = balance({name: one.address for name, one in baskets.items()}, pool=pool)
    with grpc.insecure_channel(lb.address) as channel:
        add = channel.unary_unary(path("Add"))
        first, call = add.with_call(b"tea", timeout=20)
        session = str(dict(call.initial_metadata())["session-id"])
        assert {add(b"tea", metadata=(("session-id", session),), timeout=20) for _ in range(6)} == {first}
