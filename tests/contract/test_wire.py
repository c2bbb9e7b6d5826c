"""Both sides of the boundary know one format: every snapshot that Python can write, Rust accepts."""

import base64
import json
from collections.abc import Iterator
from functools import cache

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from contract import persistence
from equalizer.engine import native
from equalizer.engine.port import Engine
from equalizer.snapshot import wire, wire_balance, wire_guards

# Snapshots are large: drawing a hundred takes a while, and the more on a busy machine.
pytestmark = pytest.mark.timeout(240)

_time = st.integers(1, 24 * 3_600_000)


@st.composite
def addresses(draw: st.DrawFn, least: int) -> str:
    """`IP:port`."""
    ip, port = draw(st.ip_addresses()), draw(st.integers(least, 65535))
    return f"{ip}:{port}" if ip.version == 4 else f"[{ip}]:{port}"


@cache
def certificate() -> wire.Certificate:
    """One for all: making one takes long."""
    made = trustme.CA().issue_cert("shop.test")
    chain = b"".join(pem.bytes() for pem in made.cert_chain_pems)
    key = made.private_key_pem.bytes().decode()
    return wire.Certificate(certificate=chain.decode(), key=key, default=False)


_secrets = st.binary(min_size=32, max_size=32).map(lambda raw: base64.b64encode(raw).decode())
_keys = st.lists(
    st.builds(wire.Key, id=st.integers(0, 65535), secret=_secrets),
    min_size=1,
    max_size=4,
    unique_by=lambda key: key.id,
)
_field = st.sampled_from(["", "X-Client", "Client-Cert"])
_clients = st.builds(
    wire.Clients,
    ca=st.builds(lambda: certificate().certificate),
    require=st.booleans(),
    crl=st.just(""),
    fields=st.builds(wire.ClientFields, **dict.fromkeys(wire.ClientFields.model_fields, _field)),
)
_tls = st.builds(
    wire.Tls,
    certificates=st.builds(lambda: (certificate(),)),
    min_version=st.sampled_from(["1.2", "1.3"]),
    clients=st.none() | _clients,
)
_listeners = st.lists(
    st.builds(
        wire.Listener,
        name=persistence.name,
        address=addresses(least=0),
        tls=st.none() | _tls,
        http2=st.booleans(),
        redirect=st.none() | st.integers(1, 65535),
        hsts=st.sampled_from(["", "max-age=1"]),
        location=st.booleans(),
        proxy_protocol=st.booleans(),
        connections=st.integers(0, 10_000_000),
        trusted=st.sampled_from([(), ("10.0.0.0/8",), ("192.0.2.7", "2001:db8::/32")]),
    ),
    min_size=1,
    max_size=3,
    unique_by=(lambda listener: listener.name, lambda listener: listener.address),
)
_server_tls = st.builds(
    wire.ServerTls,
    verify=st.booleans(),
    ca=st.builds(lambda: certificate().certificate),
    name=st.sampled_from(["", "shop.internal"]),
    own=st.none() | st.builds(lambda: wire.Own(certificate=certificate().certificate, key=certificate().key)),
    min_version=st.sampled_from(["1.2", "1.3"]),
)
_servers = st.lists(
    st.builds(
        wire.Server,
        name=persistence.name,
        address=addresses(least=1),
        host=st.sampled_from(["127.0.0.1", "::1", "web1.internal", "web1"]),
        weight=st.integers(0, 256),
        limit=st.integers(0, 1_000_000),
        spare=st.booleans(),
        persist=st.booleans(),
        generation=st.integers(0, 65535),
        incarnation=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=64),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda server: server.name,
)


_hashed = st.builds(
    wire_balance.Hashed,
    over=st.sampled_from(("field", "cookie", "query", "path", "address")),
    name=persistence.name,
    prefix4=st.integers(1, 32),
    prefix6=st.integers(1, 128),
)
_own_balances = st.one_of(
    st.builds(wire_balance.RoundRobin, kind=st.just("round_robin")),
    st.builds(wire_balance.Random, kind=st.just("random")),
    st.builds(wire_balance.LeastRequests, kind=st.just("least_requests")),
    st.builds(wire_balance.P2c, kind=st.just("p2c")),
    st.builds(wire_balance.Rendezvous, kind=st.just("rendezvous"), key=_hashed),
    st.builds(
        wire_balance.Maglev, kind=st.just("maglev"), key=_hashed, bound=st.just(0) | st.integers(101, 1000)
    ),
    st.builds(wire_balance.Dynamic, kind=st.just("dynamic")),
)
_balances = _own_balances | st.builds(
    wire_balance.Python, kind=st.just("python"), wait=st.integers(1, 1000), fallback=_own_balances
)


_watch = st.builds(wire.Watch, failures=st.integers(0, 10_000), timed=st.booleans())
_some = st.integers(1, 1_000_000)
_rates = st.lists(
    st.builds(
        wire_guards.RateLimit,
        name=persistence.name,
        count=_some,
        per=st.sampled_from((1_000, 60_000, 3_600_000)),
        burst=_some,
        key=st.none() | _hashed,
        capacity=st.integers(1, 10_000),
        condition=persistence.conditions,
    ),
    max_size=3,
    unique_by=lambda limit: limit.name,
).map(tuple)


_retries = st.builds(
    wire_guards.Retry,
    attempts=st.integers(0, 100),
    on=st.lists(st.sampled_from(("connect", "closed", "response_timeout")), unique=True).map(tuple),
    statuses=st.lists(st.sampled_from((429, 500, 502, 503, 504)), unique=True).map(tuple),
    per_try=st.just(0) | _time,
    sessions=st.sampled_from(("stay", "elsewhere")),
    budget=st.none()
    | st.builds(wire_guards.RetryBudget, share=st.integers(0, 10_000), least=st.integers(0, 1_000_000)),
)


_breakers = st.builds(
    wire_guards.Breaker,
    share=st.integers(0, 10_000),
    over=st.integers(1, 60),
    least=_some,
    open=_time,
    trials=st.integers(1, 100),
    statuses=st.lists(st.sampled_from((429, 500, 502, 503, 504)), unique=True).map(tuple),
)


@st.composite
def pool(draw: st.DrawFn) -> wire.Pool:
    """A pool whose rules name its own servers."""
    servers = draw(_servers)
    return wire.Pool(
        name=draw(persistence.name),
        protocol=draw(st.sampled_from(["h1", "h2", "h2c", "auto"])),
        proxy_protocol=draw(st.sampled_from(["off", "v1", "v2"])),
        via=draw(st.sampled_from(["", "equalizer"])),
        balance=draw(_balances),
        persistence=draw(persistence.chains),
        sessions=draw(persistence.sessions([server.name for server in servers])),
        watch=draw(st.none() | _watch),
        queue=wire.Queue(wait=draw(st.just(0) | _time), length=draw(st.integers(0, 65535))),
        rates=draw(_rates),
        retry=draw(_retries),
        breaker=draw(st.none() | _breakers),
        tls=draw(st.none() | _server_tls),
        servers=tuple(servers),
    )


_pools = st.lists(pool(), min_size=1, max_size=3, unique_by=lambda made: made.name)
_limits = st.builds(
    wire.Limits,
    head=st.integers(256, 16 << 20),
    target=st.integers(256, 16 << 20),
    fields=st.integers(1, 256),
    streams=st.integers(1, 10_000),
    body=st.integers(0, 1 << 40),
    requests=st.integers(0, 1_000_000_000),
    clients=st.builds(
        wire.ClientLimit,
        connections=st.integers(0, 10_000_000),
        prefix4=st.integers(1, 32),
        prefix6=st.integers(1, 128),
    ),
)
_timeouts = st.builds(wire.Timeouts, **dict.fromkeys(wire.Timeouts.model_fields, _time))

_access_logs = st.builds(
    wire.AccessLog,
    file=st.none() | persistence.name.map(lambda text: f"/{text}"),
    format=st.sampled_from(("json", "combined")),
    query=st.booleans(),
)


@st.composite
def snapshots(draw: st.DrawFn) -> wire.Snapshot:
    """Anything that a configuration may compile to."""
    pools = draw(_pools)
    return wire.Snapshot(
        revision=draw(st.integers(0, (1 << 64) - 1)),
        listeners=tuple(draw(_listeners)),
        pools=tuple(pools),
        routes=(wire.Route(pool=draw(st.sampled_from(pools)).name),),
        keys=tuple(draw(_keys)),
        limits=draw(_limits),
        timeouts=draw(_timeouts),
        access_log=draw(st.none() | _access_logs),
        debug=draw(st.none() | st.builds(wire.Debugging, token=st.text(min_size=16, max_size=128))),
    )


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    started = native.start(workers=1)
    yield started
    started.stop()


@given(snapshot=snapshots())
def test_the_engine_accepts_every_snapshot(engine: Engine, snapshot: wire.Snapshot) -> None:
    assert list(engine.check(snapshot)) == []


@given(snapshot=snapshots())
def test_a_snapshot_survives_its_json(snapshot: wire.Snapshot) -> None:
    assert wire.Snapshot.model_validate_json(snapshot.model_dump_json()) == snapshot


@given(snapshot=snapshots(), data=st.data())
def test_a_field_that_the_model_does_not_know_is_refused(
    snapshot: wire.Snapshot, data: st.DataObject
) -> None:
    document = json.loads(snapshot.model_dump_json())
    table = data.draw(st.sampled_from(list(_tables(document))))
    table["unknown"] = 1
    with pytest.raises(ValueError, match="unknown"):
        wire.Snapshot.model_validate(document, strict=False)


def _tables(value: object) -> Iterator[dict[str, object]]:
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _tables(inner)
