"""Says what is wrong in the user's words: the key, what was found, what to write instead."""

import difflib
import json
from collections.abc import Mapping, Sequence

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from equalizer.config import schema
from equalizer.config.places import Path
from equalizer.config.source import Source, dotted, show
from equalizer.errors import Problem

_NAME = "1 to 63 letters, digits or any of . _ -"


def explain(error: ValidationError, source: Source) -> list[Problem]:
    """One problem for each thing that the model refuses."""
    details = error.errors(include_url=False, include_input=False)
    meant = {_meant(detail["loc"]) for detail in details if detail["type"] == "extra_forbidden"}
    # A key that is only misspelt is not missing as well.
    told = [detail for detail in details if detail["type"] != "missing" or detail["loc"] not in meant]
    return [_problem(detail, source) for detail in told]


def _problem(detail: ErrorDetails, source: Source) -> Problem:
    kind, loc = detail["type"], detail["loc"]
    path = source.locate(loc, missing=kind == "missing")
    if loc[-1:] == ("[key]",):
        return source.problem(path, f"found the name {show(path[-1])}; write {_NAME}")
    if kind == "extra_forbidden":
        return source.problem(path, f"found a key that is not known here; write {_suggest_key(path)}")
    if kind == "missing":
        place = source.problem(path, "")
        return Problem(place.where, place.line, dotted(path), f"found nothing; write {_line(path)}")
    context = detail.get("ctx", {})
    found = context.get("found") or show(source.value(path))
    return source.problem(path, f"found {found}; write {_instead(kind, context, loc, path, source)}")


def _instead(kind: str, context: Mapping[str, object], loc: Path, path: Path, source: Source) -> str:
    if kind == "refused":
        return str(context["write"])
    if kind == "literal_error":
        return _suggest(source.value(path), schema.choices(loc) or schema.choices(path))
    if kind in ("int_type", "greater_than_equal", "less_than_equal", "int_from_float"):
        return _range(path)
    if kind == "too_short":
        return f"at least one, such as {toml(schema.example(path))}"
    if kind == "string_pattern_mismatch":
        return _NAME
    return _shape(path)


def _shape(path: Path) -> str:
    """What kind of value a key takes, by its example."""
    sample = schema.example(path)
    if sample is None:
        known = schema.keys(path)
        return f"a table with {_list(known)}" if known else "a table"
    if isinstance(sample, Mapping):
        return f"a table such as {toml(sample)}"
    return f"{'a list' if isinstance(sample, list) else 'a text'} such as {toml(sample)}"


def _range(path: Path) -> str:
    bounds = next((node for node in schema.nodes(path) if "minimum" in node), {})
    return f"a whole number from {bounds.get('minimum')} to {bounds.get('maximum')}"


def _line(path: Path) -> str:
    """The missing line, as it could be written."""
    key = dotted(path[-1:])
    sample = schema.example(path)
    return (
        f"{key} = {toml(sample)}"
        if sample is not None
        else f"the table {key} with {_list(schema.keys(path))}"
    )


def _meant(loc: Path) -> Path:
    """The known key that an unknown one probably stands for."""
    close = difflib.get_close_matches(str(loc[-1]), schema.keys(loc[:-1]), n=1)
    return (*loc[:-1], *close)


def _suggest_key(path: Path) -> str:
    known = schema.keys(path[:-1])
    close = difflib.get_close_matches(str(path[-1]), known, n=1)
    if close or len(known) == 1:
        return (close or known)[0]
    return f"one of {_list(known)}"


def _suggest(value: object, choices: Sequence[str]) -> str:
    close = difflib.get_close_matches(str(value), choices, n=1)
    return toml(close[0]) if close else _list([toml(choice) for choice in choices], "or")


def _list(words: Sequence[str], last: str = "and") -> str:
    return f" {last} ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def toml(value: object) -> str:
    """A value as an inline TOML value."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{dotted((key,))} = {toml(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
