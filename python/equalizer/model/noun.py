"""What all nouns share: they cannot change, know no keys but their own, and a word tells kinds apart."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Discriminator
from pydantic_core import PydanticCustomError

TOLD_BY = "told_by_"
"""Begins the type of an error about the word that tells kinds apart; its key follows."""


class Noun(BaseModel):
    """A table of the configuration."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True
    )


class Refusal(NamedTuple):
    """What is wrong with one key of a table, seen beside its other keys."""

    key: str
    found: str
    write: str


def refuse(write: str, found: str | None = None) -> PydanticCustomError:
    """An error that says what to write instead; `found` only where the value itself does not tell."""
    context = {"write": write} if found is None else {"write": write, "found": found}
    return PydanticCustomError("refused", "write {write}", context)


def refuse_keys(refusals: Sequence[Refusal]) -> None:
    """Raise what is wrong between the keys of a table, all at once; nothing where nothing is."""
    if refusals:
        write = "; ".join(refusal.write for refusal in refusals)
        raise PydanticCustomError("refused_keys", "write {write}", {"write": write, "refusals": [*refusals]})


def bare_kind(value: object) -> object:
    """`"round_robin"` is short for `{ kind = "round_robin" }`."""
    return {"kind": value} if isinstance(value, str) else value


def told_apart(key: str, default: str | None = None) -> Discriminator:
    """The word at `key` chooses among classes tagged `key=word`; errors carry the tag in their place."""

    def tag(value: object) -> str | None:
        word = value.get(key, default) if isinstance(value, Mapping) else getattr(value, key, None)
        return None if word is None else f"{key}={word}"

    # A context would make the union unhashable, so the type of the error names the key.
    return Discriminator(tag, f"{TOLD_BY}{key}", f"another {key} is needed")
