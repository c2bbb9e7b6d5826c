"""A shop in a frame of other sites: one session for each of them, or none at all."""

from collections.abc import Callable

import pytest

from browser.conftest import HTTP, HTTPS, Site, url
from support.balancer import Balancer
from support.browser import Tab, partitions
from support.visitor import reasons

Embedding = Callable[[str], Balancer]


def test_a_partitioned_cookie_is_one_for_each_embedding_site(
    site: Site, embedding: Embedding, tab: Tab
) -> None:
    shop = site(persistence={"kind": "cookie", "same_site": "none", "partitioned": True})
    front = embedding(url(shop))
    pages = {
        "https://news.test": url(front, host="news.test"),
        "https://blog.test": url(front, host="blog.test"),
        "http://blog.test": url(front, HTTP, host="blog.test"),
    }
    homes = {site: tab.frame(page) for site, page in pages.items()}
    assert set(homes.values()) == {"web1", "web2", "web3"}
    kept = partitions(tab.cookies())
    assert kept.keys() == pages.keys()
    assert {site: tab.frame(page) for site, page in pages.items()} == homes
    assert partitions(tab.cookies()) == kept
    assert reasons(shop) == {"new": 3, "recalled": 3}
    tab.visit(url(shop))
    assert partitions(tab.cookies()).keys() == {*pages, "https://shop.test"}
    assert reasons(shop) == {"new": 4, "recalled": 3}


@pytest.mark.parametrize("same_site", ["none", "lax"])
def test_any_other_cookie_of_a_frame_is_not_kept_where_third_parties_have_none(
    site: Site, embedding: Embedding, tab: Tab, same_site: str
) -> None:
    """The browser blocks them here, as in its private windows."""
    shop = site(persistence={"kind": "cookie", "same_site": same_site})
    front = embedding(url(shop))
    assert {tab.frame(url(front, host="news.test")) for _ in range(3)} == {"web1", "web2", "web3"}
    assert tab.cookies() == []
    assert reasons(shop) == {"new": 3}


def test_a_frame_of_the_same_site_has_the_session_of_its_page(
    site: Site, embedding: Embedding, tab: Tab
) -> None:
    shop = site(persistence={"kind": "cookie", "domain": "shop.test"})
    front = embedding(url(shop, host="www.shop.test"))
    home = tab.visit(url(shop))
    assert [tab.frame(url(front, HTTPS)) for _ in range(3)] == [home] * 3
    assert reasons(shop) == {"new": 1, "recalled": 3}


def test_a_frame_over_http_has_no_session(site: Site, embedding: Embedding, tab: Tab) -> None:
    shop = site(persistence={"kind": "cookie", "same_site": "none", "partitioned": True})
    front = embedding(url(shop, HTTP))
    assert {tab.frame(url(front, HTTP, host="news.test")) for _ in range(3)} == {"web1", "web2", "web3"}
    assert tab.cookies() == []
