"""Clients are kept on HTTPS: sent there, told to stay, and not sent away again by servers."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import Balance, MakeOrigin
from equalizer.config.load import load
from equalizer.errors import ConfigError
from support.authority import Authority
from support.balancer import Balancer, get, post, tls_listener
from support.origin import replying, response
from support.wire import Message

Start = Callable[..., Balancer]


@pytest.fixture
def start(balance: Balance, make_origin: MakeOrigin, certificate: Path) -> Start:
    """Equalizer with listeners web and web-tls, in front of a server that answers with these fields."""

    def begin(*fields: str, status: str = "200 OK", **https: Any) -> Balancer:
        origin = make_origin(replying(lambda request: response(b"", *fields, status=status)))
        listener = tls_listener(certificate)["web-tls"] | {"https": https}
        lb = balance(origin, listeners={"web-tls": listener})
        lb.trust = Authority.trust_in(certificate / "authority.pem")
        return lb

    return begin


def over_tls(lb: Balancer, request: bytes) -> Message:
    with lb.tls_client() as client:
        client.send(request)
        return client.response(request.partition(b" ")[0].decode())


def test_every_request_to_a_plain_listener_is_sent_to_https(start: Start) -> None:
    lb = start(redirect=["web"])
    answer = lb.ask(get(target="/basket?item=1"))
    assert (answer.status, answer.get("Location")) == (301, "https://shop.test/basket?item=1")
    answer = lb.ask(get(method="HEAD"))
    assert (answer.status, answer.get("Location")) == (301, "https://shop.test/")
    answer = lb.ask(post(b"order"))  # with 301 a browser would make it a GET
    assert (answer.status, answer.get("Location")) == (308, "https://shop.test/")
    assert lb.ask(b"GET / HTTP/1.0\r\n\r\n").status == 400
    assert over_tls(lb, get()).status == 200


def test_a_connection_serves_many_redirects(start: Start) -> None:
    with start(redirect=["web"]).client() as client:
        for targets in (["/a"], ["/b", "/c"]):
            client.send(b"".join(get(target=target) for target in targets))
            for target in targets:
                answer = client.response()
                assert (answer.get("Location"), answer.get("Connection")) == (
                    f"https://shop.test{target}",
                    None,
                )
        client.send(post(b"order"))  # nobody has read the order
        assert client.response().get("Connection") == "close"


def test_the_port_is_the_one_that_clients_know(start: Start) -> None:
    answer = start(redirect=["web"], port=8443).ask(b"GET /a HTTP/1.1\r\nHost: shop.test:8080\r\n\r\n")
    assert answer.get("Location") == "https://shop.test:8443/a"


def test_curl_follows(start: Start, certificate: Path) -> None:
    lb = start(redirect=["web"])
    port = lb.service.address("web-tls").rpartition(":")[2]
    to = ["--connect-to", f"127.0.0.1:443:127.0.0.1:{port}"]
    url = f"http://{lb.address}/basket"
    command = [
        "curl",
        "-sSL",
        *to,
        "--cacert",
        str(certificate / "authority.pem"),
        "-w",
        "%{url_effective}",
        url,
    ]
    done = subprocess.run(command, capture_output=True, check=True)
    assert done.stdout == b"https://127.0.0.1/basket"


def test_browsers_are_told_to_stay_over_tls_only(start: Start) -> None:
    lb = start("Strict-Transport-Security: max-age=0", hsts="365d", subdomains=True)
    told = over_tls(lb, get()).all("Strict-Transport-Security")
    assert told == ["max-age=31536000; includeSubDomains"]  # ours alone
    # On a plain connection it is nothing to browsers (RFC 6797, 8.1), and not ours to change.
    assert lb.ask(get()).all("Strict-Transport-Security") == ["max-age=0"]


def test_an_answer_of_ours_tells_it_too(balance: Balance, certificate: Path) -> None:
    listener = tls_listener(certificate)["web-tls"] | {"https": {"hsts": "1h"}}
    lb = balance({"web1": "127.0.0.1:9"}, listeners={"web-tls": listener})
    lb.trust = Authority.trust_in(certificate / "authority.pem")
    answer = over_tls(lb, get())
    assert (answer.status, answer.get("Strict-Transport-Security")) == (503, "max-age=3600")


@pytest.mark.parametrize(
    ("location", "heard"),
    [
        ("http://shop.test/a?b#c", "https://shop.test/a?b#c"),
        ("HTTP://SHOP.TEST:80", "https://shop.test"),
        ("http://shop.test:8080/a", "http://shop.test:8080/a"),
        ("http://shop.test.evil/", "http://shop.test.evil/"),
        ("http://other.test/", "http://other.test/"),
        ("https://shop.test/", "https://shop.test/"),
        ("/a", "/a"),
    ],
)
def test_a_server_that_does_not_know_of_tls_does_not_send_clients_away(
    start: Start, location: str, heard: str
) -> None:
    lb = start(f"Location: {location}", status="302 Found")
    assert over_tls(lb, get()).get("Location") == heard
    assert lb.ask(get()).get("Location") == location


def test_a_location_keeps_the_port_that_the_client_knows(start: Start) -> None:
    lb = start("Location: http://shop.test/a", status="302 Found")
    answer = over_tls(lb, b"GET / HTTP/1.1\r\nHost: shop.test:8443\r\n\r\n")
    assert answer.get("Location") == "https://shop.test:8443/a"


def test_a_location_is_left_alone_where_that_is_wanted(start: Start) -> None:
    lb = start("Location: http://shop.test/a", status="302 Found", location=False)
    assert over_tls(lb, get()).get("Location") == "http://shop.test/a"


@pytest.mark.parametrize(
    ("listener", "proto", "heard"),
    [
        ({}, "https", "https"),
        ({}, "http", "http"),
        ({"https": {"location": False}}, "https", "http"),
        ({"trusted": []}, "https", "http"),
    ],
)
def test_a_client_that_came_to_a_trusted_proxy_by_https_is_not_sent_away(
    balance: Balance, make_origin: MakeOrigin, listener: dict[str, Any], proto: str, heard: str
) -> None:
    fields = ("Location: http://shop.test/a",)
    origin = make_origin(replying(lambda request: response(b"", *fields, status="302 Found")))
    web = {"address": "127.0.0.1:0", "trusted": ["127.0.0.1"], **listener}
    lb = balance(origin, listeners={"web": web})
    answer = lb.ask(get("X-Forwarded-For: 192.0.2.7", f"X-Forwarded-Proto: {proto}"))
    assert answer.get("Location") == f"{heard}://shop.test/a"


def test_what_is_wrong_with_https_is_told(certificate: Path) -> None:
    encrypted = tls_listener(certificate)["web-tls"]
    with pytest.raises(ConfigError) as refused:
        load(
            {
                "listeners": {
                    "web": {"address": "127.0.0.1:8080", "https": {"hsts": "1h"}},
                    "a": {**encrypted, "https": {"redirect": ["web", "b", "wbe"], "port": 0}},
                    "b": {**encrypted, "https": {"redirect": ["web"]}},
                },
                "pools": {"shop": {"servers": {"web1": "127.0.0.1:9"}}},
            }
        )
    assert [f"{problem.key}: {problem.message}" for problem in refused.value.problems] == [
        "listeners.a.https.port: found 0; write a whole number from 1 to 65535",
        'listeners.a.https.redirect[1]: found "b", which has TLS itself; write "web"',
        'listeners.a.https.redirect[2]: found "wbe", which is no listener; write "web"',
        'listeners.b.https.redirect[0]: found "web", which "a" has; write "web"',
        "listeners.web.https: found https on a listener without TLS; write it at the listener with tls",
    ]
