"""Who speaks HTTP/2: whoever agrees on it under TLS, or begins with its preface; nobody where it is off."""

import ssl
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from conftest import Balance, MakeOrigin
from support.balancer import Balancer, get, tls_listener
from support.http2 import PREFACE, Client, Raw, head
from support.wire import Wire


def off(folder: Path) -> dict[str, Any]:
    """Both listeners, without HTTP/2."""
    tls = {**tls_listener(folder)["web-tls"], "http2": False}
    return {"web": {"address": "127.0.0.1:0", "http2": False}, "web-tls": tls}


def offering(folder: Path, *protocols: str) -> ssl.SSLContext:
    """A client's TLS that knows these protocols."""
    context = ssl.create_default_context(cafile=folder / "authority.pem")
    context.set_alpn_protocols(protocols)
    return context


def agreed(wire: Wire) -> str | None:
    assert isinstance(wire.sock, ssl.SSLSocket)
    return wire.sock.selected_alpn_protocol()


def curl(lb: Balancer, listener: str, folder: Path, *options: str) -> str:
    """What curl gets and over which version."""
    command = ["curl", "-sS", "--noproxy", "*", "--cacert", str(folder / "authority.pem")]
    url = lb.service.url(listener)
    done = subprocess.run(
        [*command, "-w", " %{http_version}", *options, url], capture_output=True, check=True, text=True
    )
    return done.stdout


def test_a_preface_may_come_byte_by_byte(balance: Balance, make_origin: MakeOrigin) -> None:
    with Raw(balance(make_origin()).client(), begin=False) as client:
        for byte in PREFACE + b"\0\0\0\4\0\0\0\0\0" + client.headers(1, head()).serialize():
            client.send(bytes([byte]))
        assert client.outcome(1) == "200"


def test_a_preface_that_does_not_end_has_the_time_of_one_head(
    balance: Balance, make_origin: MakeOrigin
) -> None:
    with balance(make_origin(), timeouts={"head": "1s"}).client() as wire:
        before = time.monotonic()
        wire.send(PREFACE[:-1])
        assert wire.response().status in (408, 505)
        assert time.monotonic() - before < 2


@pytest.mark.parametrize("cut", range(1, len(PREFACE)))
def test_a_preface_may_come_in_two_parts(balance: Balance, make_origin: MakeOrigin, cut: int) -> None:
    lb = balance(make_origin())
    with lb.client() as wire, Client(lb.client()) as other:
        wire.send(PREFACE[:cut])
        assert other.get().status == 200  # what was sent has been read: this was read after it
        client = Raw(wire, begin=False)
        client.send(PREFACE[cut:] + b"\0\0\0\4\0\0\0\0\0", client.headers(1, head()))
        assert client.outcome(1) == "200"


@pytest.mark.parametrize(
    ("start", "status"),
    [
        (b"P /x HTTP/1.1", 200),
        (b"PR /x HTTP/1.1", 200),
        (b"PRI /x HTTP/1.1", 200),
        (b"PRIVATE /x HTTP/1.1", 200),
        (b"PRI * HTTP/1.1", 400),
        (b"PRI * HTTP/2.0", 505),
    ],
)
@pytest.mark.parametrize("on", [True, False])
def test_what_only_resembles_the_preface_is_http_1(
    balance: Balance, make_origin: MakeOrigin, certificate: Path, start: bytes, status: int, on: bool
) -> None:
    lb = balance(make_origin(), listeners={} if on else off(certificate))
    assert lb.ask(start + b"\r\nHost: shop.test\r\n\r\n").status == status


def test_both_versions_are_agreed_on_under_tls(
    balance: Balance, make_origin: MakeOrigin, certificate: Path
) -> None:
    lb = balance(make_origin(), folder=certificate)
    for offers, chosen in [
        (["h2", "http/1.1"], "h2"),
        (["http/1.1", "h2"], "h2"),
        (["h2"], "h2"),
        (["http/1.1"], "http/1.1"),
        ([], None),
    ]:
        with lb.tls_client(trust=offering(certificate, *offers)) as wire:
            assert agreed(wire) == chosen
            if chosen == "h2":
                assert Client(wire).get().body == b"hello"
            else:
                wire.send(get())
                assert wire.response().body == b"hello"


def test_a_preface_without_an_agreement_is_served_under_tls_too(
    balance: Balance, make_origin: MakeOrigin, certificate: Path
) -> None:
    lb = balance(make_origin(), folder=certificate)
    with Client(lb.tls_client()) as client:
        assert client.get().body == b"hello"


def test_http_1_after_an_agreement_on_http_2_is_not_answered(
    balance: Balance, make_origin: MakeOrigin, certificate: Path
) -> None:
    origin = make_origin()
    lb = balance(origin, folder=certificate)
    with lb.tls_client(trust=offering(certificate, "h2")) as wire:
        wire.send(get())
        assert b"HTTP/1.1" not in wire.rest()
    assert origin.connections == []


def test_a_listener_may_speak_http_1_only(
    balance: Balance, make_origin: MakeOrigin, certificate: Path
) -> None:
    origin = make_origin()
    lb = balance(origin, folder=None, listeners=off(certificate))
    with lb.client() as wire:
        wire.send(PREFACE)
        assert wire.response().status == 505
    with lb.tls_client(trust=offering(certificate, "h2", "http/1.1")) as wire:
        assert agreed(wire) == "http/1.1"
        wire.send(PREFACE)
        assert wire.response().status == 505
    with pytest.raises(ssl.SSLError), lb.tls_client(trust=offering(certificate, "h2")):
        pass
    assert origin.connections == []


def test_curl_speaks_what_it_wants(balance: Balance, make_origin: MakeOrigin, certificate: Path) -> None:
    lb = balance(make_origin(), folder=certificate)
    assert curl(lb, "web-tls", certificate, "--http2") == "hello 2"
    assert curl(lb, "web-tls", certificate, "--http1.1") == "hello 1.1"
    assert curl(lb, "web", certificate, "--http2-prior-knowledge") == "hello 2"
    # An upgrade from HTTP/1.1 is not offered (RFC 9113, 3.1): the request is answered as it is.
    assert curl(lb, "web", certificate, "--http2") == "hello 1.1"
