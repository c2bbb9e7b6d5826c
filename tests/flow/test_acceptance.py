"""The promise of the product: whoever comes back, by whatever way, finds the basket where it was left."""

import json
import ssl
import subprocess
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.cookiejar import CookieJar
from pathlib import Path

import httpx2
import pytest

from conftest import Balance
from support.balancer import Balancer
from support.shop import Shop
from support.wire import LIMIT

CLIENTS = 50
ITEMS = [f"item{number}" for number in range(6)]


@pytest.fixture
def lb(balance: Balance, certificate: Path) -> Iterator[Balancer]:
    """Two workers with HTTP and HTTPS in front of the same three servers."""
    with ExitStack() as stack:
        shops = [stack.enter_context(Shop(f"web{number}")) for number in (1, 2, 3)]
        lb = balance({shop.name: shop.address for shop in shops}, workers=2, folder=certificate)
        yield lb
        lb.stop()


def visits(lb: Balancer, client: int) -> list[tuple[str, str]]:
    """Where from and by which listener a client comes, one for every item and one for the look at the end.

    The first visit is plain: what a client is given over TLS is Secure, and no jar sends that in the clear.
    """
    listeners = [lb.service.url("web"), lb.service.url("web-tls")]
    return [
        (f"127.0.0.{2 + (client * 7 + turn) % 250}", listeners[turn % 2]) for turn in range(len(ITEMS) + 1)
    ]


def by_httpx(lb: Balancer, client: int) -> tuple[set[str], list[str]]:
    """The servers that a client met, and the basket that it has at the end."""
    jar, met, basket = CookieJar(), set(), []
    for item, (source, url) in zip([*ITEMS, None], visits(lb, client), strict=True):
        transport = httpx2.HTTPTransport(local_address=source, verify=lb.trust or True)
        with httpx2.Client(transport=transport, cookies=jar, timeout=LIMIT, trust_env=False) as http:
            answer = http.post(f"{url}/basket/{item}") if item else http.get(f"{url}/basket")
        answer.raise_for_status()
        met.add(answer.json()["server"])
        basket = answer.json().get("basket", [])
    return met, basket


def by_curl(lb: Balancer, client: int, authority: Path, jar: Path) -> tuple[set[str], list[str]]:
    """The same with curl and its own cookie jar, a process for every visit."""
    met, basket = set(), []
    for item, (source, url) in zip([*ITEMS, None], visits(lb, client), strict=True):
        what = ["-X", "POST", f"{url}/basket/{item}"] if item else [f"{url}/basket"]
        jars = ["--cookie", str(jar), "--cookie-jar", str(jar)]
        command = [
            "curl",
            "-sS",
            "--fail",
            "--noproxy",
            "*",
            "--interface",
            source,
            "--cacert",
            str(authority),
        ]
        done = subprocess.run([*command, *jars, *what], capture_output=True, timeout=LIMIT, check=True)
        answer = json.loads(done.stdout)
        met.add(answer["server"])
        basket = answer.get("basket", [])
    return met, basket


def check(outcomes: list[tuple[set[str], list[str]]]) -> None:
    """Every client met one server and has its whole basket; all servers have clients."""
    assert [basket for _, basket in outcomes] == [ITEMS] * len(outcomes)
    assert all(len(met) == 1 for met, _ in outcomes)
    spread = Counter(next(iter(met)) for met, _ in outcomes)
    assert set(spread) == {"web1", "web2", "web3"}, spread


def test_every_client_stays_with_one_server_whatever_its_address_and_scheme(lb: Balancer) -> None:
    with ThreadPoolExecutor(8) as pool:
        check(list(pool.map(lambda client: by_httpx(lb, client), range(CLIENTS))))
    reasons = lb.report()["pools"]["shop"]["reasons"]
    assert reasons == {"new": CLIENTS, "recalled": CLIENTS * len(ITEMS)}


def test_curl_with_its_own_jar_stays_with_one_server(lb: Balancer, certificate: Path, tmp_path: Path) -> None:
    authority = certificate / "authority.pem"
    with ThreadPoolExecutor(4) as pool:
        check(list(pool.map(lambda one: by_curl(lb, one, authority, tmp_path / f"jar{one}"), range(12))))


def test_without_persistence_the_baskets_are_scattered(balance: Balance) -> None:
    """The tests above can fail: this is what they would see."""
    with Shop("web1") as one, Shop("web2") as two:
        lb = balance({"web1": one.address, "web2": two.address}, pool={"persistence": "none"})
        url = lb.service.url("web")
        with httpx2.Client(timeout=LIMIT, trust_env=False) as http:
            met = {http.post(f"{url}/basket/{item}").json()["server"] for item in ITEMS}
            assert met == {"web1", "web2"}
            assert http.get(f"{url}/basket").json()["basket"] != ITEMS
        lb.stop()


def test_a_client_that_begins_over_tls_stays_there(lb: Balancer) -> None:
    assert isinstance(lb.trust, ssl.SSLContext)
    jar, met = CookieJar(), set()
    for source in range(2, 10):
        transport = httpx2.HTTPTransport(local_address=f"127.0.0.{source}", verify=lb.trust)
        with httpx2.Client(transport=transport, cookies=jar, timeout=LIMIT, trust_env=False) as http:
            met.add(http.get(f"{lb.service.url('web-tls')}/basket").json()["server"])
    assert len(met) == 1
