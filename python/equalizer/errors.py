"""What can go wrong, as one tree; every error carries a hint that says what to do.

EqualizerError
├── ConfigError       what a person wrote cannot be served; holds every problem, each with its place
├── KeyRingError      the key file cannot be read, trusted or made
├── RecordsError      the file of records cannot be had
├── ListenError       the system refuses an address
├── LogFileError      the system refuses the file of the access log
├── RequestError      what is asked of a running Equalizer names or wants something that is not there
│   ├── NotThereError a pool or server of that name
│   └── NotNowError   it cannot be done as things are
├── UpgradeError      the process that should follow this one cannot
├── ControlError      the control socket cannot be opened, or nobody answers there
└── EngineError
    ├── EngineMissing the compiled module is not there
    └── SnapshotRefused  the engine refuses what we compiled: a defect of ours
"""

from collections.abc import Sequence
from dataclasses import dataclass


class EqualizerError(Exception):
    """Any failure of ours, with what to do about it."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a configuration, and where: `FILE:LINE: KEY: MESSAGE`."""

    where: str
    """The file's name as the user gave it, or a word such as `config`."""
    line: int | None
    """None when what was read has no lines."""
    key: str
    """Dotted; empty when the whole document is meant."""
    message: str

    def __str__(self) -> str:
        place = self.where if self.line is None else f"{self.where}:{self.line}"
        return ": ".join(part for part in (place, self.key, self.message) if part)


class ConfigError(EqualizerError):
    """A configuration that cannot be served; `problems` holds all of them."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.line or 0, problem.key)))
        super().__init__("\n".join(map(str, self.problems)), "")


class KeyRingError(EqualizerError):
    """A key file that cannot be read, trusted or made."""


class RecordsError(EqualizerError):
    """A file of records that cannot be had."""


class ListenError(EqualizerError):
    """An address that the system does not let us accept on."""


class LogFileError(EqualizerError):
    """A file that the system does not let us write the access log to."""


class RequestError(EqualizerError):
    """What is asked of a running Equalizer names or wants something that is not there."""


class NotThereError(RequestError):
    """No pool or server has the name that is asked for."""


class NotNowError(RequestError):
    """What is asked of a running Equalizer cannot be done as things are."""


class ControlError(EqualizerError):
    """The control socket cannot be opened, or nobody answers there."""


class UpgradeError(EqualizerError):
    """The process that should follow this one cannot; this one serves on."""


class EngineError(EqualizerError):
    """The engine cannot do what was asked."""


class EngineMissing(EngineError):
    """The compiled module is not there."""


class SnapshotRefused(EngineError):
    """The engine refuses a snapshot that passed every check on this side."""
