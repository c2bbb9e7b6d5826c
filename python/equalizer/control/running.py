"""What is served now: a configuration, and all that became of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from equalizer.config.load import Loaded
from equalizer.control.admission import Admission
from equalizer.control.reconcile import Checked
from equalizer.model.config import Config
from equalizer.policy.birth import Choose
from equalizer.snapshot.wire import Snapshot


@dataclass(frozen=True, slots=True)
class Running:
    """Another one after each change."""

    loaded: Loaded
    snapshot: Snapshot
    notices: tuple[str, ...]
    functions: Mapping[str, Choose]
    admission: Admission | None

    @classmethod
    def of(cls, loaded: Loaded, found: Checked, notices: Sequence[str] = ()) -> "Running":
        """A configuration that is applied, with what else the user should know."""
        return cls(loaded, found.snapshot, (*found.notices, *notices), found.functions, found.admission)

    @property
    def config(self) -> Config:
        """As the model has it."""
        return self.loaded.config
