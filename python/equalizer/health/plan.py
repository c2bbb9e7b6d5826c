"""From a configuration to the targets of its probes; probes that are the same are one."""

import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal, TypeAlias

from equalizer.config.load import Loaded
from equalizer.errors import ConfigError, Problem
from equalizer.health.attempt import may_ping
from equalizer.health.probes import acv, grpc, http, icmp
from equalizer.health.probes import agent as agents
from equalizer.health.probes.dialogue import Dialogue
from equalizer.health.stream import context, fault
from equalizer.health.target import Pace, Target
from equalizer.model.agent import Agent, HttpAgent
from equalizer.model.pool import Pool
from equalizer.model.probe import (
    AcvProbe,
    GrpcProbe,
    HttpProbe,
    IcmpProbe,
    Probe,
    TcpProbe,
    TlsProbe,
)
from equalizer.model.server_tls import ServerTls
from equalizer.snapshot import tls, wire
from equalizer.snapshot.files import Files

Name: TypeAlias = tuple[str, str]
"""Pool and server."""
_JITTER = 0.1  # of the interval at which agents are asked
_NO_PING = (
    'found kind "icmp", but the system lets this process send no echo requests; write kind = "tcp", or allow '
    'it: sysctl -w net.ipv4.ping_group_range="0 2147483647"'
)


@dataclass(frozen=True, slots=True)
class Asked:
    """One question to one server."""

    start: bool
    """Whether the server counts as well before the first one has been answered."""
    target: Target


@dataclass(frozen=True, slots=True)
class Watched:
    """What is asked of one server: each of `every` must be well, and one of `some`, where there are any."""

    every: tuple[Asked, ...] = ()
    some: tuple[Asked, ...] = ()
    agent: Asked | None = None
    required: bool = False
    """Whether the agent must answer."""

    @property
    def asked(self) -> tuple[Asked, ...]:
        """Everything."""
        return (*self.every, *self.some, *((self.agent,) if self.agent else ()))


Plan: TypeAlias = Mapping[Name, Watched]
"""By server; who is not there is not asked."""


def plan(loaded: Loaded, snapshot: wire.Snapshot) -> Plan:
    """The probes of every server, at the snapshot's addresses; raises ConfigError with all that is wrong."""
    problems: list[Problem] = []
    found = {
        (pool.name, server.name): watched
        for pool in snapshot.pools
        for server, watched in _pool(loaded, pool, problems)
    }
    if problems:
        raise ConfigError(problems)
    return found


def _pool(
    loaded: Loaded, on_wire: wire.Pool, problems: list[Problem]
) -> Iterator[tuple[wire.Server, Watched]]:
    pool = loaded.config.pools[on_wire.name]
    if pool.probe is None and pool.agent is None:
        return
    place, files = ("pools", on_wire.name, "probe"), Files(loaded.source, problems)
    groups: tuple[tuple[Literal["all", "any"], Sequence[Probe]], ...] = (
        ("all", pool.probe.all if pool.probe else ()),
        ("any", pool.probe.any if pool.probe else ()),
    )
    prepared: dict[int, _Prepared] = {}
    for word, probes in groups:
        for index, probe in enumerate(probes):
            secured = _secured(probe, on_wire, files, (*place, word, index, "tls"))
            prepared[id(probe)] = _Prepared(probe, pool, secured, probe.model_dump_json())
            if isinstance(probe, IcmpProbe) and not may_ping():
                problems.append(loaded.source.problem((*place, word, index, "kind"), _NO_PING))
    for server in on_wire.servers:
        every, some = (
            tuple(Asked(probe.start == "up", _target(prepared[id(probe)], server)) for probe in probes)
            for _, probes in groups
        )
        agent = Asked(True, _agent(pool.agent, server)) if pool.agent else None
        yield server, Watched(every, some, agent, pool.agent is not None and pool.agent.require)


def _agent(agent: Agent, server: wire.Server) -> Target:
    host = _authority(server, agent.port)
    ip = server.address.rpartition(":")[0].strip("[]")
    said = host if isinstance(agent, HttpAgent) else ip
    return Target(
        key=repr((agent.model_dump_json(exclude={"require"}), ip, said)),
        name=f"agent {agent.kind} :{agent.port}",
        ip=ip,
        port=agent.port,
        pace=Pace(
            interval=agent.interval.total_seconds(),
            timeout=agent.patience.total_seconds(),
            jitter=_JITTER,
            rise=1,
            fall=agent.fall,
        ),
        begin=agents.http(agent, host) if isinstance(agent, HttpAgent) else agents.tcp,
    )


@dataclass(frozen=True, slots=True)
class _Secured:
    """How TLS is spoken."""

    tls: wire.ServerTls
    context: ssl.SSLContext


def _secured(probe: Probe, pool: wire.Pool, files: Files, place: tuple[str | int, ...]) -> _Secured | None:
    """How TLS is spoken for a probe in all of its pool; None where it is not."""
    if isinstance(probe, TcpProbe | IcmpProbe) or probe.tls == "off":
        return None
    known = len(files.problems)
    found = tls.servers(probe.tls, files, place) if isinstance(probe.tls, ServerTls) else pool.tls
    if found is None or len(files.problems) > known:
        return None
    try:
        return _Secured(found, context(found, _protocol(probe, http2=_is_http2(probe, pool.protocol))))
    except ssl.SSLError as error:
        message = f"found files of which no TLS can be made ({fault(error)}); write certificates and a key"
        files.problems.append(files.source.problem(place, message))
        return None


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A probe, and what is the same for all servers of its pool."""

    probe: Probe
    pool: Pool
    secured: _Secured | None
    settings: str


def _target(prepared: _Prepared, server: wire.Server) -> Target:
    probe, pool, secured = prepared.probe, prepared.pool, prepared.secured
    ip, _, own_port = server.address.rpartition(":")
    port = (None if isinstance(probe, IcmpProbe) else probe.port) or int(own_port)
    asker = _Asker(
        authority=_authority(server, port),
        tells=pool.sessions.incarnation_field,
        http2=_is_http2(probe, pool.protocol),
        secure=secured is not None,
    )
    return Target(
        key=_key(prepared, server, asker, (ip, 0 if isinstance(probe, IcmpProbe) else port)),
        name=_name(probe),
        ip=ip.strip("[]"),
        port=port,
        pace=_pace(probe),
        carrier="icmp" if isinstance(probe, IcmpProbe) else "tcp",
        tls=secured.context if secured else None,
        host=(secured and secured.tls.name) or server.host,
        begin=_begin(probe, asker, ipv6=ip.startswith("[")),
    )


def _is_http2(probe: Probe, protocol: str) -> bool:
    if isinstance(probe, HttpProbe):
        # Another port is another service, of which the pool's protocol says nothing.
        return protocol in ("h2", "h2c") and probe.port is None
    return isinstance(probe, GrpcProbe)


@dataclass(frozen=True, slots=True)
class _Asker:
    """What a dialogue must know beside the settings of its probe."""

    authority: str
    tells: str
    """The field in which the pool's servers tell their life."""
    http2: bool
    secure: bool


def _authority(server: wire.Server, port: int) -> str:
    host = f"[{server.host}]" if ":" in server.host else server.host
    return f"{host}:{port}"


def _pace(probe: Probe) -> Pace:
    return Pace(
        interval=probe.interval.total_seconds(),
        timeout=probe.patience.total_seconds(),
        jitter=probe.jitter,
        rise=probe.rise,
        fall=probe.fall,
    )


def _protocol(probe: Probe, *, http2: bool) -> Literal["http/1.1", "h2", ""]:
    """What is agreed on under TLS; bytes that are no HTTP are none of a protocol's business."""
    if isinstance(probe, GrpcProbe | HttpProbe):
        return "h2" if http2 else "http/1.1"
    return ""


def _begin(probe: Probe, asker: _Asker, *, ipv6: bool) -> Callable[[], Dialogue] | None:
    match probe:
        case HttpProbe():
            return http.dialogues(probe, asker.authority, asker.tells, http2=asker.http2, secure=asker.secure)
        case GrpcProbe():
            return grpc.dialogues(probe, asker.authority, secure=asker.secure)
        case AcvProbe():
            return acv.dialogues(probe)
        case IcmpProbe():
            return icmp.dialogues(ipv6=ipv6)
        case TcpProbe() | TlsProbe():
            return None


def _name(probe: Probe) -> str:
    """What it is called in a line of the log: what tells it from the others of its pool."""
    parts = [f"probe {probe.kind}"]
    if not isinstance(probe, IcmpProbe) and probe.port is not None:
        parts.append(f":{probe.port}")
    if isinstance(probe, HttpProbe):
        parts.append(probe.path)
    if isinstance(probe, GrpcProbe) and probe.service:
        parts.append(probe.service)
    return " ".join(parts)


def _key(prepared: _Prepared, server: wire.Server, asker: _Asker, place: tuple[str, int]) -> str:
    """Of all that matters; hashed, as a private key is part of it. `place` is the address that is asked."""
    # The name of the server does not matter to those that never say it, so that pools may share them.
    said = asker if isinstance(prepared.probe, HttpProbe | GrpcProbe) else None
    secured = prepared.secured
    verified = (secured.tls.model_dump_json(), secured.tls.name or server.host) if secured else None
    return sha256(repr((place, prepared.settings, said, verified)).encode()).hexdigest()
