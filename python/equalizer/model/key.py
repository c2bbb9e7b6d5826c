"""Key: what of a request chooses its server, in a balance that sends the same to the same."""

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


_Key = Annotated[
    Annotated[KeyAddress, Tag("over=address")]
    | Annotated[KeyPath, Tag("over=path")]
    | Annotated[KeyField, Tag("over=field")]
    | Annotated[KeyCookie, Tag("over=cookie")]
    | Annotated[KeyQuery, Tag("over=query")],
    told_apart("over"),
]


def _bare(value: object) -> object:
    if isinstance(value, str) and value not in ("address", "path"):
        raise refuse('"address", "path" or a table such as { over = "field", name = "X-Tenant" }')
    return {"over": value} if isinstance(value, str) else value


Key = Annotated[
    _Key,
    BeforeValidator(_bare, json_schema_input_type=Literal["address", "path"] | _Key),
    Field(examples=[{"over": "field", "name": "X-Tenant"}]),
]
"""`"path"` is short for `{ over = "path" }`."""
