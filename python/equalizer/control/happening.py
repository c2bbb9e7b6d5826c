"""What happens to a running Equalizer, for whoever keeps or writes it."""

from dataclasses import dataclass
from typing import TypeAlias

from equalizer.control.answers import Reloaded, StateChange, WeightChange
from equalizer.control.breakers import BreakerEvent
from equalizer.control.losses import Loss
from equalizer.control.present import StateEvent
from equalizer.control.records import RecordEvent
from equalizer.control.ring import KeyEvent
from equalizer.errors import EqualizerError


@dataclass(frozen=True, slots=True)
class ReloadRefused:
    """A configuration is not served; the one before still is."""

    revision: int
    """Of the one that is."""
    error: EqualizerError


Event: TypeAlias = (
    StateChange
    | WeightChange
    | StateEvent
    | Reloaded
    | ReloadRefused
    | RecordEvent
    | KeyEvent
    | BreakerEvent
    | Loss
)
