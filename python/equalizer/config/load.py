"""From a file, a dict or a model to a configuration that holds, or to all the reasons why it does not."""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from pydantic import ValidationError

from equalizer.config import chains, cross, places
from equalizer.config.source import Source, dotted, show
from equalizer.config.suppose import explained
from equalizer.errors import ConfigError, Problem
from equalizer.model.config import Config

Written: TypeAlias = Config | Mapping[str, object] | str | os.PathLike[str]
"""A model, a dict of the file's shape, or the path of a file."""

_AT = re.compile(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", re.DOTALL)
# What the library says of a key or table that is there already.
_AGAIN = re.compile("Cannot (overwrite|declare|mutate)|Duplicate")
_SECRET = re.compile(r"[A-Za-z0-9+/_-]{24,}")
_PARTS = re.compile(r"\([^()]*\)")  # a path, as Python writes a tuple


@dataclass(frozen=True)
class Loaded:
    """A configuration, and the document it came from."""

    config: Config
    source: Source


def load(written: Written, name: str = "config") -> Loaded:
    """Read and validate; raises ConfigError with every problem. `name` is for what is not a file."""
    if isinstance(written, Config):
        return _validated(Source(name, written.model_dump(exclude_unset=True)))
    if isinstance(written, Mapping):
        return _validated(Source(name, written))
    if not isinstance(written, str | os.PathLike):
        fault = f"found {written!r:.80}; write the path of a TOML file, a dict of its shape, or a Config"
        raise ConfigError([Problem(name, None, "", fault)])
    return _validated(read(Path(written)))


def read(path: Path) -> Source:
    """A TOML file with the lines of its keys."""
    try:
        _told_as_text(path)
        # Some editors begin a file with a byte order mark; it says nothing.
        text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
        return Source(str(path), tomllib.loads(text), places.find(text), path.parent)
    except OSError as error:
        fault = f"cannot be read: {(error.strerror or 'no such file').lower()}; write the path of a TOML file"
        raise ConfigError([Problem(str(path), None, "", fault)]) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError([Problem(str(path), line, "", "not UTF-8; save the file as UTF-8")]) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([_syntax(str(path), str(error), text)]) from None
    except ValueError:  # of a number with thousands of digits
        fault = "found a number that is too long to read; write one of fewer digits"
        raise ConfigError([Problem(str(path), None, "", fault)]) from None
    except RecursionError:
        raise ConfigError([Problem(str(path), None, "", "nested too deep; write fewer brackets")]) from None


def _told_as_text(path: Path) -> None:
    """Refuse a path that is not UTF-8: the engine, the commands and the admin API are told it as JSON."""
    try:
        str(path.absolute()).encode()
    except UnicodeEncodeError:
        fault = "the path of this file is not UTF-8; give it, and the directories above it, names that are"
        raise ConfigError([Problem(str(path), None, "", fault)]) from None


def _syntax(name: str, message: str, text: str) -> Problem:
    """With the line as it stands there: whoever is new to TOML sees what is meant."""
    match = _AT.fullmatch(message)
    lines = text.split("\n")
    line, fault = (int(match[2] or len(lines)), match[1]) if match else (None, message)
    if _AGAIN.match(fault):
        write = "each key and each [table] once"
    else:
        write = 'KEY = VALUE on a line of its own, with texts in quotes, such as address = "127.0.0.1:8080"'
    there = lines[line - 1].strip() if line else ""
    shown = "a line that is not shown here, as it may hold a secret"
    if not _SECRET.search(there):
        shown = show(there or None)
    why = _PARTS.sub(lambda parts: dotted(tuple(re.findall(r"'([^']*)'", parts[0]))), fault)
    return Problem(name, line, "", f"not TOML: found {shown} ({why[:1].lower()}{why[1:]}); write {write}")


def _validated(source: Source) -> Loaded:
    problems = [*cross.check(source), *chains.check(source)]
    try:
        config = Config.model_validate(source.data)
    except ValidationError as error:
        raise ConfigError([*explained(error, source), *problems]) from None
    if problems:
        raise ConfigError(problems)
    return Loaded(config, source)
