"""Keys: where the key ring of the sealed cookies is kept."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from equalizer.model.noun import Noun, refuse

# POSIX.1-2017, 3.235: what a shell can set.
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}", re.ASCII)


def _variable(value: str) -> str:
    if _VARIABLE.fullmatch(value) is None:
        # What was found may be the keys themselves.
        raise refuse('the name of a variable, such as "EQUALIZER_KEYS"', "a text that is no such name")
    return value


Variable = Annotated[str, AfterValidator(_variable)]
"""The name of an environment variable that holds a secret."""


class Keys(Noun):
    """The key ring: in a file or in the environment; without both, there is a key for this run only."""

    file: Path | None = Field(default=None, examples=["equalizer.keys"])
    """Made with mode 0600 when absent."""
    environment: Variable | None = Field(default=None, examples=["EQUALIZER_KEYS"])
    """The variable that holds it, for containers: `id:secret`, newest first, between spaces or commas."""
