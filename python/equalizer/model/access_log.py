"""Access log: where every exchange is told, in one line."""

from os import fspath
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from equalizer.model.noun import Noun, refuse

STDOUT = "stdout"


def _sink(value: object) -> str:
    text = fspath(value) if isinstance(value, Path) else value
    if not isinstance(text, str) or not text or "\0" in text:
        raise refuse('"stdout", or the path of a file such as "access.log"')
    return text


Sink = Annotated[
    str,
    BeforeValidator(_sink),
    WithJsonSchema({"type": "string", "minLength": 1, "examples": ["access.log", STDOUT]}),
]


class AccessLog(Noun):
    """One line for each exchange; without this table, none."""

    to: Sink
    """`"stdout"`, or a file: it is made when absent, and may be renamed away at any time."""
    format: Literal["json", "combined"] = "json"
    """`"combined"` is what Apache and nginx write, with pool, server and reason behind."""
    query: bool = Field(default=True, strict=True, examples=[False])
    """Whether the queries of targets and referers are told."""

    @property
    def file(self) -> Path | None:
        """None for the standard output."""
        return None if self.to == STDOUT else Path(self.to)
