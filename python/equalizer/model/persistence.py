"""Persistence: how a client comes back to its server; one class a kind and mode, asked in order."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, Tag, WrapSerializer

from equalizer.model.carried import MOST_RECORDS, Conditional, Prefixed, Recorded, Sealed
from equalizer.model.cookie import Cookie, InsertCookie
from equalizer.model.duration import Seconds
from equalizer.model.noun import Noun, bare_kind, refuse, told_apart
from equalizer.model.words import CookieName, FieldName, OwnField, Parameter


class _Field(Noun):
    kind: Literal["field"]


class InsertField(Conditional, Sealed, _Field):
    """A field that we set, sealed, and that the client sends back."""

    mode: Literal["insert"] = "insert"
    """We set the field, sealed."""
    name: OwnField = Field(examples=["Session-Id"])
    """The field's name, in requests and responses."""


class LearnField(Conditional, Recorded, _Field):
    """A table of a field that the server sets: which server set which value."""

    mode: Literal["learn"]
    """The server sets the field, we remember which server set which value."""
    name: OwnField = Field(examples=["Mcp-Session-Id"])
    """The field's name, in requests and responses."""


class AddressRecord(Conditional, Prefixed):
    """A record of the client's address: nothing that the client must keep."""

    kind: Literal["address"]
    idle: Seconds = timedelta(minutes=30)
    """How long a record lives without a request."""
    capacity: int = Field(default=1_000_000, ge=1, le=MOST_RECORDS, strict=True)
    """Records kept at most; the one idle longest goes first."""


class _Hash(Conditional):
    kind: Literal["hash"]


class HashField(_Hash):
    """The value of a request field chooses."""

    over: Literal["field"]
    """Where the hashed text stands."""
    name: FieldName = Field(examples=["X-Tenant"])
    """The field's name."""


class HashCookie(_Hash):
    """The value of a cookie chooses."""

    over: Literal["cookie"]
    """Where the hashed text stands."""
    name: CookieName = Field(examples=["account"])
    """The cookie's name."""


class HashQuery(_Hash):
    """The value of a query parameter chooses."""

    over: Literal["query"]
    """Where the hashed text stands."""
    name: Parameter = Field(examples=["room"])
    """The parameter's name."""


class HashPath(_Hash):
    """The path chooses: what is cached is cached once."""

    over: Literal["path"]
    """Where the hashed text stands."""


class HashAddress(Prefixed, _Hash):
    """The client's address chooses."""

    over: Literal["address"]
    """Where the hashed text stands."""


CarryingField = Annotated[
    Annotated[InsertField, Tag("mode=insert")] | Annotated[LearnField, Tag("mode=learn")],
    told_apart("mode", default="insert"),
]
Hash = Annotated[
    Annotated[HashField, Tag("over=field")]
    | Annotated[HashCookie, Tag("over=cookie")]
    | Annotated[HashQuery, Tag("over=query")]
    | Annotated[HashPath, Tag("over=path")]
    | Annotated[HashAddress, Tag("over=address")],
    told_apart("over"),
]
_MOST_KINDS = 32
Bare = Literal["cookie", "address"]
"""The kinds that need no settings; `"cookie"` is short for `{ kind = "cookie" }`."""

Kind = Annotated[
    Annotated[Cookie, Tag("kind=cookie")]
    | Annotated[CarryingField, Tag("kind=field")]
    | Annotated[AddressRecord, Tag("kind=address")]
    | Annotated[Hash, Tag("kind=hash")],
    told_apart("kind"),
]


def _as_chain(value: object) -> object:
    """One table is a chain of one; `"none"` is a chain of none, and cannot be said by an empty list."""
    if value == "none":
        return ()
    if isinstance(value, list) and not value:
        raise refuse('"none", or a table such as { kind = "cookie" }')
    if isinstance(value, list | tuple):
        return tuple(bare_kind(kind) for kind in value)
    return (bare_kind(value),)


def _each_once(chain: Sequence[Kind]) -> Sequence[Kind]:
    if len(chain) > _MOST_KINDS:
        raise refuse(f"at most {_MOST_KINDS} kinds", f"{len(chain)}")
    said = [_what(kind) for kind in chain]
    twice = next((what for what in said if said.count(what) > 1), None)
    if twice is not None:
        raise refuse("each kind and name once", f"{twice} twice")
    return chain


def _what(kind: Kind) -> str:
    """What a kind asks: two that ask the same cannot both be right."""
    match kind:
        case AddressRecord():
            return 'kind "address"'
        case InsertCookie():
            return f'kind "cookie" with name "{kind.full_name}"'
        case InsertField() | LearnField():
            return f'kind "field" with name "{kind.name.title()}"'
        case HashPath() | HashAddress():
            return f'kind "hash" over "{kind.over}"'
        case HashField() | HashCookie() | HashQuery():
            return f'kind "hash" over "{kind.over}" with name "{kind.name}"'
        case _:
            return f'kind "{kind.kind}" with name "{kind.name}"'


Persistence = Annotated[
    tuple[Kind, ...],
    AfterValidator(_each_once),
    WrapSerializer(lambda chain, write: write(chain) or "none"),
    BeforeValidator(_as_chain, json_schema_input_type=Literal["none"] | Bare | Kind | list[Bare | Kind]),
    Field(examples=[{"kind": "cookie"}]),
]
