"""The short texts of persistence: names of cookies, fields and parameters, and what they may not be."""

import re
from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from equalizer.model.noun import refuse

# RFC 9110, token; RFC 6265 names cookies with it.
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}", re.ASCII)
# What a query or path parameter is named without an escape: RFC 3986, unreserved.
_PARAMETER = re.compile(r"[A-Za-z0-9._~-]{1,64}", re.ASCII)
# RFC 6265, path-value: no control character and no semicolon.
_PATH = re.compile(r"/[\x20-\x3a\x3c-\x7e]{0,255}", re.ASCII)
_DOMAIN = re.compile(
    r"(?=.{1,253}\Z)([A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z][A-Za-z0-9-]{0,62}"
)
# What TLS takes for a name of a server, and addresses.
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.:-]{0,251}[A-Za-z0-9_])?")
# Fields by which the protocol itself works (RFC 9110, RFC 9112, RFC 6265): they are not ours to write.
_TAKEN = {"connection", "content-length", "cookie", "host", "keep-alive", "proxy-connection"} | {
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
_LETTERS = "1 to 64 letters, digits or any of !#$%&'*+-.^_`|~, such as"


def _matching(pattern: re.Pattern[str], rule: str) -> AfterValidator:
    def check(value: str) -> str:
        if pattern.fullmatch(value) is None:
            raise refuse(rule)
        return value

    return AfterValidator(check)


def _own(example: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if value.lower() in _TAKEN:
            raise refuse(f'a field that HTTP itself does not use, such as "{example}"')
        return value

    return check


def _or_empty(pattern: re.Pattern[str], rule: str) -> AfterValidator:
    def check(value: str) -> str:
        if value and pattern.fullmatch(value) is None:
            raise refuse(rule)
        return value

    return AfterValidator(check)


def _pseudonym(value: object) -> str | None:
    if value is None or value == "off":
        return None
    if not isinstance(value, str) or _TOKEN.fullmatch(value) is None:
        raise refuse(f'{_LETTERS} "equalizer", or "off"')
    return value


def _write_or_off(value: str | None) -> str:
    return "off" if value is None else value


Pseudonym = Annotated[
    str | None,
    BeforeValidator(_pseudonym, json_schema_input_type=str),
    PlainSerializer(_write_or_off),
    Field(examples=["equalizer"]),
]
"""A name for one proxy, or `"off"`."""
CookieName = Annotated[str, _matching(_TOKEN, f'{_LETTERS} "EQ"')]
Host = Annotated[str, _matching(_HOST, 'the name of a host, such as "shop.internal"')]
"""A name that a certificate may hold, or an IP address."""
CookiePath = Annotated[str, _matching(_PATH, 'a path that starts with "/" and has no ";", such as "/"')]
Domain = Annotated[str, _matching(_DOMAIN, 'a host name without a dot in front, such as "shop.example"')]
Parameter = Annotated[
    str,
    _matching(_PARAMETER, '1 to 64 letters, digits or any of . _ ~ -, such as "jsessionid"'),
    Field(examples=["jsessionid"]),
]
FieldName = Annotated[str, _matching(_TOKEN, f'{_LETTERS} "X-Tenant"')]
"""A field that is only read."""
OwnField = Annotated[str, _matching(_TOKEN, f'{_LETTERS} "Session-Id"'), AfterValidator(_own("Session-Id"))]
"""A field that is written or taken out."""
OwnFieldOrNone = Annotated[
    str,
    _or_empty(_TOKEN, f'{_LETTERS} "Session-Pin", or "" for none'),
    AfterValidator(_own("Session-Pin")),
]
"""A field that is taken out, or the empty text for none."""
Incarnation = Annotated[
    str,
    _or_empty(
        re.compile(r"[\x21-\x7e]{1,64}"), 'up to 64 visible ASCII characters, such as "2026-11-22T10:00"'
    ),
]
"""What names a life of a server; empty where nobody says."""
