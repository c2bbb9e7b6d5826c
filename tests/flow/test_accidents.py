"""A defect of ours costs what it must, and no more: one connection, or one worker's for a moment."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from structlog.testing import capture_logs

from conftest import MakeOrigin, naming
from equalizer.config.load import load as read
from equalizer.control.journal import journal
from equalizer.control.losses import Losses
from equalizer.control.reconcile import reconcile
from equalizer.control.ring import Ring
from equalizer.engine.native import start
from equalizer.engine.port import Drill, Engine
from equalizer.snapshot.report import Report
from support.balancer import configuration, get
from support.load import load, ping
from support.origin import Origin
from support.visitor import until
from support.wire import connect

SECRET = "do-not-tell-4711"


@contextmanager
def engine(server: Origin, workers: int) -> Iterator[Engine]:
    running = start(workers)
    try:
        reconcile(read(configuration({"web1": server}, workers)), running, 1, Ring())
        yield running
    finally:
        running.stop()


def is_served(address: str) -> bool:
    with connect(address) as client:
        client.send(get())
        return not client.gone()


def report(running: Engine) -> Report:
    return Report.model_validate(running.report(sessions=False))


def test_a_panic_in_a_connection_ends_that_connection_and_no_other(
    make_origin: MakeOrigin, capfd: pytest.CaptureFixture[str]
) -> None:
    with engine(make_origin(naming("web1")), workers=1) as running:
        address = running.sockets()["web"]
        with load(address), connect(address) as other:
            ping(other)
            running.drill("connection")
            running.report()  # workers take one message after another: it has that one now
            with connect(address) as doomed:
                doomed.send(get(f"Cookie: secret={SECRET}", target=f"/{SECRET}"))
                assert doomed.gone()
            ping(other)
            found = report(running)
        (place,) = found.panics
        assert place.startswith("proxy/src/")
        assert place.endswith(": a drill in a connection")
        assert (found.panics[place], found.restarts) == (1, 0)
        until(lambda: report(running).connections, lambda open_now: open_now == 0)
        with capture_logs() as lines:
            for loss in Losses().news(found, 0):
                journal(loss)
    assert [(line["log_level"], line["event"], line["count"]) for line in lines] == [
        ("error", f"a defect of Equalizer, please report it: {place}", 1)
    ]
    told = "".join(capfd.readouterr())
    assert "panicked" not in told
    assert SECRET not in told + str(lines)


@pytest.mark.parametrize("what", ["worker", "accepting"])
def test_a_worker_that_dies_is_followed_by_another_while_the_others_serve_on(
    make_origin: MakeOrigin, what: Drill
) -> None:
    with engine(make_origin(naming("web1")), workers=2) as running:
        address = running.sockets()["web"]
        with connect(address) as one, connect(address) as two:
            ping(one)
            ping(two)
            before = report(running).pools["shop"].servers["web1"].exchanges
            running.drill(what)
            # Whoever comes now waits in the queue of a socket that stays open, or is served by the other one.
            served = sum(is_served(address) for _ in range(64))
            assert served >= 63  # one may have been accepted as it died
            found = until(lambda: report(running), lambda now: now.restarts == 1)
            (place,) = found.panics
            assert place.endswith("a drill in a worker" if what == "worker" else "a drill in what accepts")
            counted = found.pools["shop"].servers["web1"].exchanges
            assert counted == before + served, "what the dead worker counted is not forgotten"
        for _ in range(64):
            with connect(address) as client:
                ping(client)
        assert report(running).restarts == 1
