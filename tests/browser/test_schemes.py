"""HTTP and HTTPS of one site: which session a browser brings from one to the other, and which it loses."""

import pytest

from browser.conftest import HTTP, HTTPS, Site, url
from support.browser import Tab
from support.visitor import outlast, reasons


def test_a_session_of_http_keeps_its_home_over_https_and_back(site: Site, tab: Tab) -> None:
    lb = site()
    home = tab.visit(url(lb, HTTP))
    began = tab.cookie()
    assert (began["name"], began["secure"], began["sameSite"]) == ("EQ", False, "Lax")
    assert [tab.visit(url(lb, HTTPS)) for _ in range(3)] == [home] * 3
    assert [tab.visit(url(lb, HTTP)) for _ in range(3)] == [home] * 3
    assert tab.cookie() == began
    assert reasons(lb) == {"new": 1, "recalled": 6}


def test_what_https_renews_is_lost_to_http(site: Site, tab: Tab) -> None:
    lb = site(sessions={"idle": "4s"})
    home = tab.visit(url(lb, HTTP))
    outlast(1)
    assert tab.visit(url(lb, HTTPS)) == home
    renewed = tab.cookie()
    assert renewed["secure"]
    for _ in range(3):
        tab.visit(url(lb, HTTP))
    assert tab.cookie() == renewed
    assert reasons(lb) == {"new": 4, "recalled": 1}
    assert tab.visit(url(lb, HTTPS)) == home


@pytest.mark.parametrize("domain", [None, "shop.test"])
def test_a_session_of_https_is_not_brought_to_http_and_not_replaced_by_it(
    site: Site, tab: Tab, domain: str | None
) -> None:
    lb = site(persistence={"kind": "cookie", **({"domain": domain} if domain else {})})
    home = tab.visit(url(lb, HTTPS))
    began = tab.cookie()
    assert (began["secure"], began["domain"]) == (True, f".{domain}" if domain else "shop.test")
    assert {tab.visit(url(lb, HTTP)) for _ in range(3)} == {"web1", "web2", "web3"}
    assert tab.cookie() == began, "Chromium leaves Secure cookies alone"
    assert reasons(lb) == {"new": 4}
    assert tab.visit(url(lb, HTTPS)) == home
    assert reasons(lb) == {"new": 4, "recalled": 1}


@pytest.mark.parametrize(("first", "then"), [(HTTP, HTTPS), (HTTPS, HTTP)])
def test_without_secure_a_session_goes_both_ways(site: Site, tab: Tab, first: str, then: str) -> None:
    lb = site(persistence={"kind": "cookie", "secure": "never"}, sessions={"idle": "4s"})
    home = tab.visit(url(lb, first))
    began = tab.cookie()
    outlast(1)
    assert [tab.visit(url(lb, listener)) for listener in (then, first, then)] == [home] * 3
    assert tab.cookie()["value"] != began["value"], "renewed"
    assert not tab.cookie()["secure"]
    assert reasons(lb) == {"new": 1, "recalled": 3}


def test_what_a_page_of_http_sends_to_https_with_get_is_recalled(site: Site, tab: Tab) -> None:
    lb = site()
    home = tab.visit(url(lb, HTTP))
    assert tab.follow(url(lb, HTTPS)) == home
    tab.visit(url(lb, HTTP))
    assert tab.send(url(lb, HTTPS), method="get") == home
    tab.visit(url(lb, HTTP))
    assert tab.send(f"{url(lb, HTTP)}?{url(lb, HTTPS)}") == home, "a POST that HTTP redirects"
    assert tab.visit(f"{url(lb, HTTP)}?{url(lb, HTTPS)}") == home
    assert reasons(lb) == {"new": 1, "recalled": 8}


def test_a_script_and_a_form_of_http_come_to_https_as_from_another_site(site: Site, tab: Tab) -> None:
    lb = site()
    tab.visit(url(lb, HTTP))
    began = tab.cookie()
    tab.fetch(url(lb, HTTPS))
    assert reasons(lb) == {"new": 2}
    assert tab.cookie() == began, "what a script is given from elsewhere is not kept"
    tab.send(url(lb, HTTPS))
    assert reasons(lb) == {"new": 3}
    assert tab.cookie()["secure"], "the answer to the form has replaced the session"
    assert tab.cookie()["value"] != began["value"]


@pytest.mark.parametrize(
    ("persistence", "reason"),
    [
        ({"kind": "cookie", "same_site": "off"}, "recalled"),
        (["cookie", "address"], "recalled_fallback"),
    ],
    ids=["a young cookie without SameSite", "the address behind the cookie"],
)
def test_what_brings_a_form_of_http_home_over_https(
    site: Site, tab: Tab, persistence: object, reason: str
) -> None:
    lb = site(persistence=persistence)
    home = tab.visit(url(lb, HTTP))
    assert tab.send(url(lb, HTTPS)) == home
    assert reasons(lb) == {"new": 1, reason: 1}
    assert tab.visit(url(lb, HTTPS)) == home
