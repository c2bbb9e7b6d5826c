"""Balance: how a pool chooses a server when nothing is recalled; one class a kind."""

from typing import Annotated, Literal

from pydantic import BeforeValidator

from equalizer.model.noun import Noun, bare_kind


class RoundRobin(Noun):
    """Each server in turn, as often as its weight says."""

    kind: Literal["round_robin"]


Balance = Annotated[
    RoundRobin, BeforeValidator(bare_kind, json_schema_input_type=Literal["round_robin"] | RoundRobin)
]
