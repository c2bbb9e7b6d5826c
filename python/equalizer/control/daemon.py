"""Serve until a signal: the first finishes the exchanges in flight, the second ends the process at once."""

import os
import signal
import sys
from queue import SimpleQueue
from threading import Thread
from typing import Literal, TypeAlias

import structlog

from equalizer.config.load import Written
from equalizer.control.service import Service

_SIGNALS = (signal.SIGTERM, signal.SIGINT)

Event: TypeAlias = tuple[Literal["signal"], int] | tuple[Literal["drained"], bool]


def run(written: Written, name: str) -> None:
    """Serve until a signal; raises EqualizerError when there is nothing to serve."""
    service = Service(written, name)
    log = structlog.get_logger()
    events: SimpleQueue[Event] = SimpleQueue()  # its put is reentrant, so a signal handler may use it
    for each in _SIGNALS:
        signal.signal(each, lambda number, _: events.put(("signal", number)))
    for notice in service.notices():
        log.warning(notice)
    for line in service.summary():
        print(line, flush=True)
    events.get()
    log.info("stopping: finishing the exchanges in flight; a second signal ends at once")
    # In a thread of its own: a signal is seen by the main thread, and only while that runs Python.
    Thread(target=lambda: events.put(("drained", service.drain())), daemon=True).start()
    match events.get():
        case ("signal", number):
            sys.stdout.flush()
            os._exit(128 + number)  # no clean-up: the user asked twice
        case ("drained", False):
            log.warning("stopped with exchanges in flight: timeouts.stop has passed")
    service.stop()
