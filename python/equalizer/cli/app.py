"""The commands, and what they exit with: 0 well, 1 failed while running, 2 wrong from the start."""

import errno
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from cyclopts import App, CycloptsError, Parameter

from equalizer.cli.words import Which
from equalizer.errors import ConfigError, EqualizerError, KeyRingError, RequestError

_VERIFY = """\
Open real clients against a URL and count the sessions that change servers.

Exit code 0 when none did, 1 when one did, 2 when servers could not be told apart."""
_AGENT = """\
Tell whoever asks how much this machine has to do: 0 idle … 100 overloaded.

To be run on a server; a pool with agent = "tcp" asks it. Ends with Ctrl-C or SIGTERM, and 0."""
_DEFAULT_LISTEN = "127.0.0.1:8080"
_ANY = Which()
_OUTPUT_FAILS = (errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def _version() -> str:
    from importlib.metadata import version

    return f"equalizer {version('equalizer')}"


app = App(
    name="equalizer",
    help="A load balancer that keeps every client at its server.",
    version=_version,
)


@app.command
def run(*what: str, listen: Annotated[str | None, Parameter(name="--listen")] = None) -> None:
    """Serve a file, or servers named on the command line.

    Parameters
    ----------
    what
        A FILE, in TOML; or servers, each HOST:PORT or NAME=HOST:PORT (server1, server2, … without a name).
    listen
        IP:PORT to accept on, where servers are given; 127.0.0.1:8080 when left out.
    """
    from equalizer import admin
    from equalizer.cli.servers import from_arguments
    from equalizer.control import daemon
    from equalizer.telemetry import logs

    written, notice = from_arguments(what, listen, _DEFAULT_LISTEN)
    logs.to_stderr()
    if notice:
        print(notice, file=sys.stderr)
    daemon.run(written, "command line", {admin.NAME: admin.opened})


@app.command
def check(file: Path) -> None:
    """Validate a file without serving it: all problems at once, exit code 0 or 2.

    Parameters
    ----------
    file
        A configuration in TOML.
    """
    from equalizer.control import ahead

    print(f"{file}: OK, {ahead.check(file)}")


@app.command
def schema() -> None:
    """Print the JSON Schema of a configuration file, for editors."""
    from equalizer.control import ahead

    print(ahead.schema())


@app.command
def status(
    *,
    json: Annotated[bool, Parameter(negative="")] = False,
    watch: Annotated[bool, Parameter(negative="")] = False,
    which: Which = _ANY,
) -> None:
    """Show pools and servers of a running Equalizer.

    Parameters
    ----------
    json
        One line of JSON instead of a table.
    watch
        Again every second, until interrupted.
    """
    from equalizer.cli.status import status

    status(which, as_json=json, watch=watch)


@app.command
def metrics(*, catalogue: Annotated[bool, Parameter(negative="")] = False, which: Which = _ANY) -> None:
    """Print what a running Equalizer counts, in the text format of Prometheus.

    Parameters
    ----------
    catalogue
        What each metric means instead, as a page; needs no running Equalizer.
    """
    from equalizer.cli import metrics

    if catalogue:
        metrics.catalogue()
    else:
        metrics.metrics(which)


@app.command
def events(
    *,
    follow: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
    which: Which = _ANY,
) -> None:
    """Show what has happened to a running Equalizer: the last 1,000 changes, and what was found.

    Parameters
    ----------
    follow
        Wait for more, until interrupted.
    json
        One line of JSON for each.
    """
    from equalizer.cli.events import events

    events(which, follow=follow, as_json=json)


@app.command
def reload(*, which: Which = _ANY) -> None:
    """Let a running Equalizer read its file again: applied whole, or refused whole with exit code 2."""
    from equalizer.cli.reload import reload

    reload(which)


@app.command
def upgrade(*, which: Which = _ANY) -> None:
    """Let this version take the place of a running Equalizer, which no client notices.

    It is started beside the one that runs and takes over its sockets. When it cannot serve, that one
    serves on.
    """
    from equalizer.cli.upgrade import upgrade

    upgrade(which)


@app.command
def drain(
    server: str,
    *,
    deadline: Annotated[str | None, Parameter(name="--deadline")] = None,
    idle_first: Annotated[str | None, Parameter(name="--idle-first")] = None,
    which: Which = _ANY,
) -> None:
    """Let a server keep its sessions and get no new ones.

    Parameters
    ----------
    server
        POOL/SERVER, such as shop/web1.
    deadline
        After this time, such as 30m, the sessions that are left get another home.
    idle_first
        A session that was idle for this time, such as 5m, gets another home at its next request.
    """
    from equalizer.cli.states import change

    change("drain", server, which, deadline, idle_first)


@app.command
def up(server: str, *, which: Which = _ANY) -> None:
    """Let a server take sessions again.

    Parameters
    ----------
    server
        POOL/SERVER, such as shop/web1.
    """
    from equalizer.cli.states import change

    change("up", server, which)


@app.command
def maintenance(server: str, *, which: Which = _ANY) -> None:
    """Send nobody to a server; its sessions get another home.

    Parameters
    ----------
    server
        POOL/SERVER, such as shop/web1.
    """
    from equalizer.cli.states import change

    change("maintenance", server, which)


app.command("equalizer.cli.agent:agent", name="agent", help=_AGENT)


@app.command
def weight(server: str, weight: str, *, which: Which = _ANY) -> None:
    """Give a server another share of new sessions, until told otherwise.

    Parameters
    ----------
    server
        POOL/SERVER, such as shop/web1.
    weight
        0 to 256, where 0 takes no new sessions; or "configured" for what its configuration says.
    """
    from equalizer.cli.states import weigh

    weigh(server, weight, which)


app.command("equalizer.cli.keys:app", name="keys", help="Make, rotate, retire and list the cookie keys.")
app.command("equalizer.cli.cookie:app", name="cookie", help="Open a cookie of ours, or make one for a test.")
app.command("equalizer.cli.verify:verify", name="verify", help=_VERIFY)


def main() -> None:
    """Run the command line; every failure is told on standard error."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that has no arrow is no reason to say nothing; standard error is so by itself.
        sys.stdout.reconfigure(errors="backslashreplace")
    sys.exit(_exit_code(_written))


def _written() -> None:
    """The command, and all that it prints where it belongs: what is left in a buffer may fail as well."""
    try:
        app(exit_on_error=False, print_error=True)
    finally:
        if sys.stdout is not None:  # None where it was closed
            sys.stdout.flush()


def _exit_code(command: Callable[[], object]) -> int:
    try:
        command()
    except CycloptsError:
        return 2
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    except EqualizerError as error:
        print(f"equalizer: {error}", file=sys.stderr)
        return 2 if isinstance(error, RequestError | KeyRingError) else 1
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        return _unwritten(error)
    return 0


def _unwritten(error: OSError) -> int:
    """Who reads has gone, or there is no room; it is not tried again when the interpreter ends."""
    if error.errno not in _OUTPUT_FAILS:
        raise error
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
    if error.errno != errno.EPIPE:
        told = f"equalizer: the output cannot be written ({error.strerror}); make room for it"
        print(told, file=sys.stderr)
    return 1
