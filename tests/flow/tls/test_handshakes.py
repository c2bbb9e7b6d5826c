"""Handshakes that fail are counted at their listener, by why."""

import re
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import Balance, MakeOrigin
from equalizer.snapshot.report import HANDSHAKES
from support.authority import Authority, shake
from support.balancer import Balancer, get
from support.visitor import until
from support.wire import Ended, Wire, connect

GUIDE = Path(__file__).parents[3] / "docs" / "guide" / "tls.md"
EMPTY_HELLO = b"\x16\x03\x01\x00\x04\x01\x00\x00\x00"
BEGUN = b"\x16\x03\x01\x02\x00\x01"
"""The first bytes of a hello."""
Start = Callable[..., Balancer]


@pytest.fixture
def start(balance: Balance, make_origin: MakeOrigin, authority: Authority) -> Start:
    """Equalizer with a plain listener, and one whose TLS has these settings."""

    def begin(timeouts: dict[str, str] | None = None, **settings: Any) -> Balancer:
        tls = authority.issue("shop", "127.0.0.1") | settings
        listeners = {"web-tls": {"address": "127.0.0.1:0", "tls": tls}}
        return balance(make_origin(), listeners=listeners, timeouts=timeouts or {})

    return begin


def failed(lb: Balancer) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = lb.report()["handshakes"]
    return found


def ask(lb: Balancer, context: ssl.SSLContext) -> int:
    with Wire(shake(lb.service.address("web-tls"), context)) as client:
        client.send(get())
        return client.response().status


def fails(lb: Balancer, context: ssl.SSLContext) -> None:
    """A client that is refused in the handshake; with TLS 1.3 it may believe at first that it is in."""
    with pytest.raises((OSError, Ended)):
        ask(lb, context)


def counted(lb: Balancer, *words: str) -> None:
    """Waits until exactly these are counted, each once."""
    want = {"web-tls": dict.fromkeys(words, 1)}
    until(lambda: failed(lb), lambda found: found == want)


def test_one_that_succeeds_is_not_counted(start: Start, authority: Authority) -> None:
    lb = start()
    assert ask(lb, authority.trust()) == 200
    assert failed(lb) == {"web-tls": {}}


@pytest.mark.parametrize(
    ("sent", "word"),
    [(get(), "not_tls"), (b"PROXY UNKNOWN\r\n", "not_tls"), (EMPTY_HELLO, "broken")],
)
def test_what_is_no_handshake_is_counted(start: Start, sent: bytes, word: str) -> None:
    lb = start()
    with connect(lb.service.address("web-tls")) as client:
        client.send(sent)
        client.rest()
    counted(lb, word)


@pytest.mark.parametrize("sent", [b"", BEGUN])
def test_a_client_that_goes_is_counted(start: Start, sent: bytes) -> None:
    lb = start()
    with connect(lb.service.address("web-tls")) as client:
        client.send(sent)
    counted(lb, "client_gone")


def test_a_client_that_takes_too_long_is_counted(start: Start) -> None:
    lb = start(timeouts={"head": "200ms"})
    with connect(lb.service.address("web-tls")) as client:
        client.send(BEGUN)
        assert client.gone()
    counted(lb, "late")


def test_a_client_that_does_not_believe_us_is_counted(start: Start, people: Authority) -> None:
    lb = start()
    fails(lb, people.trust())
    counted(lb, "client_refused")


def test_a_client_of_another_version_is_counted(start: Start, authority: Authority) -> None:
    lb = start(min_version="1.3")
    fails(lb, authority.trust(ssl.TLSVersion.TLSv1_2))
    counted(lb, "nothing_shared")


def test_a_client_of_other_protocols_is_counted(start: Start, authority: Authority) -> None:
    lb, context = start(), authority.trust()
    context.set_alpn_protocols(["imap"])
    fails(lb, context)
    counted(lb, "nothing_shared")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_that_does_not_prove_itself_is_counted(
    start: Start, authority: Authority, people: Authority, version: ssl.TLSVersion
) -> None:
    lb, context = start(clients={"ca": str(people.file)}), authority.trust(version)
    fails(lb, context)
    counted(lb, "no_certificate")
    own = authority.issue("stranger", "eve@shop.test")
    context.load_cert_chain(own["certificate"], own["key"])
    fails(lb, context)
    counted(lb, "no_certificate", "untrusted")


def test_the_count_follows_the_listeners_of_a_reload(start: Start) -> None:
    lb = start()
    with connect(lb.service.address("web-tls")) as client:
        client.send(EMPTY_HELLO)
        client.rest()
    lb.service.reload(lb.config)
    counted(lb, "broken")
    del lb.config["listeners"]["web-tls"]
    lb.service.reload(lb.config)
    assert failed(lb) == {}


def test_the_words_are_those_of_the_guide() -> None:
    chapter = GUIDE.read_text().partition("## Handshakes that fail")[2].partition("\n## ")[0]
    assert tuple(re.findall(r"^\| `(\w+)` \|", chapter, re.MULTILINE)) == HANDSHAKES
