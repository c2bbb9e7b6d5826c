"""A real browser, as its user has it: tabs that follow links, send forms and keep cookies."""

import base64
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Browser, BrowserContext, Cookie, Response, sync_playwright

_FORM = """url => { const it = document.createElement('form'); it.method = 'METHOD'; it.action = url;
    document.body.append(it); it.submit() }"""
_GO = {
    "link": "url => { const it = document.createElement('a'); it.href = url; it.click() }",
    "get": _FORM.replace("METHOD", "get"),
    "post": _FORM.replace("METHOD", "post"),
}
_FETCH = """url => fetch(url, { credentials: 'include' }).then(answer => answer.headers.get('Server-Name'))"""


def executable() -> str:
    """Where Chromium is; without it the test is skipped, or fails where tests must not be skipped."""
    found = shutil.which("chromium")
    if found is None:
        reason = "Chromium is not installed: apt install chromium"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@contextmanager
def browsing(certificate: Path) -> Iterator[Browser]:
    """Chromium, which finds every host of .test here, and trusts this certificate and no other."""
    chromium = executable()
    arguments = [
        "--host-resolver-rules=MAP *.test 127.0.0.1",
        f"--ignore-certificate-errors-spki-list={_fingerprint(certificate)}",
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        yield browser
        browser.close()


class Tab:
    """One tab of a browser with a cookie jar of its own."""

    def __init__(self, context: BrowserContext) -> None:
        self._context = context
        self._page = context.new_page()

    def visit(self, url: str) -> str | None:
        """The server that answers when the user types this."""
        return _server(self._page.goto(url))

    def follow(self, url: str) -> str | None:
        """The server that answers when the user follows a link of the page."""
        return self._go("link", url)

    def send(self, url: str, method: str = "post") -> str | None:
        """The server that answers when the user sends a form of the page."""
        return self._go(method, url)

    def fetch(self, url: str) -> str | None:
        """The server that answers a script of the page."""
        server: str | None = self._page.evaluate(_FETCH, url)
        return server

    def frame(self, url: str) -> str:
        """The server that answers the only frame of the page that the user visits."""
        self._page.goto(url)
        return self._page.frame_locator("iframe").locator("h1").inner_text()

    def cookies(self) -> list[Cookie]:
        """Everything in the jar."""
        return self._context.cookies()

    def cookie(self) -> Cookie:
        """The only cookie of the jar."""
        (cookie,) = self.cookies()
        return cookie

    def _go(self, how: str, url: str) -> str | None:
        with self._page.expect_navigation() as navigation:
            self._page.evaluate(_GO[how], url)
        return _server(navigation.value)


def partitions(cookies: list[Cookie]) -> Mapping[str | None, str]:
    """The values of partitioned cookies by the site that they are kept for."""
    return {cookie.get("partitionKey"): cookie["value"] for cookie in cookies}


def _server(response: Response | None) -> str | None:
    assert response is not None
    assert response.status == 200
    return response.header_value("Server-Name")


def _fingerprint(certificate: Path) -> str:
    """Of its public key, as Chromium wants it."""
    key = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    public = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(public).digest()).decode()
