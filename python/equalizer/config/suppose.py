"""What else is wrong with a table whose kind is unknown: what would be, whatever kind was meant."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from pydantic import ValidationError

from equalizer.config import schema
from equalizer.config.explain import explain
from equalizer.config.places import Path
from equalizer.config.source import Source, dotted
from equalizer.config.suggest import close, is_strange
from equalizer.errors import Problem
from equalizer.model.config import Config
from equalizer.model.noun import TOLD_BY


class _Untold(NamedTuple):
    """A table whose word is absent or unknown."""

    place: Path
    key: str
    words: Sequence[str]
    """Those that may be meant."""

    def holds(self, problem: Problem) -> bool:
        """Whether a problem is one of this table, and not of its word."""
        place, word = dotted(self.place), dotted((*self.place, self.key))
        rest = problem.key.removeprefix(place)
        return problem.key.startswith(place) and rest[:1] in ("", ".", "[") and problem.key != word


def explained(error: ValidationError, source: Source) -> list[Problem]:
    """One problem for each thing that the model refuses, or would refuse if it knew what is meant."""
    return [*explain(error, source), *_further(error, source)]


def _further(error: ValidationError, source: Source) -> list[Problem]:
    untold = list(_untold(error, source))
    rounds = max((len(each.words) for each in untold), default=0)
    # All tables at once, so that a long file is judged a few times and not once for each of them.
    found = [_problems(source, untold, at) for at in range(rounds)]
    return [problem for each in untold for problem in _certain(each, found[: len(each.words)])]


def _untold(error: ValidationError, source: Source) -> Iterator[_Untold]:
    for detail in error.errors(include_url=False, include_input=False):
        kind, place = detail["type"], source.locate(detail["loc"])
        table = source.value(place)
        if kind.startswith(TOLD_BY) and isinstance(table, Mapping):
            key = kind.removeprefix(TOLD_BY)
            known = schema.choices((*detail["loc"], key))
            yield _Untold(place, key, close(table.get(key), known) or known)


def _problems(source: Source, untold: Sequence[_Untold], at: int) -> list[Problem]:
    """What is wrong if each table means the word at this place."""
    data: object = source.data
    for each in untold:
        data = _with(data, (*each.place, each.key), each.words[min(at, len(each.words) - 1)])
    try:
        Config.model_validate(data)
    except ValidationError as error:
        assert isinstance(data, Mapping)  # noqa: S101 - one part of it was replaced
        return explained(error, replace(source, data=data))
    return []


def _certain(table: _Untold, found: Sequence[Sequence[Problem]]) -> list[Problem]:
    """What is wrong whatever is meant; told as by a kind that has the key, where one has."""
    supposed = [[problem for problem in problems if table.holds(problem)] for problems in found]
    always = set.intersection(*({problem.key for problem in problems} for problems in supposed))
    ours = [problem for problems in supposed for problem in problems if problem.key in always]
    told = {problem.key: problem for problem in ours}
    return list((told | {each.key: each for each in ours if not is_strange(each.message)}).values())


def _with(value: object, path: Path, word: str) -> object:
    """A document with another word at a path, whose tables are there."""
    if not path:
        return word
    step, rest = path[0], path[1:]
    if isinstance(value, Mapping):
        return {**value, step: _with(value.get(step), rest, word)}
    assert isinstance(value, list | tuple)  # noqa: S101 - the path was found in it
    return [_with(inner, rest, word) if at == step else inner for at, inner in enumerate(value)]
