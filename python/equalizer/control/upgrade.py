"""How another process takes the place of this one, of another version perhaps, while clients come and go.

It is started beside this one and is given what this one has: the sockets that are accepted on, with whoever
waits in their queues, the control socket, the file of records, the key of this run and the states of servers.
When it serves, this one accepts nothing more, and asks its clients to come again. Until then nothing here has
changed: when it fails, this one serves on.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from equalizer.control.answers import Upgraded
from equalizer.control.before import LINE, Held
from equalizer.control.line import Line, LineEnded, Message
from equalizer.control.service import Service
from equalizer.errors import RequestError, UpgradeError

_PATIENCE = 60.0  # seconds for a process to start: host names are resolved, and a name server may be silent
_SEE = "this process serves on; correct that, and upgrade again"


def upgrade(
    service: Service, control: Held | None, python: str, faces: Sequence[tuple[str, int]] = ()
) -> Upgraded:
    """Start a process with another interpreter, and leave everything to it.

    Raises RequestError or UpgradeError; then this process serves on.
    """
    if not (os.path.isabs(python) and os.access(python, os.X_OK)):
        raise RequestError(
            f"found {python}, which is no program", "write the path of a Python with Equalizer"
        )
    with service.handing_over() as (given, records), _started(python) as line:
        try:
            given.say(line, control, faces)
            _heard(line, "prepared")
            line.say({"word": "records"}, content=records())
            ready = _heard(line, "ready")
        except LineEnded:
            raise UpgradeError(
                "the new process ended without a word, or took over a minute", f"its log says why; {_SEE}"
            ) from None
        return Upgraded(service.name, os.getpid(), int(ready.fields["pid"]), str(ready.fields["version"]))


@contextmanager
def _started(python: str) -> Iterator[Line]:
    """The line to a process that lives on when all goes well."""
    ours, theirs = socket.socketpair()
    environment = {**os.environ, LINE: str(theirs.fileno())}
    environment.pop("WATCHDOG_PID", None)  # it is for this process; what follows is as good
    line = Line(ours, _PATIENCE)
    try:
        with theirs:
            # Whoever may ask for this has our rights: the socket that it came by is for our own user.
            process = subprocess.Popen(  # noqa: S603
                [python, "-m", "equalizer", *sys.argv[1:]], env=environment, pass_fds=[theirs.fileno()]
            )
        try:
            yield line
        except BaseException:
            process.kill()
            process.wait()
            raise
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UpgradeError(f"{python} cannot be started ({reason})", _SEE) from None
    finally:
        line.close()


def _heard(line: Line, word: str) -> Message:
    message = line.hear()
    if message.fields.get("word") == "failed":
        raise UpgradeError(f"the new process cannot serve: {message.fields.get('why')}", _SEE)
    if message.fields.get("word") != word:
        raise LineEnded
    return message


Upgrade = Callable[[str], Upgraded]
"""As `upgrade`, of this process."""
