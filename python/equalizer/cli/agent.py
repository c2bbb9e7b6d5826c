"""`equalizer agent`: runs on a server, and tells how much that has to do."""

import asyncio
import re
from typing import Annotated, Literal

from cyclopts import Parameter

from equalizer.errors import ListenError, RequestError


def agent(
    *,
    listen: Annotated[str, Parameter(name="--listen")] = ":1510",
    http: Annotated[bool, Parameter(negative="")] = False,
    measure: Annotated[Literal["load", "memory"], Parameter(name="--measure")] = "load",
    command: Annotated[str | None, Parameter(name="--command")] = None,
) -> None:
    """Tell whoever asks how much this machine has to do.

    Parameters
    ----------
    listen
        IP:PORT to accept on; :PORT for every IPv4 address.
    http
        Answer requests with {"load": NUMBER}, instead of writing the number to whoever connects.
    measure
        load: the load average of the last minute, as part of the cores; memory: the part that is taken.
    command
        A command of the shell that prints the number, 0 to 100, or -1 for unavailable, instead of --measure.
    """
    from equalizer.health import agent as agents

    host, port = _address(listen)
    if command is not None and not command.strip():
        raise RequestError("found an empty --command", "write one that prints the number, or --measure")
    measures = agents.MEASURES[measure] if command is None else agents.command(command)

    def ready(address: str) -> None:
        print(f"agent: tells {command or measure} at {address}", flush=True)

    try:
        asyncio.run(agents.serve(host, port, measures, http=http, ready=ready))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ListenError(f"{listen} cannot be listened on ({reason})", "write another address") from None


def _address(listen: str) -> tuple[str, int]:
    host, colon, port = listen.rpartition(":")
    if not colon or not re.fullmatch("[0-9]{1,5}", port) or int(port) > 65535:
        raise RequestError(f"found --listen {listen}", 'write IP:PORT or :PORT, such as ":1510"')
    return host.strip("[]") or "0.0.0.0", int(port)
