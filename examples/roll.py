"""Restart the servers of a pool one after the other, and lose no session that ends in time.

    python roll.py shop --deadline 30m -- ssh deploy@{host} sudo systemctl restart shop

Each server is drained until its sessions have ended or the deadline has come, gets nobody while your command
restarts it, and takes sessions again when its probes find it well. One that does not come back stops it all.
It needs Python and the command `equalizer`, nothing else. What it promises: docs/guide/draining.md
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

AGAIN = 1.0  # seconds between two looks

Server = dict[str, Any]  # as `equalizer status --json` has it


class Stopped(Exception):
    """Why it does not go on, and what has become of the server."""


class Pool:
    """A pool of a running Equalizer, by its commands."""

    def __init__(self, name: str, options: Sequence[str]) -> None:
        self.name, self.options = name, options

    def say(self, word: str, server: str, *terms: str) -> None:
        """Drain a server, or another word."""
        print(self._command(word, f"{self.name}/{server}", *terms), end="", flush=True)

    def look(self) -> dict[str, Any]:
        """The pool as it is now."""
        pools = {pool["name"]: pool for pool in json.loads(self._command("status", "--json"))["pools"]}
        if self.name not in pools:
            raise Stopped(f"found no pool {self.name}; write {' or '.join(pools)}")
        found: dict[str, Any] = pools[self.name]
        return found

    def servers(self) -> dict[str, Server]:
        """Its servers as they are now, by name."""
        return {server["name"]: server for server in self.look()["servers"]}

    def wait(self, names: Sequence[str], ready: Callable[[Server], bool], most: float) -> list[str]:
        """Look again until they are ready, or so many seconds have passed; those that are not."""
        end = time.monotonic() + most
        while True:
            now = self.servers()
            if not now.keys() >= {*names}:
                raise Stopped(f"{' or '.join({*names} - now.keys())} is no server of the pool any more")
            left = [name for name in names if not ready(now[name])]
            if not left or time.monotonic() >= end:
                return left
            time.sleep(AGAIN)

    def _command(self, *words: str) -> str:
        command = ["equalizer", *words, *self.options]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise Stopped(f"{' '.join(command)} has failed")
        return done.stdout


def roll(pool: Pool, left: list[str], terms: argparse.Namespace) -> None:
    """Drain and restart the next servers together, and strike off those that are back."""
    names = left[: terms.at_once]
    if not {name for name, server in pool.servers().items() if server["state"] == "up"} - {*names}:
        raise Stopped(f"while {' and '.join(names)} drain, no other server would take new sessions")
    drained: list[str] = []
    try:
        for name in names:
            pool.say("drain", name, "--deadline", terms.deadline)
            drained.append(name)
        pool.wait(names, is_empty_or_due, float("inf"))
        # From here on nobody is sent there: neither who comes back late, nor who was not counted.
        for name in names:
            pool.say("maintenance", name)
        for name in pool.wait(names, is_idle, terms.finish):
            print(f"{pool.name}/{name}: exchanges are still under way, and will be cut off", flush=True)
        restart(pool, drained, left, terms)
    finally:
        for name in drained:  # stopped before its turn: it serves on as it did
            with suppress(Stopped):
                pool.say("up", name)


def restart(pool: Pool, drained: list[str], left: list[str], terms: argparse.Namespace) -> None:
    """Run the command for each, and let those take sessions that are well."""
    there = pool.servers()
    begun: list[str] = []
    problems: list[str] = []
    while drained and not problems:
        name = drained.pop(0)
        command = filled_in(terms.command, name, there[name]["address"])
        if code := subprocess.run(command, check=False).returncode:
            problems.append(f"{pool.name}/{name}: {command[0]} has failed with {code}")
        else:
            begun.append(name)
    before = pool.servers()
    late = pool.wait(begun, lambda server: is_well(server, before[server["name"]]), terms.patience)
    for name in begun:
        if name not in late:
            pool.say("up", name)
            left.remove(name)
    for name in late:
        why = pool.servers()[name]["why"] or "its probes do not pass"
        problems.append(f"{pool.name}/{name} did not come back in {terms.patience:g} s, {why}")
    if problems:
        raise Stopped("; ".join(problems))


def filled_in(command: Sequence[str], name: str, address: str) -> list[str]:
    """The command for a server."""
    host, _, port = address.rpartition(":")
    for place, value in (("{server}", name), ("{host}", host.strip("[]")), ("{port}", port)):
        command = [word.replace(place, value) for word in command]
    return list(command)


def is_empty_or_due(server: Server) -> bool:
    """Whether all that it had has ended, or the time has come for what has not."""
    if server["draining"] is None:
        raise Stopped(f"{server['name']} does not drain any more: somebody has said otherwise")
    return server["draining"]["deadline"] <= time.time() or (not server["sessions"] and is_idle(server))


def is_idle(server: Server) -> bool:
    """Whether it has nothing to answer."""
    return not server["in_flight"] and not server["waiting"]


def is_well(server: Server, before: Server) -> bool:
    """Whether its probes find it well, and have asked it since."""
    counts = {probe["name"]: probe["passed"] for probe in before["probes"]}
    passed = [probe["passed"] > counts.get(probe["name"], 0) for probe in server["probes"] if probe["up"]]
    return not server["why"] and any(passed) and all(passed)


def chosen(pool: Pool, names: Sequence[str]) -> list[str]:
    """The servers that are meant; raises Stopped where one of them cannot be rolled."""
    there = pool.servers()
    problems = [f"found no server {name}; write {' or '.join(there)}" for name in names if name not in there]
    for name in (name for name in names or there if name in there):
        if there[name]["state"] != "up":
            problems.append(f"{name} is {there[name]['state']}; see to it first, or name the others")
        if not there[name]["probes"]:
            problems.append(f"{name} has no probe that could say when it is back; give its pool one")
    if problems:
        raise Stopped("; ".join(problems))
    return list(dict.fromkeys(names)) or list(there)


def arguments() -> tuple[argparse.Namespace, list[str]]:
    """What is asked for, and the options for each command of Equalizer."""
    words, command = sys.argv[1:], []
    if "--" in words:
        at = words.index("--")
        words, command = words[:at], words[at + 1 :]
    parser = argparse.ArgumentParser(
        description="Restart the servers of a pool one after the other, when their sessions have ended.",
        usage="%(prog)s POOL [SERVER …] [options] -- COMMAND; {server}, {host} and {port} are filled in",
    )
    parser.add_argument("pool")
    parser.add_argument("servers", nargs="*", help="all of the pool when none is named")
    parser.add_argument("--deadline", default="30m", help="until when sessions may end by themselves: 30m")
    parser.add_argument("--at-once", type=int, default=1, metavar="N", help="so many together: 1")
    parser.add_argument("--finish", type=float, default=30, help="seconds for exchanges under way then: 30")
    parser.add_argument("--patience", type=float, default=120, help="seconds for it to come back: 120")
    parser.add_argument("--socket", help="control socket of the Equalizer, where several run")
    parser.add_argument("--config", help="the file that it serves, where several run")
    terms = parser.parse_args(words, argparse.Namespace(command=command))
    if not command or terms.at_once < 1:
        parser.error("write --at-once of 1 or more, and behind -- what restarts a server")
    for word in ("equalizer", command[0]):
        if not shutil.which(word):
            parser.error(f"found no command {word}")
    which = {"--socket": terms.socket, "--config": terms.config}
    return terms, [word for option, value in which.items() if value for word in (option, value)]


def main() -> int:
    """0 when all servers are back, 1 when it has stopped, 2 when nothing was begun."""
    terms, options = arguments()
    pool = Pool(terms.pool, options)
    try:
        left = chosen(pool, terms.servers)
        before = pool.look()["lost"]
    except Stopped as stopped:
        print(f"roll.py: {stopped}", file=sys.stderr)
        return 2
    try:
        while left:
            roll(pool, left, terms)
        after = pool.look()["lost"]
    except (Stopped, KeyboardInterrupt) as stopped:
        print(f"roll.py: {str(stopped) or 'interrupted'}", file=sys.stderr)
        print(f"roll.py: left to do: {' '.join(left)}; equalizer status shows how they are", file=sys.stderr)
        return 1
    lost = {reason: count - before.get(reason, 0) for reason, count in after.items()}
    print("sessions lost:", ", ".join(f"{count} {why}" for why, count in lost.items() if count > 0) or 0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
