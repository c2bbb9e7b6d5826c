"""The access log of exchanges that do not come to their end: they leave their line, too."""

from pathlib import Path

import pytest

from conftest import Balance, MakeOrigin
from equalizer.config.load import load as read
from equalizer.control.reconcile import reconcile
from equalizer.control.ring import Ring
from equalizer.engine.native import start
from flow.http2.test_ends import leave, silent
from support.access_log import told
from support.balancer import configuration, get
from support.http2 import Client
from support.wire import connect


@pytest.mark.parametrize("how", ["reset", "close", "abort"])
def test_a_stream_that_its_client_gives_up_is_told(
    balance: Balance, make_origin: MakeOrigin, tmp_path: Path, how: str
) -> None:
    path = tmp_path / "access.log"
    origin = make_origin(silent)
    lb = balance(origin, access_log={"to": str(path)})
    with Client(lb.client()) as browser:
        stream = browser.ask(path="/basket")
        origin.wait_for(lambda: bool(origin.connections and origin.connections[0].received))
        leave(browser, stream, how)
        (line,) = told(path)
    assert (line["protocol"], line["target"], line["server"]) == ("HTTP/2", "/basket", "web1")
    assert line["fault"] == "client_gone"


@pytest.mark.parametrize("end", ["dies", "stops"])
def test_an_exchange_whose_worker_ends_is_told(make_origin: MakeOrigin, tmp_path: Path, end: str) -> None:
    path = tmp_path / "access.log"
    origin = make_origin(silent)
    engine = start(1)
    try:
        config = configuration({"web1": origin}, 1, access_log={"to": str(path)})
        reconcile(read(config), engine, 1, Ring())
        with connect(engine.sockets()["web"]) as client:
            client.send(get(target="/basket"))
            origin.wait_for(lambda: bool(origin.connections and origin.connections[0].received))
            if end == "dies":
                engine.drill("worker")
            else:
                engine.stop()
            assert client.gone()
            (line,) = told(path)
    finally:
        engine.stop()
    assert (line["target"], line["server"], line["fault"]) == ("/basket", "web1", "stopped")
