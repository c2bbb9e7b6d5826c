"""Serve until a signal.

SIGHUP reloads; SIGUSR1 says that the access log was renamed. SIGTERM or SIGINT finishes the exchanges in
flight, and a second one ends the process at once.
"""

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread
from typing import Literal, TypeAlias

import structlog

from equalizer.config.load import Written
from equalizer.control import place
from equalizer.control.journal import journal
from equalizer.control.service import Service
from equalizer.control.socket import ControlSocket
from equalizer.errors import ControlError, EqualizerError

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)
_TICK = 1.0  # seconds

Happening: TypeAlias = tuple[Literal["signal"], int] | tuple[Literal["drained"], bool]
Happenings: TypeAlias = "SimpleQueue[Happening]"


def run(written: Written, name: str) -> None:
    """Serve until a signal; raises EqualizerError when there is nothing to serve."""
    log = structlog.get_logger()
    happenings: Happenings = SimpleQueue()
    # Every thread inherits this. A handler would run in the main thread only, and not while that waits.
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    Thread(target=_take_signals, args=(happenings,), daemon=True).start()
    service = Service(written, name, journal)
    try:
        control = _control(service, written)
    except BaseException:
        service.stop()
        raise
    for notice in service.notices():
        log.warning(notice)
    for line in service.summary():
        print(line, flush=True)
    ended = Event()
    ticking = Thread(target=_tick, args=(service, ended), name="tick", daemon=True)
    ticking.start()
    _until_stopped(service, happenings)
    ended.set()
    if control:
        control.close()
    _stop(service, happenings)
    ticking.join()
    service.stop()


def _take_signals(happenings: Happenings) -> None:
    while True:
        happenings.put(("signal", signal.sigwait(_SIGNALS)))


def _tick(service: Service, ended: Event) -> None:
    """In a thread of its own: a slow disk must not keep a signal from being obeyed."""
    while not ended.wait(_TICK):
        try:
            service.tick()
            if service.wants_reload():
                _begin_reload(service)
        except Exception:
            structlog.get_logger().exception("what is done once a second failed")


def _until_stopped(service: Service, happenings: Happenings) -> None:
    while True:
        _, number = happenings.get()
        if number == signal.SIGUSR1:
            continue  # the log is looked for by its name before each write, so there is nothing to do
        if number != signal.SIGHUP:
            return
        _begin_reload(service)


def _begin_reload(service: Service) -> None:
    """In a thread of its own: a silent name server must not keep a signal from being obeyed."""
    Thread(target=_reload, args=(service,), daemon=True).start()


def _reload(service: Service) -> None:
    with suppress(EqualizerError):  # the journal has told it
        service.reload()


def _stop(service: Service, happenings: Happenings) -> None:
    log = structlog.get_logger()
    log.info("stopping: finishing the exchanges in flight; a second signal ends at once")
    # In a thread of its own: a second signal must not wait for it.
    Thread(target=lambda: happenings.put(("drained", service.drain())), daemon=True).start()
    while True:
        match happenings.get():
            case ("signal", signal.SIGHUP | signal.SIGUSR1):
                continue  # too late for another configuration
            case ("signal", number):
                sys.stdout.flush()
                os._exit(128 + number)  # no clean-up: the user asked twice
            case ("drained", False):
                log.warning("stopped with exchanges in flight: timeouts.stop has passed")
        return


def _control(service: Service, written: Written) -> ControlSocket | None:
    """The socket that the configuration asks for, or one that is found; only the first must work."""
    asked = service.control_socket
    if asked is not None:
        return ControlSocket(service, asked)
    file = Path(written) if isinstance(written, str | os.PathLike) else None
    path = place.directory() / (place.name_of_process() if file is None else place.name_of(file))
    try:
        place.prepare(path.parent)
    except (OSError, ControlError) as error:
        structlog.get_logger().warning(f"no control socket, so no equalizer status or reload: {error}")
        return None
    return ControlSocket(service, path)
