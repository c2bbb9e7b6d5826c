"""The story: a shopper fills a basket, comes back over TLS from another address, and wants to pay for it."""

import ssl
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from http.cookiejar import CookieJar
from typing import Literal, TypeAlias

import httpx2

from demo.shops import ShopProcess
from equalizer import Service

Scheme: TypeAlias = Literal["http", "https"]
Serve: TypeAlias = Callable[[str], AbstractContextManager[Service]]
"""Puts Equalizer before the shops, with a persistence."""

WANTED = ["tea", "teapot", "biscuits"]
COOKIE = "EQ"
_ROW = "   {:<22} {:<7} {:<15} {:<7} {}"


class Broken(Exception):
    """The story did not hold."""


@dataclass(frozen=True)
class Seen:
    """What one step of a shopper brought."""

    server: str
    basket: Sequence[str]
    paid: Sequence[str]
    cookies: Sequence[str]


class Shopper:
    """A person with one cookie jar, who moves: other addresses, other schemes."""

    def __init__(self, lb: Service, trusted: ssl.SSLContext) -> None:
        self._urls: dict[Scheme, str] = {"http": lb.url("web"), "https": lb.url("web-tls")}
        self._trusted = trusted
        self.jar = CookieJar()

    @property
    def home_cookie(self) -> str | None:
        """The value of Equalizer's cookie."""
        return next((cookie.value for cookie in self.jar if cookie.name == COOKIE), None)

    def puts(self, item: str, scheme: Scheme, address: str) -> Seen:
        """Put something into the basket."""
        return self._does(f"puts {item} in", "POST", f"/basket/{item}", scheme, address)

    def looks(self, scheme: Scheme, address: str) -> Seen:
        """See what is in it."""
        return self._does("looks into the basket", "GET", "/basket", scheme, address)

    def pays(self, scheme: Scheme, address: str) -> Seen:
        """Buy what is in it."""
        return self._does("pays", "POST", "/pay", scheme, address)

    def _does(self, step: str, method: str, path: str, scheme: Scheme, address: str) -> Seen:
        transport = httpx2.HTTPTransport(local_address=address, verify=self._trusted)
        with httpx2.Client(transport=transport, cookies=self.jar, timeout=20) as client:
            answer = client.request(method, self._urls[scheme] + path)
        if answer.status_code not in (200, 409):  # 409: nothing to pay
            raise Broken(f"{step}: {answer.status_code} {answer.text.strip()}")
        found = answer.json()
        seen = Seen(found["shop"], found["basket"], found.get("paid", []), found["cookies"])
        basket = ", ".join(seen.basket) or "(empty)"
        if method == "POST" and path == "/pay":
            basket = "paid: " + (", ".join(seen.paid) or "nothing, it is empty")
        print(_ROW.format(step, scheme, address, seen.server, basket))
        return seen


def play(shops: Sequence[ShopProcess], serve: Serve, trusted: ssl.SSLContext) -> None:
    """All of it; raises Broken where it does not hold."""
    print(f"Three shops, each with its baskets in its own memory: {', '.join(shop.name for shop in shops)}.")
    with serve("none") as lb:
        _lost(Shopper(lb, trusted))
    with serve("cookie") as lb:
        _kept(Shopper(lb, trusted))
        _home_gone(Shopper(lb, trusted), {shop.name: shop for shop in shops})


def _lost(shopper: Shopper) -> None:
    _chapter("1. Without persistence each request goes to the next server.")
    paid = _shops(shopper)[-1].paid
    _hold(list(paid) != WANTED, "the basket was kept, although nothing keeps a client at its server")
    print(f"   => LOST: {len(WANTED)} things chosen, {len(paid)} paid. Each shop knows a basket of its own.")


def _kept(shopper: Shopper) -> None:
    _chapter("2. The same steps with Equalizer's cookie.")
    seen = _shops(shopper)
    _hold(list(seen[-1].paid) == WANTED, f"{', '.join(seen[-1].paid) or 'nothing'} was paid")
    _hold(len({each.server for each in seen}) == 1, "the shopper did not stay at one server")
    _hold(all(COOKIE not in each.cookies for each in seen), "a shop was sent Equalizer's cookie")
    value = shopper.home_cookie or ""
    _hold(
        value != "" and not any(each.server in value for each in seen), "the cookie is missing or can be read"
    )
    print(f"   => KEPT: {len(WANTED)} things chosen, {len(WANTED)} paid, all at {seen[-1].server}.")
    print(f"      {COOKIE}={value[:16]}… ({len(value)} characters) says so, and only Equalizer can read it.")


def _home_gone(shopper: Shopper, shops: dict[str, ShopProcess]) -> None:
    _chapter("3. A second shopper's server goes away.")
    home = shopper.puts("honey", "http", "127.0.0.4").server
    before = shopper.home_cookie
    shops[home].stop()
    print(f"   -- {home} is stopped, and its baskets with it --")
    moved = shopper.looks("http", "127.0.0.4")
    _hold(moved.server != home and shopper.home_cookie != before, "no new home, or no cookie that says so")
    later = [
        shopper.puts("honey", "http", "127.0.0.4"),
        shopper.looks("https", "127.0.0.5"),
        shopper.pays("https", "127.0.0.5"),
    ]
    _hold(all(each.server == moved.server for each in later), "the shopper did not stay at the new home")
    _hold(list(later[-1].paid) == ["honey"], "the new basket was lost")
    print(f"   => RE-HOMED in one step from {home} to {moved.server}, without an error, and stays there.")
    shops[home].start()


def _shops(shopper: Shopper) -> list[Seen]:
    """Fill the basket here, come back from there over TLS, and pay."""
    here: tuple[Scheme, str] = ("http", "127.0.0.2")
    there: tuple[Scheme, str] = ("https", "127.0.0.3")
    return [*(shopper.puts(item, *here) for item in WANTED), shopper.looks(*there), shopper.pays(*there)]


def _chapter(title: str) -> None:
    print(f"\n{title}")
    print(_ROW.format("the shopper", "scheme", "source address", "server", "basket"))


def _hold(held: bool, otherwise: str) -> None:
    if not held:
        raise Broken(otherwise)
