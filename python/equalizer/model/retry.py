"""Retry: which failures of a server are tried at another, how often, and how long each try may take."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from equalizer.model.duration import Duration
from equalizer.model.noun import Noun, refuse
from equalizer.model.share import Share

RetryOn = Literal["connect", "closed", "response_timeout", "429", "500", "502", "503", "504"]
"""A fault as logs and metrics call it, or the status of an answer."""


class RetryBudget(Noun):
    """How many retries there may be."""

    share: Share
    """Of the requests of the last ten seconds."""
    least: int = Field(default=3, ge=0, le=1_000_000, strict=True)
    """Retries a second that there may be all the same."""


def _listed(value: object) -> object:
    """One word is a list of one."""
    if isinstance(value, list | tuple):
        if not value:
            raise refuse("at least one, or attempts = 1 for no retries")
        return tuple(value)
    return (value,)


def _short(value: object) -> object:
    return {"share": value} if isinstance(value, str) else value


class Retry(Noun):
    """What becomes of a request that fails at a server."""

    attempts: int | None = Field(default=None, ge=1, le=100, strict=True)
    """Tries of one request, the first included; absent for as long as there is another server."""
    on: Annotated[
        tuple[RetryOn, ...],
        BeforeValidator(_listed, json_schema_input_type=RetryOn | list[RetryOn]),
        Field(examples=[["connect", "closed"]]),
    ] = ("connect", "closed")
    """What is tried again, where that is safe."""
    sessions: Literal["stay", "elsewhere"] = "stay"
    """What becomes of a session's request that its home answers badly, or not in time: the client gets that
    answer, or another server takes this one request and the session keeps its home."""
    per_try: Duration | None = None
    """How long each try may take to the head of its response; absent for `timeouts.response`."""
    budget: Annotated[
        RetryBudget | None,
        BeforeValidator(_short, json_schema_input_type=str | RetryBudget | None),
        Field(examples=["20%"]),
    ] = None
    """How many retries there may be; absent for any number. `"20%"` is short for `{ share = "20%" }`."""
