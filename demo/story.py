"""The story: a shopper fills a basket, comes back over TLS from another address, and wants to pay for it.

Then servers go, one after it was drained and one without a word.
"""

import ssl
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from http.cookiejar import CookieJar
from typing import Literal, TypeAlias

import httpx2

from demo.shops import ShopProcess
from equalizer import Service
from equalizer.cli.status import table

Scheme: TypeAlias = Literal["http", "https"]
Serve: TypeAlias = Callable[[str], AbstractContextManager[Service]]
"""Puts Equalizer before the shops, with a persistence."""

WANTED = ["tea", "teapot", "biscuits"]
COOKIE, POOL = "EQ", "shop"
_ROW = "   {:<22} {:<7} {:<15} {:<7} {}"
_BESIDE = "   {:<22} {:<23} {:<23} {}"
_NEWCOMERS = 3  # as many as there are servers: in turn, one of them would get the one that drains


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

    def __init__(self, lb: Service, trusted: ssl.SSLContext, who: str = "") -> None:
        self._urls: dict[Scheme, str] = {"http": lb.url("web"), "https": lb.url("web-tls")}
        self._trusted = trusted
        self._who = who
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
        return self._does(
            f"{self._who} looks" if self._who else "looks into the basket", "GET", "/basket", scheme, address
        )

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
        lost = _lost(Shopper(lb, trusted))
    with serve("cookie") as lb:
        kept = _kept(Shopper(lb, trusted))
        _beside(lost, kept)
        _drained(lb, Shopper(lb, trusted), lambda: Shopper(lb, trusted, "a newcomer"))
        _home_gone(Shopper(lb, trusted), {shop.name: shop for shop in shops})


def _lost(shopper: Shopper) -> list[Seen]:
    _chapter("1. Without persistence each request goes to the next server.")
    seen = _shops(shopper)
    paid = seen[-1].paid
    _hold(list(paid) != WANTED, "the basket was kept, although nothing keeps a client at its server")
    print(f"   => LOST: {len(WANTED)} things chosen, {len(paid)} paid. Each shop knows a basket of its own.")
    return seen


def _kept(shopper: Shopper) -> list[Seen]:
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
    return seen


def _beside(lost: Sequence[Seen], kept: Sequence[Seen]) -> None:
    """The two baskets of the same steps."""
    print(f"\n{_BESIDE.format('', 'chosen over HTTP', 'paid over HTTPS', 'servers')}")
    for persistence, seen in (("without persistence", lost), ("with the cookie", kept)):
        servers = ", ".join(sorted({each.server for each in seen}))
        paid = ", ".join(seen[-1].paid) or "nothing"
        print(_BESIDE.format(persistence, ", ".join(WANTED), paid, servers))


def _drained(lb: Service, loyal: Shopper, newcomer: Callable[[], Shopper]) -> None:
    _chapter("3. A server shall be restarted: it is drained first.")
    home = loyal.puts("honey", "http", "127.0.0.6").server
    lb.set_state(POOL, home, "draining")
    print(f"   -- equalizer drain {POOL}/{home} --")
    _hold(
        loyal.looks("https", "127.0.0.7").server == home, "the shopper did not stay while the server drains"
    )
    for _ in range(_NEWCOMERS):
        _hold(newcomer().looks("http", "127.0.0.8").server != home, "a newcomer got the server that drains")
    print("   -- equalizer status --", *table(lb.status()).splitlines()[1:], sep="\n   ")
    drained = next(each for each in lb.status().pools[0].servers if each.name == home)
    _hold(drained.state == "draining" and (drained.sessions or 0) > 0, "the status tells of no session left")
    paid = loyal.pays("https", "127.0.0.7")
    _hold(
        paid.server == home and list(paid.paid) == ["honey"], "the basket was lost while the server drained"
    )
    print(f"   => DRAINED: {home} kept its shopper until the basket was paid, and no newcomer got it.")
    lb.set_state(POOL, home, "up")
    print(f"   -- equalizer up {POOL}/{home} --")
    met = any(newcomer().looks("http", "127.0.0.9").server == home for _ in range(2 * _NEWCOMERS))
    _hold(met, "no newcomer got the server that is up again")


def _home_gone(shopper: Shopper, shops: dict[str, ShopProcess]) -> None:
    _chapter("4. Another shopper's server goes away.")
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
