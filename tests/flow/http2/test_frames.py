"""Frames that are allowed do nothing but what they say; each of the others ends its stream or its connection."""

import pytest
from hyperframe.frame import DataFrame, SettingsFrame, WindowUpdateFrame

from conftest import Balance, MakeOrigin
from flow.http2.frames import CASES, FINE, Case
from support.balancer import Balancer
from support.http2 import PREFACE, Raw, head
from support.origin import HELLO, Origin, response
from support.wire import Wire


def holding(origin: Origin, wire: Wire) -> None:
    """Answer; but nothing that is held, for as long as it is asked for."""
    while True:
        raw = wire.until(b"\r\n\r\n")
        if b"/held" in raw:
            wire.rest()
            return
        wire.send(HELLO)


@pytest.fixture
def lb(balance: Balance, make_origin: MakeOrigin) -> Balancer:
    return balance(make_origin(holding))


@pytest.mark.parametrize("case", CASES, ids=[f"{case.section} {case.name}" for case in CASES])
def test_frames_have_the_outcome_that_the_rfc_gives_them(lb: Balancer, case: Case) -> None:
    with Raw(lb.client()) as client, Raw(lb.client()) as other:
        other.send(other.headers(1, head(path="/held")))
        case.send(client)
        if case.outcome == FINE:
            assert client.ping() == "PING"
            client.send(client.headers(3001, head()))
            assert client.outcome(3001) == "200"
        else:
            assert client.outcome(case.stream) == case.outcome
            if case.outcome.startswith("GOAWAY"):
                assert client.wire.gone()
            elif case.outcome != "end":
                assert client.ping() == "PING"
        assert other.ping() == "PING"  # and its request is still under way
        assert not any(frame.stream_id == 1 for frame in other.seen)


@pytest.mark.parametrize("change", range(len(PREFACE)))
def test_another_preface_is_not_answered_with_frames(lb: Balancer, change: int) -> None:
    with Raw(lb.client(), begin=False) as client:
        wrong = bytearray(PREFACE)
        wrong[change] ^= 1
        client.send(bytes(wrong) + b"\r\n\r\n")
        answer = client.wire.rest()
        assert answer == b"" or answer.startswith(b"HTTP/1.1 ")


def test_the_first_frame_has_to_be_settings(lb: Balancer) -> None:
    with Raw(lb.client(), begin=False) as client:
        client.send(PREFACE, client.headers(1, head()))
        assert client.outcome(1) == "GOAWAY PROTOCOL_ERROR"


def test_settings_are_acknowledged_and_come_first(lb: Balancer) -> None:
    with Raw(lb.client()) as client:
        first = client.frame()
        assert isinstance(first, SettingsFrame)
        assert first.settings[SettingsFrame.MAX_CONCURRENT_STREAMS] == 128
        client.wait(lambda frame: isinstance(frame, SettingsFrame) and "ACK" in frame.flags)


def test_streams_beyond_the_limit_are_refused(balance: Balance, make_origin: MakeOrigin) -> None:
    lb = balance(make_origin(holding), limits={"streams": 2})
    with Raw(lb.client()) as client:
        # The limit holds once the client has heard of it.
        assert client.ping() == "PING"
        client.send(*[client.headers(stream, head(path="/held")) for stream in (1, 3)])
        client.send(client.headers(5, head()))
        assert client.outcome(5) == "RST_STREAM REFUSED_STREAM"
        assert client.ping() == "PING"


def test_windows_are_kept(balance: Balance, make_origin: MakeOrigin) -> None:
    def script(origin: Origin, wire: Wire) -> None:
        while origin.read(wire):
            wire.send(response(b"0123456789"))

    settings = {SettingsFrame.INITIAL_WINDOW_SIZE: 1}
    with Raw(balance(make_origin(script)).client(), settings) as client:
        client.send(client.headers(1, head()))
        assert client.outcome(1) == "200"
        first = client.wait(lambda frame: frame.stream_id == 1)
        assert isinstance(first, DataFrame)
        assert (first.data, client.ping()) == (b"0", "PING")
        client.send(SettingsFrame(0, settings={SettingsFrame.INITIAL_WINDOW_SIZE: 3}))
        second = client.wait(lambda frame: frame.stream_id == 1)
        assert isinstance(second, DataFrame)
        assert (second.data, client.ping()) == (b"12", "PING")
        # A window may become negative; what is added counts from there.
        client.send(SettingsFrame(0, settings={SettingsFrame.INITIAL_WINDOW_SIZE: 0}), WindowUpdateFrame(1, 3))
        assert client.ping() == "PING"
        client.send(WindowUpdateFrame(1, 2))
        third = client.wait(lambda frame: frame.stream_id == 1)
        assert isinstance(third, DataFrame)
        assert third.data == b"34"
        client.send(WindowUpdateFrame(1, 100))
        assert client.body(1) == b"56789"
