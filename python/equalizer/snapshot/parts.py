"""What everything that crosses the boundary is made of."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

U8 = Annotated[int, Field(ge=0, lt=1 << 8, strict=True)]
U16 = Annotated[int, Field(ge=0, lt=1 << 16, strict=True)]
U32 = Annotated[int, Field(ge=0, lt=1 << 32, strict=True)]
U64 = Annotated[int, Field(ge=0, lt=1 << 64, strict=True)]


class Wire(BaseModel):
    """What crosses cannot change, and has no field that the other side does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
