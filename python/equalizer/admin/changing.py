"""The requests that change something: who may use a server, its weight, the configuration."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.config import JsonDict

from equalizer.admin.turns import Turns
from equalizer.control import states
from equalizer.control.answers import Reloaded, StateChange, WeightChange, Wish
from equalizer.control.service import Service


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


_NO_TIME: JsonDict = {"type": "null"}
_TIMES_WHILE_DRAINING: JsonDict = {
    "if": {"properties": {"state": {"const": "draining"}}},
    "else": {"properties": {"deadline": _NO_TIME, "idle_first": _NO_TIME}},
    "examples": [{"state": "draining", "deadline": "30m", "idle_first": "5m"}],
}


class State(_Body):
    """Who shall be able to use a server."""

    model_config = ConfigDict(json_schema_extra=_TIMES_WHILE_DRAINING)

    state: Wish
    deadline: states.Term | None = None
    """After this time the sessions that are left get another home; for `draining`."""
    idle_first: states.Term | None = None
    """A session that was idle for this time gets another home at its next request; for `draining`."""


def _whole(number: object) -> object:
    """To JSON Schema, as which this is described, 17.0 is a whole number."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


class Weight(_Body):
    """A server's share of new sessions."""

    weight: Annotated[int, BeforeValidator(_whole), Field(ge=0, le=256, strict=True)] | None
    """0 takes no new sessions; null is what the configuration says."""


def changing(service: Service) -> APIRouter:
    """What a person may want to be different."""
    router, turns = APIRouter(tags=["change"]), Turns(2)

    @router.put("/pools/{pool}/servers/{server}/state")
    async def set_state(pool: str, server: str, body: State) -> StateChange:
        """Let a server drain, rest or serve."""
        terms = (states.term("deadline", body.deadline), states.term("idle_first", body.idle_first))
        return await turns.ask(service.set_state, pool, server, body.state, *terms)

    @router.put("/pools/{pool}/servers/{server}/weight")
    async def set_weight(pool: str, server: str, body: Weight) -> WeightChange:
        """Give a server another weight."""
        return await turns.ask(service.set_weight, pool, server, body.weight)

    @router.post("/reload")
    async def reload() -> Reloaded:
        """Read the file again: applied whole, or refused whole."""
        return await turns.ask(service.reload)

    return router
