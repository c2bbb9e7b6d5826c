"""What `equalizer run` was asked to serve: a file, or servers that make a configuration of one pool."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from equalizer.errors import ConfigError, Problem

_WHERE = "command line"


def from_arguments(
    what: Sequence[str], listen: str | None, default: str
) -> tuple[Mapping[str, object] | Path, str | None]:
    """A configuration or the path of one, and what the user should be told; raises ConfigError."""
    files = [word for word in what if word.endswith(".toml") or Path(word).is_file()]
    if not what:
        raise _wrong(
            "found neither a file nor servers; write equalizer.toml, or servers such as 127.0.0.1:9001"
        )
    if files and len(what) > 1:
        raise _wrong(f"found {files[0]} and more; write one file, or servers only")
    if files and listen is not None:
        raise _wrong(
            f"found --listen beside {files[0]}; write the address into the file, under [listeners.web]"
        )
    if files:
        return Path(files[0]), None
    notice = None if listen else f"no --listen: listening on {default}"
    return _config(what, listen or default), notice


def _config(what: Sequence[str], listen: str) -> Mapping[str, object]:
    servers: dict[str, str] = {}
    for number, word in enumerate(what, 1):
        name, equals, address = word.rpartition("=")
        name = name if equals else f"server{number}"
        if name in servers:
            raise _wrong(f"found two servers of the name {name}; write another name for {address}")
        servers[name] = address
    return {"listeners": {"web": {"address": listen}}, "pools": {"default": {"servers": servers}}}


def _wrong(message: str) -> ConfigError:
    return ConfigError([Problem(_WHERE, None, "", message)])
