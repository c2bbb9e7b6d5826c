"""The whole configuration, as a person writes it."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from equalizer.model.access_log import AccessLog
from equalizer.model.admin import Admin
from equalizer.model.control import Control
from equalizer.model.debug import Debug
from equalizer.model.engine import Engine
from equalizer.model.keys import Keys
from equalizer.model.limits import Limits
from equalizer.model.listener import Listener
from equalizer.model.name import Name
from equalizer.model.noun import Noun
from equalizer.model.pool import Pool
from equalizer.model.records import Records
from equalizer.model.route import Route
from equalizer.model.timeouts import Timeouts


def _frozen(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


class Config(Noun):
    """Everything that can be said in `equalizer.toml`."""

    listeners: dict[Name, Listener] = Field(min_length=1, examples=[{"web": {"address": "127.0.0.1:8080"}}])
    """Addresses to accept on, by name."""
    pools: dict[Name, Pool] = Field(
        min_length=1, examples=[{"shop": {"servers": {"web1": "127.0.0.1:9001"}}}]
    )
    """Pools of servers, by name."""
    routes: Annotated[
        tuple[Route, ...],
        BeforeValidator(_frozen, json_schema_input_type=list[Route]),
        Field(examples=[[{"pool": "shop"}]]),
    ] = ()
    """In order, the first that matches wins; not needed where there is one pool."""
    keys: Keys = Keys()
    """The key ring of the sealed cookies."""
    records: Records = Records()
    """Whether records outlive the process."""
    control: Control = Control()
    """How a running Equalizer hears of changes."""
    engine: Engine = Engine()
    """The data plane."""
    limits: Limits = Limits()
    """What a client may ask of us."""
    timeouts: Timeouts = Timeouts()
    """How long we wait."""
    access_log: AccessLog | None = None
    """Where every exchange is told."""
    admin: Admin | None = None
    """Where the admin API is."""
    debug: Debug | None = None
    """Who may ask why an exchange went where it went."""
