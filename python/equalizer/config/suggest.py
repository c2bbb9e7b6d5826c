"""What to write instead: the word that was probably meant, or the place where a key belongs."""

import difflib
import json
from collections.abc import Mapping, Sequence

from equalizer.config import schema
from equalizer.config.places import Path
from equalizer.config.source import dotted

_STRANGE = "found a key"


def word(value: object, choices: Sequence[str]) -> str:
    """The choices that were probably meant, or all of them."""
    return listed([toml(choice) for choice in close(value, choices) or choices], "or")


def close(value: object, choices: Sequence[str]) -> list[str]:
    """The choice that was probably meant, if any; several where they are as close as one another."""
    found = difflib.get_close_matches(str(value), choices, n=len(choices) or 1)
    likeness = {each: difflib.SequenceMatcher(None, each, str(value)).ratio() for each in found}
    return [each for each in choices if each in found and likeness[each] == likeness[found[0]]]


def unknown(loc: Path, path: Path) -> str:
    """What to say of a key that its table does not have: it may apply elsewhere, or be misspelt."""
    return _other_mode(loc) or _sessions(loc, path) or _other_kind(loc) or _misspelt(loc)


def is_strange(message: str) -> bool:
    """Whether it says that a table does not have a key, whatever its value."""
    return message.startswith(_STRANGE)


def _other_mode(loc: Path) -> str:
    """A key of the same kind in another mode."""
    tags = [part for part in loc if schema.is_tag(part)]
    return _other(loc[:-2], tags[-1], loc[-1]) if len(tags) > 1 else ""


def _other_kind(loc: Path) -> str:
    """A key of another kind."""
    tags = next((place for place, part in enumerate(loc) if schema.is_tag(part)), None)
    return "" if tags is None else _other(loc[:tags], loc[tags], loc[-1])


def _other(union: Path, tag: str | int, key: str | int) -> str:
    told, _, _ = str(tag).partition("=")
    words = [
        choice
        for choice in schema.choices((*union, told))
        if key in schema.keys((*union, f"{told}={choice}"))
    ]
    if not words:
        return ""
    here = str(tag).replace("=", ' = "') + '"'
    there = listed([f'{told} = "{choice}"' for choice in words], "or")
    return f"{_STRANGE} that does not apply to {here}; leave it out, or write {there}"


def _sessions(loc: Path, path: Path) -> str:
    """A key that holds for all sessions of a pool, whatever carries them."""
    if len(path) < 3 or path[0] != "pools" or loc[2] in ("sessions", "servers"):
        return ""
    place = (*path[:2], "sessions")
    return (
        f"{_STRANGE} of the sessions; write it in [{dotted(place)}]" if loc[-1] in schema.keys(place) else ""
    )


def _misspelt(loc: Path) -> str:
    known = schema.keys(loc[:-1])
    likely = close(loc[-1], known) or known
    write = likely[0] if len(likely) == 1 else f"one of {listed(known)}"
    return f"{_STRANGE} that is not known here; write {write}"


def listed(words: Sequence[str], last: str = "and") -> str:
    """`a, b and c`."""
    return f" {last} ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def toml(value: object) -> str:
    """A value as an inline TOML value."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{dotted((key,))} = {toml(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
