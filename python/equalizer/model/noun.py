"""What all nouns share: they cannot change, and they know no keys but their own."""

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError


class Noun(BaseModel):
    """A table of the configuration."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True
    )


def refuse(write: str, found: str | None = None) -> PydanticCustomError:
    """An error that says what to write instead; `found` only where the value itself does not tell."""
    context = {"write": write} if found is None else {"write": write, "found": found}
    return PydanticCustomError("refused", "write {write}", context)


def bare_kind(value: object) -> object:
    """`"round_robin"` is short for `{ kind = "round_robin" }`."""
    return {"kind": value} if isinstance(value, str) else value
