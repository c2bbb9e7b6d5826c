"""A client of the admin API."""

import json
import ssl
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

LIMIT = 30  # seconds


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    fields: Mapping[str, str]
    """Their names in small letters."""
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    def problem(self, status: int) -> str:
        """The sentence of a problem with this status."""
        assert (self.status, self.fields["content-type"]) == (status, "application/problem+json"), self
        found = self.json
        assert (found["type"], found["status"]) == ("about:blank", status)
        return str(found["detail"])


@dataclass(frozen=True)
class Client:
    """Asks with a token, on a connection for each request."""

    url: str
    token: str
    trust: ssl.SSLContext | None = None

    def get(self, path: str, token: str | None = None) -> Answer:
        return self.ask("GET", path, token=token)

    def ask(self, method: str, path: str, body: object = None, token: str | None = None) -> Answer:
        fields = {"Authorization": f"Bearer {self.token if token is None else token}"}
        content = None
        if body is not None:
            content, fields["Content-Type"] = json.dumps(body), "application/json"
        return self.send(method, path, fields, content)

    def send(self, method: str, path: str, fields: Mapping[str, str], content: str | None = None) -> Answer:
        with closing(self.connection()) as connection:
            connection.request(method, path, content, dict(fields))
            found = connection.getresponse()
            named = {name.lower(): value for name, value in found.getheaders()}
            return Answer(found.status, named, found.read().decode())

    def connection(self) -> HTTPConnection:
        host = urlsplit(self.url).netloc
        if self.trust:
            return HTTPSConnection(host, timeout=LIMIT, context=self.trust)
        return HTTPConnection(host, timeout=LIMIT)
