"""Frames that are allowed do what they say and no more; each of the others ends its stream or connection."""

from contextlib import suppress
from threading import Event

import pytest
from hyperframe.frame import DataFrame, SettingsFrame, WindowUpdateFrame

from conftest import Balance, MakeOrigin
from flow.http2.frames import CASES, FINE, Case
from support.balancer import Balancer
from support.held import Held
from support.http2 import FRAME, PREFACE, Client, Raw, head
from support.memory import MIB
from support.origin import Origin, holding, response
from support.wire import LIMIT, Wire


@pytest.fixture
def lb(balance: Balance, make_origin: MakeOrigin) -> Balancer:
    return balance(make_origin(holding))


@pytest.mark.parametrize("case", CASES, ids=[f"{case.section} {case.name}" for case in CASES])
def test_frames_have_the_outcome_that_the_rfc_gives_them(lb: Balancer, case: Case) -> None:
    with Raw(lb.client()) as client, Raw(lb.client()) as other:
        other.send(other.headers(1, head(path="/held")))
        case.send(client)
        if case.comes == FINE:
            assert client.ping() == "PING"
            client.send(client.headers(3001, head()))
            assert client.outcome(3001) == "200"
        else:
            assert client.outcome(case.stream) == case.comes
            if case.comes.startswith("GOAWAY"):
                assert client.last_words()[-1] == case.comes.removeprefix("GOAWAY ")
            elif case.comes != "end":
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
        client.send(
            SettingsFrame(0, settings={SettingsFrame.INITIAL_WINDOW_SIZE: 0}), WindowUpdateFrame(1, 3)
        )
        assert client.ping() == "PING"
        client.send(WindowUpdateFrame(1, 2))
        third = client.wait(lambda frame: frame.stream_id == 1)
        assert isinstance(third, DataFrame)
        assert third.data == b"34"
        client.send(WindowUpdateFrame(1, 100))
        assert client.body(1) == b"56789"


def test_more_than_the_window_has_is_refused(balance: Balance, make_origin: MakeOrigin) -> None:
    done = Event()

    def script(origin: Origin, wire: Wire) -> None:
        wire.until(b"\r\n\r\n")
        assert done.wait(LIMIT)

    with Raw(balance(make_origin(script)).client()) as client:
        client.send(client.headers(1, head(method="POST"), "END_HEADERS"))
        with suppress(ConnectionError):
            client.send(DataFrame(1, bytes(FRAME)).serialize() * (32 * MIB // FRAME))
        assert client.outcome(1) in ("RST_STREAM FLOW_CONTROL_ERROR", "GOAWAY FLOW_CONTROL_ERROR")
        done.set()


def test_uploads_that_nobody_takes_hold_up_no_other(balance: Balance, make_origin: MakeOrigin) -> None:
    full, well = Held("web1", make_origin), Held("web2", make_origin)
    origins = {one.name: one.origin for one in (full, well)}
    servers = {name: {"address": origin.address, "limit": 1} for name, origin in origins.items()}
    lb = balance(origins, pool={"servers": servers, "queue": {"wait": "1m"}})
    cookie = ("cookie", lb.cookie("web1"))
    full.hold()
    with Client(lb.client()) as browser:
        browser.ask(cookie)
        full.wait_for(1)
        for _ in range(15):  # they wait in line, and take up all of their windows
            browser.ask(cookie, method="POST", body=bytes(256 * 1024))
        assert browser.answer(browser.ask(method="POST", body=b"basket")).get("server-name") == "web2"
    full.open()
