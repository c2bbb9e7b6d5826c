"""Sites of the top-level domain .test, over HTTP and HTTPS, and the browser that visits them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme
from playwright.sync_api import Browser

from conftest import Balance, MakeOrigin
from support.balancer import Balancer
from support.browser import Tab, browsing
from support.origin import Origin, replying, response
from support.wire import Message

HTTP, HTTPS = "web", "web-tls"
MakeTab = Callable[[], Tab]
Site = Callable[..., Balancer]


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate for every site here, its key, and who signed it."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    issued = authority.issue_cert("shop.test", "*.shop.test", "news.test", "blog.test")
    authority.cert_pem.write_to_path(folder / "authority.pem")
    issued.private_key_pem.write_to_path(folder / "shop.key")
    issued.cert_chain_pems[0].write_to_path(folder / "shop.pem")
    return folder


@pytest.fixture(scope="module")
def chromium(certificate: Path) -> Iterator[Browser]:
    """The browser; it ends with the last test of a file, as other tests have an event loop of their own."""
    with browsing(certificate / "shop.pem") as browser:
        yield browser


@pytest.fixture
def make_tab(chromium: Browser) -> Iterator[MakeTab]:
    """Open tabs, each of a user who has never been anywhere."""
    contexts = []

    def make() -> Tab:
        contexts.append(chromium.new_context())
        return Tab(contexts[-1])

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def tab(make_tab: MakeTab) -> Tab:
    """One tab."""
    return make_tab()


@pytest.fixture
def site(balance: Balance, make_origin: MakeOrigin, certificate: Path) -> Site:
    """Serve a site of three servers over HTTP and HTTPS; every request without a cookie is a birth."""

    def make(**pool: object) -> Balancer:
        servers = {name: make_origin(page(f"<h1>{name}</h1>", name)) for name in ("web1", "web2", "web3")}
        sessions = {"burst": "off", **(pool.pop("sessions", None) or {})}  # type: ignore[dict-item]
        return balance(servers, folder=certificate, pool={"sessions": sessions, **pool})

    return make


@pytest.fixture
def embedding(balance: Balance, make_origin: MakeOrigin, certificate: Path) -> Callable[[str], Balancer]:
    """Serve a site that shows this URL in a frame, and has no cookies of its own."""

    def make(url: str) -> Balancer:
        origin: Origin = make_origin(page(f'<iframe src="{url}"></iframe>'))
        return balance(origin, folder=certificate, pool={"persistence": "none"})

    return make


def page(body: str, name: str = "front") -> Callable[..., None]:
    """Answer with a page that every script may read, or redirect to the URL behind a question mark."""
    html = f'<!doctype html><link rel="icon" href="data:,"><body>{body}'.encode()

    def reply(request: Message) -> bytes:
        allowed = (
            f"Access-Control-Allow-Origin: {request.get('origin') or '*'}",
            "Access-Control-Allow-Credentials: true",
            "Access-Control-Expose-Headers: Server-Name",
        )
        _, _, elsewhere = request.target.partition("?")
        if elsewhere:
            return response(b"", f"Location: {elsewhere}", status="303 See Other")
        return response(html, "Content-Type: text/html", f"Server-Name: {name}", *allowed)

    return replying(reply)


def url(lb: Balancer, listener: str = HTTPS, host: str = "shop.test") -> str:
    """A page of a site."""
    scheme = "http" if listener == HTTP else "https"
    return f"{scheme}://{host}:{lb.service.address(listener).rpartition(':')[2]}/"
