"""Whose word on the client counts: that of trusted addresses, and nobody else's."""

import json
from pathlib import Path

import pytest

from conftest import Balance, MakeOrigin
from support.balancer import Balancer, get
from support.http2 import Client
from support.origin import Origin, answering, replying, response
from support.wire import Message

SPOOFED = ("X-Forwarded-For: 6.6.6.6", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil.test")
PROXY = "127.0.0.3"
OTHER = "127.0.0.4"


def web(**listener: object) -> dict[str, object]:
    return {"listeners": {"web": {"address": "127.0.0.1:0", "trusted": [PROXY, "10.0.0.0/8"], **listener}}}


def asked(lb: Balancer, origin: Origin, *fields: str, source: str = PROXY) -> Message:
    """What the server sees of a request that comes from this address."""
    with lb.client(source) as client:
        client.send(get(*fields))
        assert client.response().status == 200
    return origin.requests[-1]


def test_a_trusted_proxy_is_believed(balance: Balance, make_origin: MakeOrigin) -> None:
    origin = make_origin()
    lb = balance(origin, **web())
    fields = ("X-Forwarded-For: 6.6.6.6, 192.0.2.7, 10.1.2.3", "X-Forwarded-Proto: https")
    request = asked(lb, origin, *fields, "X-Forwarded-Host: shop.example")
    assert request.get("x-forwarded-for") == "192.0.2.7"
    assert request.get("x-forwarded-proto") == "https"
    assert request.get("x-forwarded-host") == "shop.example"
    assert request.get("forwarded") == 'for=192.0.2.7;host="shop.example";proto=https'
    assert request.get("host") == "shop.test"


def test_forwarded_is_believed(balance: Balance, make_origin: MakeOrigin) -> None:
    origin = make_origin()
    request = asked(balance(origin, **web()), origin, 'Forwarded: for="[2001:db8::7]:99";proto=https')
    assert request.get("x-forwarded-for") == "2001:db8::7"
    assert request.get("x-forwarded-proto") == "https"


@pytest.mark.parametrize("trusted", [[], [PROXY]], ids=["nobody is trusted", "somebody else is"])
def test_everybody_elses_word_is_replaced(
    balance: Balance, make_origin: MakeOrigin, trusted: list[str]
) -> None:
    origin = make_origin()
    lb = balance(origin, **web(**({"trusted": trusted} if trusted else {})))
    request = asked(lb, origin, *SPOOFED, "Forwarded: for=6.6.6.6;proto=https", source=OTHER)
    assert request.get("forwarded") == f'for={OTHER};host="shop.test";proto=http'
    assert request.get("x-forwarded-for") == OTHER
    assert request.get("x-forwarded-proto") == "http"
    assert request.get("x-forwarded-host") == "shop.test"


def test_what_else_only_a_proxy_can_say_arrives_from_trusted_ones_alone(
    balance: Balance, make_origin: MakeOrigin
) -> None:
    """Applications build links from the port and the prefix, and let certificates in."""
    origin = make_origin()
    lb = balance(origin, **web())
    said = {"X-Forwarded-Port": "8443", "x-forwarded-prefix": "/a", "X-Forwarded-Client-Cert": "By=me"}
    fields = tuple(f"{name}: {value}" for name, value in said.items())
    request = asked(lb, origin, *fields)
    assert {name: request.get(name) for name in said} == said
    request = asked(lb, origin, *fields, "X-Forwarded: 1", source=OTHER)
    assert {name: request.get(name) for name in said} == dict.fromkeys(said)
    assert request.get("x-forwarded") == "1"
    lb.config["listeners"]["web"]["trusted"] = ["10.0.0.0/8"]
    with lb.client(PROXY) as client:
        client.send(get(*fields))
        assert client.response().status == 200
        assert origin.requests[-1].get("x-forwarded-port") == "8443"
        lb.service.reload(lb.config)
        client.send(get(*fields))
        assert client.response().status == 200
    assert origin.requests[-1].get("x-forwarded-port") is None


def test_the_clients_of_one_connection_are_told_apart(shops: dict[str, Origin], balance: Balance) -> None:
    """Persistence by address means the client's address, not that of the proxy between."""
    pool = {"persistence": "address"}
    homes: dict[int, set[str | None]] = {number: set() for number in range(9)}
    with balance(shops, pool=pool, **web()).client(PROXY) as proxy:
        for _ in range(3):
            for number, seen in homes.items():
                proxy.send(get(f"X-Forwarded-For: 192.0.2.{number}"))
                seen.add(proxy.response().get("server-name"))
    assert all(len(seen) == 1 for seen in homes.values())
    assert len(set.union(*homes.values())) == 3


def test_the_cookie_is_secure_where_the_client_is(balance: Balance, make_origin: MakeOrigin) -> None:
    lb = balance(make_origin(), **web())
    secure = {}
    with lb.client(PROXY) as proxy:
        for scheme in ("http", "https"):
            proxy.send(get(f"X-Forwarded-Proto: {scheme}", "X-Forwarded-For: 192.0.2.7"))
            secure[scheme] = "Secure" in proxy.response().all("set-cookie")[0]
    assert secure == {"http": False, "https": True}


def test_a_client_that_came_by_https_is_not_redirected(
    balance: Balance, make_origin: MakeOrigin, certificate: Path
) -> None:
    tls = {"certificate": str(certificate / "shop.pem"), "key": str(certificate / "shop.key")}
    both = web()["listeners"]
    assert isinstance(both, dict)
    both["tls"] = {"address": "127.0.0.1:0", "tls": tls, "https": {"redirect": ["web"], "port": 443}}
    lb = balance(make_origin(answering(response(b"page"))), listeners=both)
    with lb.client(PROXY) as proxy:
        proxy.send(get("X-Forwarded-Proto: https"))
        assert proxy.response().status == 200
        proxy.send(get("X-Forwarded-Proto: http", "X-Forwarded-Host: shop.example"))
        answer = proxy.response()
    assert (answer.status, answer.get("location")) == (301, "https://shop.example/")
    with lb.client(OTHER) as client:
        client.send(get("X-Forwarded-Proto: https", "X-Forwarded-Host: evil.example"))
        assert client.response().get("location") == "https://shop.test/"


def test_the_log_names_the_client(balance: Balance, make_origin: MakeOrigin, tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    lb = balance(make_origin(), access_log={"to": str(path)}, **web())
    with lb.client(PROXY) as proxy:
        proxy.send(get("X-Forwarded-For: 192.0.2.7"))
        proxy.response()
        proxy.send(b"malformed\r\n\r\n")
        assert proxy.response().status == 400
    lb.stop()
    clients = [json.loads(line)["client"] for line in path.read_text().splitlines()]
    assert clients == ["192.0.2.7", PROXY], "a request that cannot be read names nobody"


def test_streams_of_http2_are_believed_each_for_itself(balance: Balance, make_origin: MakeOrigin) -> None:
    told = replying(lambda request: response((request.get("x-forwarded-for") or "").encode()))
    lb = balance(make_origin(told), **web())
    with Client(lb.client(PROXY)) as proxy:
        streams = [proxy.ask(("x-forwarded-for", f"192.0.2.{number}")) for number in range(3)]
        seen = [bytes(proxy.answer(stream).body) for stream in streams]
    assert seen == [b"192.0.2.0", b"192.0.2.1", b"192.0.2.2"]


def test_whom_nobody_trusts_any_more_is_not_believed_from_the_next_request_on(
    balance: Balance, make_origin: MakeOrigin
) -> None:
    origin = make_origin()
    lb = balance(origin, **web())
    with lb.client(PROXY) as proxy:
        for _ in range(2):
            proxy.send(get("X-Forwarded-For: 192.0.2.7"))
            proxy.response()
            lb.config["listeners"]["web"]["trusted"] = [OTHER]
            lb.service.reload(lb.config)
    assert [request.get("x-forwarded-for") for request in origin.requests] == ["192.0.2.7", PROXY]
