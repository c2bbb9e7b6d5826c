"""How many exchanges share a connection to a server, and who is slow holds up nobody else on it."""

from collections import Counter
from contextlib import ExitStack

import pytest
from h2.events import RequestReceived, StreamReset
from h2.settings import SettingCodes
from hyperframe.frame import SettingsFrame

from conftest import Balance, MakeOrigin
from support.balancer import get
from support.http2 import Raw, head
from support.http2_server import begin
from support.origin import Origin, Script
from support.wire import Wire

CLIENTS = 10
SLOW = 24
ENOUGH = 200_000
"""Of a response nearly as much as may come before its client takes any."""
FIELDS = [(":status", "200"), ("content-length", "0")]


def taking(most: int, seen: Counter[Wire]) -> Script:
    """Takes so many requests at a time, and answers when all have come."""

    def script(origin: Origin, wire: Wire) -> None:
        connection = begin(wire, says={SettingCodes.MAX_CONCURRENT_STREAMS: most})
        waiting: list[int] = []
        while data := wire.sock.recv(1 << 16):
            for event in connection.receive_data(data):
                if isinstance(event, RequestReceived):
                    waiting.append(event.stream_id)
                    seen[wire] += 1
                    origin.tell()
            wire.send(connection.data_to_send())
            if waiting and len(waiting) == min(most, CLIENTS):
                origin.wait_for(lambda: seen.total() == CLIENTS)
                for stream in waiting:
                    connection.send_headers(stream, FIELDS, end_stream=True)
                waiting.clear()
                wire.send(connection.data_to_send())

    return script


@pytest.mark.parametrize("most", [1, 2, 5, 100])
def test_a_server_gets_as_many_requests_on_a_connection_as_it_takes(
    balance: Balance, make_origin: MakeOrigin, most: int
) -> None:
    """From the first connection on, although that is made before the server has said how many those are."""
    seen: Counter[Wire] = Counter()
    lb = balance(make_origin(taking(most, seen)), pool={"protocol": "h2c"})
    with ExitStack() as stack:
        clients = [stack.enter_context(lb.client()) for _ in range(CLIENTS)]
        for client in clients:
            client.send(get())
        assert [client.response().status for client in clients] == [200] * CLIENTS
    assert sorted(seen.values()) == [min(most, CLIENTS)] * -(-CLIENTS // most)
    assert lb.counts("web1")["faults"] == {}


def test_nobody_waits_for_ever_for_a_server_that_never_says_what_it_takes(
    balance: Balance, make_origin: MakeOrigin
) -> None:
    def silent(origin: Origin, wire: Wire) -> None:
        wire.rest()

    times = {"response": "300ms", "connect": "300ms"}
    lb = balance(make_origin(silent), pool={"protocol": "h2c"}, timeouts=times)
    with ExitStack() as stack:
        clients = [stack.enter_context(lb.client()) for _ in range(3)]
        for client in clients:
            client.send(get())
        assert {client.response().status for client in clients} <= {503, 504}
    assert lb.counts("web1")["in_flight"] == 0


def endless(sent: Counter[int]) -> Script:
    """Sends `/large` as fast as its windows allow, and answers everything else."""

    def script(origin: Origin, wire: Wire) -> None:
        connection, over = begin(wire), set[int]()
        while data := wire.sock.recv(1 << 16):
            for event in connection.receive_data(data):
                if isinstance(event, StreamReset):
                    over.add(event.stream_id)
                if not isinstance(event, RequestReceived):
                    continue
                large = dict(event.headers)[b":path"] == b"/large"
                sent.update([event.stream_id] * large)
                connection.send_headers(event.stream_id, FIELDS[: 2 - large], end_stream=not large)
            for stream in sent.keys() - over:
                while (room := connection.local_flow_control_window(stream)) > 0:
                    piece = bytes(min(room, connection.max_outbound_frame_size))
                    connection.send_data(stream, piece)
                    sent[stream] += len(piece)
            wire.send(connection.data_to_send())
            origin.tell()

    return script


def test_clients_that_do_not_read_hold_up_nobody_who_shares_their_connection(
    balance: Balance, make_origin: MakeOrigin
) -> None:
    sent: Counter[int] = Counter()
    origin = make_origin(endless(sent))
    lb = balance(origin, pool={"protocol": "h2c"})
    with Raw(lb.client(), {SettingsFrame.INITIAL_WINDOW_SIZE: 0}) as slow:
        slow.send(*[slow.headers(1 + 2 * number, head(path="/large")) for number in range(SLOW)])
        origin.wait_for(lambda: len(sent) == SLOW and min(sent.values()) > ENOUGH)
        assert lb.ask(get()).status == 200
    assert len(origin.connections) == 1
