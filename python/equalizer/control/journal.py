"""What happens to a running Equalizer, as lines of the log."""

from datetime import datetime

import structlog

from equalizer.control.answers import Reloaded, StateChange, WeightChange
from equalizer.control.losses import LinesDropped, SessionsLost, Unchosen
from equalizer.control.records import RecordEvent, RecordsRead, RecordsRefused, RecordsUnwritten
from equalizer.control.ring import KeyEvent, KeysRefused, KeysRenewed
from equalizer.control.service import Event
from equalizer.engine.port import RecordsTaken
from equalizer.errors import ConfigError


def journal(event: Event) -> None:
    """Write one event: a line, and one more for each thing that it is about."""
    log = structlog.get_logger()
    if isinstance(event, StateChange | WeightChange):
        _said(event)
    elif isinstance(event, Reloaded):
        log.info(f"reloaded: revision {event.revision} of {event.config}", changes=len(event.changes))
        for line in event.changes:
            log.info(f"reloaded: {line}")
        for line in event.notices:
            log.warning(f"reloaded: {line}")
    elif isinstance(event, RecordsRead | RecordsRefused | RecordsUnwritten):
        _records(event)
    elif isinstance(event, KeysRenewed | KeysRefused):
        _keys(event)
    elif isinstance(event, SessionsLost | LinesDropped | Unchosen):
        _losses(event)
    else:
        log.error(f"reload refused: revision {event.revision} is served on")
        problems = event.error.problems if isinstance(event.error, ConfigError) else [event.error]
        for problem in problems:
            log.error(f"reload refused: {problem}")


def _said(event: StateChange | WeightChange) -> None:
    log, server = structlog.get_logger(), f"server {event.pool}/{event.server}"
    if isinstance(event, StateChange):
        log.info(f"{server}: {event.before} → {event.state}", **_terms(event))
    else:
        log.info(f"{server}: weight {event.before} → {event.weight}")


def _losses(event: SessionsLost | LinesDropped | Unchosen) -> None:
    log = structlog.get_logger()
    if isinstance(event, SessionsLost):
        log.warning(f"sessions lost in pool {event.pool}: {event.count} by {event.reason}")
    elif isinstance(event, Unchosen):
        log.warning(
            f"pool {event.pool}: the balance in Python did not choose {event.count} times, {event.why}"
        )
    else:
        log.warning(f"access log: {event.count} lines dropped, as they were not taken in time")


def _records(event: RecordEvent) -> None:
    log = structlog.get_logger()
    if isinstance(event, RecordsRead):
        log.info(f"records: {event.counts.taken} taken from {event.file}", **_dropped(event.counts))
    elif isinstance(event, RecordsRefused):
        aside = f"what was there is kept as {event.aside}" if event.aside else "it will be written over"
        log.warning(f"records: none taken from {event.file}: {event.why}; {aside}")
    else:
        log.error(f"records: {event.file} cannot be written ({event.why}); a restart now would lose some")


def _keys(event: KeyEvent) -> None:
    log = structlog.get_logger()
    if isinstance(event, KeysRenewed):
        log.info(f"keys: {event.seals} seals", opens=", ".join(map(str, event.opens)) or "itself only")
    else:
        log.error(
            f"the keys of before are used on: found {event.file}, {event.error.message}; {event.error.hint}"
        )


def _dropped(counts: RecordsTaken) -> dict[str, int]:
    found = {"expired": counts.expired, "no_room": counts.no_room, "unclaimed": counts.unclaimed}
    return {word: count for word, count in found.items() if count}


def _terms(change: StateChange) -> dict[str, str]:
    terms = {}
    if change.deadline is not None:
        deadline = datetime.fromtimestamp(change.deadline).astimezone()
        terms["deadline"] = deadline.isoformat(timespec="seconds")
    if change.idle_first is not None:
        terms["idle_first"] = f"{change.idle_first:g}s"
    return terms
