"""The access log of exchanges that do not come to their end: they leave their line, too."""

from pathlib import Path

import pytest
from hyperframe.frame import DataFrame

from conftest import Balance, MakeOrigin
from equalizer.config.load import load as read
from equalizer.control.reconcile import reconcile
from equalizer.control.ring import Ring
from equalizer.engine.native import start
from flow.http2.test_ends import leave, silent
from support.access_log import told
from support.balancer import configuration, get
from support.http2 import Client, Fields, Raw, head
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


@pytest.mark.parametrize(
    ("fields", "behind"),
    [
        (head(("a", " 1"), path="/bad"), b""),
        (head(path="/bad#x"), b""),
        (head(("content-length", "5"), path="/bad", method="POST"), b"abc"),
        (head(path="/bad", method="POST"), [(":path", "/good")]),
    ],
    ids=["field", "path", "length", "trailers"],
)
def test_a_stream_that_is_reset_as_malformed_is_told_and_counted_as_400(
    balance: Balance, make_origin: MakeOrigin, tmp_path: Path, fields: Fields, behind: bytes | Fields
) -> None:
    path = tmp_path / "access.log"
    lb = balance(make_origin(silent), access_log={"to": str(path)})
    with Raw(lb.client()) as client:
        client.send(client.headers(1, fields, "END_HEADERS", *["END_STREAM"] * (not behind)))
        if isinstance(behind, list):
            client.send(client.headers(1, behind))
        elif behind:
            client.send(DataFrame(1, behind, flags=["END_STREAM"]))
        assert client.outcome(1) == "RST_STREAM PROTOCOL_ERROR"
        (line,) = told(path)
    assert (line["status"], line["fault"], line["listener"]) == (400, "malformed", "web")
    assert lb.report()["answers"] == {"400": 1}


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
