"""What may name a listener, a pool or a server: text that is safe in a log, a metric and a cookie."""

from typing import Annotated

from pydantic import StringConstraints

PATTERN = r"^[A-Za-z0-9._-]{1,63}$"

Name = Annotated[str, StringConstraints(strict=True, pattern=PATTERN)]
