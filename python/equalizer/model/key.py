"""Key: what of a request is looked at, where the same shall go to the same server, or be counted apart."""

from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, Tag

from equalizer.model.carried import Prefixed
from equalizer.model.noun import Noun, refuse, told_apart
from equalizer.model.words import CookieName, FieldName, Parameter


class KeyAddress(Prefixed):
    """The client's address."""

    over: Literal["address"]
    """Where the key stands."""


class KeyPath(Noun):
    """The path, without its query."""

    over: Literal["path"]
    """Where the key stands."""


class KeyField(Noun):
    """The value of a request field."""

    over: Literal["field"]
    """Where the key stands."""
    name: FieldName = Field(examples=["X-Tenant"])
    """The field's name."""


class KeyCookie(Noun):
    """The value of a cookie."""

    over: Literal["cookie"]
    """Where the key stands."""
    name: CookieName = Field(examples=["account"])
    """The cookie's name."""


class KeyQuery(Noun):
    """The value of a query parameter."""

    over: Literal["query"]
    """Where the key stands."""
    name: Parameter = Field(examples=["room"])
    """The parameter's name."""


OfRequest = (
    Annotated[KeyAddress, Tag("over=address")]
    | Annotated[KeyPath, Tag("over=path")]
    | Annotated[KeyField, Tag("over=field")]
    | Annotated[KeyCookie, Tag("over=cookie")]
    | Annotated[KeyQuery, Tag("over=query")]
)
"""Everything that a request may carry."""
_Key = Annotated[OfRequest, told_apart("over")]


def bare_key(*words: str) -> Callable[[object], object]:
    """Reads a key that may be one of these words."""

    def read(value: object) -> object:
        if isinstance(value, str) and value not in words:
            quoted = ", ".join(f'"{word}"' for word in words)
            raise refuse(f'{quoted} or a table such as {{ over = "field", name = "X-Tenant" }}')
        return {"over": value} if isinstance(value, str) else value

    return read


Key = Annotated[
    _Key,
    BeforeValidator(bare_key("address", "path"), json_schema_input_type=Literal["address", "path"] | _Key),
    Field(examples=[{"over": "field", "name": "X-Tenant"}]),
]
"""`"path"` is short for `{ over = "path" }`."""
