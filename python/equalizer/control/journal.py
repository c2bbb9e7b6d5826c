"""What happens to a running Equalizer, as lines of the log."""

from datetime import datetime

import structlog

from equalizer.control.answers import Reloaded, StateChange
from equalizer.control.losses import LinesDropped, SessionsLost
from equalizer.control.service import Event
from equalizer.errors import ConfigError


def journal(event: Event) -> None:
    """Write one event: a line, and one more for each thing that it is about."""
    log = structlog.get_logger()
    if isinstance(event, StateChange):
        log.info(f"server {event.pool}/{event.server}: {event.before} → {event.state}", **_terms(event))
    elif isinstance(event, Reloaded):
        log.info(f"reloaded: revision {event.revision} of {event.config}", changes=len(event.changes))
        for line in event.changes:
            log.info(f"reloaded: {line}")
        for line in event.notices:
            log.warning(f"reloaded: {line}")
    elif isinstance(event, SessionsLost):
        log.warning(f"sessions lost in pool {event.pool}: {event.count} by {event.reason}")
    elif isinstance(event, LinesDropped):
        log.warning(f"access log: {event.count} lines dropped, as they were not taken in time")
    else:
        log.error(f"reload refused: revision {event.revision} is served on")
        problems = event.error.problems if isinstance(event.error, ConfigError) else [event.error]
        for problem in problems:
            log.error(f"reload refused: {problem}")


def _terms(change: StateChange) -> dict[str, str]:
    terms = {}
    if change.deadline is not None:
        deadline = datetime.fromtimestamp(change.deadline).astimezone()
        terms["deadline"] = deadline.isoformat(timespec="seconds")
    if change.idle_first is not None:
        terms["idle_first"] = f"{change.idle_first:g}s"
    return terms
