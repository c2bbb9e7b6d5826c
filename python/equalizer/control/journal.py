"""What happens to a running Equalizer, as lines of the log."""

from datetime import datetime
from typing import Protocol, cast

import structlog

from equalizer.control.answers import Reloaded, StateChange, WeightChange
from equalizer.control.breakers import BreakerClosed, BreakerEvent, BreakerOpened
from equalizer.control.happening import Event
from equalizer.control.losses import (
    AcceptingPaused,
    Defect,
    LinesDropped,
    Loss,
    NoHandshake,
    OverBudget,
    RateLimited,
    SessionsLost,
    Unchosen,
    WorkersRestarted,
)
from equalizer.control.present import Ejected, Judged, NotEjected, Readmitted, Silent, StateEvent, Unprobed
from equalizer.control.records import RecordEvent, RecordsRead, RecordsRefused, RecordsUnwritten
from equalizer.control.ring import KeyEvent, KeysRefused, KeysRenewed
from equalizer.engine.port import RecordsTaken
from equalizer.errors import ConfigError


class Log(Protocol):
    """Where lines are written."""

    def info(self, text: str, **terms: object) -> object:
        """As it should be."""

    def warning(self, text: str, **terms: object) -> object:
        """Somebody should see it."""

    def error(self, text: str, **terms: object) -> object:
        """Somebody must see it."""


def journal(event: Event, log: Log | None = None) -> None:
    """Write one event: a line, and one more for each thing that it is about."""
    log = log or cast(Log, structlog.get_logger())
    if isinstance(event, StateChange | StateEvent):
        _states(event, log)
    elif isinstance(event, WeightChange):
        log.info(f"server {event.pool}/{event.server}: weight {event.before} → {event.weight}")
    elif isinstance(event, Reloaded):
        log.info(f"reloaded: revision {event.revision} of {event.config}", changes=len(event.changes))
        for line in event.changes:
            log.info(f"reloaded: {line}")
        for line in event.notices:
            log.warning(f"reloaded: {line}")
    elif isinstance(event, RecordsRead | RecordsRefused | RecordsUnwritten):
        _records(event, log)
    elif isinstance(event, KeysRenewed | KeysRefused):
        _keys(event, log)
    elif isinstance(event, Loss | BreakerOpened | BreakerClosed):
        _counted(event, log)
    else:
        log.error(f"reload refused: revision {event.revision} is served on")
        problems = event.error.problems if isinstance(event.error, ConfigError) else [event.error]
        for problem in problems:
            log.error(f"reload refused: {problem}")


def _states(event: StateChange | StateEvent, log: Log) -> None:
    if isinstance(event, StateChange):
        log.info(f"server {event.pool}/{event.server}: {event.before} → {event.state}", **_terms(event))
    elif isinstance(event, Judged | Ejected | Readmitted):
        _judgement(event, log)
    elif isinstance(event, NotEjected):
        log.warning(
            f"server {event.pool}/{event.server}: {event.why}; not ejected, as enough of its pool is out"
        )
    elif isinstance(event, Silent):
        log.warning(f"server {event.pool}/{event.server}: its load is not known any more, {event.why}")
    elif isinstance(event, Unprobed):
        log.error(f"probes cannot be made: {event.why}")
    elif event.panics:
        log.error(
            f"pool {event.pool}: {event.well} of {event.of} servers are well, so probes are not believed"
        )
    else:
        log.warning(
            f"pool {event.pool}: {event.well} of {event.of} servers are well, probes are believed again"
        )


def _judgement(event: Judged | Ejected | Readmitted, log: Log) -> None:
    change = event.state if event.before == event.state else f"{event.before} → {event.state}"
    what = f"server {event.pool}/{event.server}: {change}"
    match event:
        case Ejected():
            log.warning(f"{what}, ejected for {event.seconds:g}s: {event.why}")
        case Readmitted():
            log.info(f"{what}, its time as ejected is over")
        case Judged(up=True):
            log.info(f"{what}, its probes pass")
        case Judged():
            log.warning(f"{what}, {event.why}")


def _records(event: RecordEvent, log: Log) -> None:
    if isinstance(event, RecordsRead):
        log.info(f"records: {event.counts.taken} taken from {event.file}", **_dropped(event.counts))
    elif isinstance(event, RecordsRefused):
        aside = f"what was there is kept as {event.aside}" if event.aside else "it will be written over"
        log.warning(f"records: none taken from {event.file}: {event.why}; {aside}")
    else:
        log.error(f"records: {event.file} cannot be written ({event.why}); a restart now would lose some")


def _counted(event: Loss | BreakerEvent, log: Log) -> None:
    match event:
        case LinesDropped():
            why = "as the file or pipe was too slow or refused them"
            log.warning(f"access log: {event.count} lines dropped, {why}")
        case AcceptingPaused():
            log.error(
                "no file descriptor or memory left: accepting pauses until connections end; "
                "raise the limit of open files, or set connections at the listeners"
            )
        case Defect():
            log.error(f"a defect of Equalizer, please report it: {event.place}", count=event.count)
        case WorkersRestarted():
            log.error("a worker began again: its connections were lost", count=event.count)
        case _:
            _of_a_pool(event, log)


def _of_a_pool(
    event: SessionsLost | Unchosen | RateLimited | OverBudget | NoHandshake | BreakerEvent, log: Log
) -> None:
    match event:
        case NoHandshake():
            log.warning(f"server {event.pool}/{event.server}: {event.why}")
        case SessionsLost():
            log.warning(f"sessions lost in pool {event.pool}: {event.count} by {event.reason}")
        case Unchosen():
            log.warning(
                f"pool {event.pool}: the balance in Python did not choose {event.count} times, {event.why}"
            )
        case RateLimited():
            log.warning(f"pool {event.pool}: {event.count} requests were over the rate {event.limit}")
        case OverBudget():
            log.warning(
                f"pool {event.pool}: {event.count} requests were not tried again, the budget is used up"
            )
        case BreakerOpened():
            failed = f"{event.failed} of {event.of} requests failed"
            log.error(f"pool {event.pool}: {failed}, so its breaker is open: requests are refused")
        case BreakerClosed():
            log.warning(f"pool {event.pool}: its breaker is closed, requests are served again")


def _keys(event: KeyEvent, log: Log) -> None:
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
    if change.but:
        terms["but"] = f"it is down: {change.but}"
    return terms
