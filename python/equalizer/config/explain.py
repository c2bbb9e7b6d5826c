"""Says what is wrong in the user's words: the key, what was found, what to write instead."""

import difflib
from collections.abc import Mapping, Sequence

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from equalizer.config import schema
from equalizer.config.places import Path
from equalizer.config.source import Source, dotted, show
from equalizer.config.suggest import close, listed, toml, unknown, word
from equalizer.errors import Problem
from equalizer.model.noun import TOLD_BY, Refusal

_NAME = "1 to 63 letters, digits or any of . _ -"


def explain(error: ValidationError, source: Source) -> list[Problem]:
    """One problem for each thing that the model refuses."""
    details = error.errors(include_url=False, include_input=False)
    meant = {_meant(detail["loc"]) for detail in details if detail["type"] == "extra_forbidden"}
    # A key that is only misspelt is not missing as well.
    told = [detail for detail in details if detail["type"] != "missing" or detail["loc"] not in meant]
    return [problem for detail in told for problem in _problems(detail, source)]


def _problems(detail: ErrorDetails, source: Source) -> list[Problem]:
    if detail["type"] != "refused_keys":
        return [_problem(detail, source)]
    refusals: list[Refusal] = detail["ctx"]["refusals"]
    return [
        source.problem((*detail["loc"], key), f"found {found}; write {write}")
        for key, found, write in refusals
    ]


def _problem(detail: ErrorDetails, source: Source) -> Problem:
    kind, loc = detail["type"], detail["loc"]
    if kind.startswith(TOLD_BY):
        return _untold(loc, kind.removeprefix(TOLD_BY), source)
    path = source.locate(loc, missing=kind == "missing")
    context = detail.get("ctx", {})
    if loc[-1:] == ("[key]",):
        return source.problem(path, f"found the name {show(path[-1])}; write {context.get('write', _NAME)}")
    if kind == "extra_forbidden":
        return source.problem(path, unknown(loc, path))
    if kind == "missing" and path[-1:] != loc[-1:]:
        write = _table(loc[:-1], str(loc[-1]), schema.example(loc))
        return source.problem(path, f"found {show(source.value(path))}; write {write}")
    if kind == "missing":
        return _missing(path, _line(loc), source)
    found = context.get("found") or show(source.value(path))
    return source.problem(path, f"found {found}; write {_instead(kind, context, loc, path, source)}")


def _untold(loc: Path, key: str, source: Source) -> Problem:
    """The word that tells the kinds of a table apart is absent or unknown."""
    place = source.locate(loc)
    value = source.value(place)
    known = schema.choices((*loc, key))
    if not isinstance(value, Mapping):
        return source.problem(place, f"found {show(value)}; write {_kind(value, loc, key, known)}")
    if key not in value:
        write = listed([f"{key} = {toml(choice)}" for choice in known], "or")
        return _missing((*place, key), write, source)
    path = (*place, key)
    return source.problem(path, f"found {show(value[key])}; write {word(value[key], known)}")


def _kind(value: object, loc: Path, key: str, known: Sequence[str]) -> str:
    """The word that stands for a table, where one is written and some may; else such a table."""
    bare, meant = schema.choices(loc), close(value, known)
    table = _table(loc, key, (meant or known)[0])
    if not isinstance(value, str) or not bare or (meant and meant[0] not in bare):
        return table
    return f"{word(value, bare)}, or {table}"


def _missing(path: Path, write: str, source: Source) -> Problem:
    place = source.problem(path, "")
    return Problem(place.where, place.line, dotted(path), f"found nothing; write {write}")


def _instead(  # noqa: PLR0911 - a table of errors
    kind: str, context: Mapping[str, object], loc: Path, path: Path, source: Source
) -> str:
    if kind == "refused":
        return str(context["write"])
    if kind == "literal_error":
        return word(source.value(path), schema.choices(loc) or schema.choices(path))
    if kind in ("int_type", "greater_than_equal", "less_than_equal", "int_from_float"):
        return _range(loc)
    if kind == "bool_type":
        return "true or false"
    if kind == "too_short":
        return f"at least one, such as {toml(schema.example(loc))}"
    if kind == "string_pattern_mismatch":
        return _NAME
    return _shape(loc)


def _table(loc: Path, key: str, sample: object) -> str:
    """The table that a bare word or another value stands for, with the key that it lacks."""
    table: dict[str, object] = {}
    for part in filter(schema.is_tag, loc):
        told, _, choice = str(part).partition("=")
        table[told] = choice
    return f"a table such as {toml(table | {key: sample})}"


def _shape(path: Path) -> str:
    """What kind of value a key takes, by its example."""
    sample = _sample(path)
    if sample is None:
        known = schema.keys(path)
        return f"a table with {listed(known)}" if known else "a table"
    if isinstance(sample, Mapping):
        return f"a table such as {toml(sample)}"
    return f"{'a list' if isinstance(sample, list) else 'a text'} such as {toml(sample)}"


def _sample(path: Path) -> object:
    """The example of a key; or, where the user names keys or counts items, what the whole has there."""
    sample = schema.example(path)
    if sample is not None or not path or schema.keys(path[:-1]):
        return sample
    match _sample(path[:-1]):
        case list() as items:
            return items[0]
        case Mapping() as table:
            return next(iter(table.values()))
        case one:
            return one


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
        else f"the table {key} with {listed(schema.keys(path))}"
    )


def _meant(loc: Path) -> Path:
    """The known key that an unknown one probably stands for."""
    close = difflib.get_close_matches(str(loc[-1]), schema.keys(loc[:-1]), n=1)
    return (*loc[:-1], *close)
