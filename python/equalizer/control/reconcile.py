"""How a configuration becomes what is served: compile, check, apply; nothing changes before all is well."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from equalizer.config.diff import Change
from equalizer.config.load import Loaded
from equalizer.config.source import Source, show
from equalizer.control.admission import Admission, admission
from equalizer.control.functions import functions
from equalizer.control.key_source import configured, on_the_wire
from equalizer.control.ring import Ring
from equalizer.engine.port import Complaint, Engine
from equalizer.errors import ConfigError, Problem
from equalizer.health import plan as planner
from equalizer.health.plan import Plan
from equalizer.model.admin import Admin
from equalizer.model.config import Config
from equalizer.policy.birth import Choose
from equalizer.snapshot import compile as compiler
from equalizer.snapshot import wire


class Checked(NamedTuple):
    """A snapshot that can be served, what is asked of its servers, and what the user should know anyway."""

    snapshot: wire.Snapshot
    plan: Plan
    notices: tuple[str, ...]
    functions: Mapping[str, Choose]
    """Those that choose, by pool."""
    admission: Admission | None


def reconcile(
    loaded: Loaded,
    engine: Engine,
    revision: int,
    ring: Ring,
    apply: Callable[[Checked], None] | None = None,
) -> Checked:
    """Make the engine serve a configuration, by `apply` where there is one; an absent key file is made."""
    found = checked(loaded, engine, revision, ring, make_keys=True)
    if apply:
        apply(found)
    else:
        engine.apply(found.snapshot)
    return found


def checked(loaded: Loaded, engine: Engine, revision: int, ring: Ring, *, make_keys: bool) -> Checked:
    """The snapshot of a configuration, after every check; raises ConfigError with all that is wrong."""
    problems: list[Problem] = []
    asked = configured(loaded, problems, make=make_keys, ring=ring)
    chosen_by = functions(loaded, problems)
    admitted = admission(loaded, problems, make=make_keys)
    # Where the keys are refused, a key that is used for nothing lets the rest be checked.
    keys = (Ring() if problems else ring).kept(asked)
    try:
        snapshot = compiler.compile(loaded, on_the_wire(keys), revision)
    except ConfigError as error:
        raise ConfigError([*error.problems, *problems]) from None
    complaints = engine.check(snapshot)
    problems += [_told(each, loaded.source) for each in complaints if not each.warning]
    plan = _planned(loaded, snapshot, problems)
    if problems:
        raise ConfigError(problems)
    notices = tuple(str(_told(each, loaded.source)) for each in complaints)
    return Checked(snapshot, plan, notices, chosen_by, admitted)


def _planned(loaded: Loaded, snapshot: wire.Snapshot, problems: list[Problem]) -> Plan:
    try:
        return planner.plan(loaded, snapshot)
    except ConfigError as error:
        problems += error.problems
        return {}


def _told(complaint: Complaint, source: Source) -> Problem:
    """What the engine has against a snapshot, beside what was written; it knows no names of files."""
    message = complaint.message
    if message.startswith("which "):
        message = f"found {show(source.value(source.locate(complaint.path)))}, {message}"
    return source.problem(complaint.path, message)


def read_anew(before: wire.Snapshot, after: wire.Snapshot) -> Iterator[Change]:
    """What is different though the configuration says the same: keys, certificates, addresses of names."""
    old_keys, new_keys = ([str(key.id) for key in each.keys] for each in (before, after))
    if before.keys != after.keys:
        yield Change("changed", "keys", "ids " + ", ".join(old_keys), "ids " + ", ".join(new_keys))
    old_tls = {listener.name: listener.tls for listener in before.listeners}
    for listener in after.listeners:
        tls = old_tls.get(listener.name)
        if tls and listener.tls and tls != listener.tls:
            yield Change("changed", f"listeners.{listener.name}.tls", "a certificate", "another")
    if before.debug and after.debug and before.debug != after.debug:
        yield Change("changed", "debug.token_file", "a token", "another")
    old_pools = {pool.name: pool.tls for pool in before.pools}
    for pool in after.pools:
        secured = old_pools.get(pool.name)
        if secured and pool.tls and secured != pool.tls:
            yield Change("changed", f"pools.{pool.name}.tls", "a file", "another")
    old_addresses = {
        (pool.name, server.name): server.address for pool in before.pools for server in pool.servers
    }
    for pool in after.pools:
        for server in pool.servers:
            old = old_addresses.get((pool.name, server.name), server.address)
            if old != server.address:
                key = f"pools.{pool.name}.servers.{server.name}.address"
                yield Change("changed", key, old, server.address)


def for_later(before: Config, after: Config) -> Iterator[str]:
    """Settings that a running process cannot take."""
    if before.engine.workers != after.engine.workers:
        yield "engine.workers counts from the next start or upgrade"
    if before.records.file != after.records.file:
        yield "records.file counts from the next start or upgrade"
    if before.control.socket != after.control.socket:
        yield "control.socket counts from the next start or upgrade"
    if before.admin != after.admin:
        yield from _of_admin(before.admin, after.admin)


def _of_admin(before: Admin | None, after: Admin | None) -> Iterator[str]:
    if after is None:
        yield "the admin API admits nobody any more; its port is closed at the next start or upgrade"
    elif before is None:
        yield "admin counts from the next start or upgrade"
    else:
        if before.address != after.address:
            yield "admin.address counts from the next start or upgrade"
        if (before.tls is None) != (after.tls is None):
            yield "admin.tls counts from the next start or upgrade"
