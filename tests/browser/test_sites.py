"""Two sites, two hosts of one site, and names that browsers guard."""

from pathlib import Path

import pytest

from browser.conftest import HTTP, Site, page, url
from conftest import Balance, MakeOrigin
from support.balancer import tls_listener
from support.browser import Tab
from support.visitor import reasons

GROUP = {"kind": "cookie", "domain": "shop.test", "scope": {"group": "shops"}}


def test_two_sites_have_two_sessions(site: Site, tab: Tab) -> None:
    shop, news = site(), site()
    home = tab.visit(url(shop))
    tab.visit(url(news, host="news.test"))
    other = tab.visit(url(news, host="news.test"))
    assert {cookie["domain"] for cookie in tab.cookies()} == {"shop.test", "news.test"}
    assert len({cookie["value"] for cookie in tab.cookies()}) == 2
    assert (tab.visit(url(shop)), tab.follow(url(news, host="news.test"))) == (home, other)
    assert (reasons(shop), reasons(news)) == ({"new": 1, "recalled": 1}, {"new": 1, "recalled": 2})


def test_two_hosts_of_a_site_have_two_sessions_without_a_domain(site: Site, tab: Tab) -> None:
    lb = site()
    hosts = ("www.shop.test", "pay.shop.test")
    homes = [tab.visit(url(lb, host=host)) for host in hosts]
    assert {cookie["domain"] for cookie in tab.cookies()} == set(hosts)
    assert [tab.visit(url(lb, host=host)) for host in hosts] == homes
    assert reasons(lb) == {"new": 2, "recalled": 2}


def test_two_hosts_of_a_site_share_a_session_of_its_domain(
    balance: Balance, make_origin: MakeOrigin, certificate: Path, tab: Tab, tmp_path: Path
) -> None:
    """Two pools, each behind an Equalizer of its own, with servers of the same names and one key file."""
    servers = {name: make_origin(page(name, name)) for name in ("web1", "web2", "web3")}
    keys = {"file": str(tmp_path / "keys")}
    www, pay = (
        balance(servers, folder=certificate, pool={"persistence": GROUP}, keys=keys) for _ in range(2)
    )
    home = tab.visit(url(www, host="www.shop.test"))
    assert tab.cookie()["domain"] == ".shop.test"
    assert tab.visit(url(pay, host="pay.shop.test")) == home
    assert tab.follow(url(www, host="shop.test")) == home
    assert tab.send(url(pay, host="pay.shop.test")) == home
    assert tab.fetch(url(www, host="www.shop.test")) == home
    assert (reasons(www), reasons(pay)) == ({"new": 1, "recalled": 2}, {"recalled": 2})


def test_a_domain_that_the_page_is_no_part_of_is_refused_by_the_browser(site: Site, tab: Tab) -> None:
    lb = site(persistence={"kind": "cookie", "domain": "shop.test"})
    tab.visit(url(lb, host="news.test"))
    assert tab.cookies() == []


@pytest.mark.parametrize("prefix", ["__Host-", "__Secure-"])
def test_a_guarded_name_is_kept_over_tls(
    balance: Balance, make_origin: MakeOrigin, certificate: Path, tab: Tab, prefix: str
) -> None:
    servers = {name: make_origin(page(name, name)) for name in ("web1", "web2", "web3")}
    (tls,) = tls_listener(certificate).values()
    pool = {"persistence": {"kind": "cookie", "prefix": prefix}}
    lb = balance(servers, listeners={"web": tls}, pool=pool)
    address = url(lb, HTTP).replace("http:", "https:")
    home = tab.visit(address)
    cookie = tab.cookie()
    assert (cookie["name"], cookie["secure"], cookie["domain"]) == (f"{prefix}EQ", True, "shop.test")
    assert [tab.visit(address) for _ in range(3)] == [home] * 3
    assert reasons(lb) == {"new": 1, "recalled": 3}
