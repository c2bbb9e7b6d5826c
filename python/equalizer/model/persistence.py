"""Persistence: how a client comes back to its server; one class a kind, asked in order."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WrapSerializer

from equalizer.model.noun import Noun, bare_kind, refuse

# RFC 9110, token; RFC 6265 names cookies with it.
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}", re.ASCII)
# RFC 6265, path-value: no control character and no semicolon.
_PATH = re.compile(r"/[\x20-\x3a\x3c-\x7e]{0,255}", re.ASCII)


def _cookie_name(value: str) -> str:
    if _TOKEN.fullmatch(value) is None:
        raise refuse('1 to 64 letters, digits or any of !#$%&\'*+-.^_`|~, such as "EQ"')
    return value


def _cookie_path(value: str) -> str:
    if _PATH.fullmatch(value) is None:
        raise refuse('a path that starts with "/" and has no ";", such as "/"')
    return value


class Cookie(Noun):
    """Our own sealed cookie: nothing to store, nothing to read in it."""

    kind: Literal["cookie"]
    name: Annotated[str, AfterValidator(_cookie_name)] = Field(default="EQ", examples=["EQ"])
    """The cookie's name."""
    path: Annotated[str, AfterValidator(_cookie_path)] = Field(default="/", examples=["/"])
    """Its Path attribute: the part of the site that it is sent back to."""


def _as_chain(value: object) -> object:
    """One table is a chain of one; `"none"` is a chain of none, and cannot be said by an empty list."""
    if value == "none":
        return ()
    if isinstance(value, list) and not value:
        raise refuse('"none", or a table such as { kind = "cookie" }')
    if isinstance(value, list | tuple):
        return tuple(bare_kind(kind) for kind in value)
    return (bare_kind(value),)


def _one_cookie(chain: tuple[Cookie, ...]) -> tuple[Cookie, ...]:
    names = [cookie.name for cookie in chain]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise refuse("each kind and name once", f'kind "cookie" with name "{twice}" twice')
    if len(chain) > 1:
        raise refuse("one cookie", f"{len(chain)} cookies")
    return chain


Persistence = Annotated[
    tuple[Cookie, ...],
    AfterValidator(_one_cookie),
    WrapSerializer(lambda chain, write: write(chain) or "none"),
    BeforeValidator(_as_chain, json_schema_input_type=Literal["none", "cookie"] | Cookie | list[Cookie]),
    Field(examples=[{"kind": "cookie"}]),
]
