"""Serve until a signal.

SIGHUP reloads; SIGUSR1 says that the access log was renamed. SIGTERM or SIGINT finishes the exchanges in
flight, and a second one ends the process at once. After an upgrade another process serves, and this one ends
when its connections have.
"""

import os
import resource
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread
from typing import Literal, TypeAlias

import structlog

from equalizer.config.load import Written
from equalizer.control import place
from equalizer.control.answers import Upgraded
from equalizer.control.before import Before, Held, found
from equalizer.control.face import Face, OpenFace
from equalizer.control.journal import journal
from equalizer.control.notify import Manager
from equalizer.control.service import Service
from equalizer.control.socket import ControlSocket, Succeed
from equalizer.control.upgrade import upgrade
from equalizer.errors import ControlError, EqualizerError
from equalizer.telemetry import logs

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)
_TICK = 1.0  # seconds

Happening: TypeAlias = (
    tuple[Literal["signal"], int]
    | tuple[Literal["drained", "left"], bool]
    | tuple[Literal["replaced"], Upgraded]
)
Happenings: TypeAlias = "SimpleQueue[Happening]"


def run(written: Written, name: str, opens: Mapping[str, OpenFace] | None = None) -> None:
    """Serve until a signal; raises EqualizerError when there is nothing to serve.

    `opens` are the faces beside the control socket, each by the name of its socket.
    """
    log = structlog.get_logger()
    happenings: Happenings = SimpleQueue()
    # Every thread inherits this. A handler would run in the main thread only, and not while that waits.
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    _allow_connections()
    Thread(target=_take_signals, args=(happenings,), daemon=True).start()
    manager = Manager(os.environ)
    before = found(os.environ)
    try:
        service = Service(written, name, journal, before)
        faces: list[Face] = []
        try:
            faces += [
                face
                for word, each in (opens or {}).items()
                if (face := each(service, before.faces.get(word)))
            ]
            control = _control(service, written, _successor(service, faces, happenings), before)
            before.ready(version("equalizer"))
        except BaseException:
            for face in faces:
                face.close()
            service.leave(hurry=True)  # whoever was accepted meanwhile
            service.stop()
            raise
    except EqualizerError as error:
        before.failed(error)
        raise
    for notice in service.notices():
        log.warning(notice)
    for line in (*service.summary(), *(face.summary for face in faces)):
        print(line, flush=True)
    if before.line is None:  # else the process before has told it
        manager.ready(_serving(service))
    ended = Event()
    ticking = Thread(target=_tick, args=(service, manager, ended), name="tick", daemon=True)
    ticking.start()
    replaced = _until_stopped(service, manager, happenings)
    ended.set()
    if not replaced:
        manager.stopping()
    _end(control, faces, replaced=replaced)
    if not replaced or not _leave(service, happenings):
        _stop(service, happenings)
    ticking.join()
    for face in faces:
        face.close()
    service.stop()


def _allow_connections() -> None:
    """Take as many file descriptors as the system grants; the usual 1,024 are meant for who uses select."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # some systems grant less than they say
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _take_signals(happenings: Happenings) -> None:
    while True:
        happenings.put(("signal", signal.sigwait(_SIGNALS)))


def _serving(service: Service) -> str:
    return f"serving {service.name}"


def _tick(service: Service, manager: Manager, ended: Event) -> None:
    """In a thread of its own: a slow disk must not keep a signal from being obeyed."""
    while not ended.wait(_TICK):
        try:
            service.tick()
            if service.wants_reload():
                _begin_reload(service, manager)
            manager.alive()
        except Exception:
            logs.failed("what is done once a second failed")


def _until_stopped(service: Service, manager: Manager, happenings: Happenings) -> bool:
    """Whether another process serves now."""
    while True:
        match happenings.get():
            case ("signal", signal.SIGUSR1):
                continue  # the log is looked for by its name before each write, so there is nothing to do
            case ("signal", signal.SIGHUP):
                _begin_reload(service, manager)
            case ("replaced", done):
                manager.replaced(done.after, _serving(service))
                return True
            case _:
                return False


def _begin_reload(service: Service, manager: Manager) -> None:
    """In a thread of its own: a silent name server must not keep a signal from being obeyed."""
    Thread(target=_reload, args=(service, manager), daemon=True).start()


def _reload(service: Service, manager: Manager) -> None:
    manager.reloading()
    with suppress(EqualizerError):  # the journal has told it
        service.reload()
    manager.ready(_serving(service))


def _end(control: ControlSocket | None, faces: Sequence[Face], *, replaced: bool) -> None:
    """Nobody changes anything from now on."""
    for face in faces:
        face.end()
    if control and replaced:
        control.leave()
    elif control:
        control.close()


def _successor(service: Service, faces: Sequence[Face], happenings: Happenings) -> Succeed:
    """What lets another process take over, and this one know of it."""

    def succeed(control: Held, python: str) -> Upgraded:
        log = structlog.get_logger()
        log.info(f"upgrading: starting the Equalizer of {python}")
        try:
            done = upgrade(service, control, python, [face.handle for face in faces])
        except EqualizerError as error:
            log.error(f"upgrade refused: {error}")
            raise
        log.info(
            f"upgraded: process {done.after} of version {done.version} serves; finishing what has begun here"
        )
        happenings.put(("replaced", done))
        return done

    return succeed


def _leave(service: Service, happenings: Happenings) -> bool:
    """Let all connections end in their time; whether nobody asked for more hurry."""
    Thread(target=lambda: happenings.put(("left", service.leave())), daemon=True).start()
    while True:
        match happenings.get():
            case ("signal", signal.SIGHUP | signal.SIGUSR1):
                continue  # they are for the process that serves
            case ("signal", _):
                return False
            case ("left", False):
                structlog.get_logger().warning("ended with connections open: timeouts.upgrade has passed")
        return True


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
            case ("left", _):
                continue
            case ("drained", False):
                log.warning("stopped with exchanges in flight: timeouts.stop has passed")
        return


def _control(service: Service, written: Written, succeed: Succeed, before: Before) -> ControlSocket | None:
    """The socket that the configuration asks for, or one that is found; only the first must work."""
    asked = service.control_socket
    if asked is not None:
        return ControlSocket(service, asked, succeed, before.control)
    file = Path(written) if isinstance(written, str | os.PathLike) else None
    path = place.directory() / (place.name_of_process() if file is None else place.name_of(file))
    try:
        place.prepare(path.parent)
    except (OSError, ControlError) as error:
        structlog.get_logger().warning(f"no control socket, so no equalizer status or reload: {error}")
        return None
    return ControlSocket(service, path, succeed, before.control)
