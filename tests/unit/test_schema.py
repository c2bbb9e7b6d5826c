"""The JSON Schema agrees with the model: what one takes, the other takes."""

import re
import tomllib
from pathlib import Path
from typing import cast

import pytest
from jsonschema import Draft202012Validator, ValidationError

from equalizer.config import schema
from equalizer.model.config import Config

EXAMPLE = """
[listeners.web]
address = "127.0.0.1:8080"

[listeners.web-tls]
address = "127.0.0.1:8443"
tls = { certificate = "shop.pem", key = "shop.key" }

[pools.shop]
balance = "round_robin"
persistence = { kind = "cookie", name = "EQ" }

[pools.shop.servers]
web1 = "127.0.0.1:9001"
web2 = { address = "127.0.0.1:9002", weight = 50 }

[keys]
file = "equalizer.keys"
"""

CHAINS = [
    "'address'",
    "['cookie', 'address']",
    "{ kind = 'cookie', name = 'B', prefix = '__Host-', secure = 'always', same_site = 'off', "
    "max_age = '30d', http_only = false, partitioned = true, scope = { group = 'all' }, strip = false, "
    "preserve = true, post_only = true, cache = 'private' }",
    "{ kind = 'cookie', path = '/b', domain = 'shop.example', scope = 'listener' }",
    "{ kind = 'cookie', mode = 'rewrite', name = 'A' }",
    "{ kind = 'cookie', mode = 'prefix', name = 'A', seal_value = true }",
    "{ kind = 'cookie', mode = 'learn', name = 'A', capacity = 5, record_idle = 60 }",
    "{ kind = 'cookie', mode = 'route', name = 'A', parameters = ['jsessionid'] }",
    "{ kind = 'field', name = 'Session-Id', scope = { group = 'all' } }",
    "{ kind = 'field', mode = 'learn', name = 'Mcp-Session-Id', record_idle = '1h' }",
    "{ kind = 'address', prefix4 = 24, prefix6 = 56, idle = '1h', capacity = 1000 }",
    "[{ kind = 'hash', over = 'cookie', name = 'a' }, { kind = 'hash', over = 'address', prefix4 = 24 }]",
    "{ kind = 'hash', over = 'field', name = 'Host' }",
    "{ kind = 'hash', over = 'query', name = 'room' }",
    "{ kind = 'hash', over = 'path' }",
    "[{ kind = 'cookie', unless = { path = '*.css' }, duplicates = 'newest' }, "
    "{ kind = 'hash', over = 'path', when = [{ path = ['/a', '/b/*'], method = 'GET', "
    "host = '*.shop.example', field = { Accept = ['a', 'b'] }, client = '10.0.0.0/8', scheme = 'https' }] }]",
]
"""Every kind and mode, with every setting."""

SECURE = [
    "tls = { certificate = 'a.pem', key = 'a.key', min_version = '1.3', clients = { ca = 'b.pem' } }",
    "tls = { certificates = [{ certificate = 'a.pem', key = 'a.key', default = true }] }",
    "tls.clients = { ca = 'b.pem', require = false, crl = 'b.crl', fields = { subject = '' } }\n"
    "tls.certificate = 'a.pem'\ntls.key = 'a.key'",
    "https = { redirect = ['web'], port = 443, hsts = '365d', subdomains = true, location = false }",
]
"""TLS of a listener, with every setting."""

SESSIONS = [
    "idle = '30m'\nlifetime = '30d'\ngeneration = 2\nstrict = true\nfail_back = 'return'\npin_field = ''\n"
    "incarnation_field = 'Server-Life'\nannounce = true\ncensus_window = 600\nburst = 'off'",
    "idle = 'off'\nincarnation_on_return = true\nrebalance = { rate = '0.5%/min', idle_over = '5m' }",
    "accept = [{ format = 'haproxy', name = 'SERVERID', servers = { s1 = 'a' } }, "
    "{ format = 'literal', name = 'A' }, { format = 'bigip', servers = { '10.0.0.1:80' = 'a' } }, "
    "{ format = 'coyote' }]",
]
"""Every rule of the sessions."""

PROBES = [
    "'tcp'",
    "['icmp', { kind = 'tcp', port = 1, interval = '1s', timeout = 0.5, jitter = '0%', rise = 1, fall = 1 }]",
    "{ any = ['grpc', { kind = 'tls', tls = { verify = false } }], all = 'tcp' }",
    "{ kind = 'http', method = 'HEAD', path = '/a?b', host = 'b:1', fields = { A = 'b' }, status = 200 }",
    "{ kind = 'http', status = [200, '300-399'], body = 'up', start = 'down', tls = 'off' }",
    "{ kind = 'acv', send = 'PING', match = 'PONG' }",
    "{ kind = 'acv', send_hex = '00 ff', match = 'x' }",
    "{ kind = 'grpc', service = 'shop.Cart', host = 'b' }",
]
"""Every kind of probe, with every setting."""

KINDS = {
    **{
        f"{mode.title()}Cookie": ("kind=cookie", f"mode={mode}")
        for mode in ("insert", "rewrite", "prefix", "learn", "route")
    },
    "InsertField": ("kind=field", "mode=insert"),
    "LearnField": ("kind=field", "mode=learn"),
    "AddressRecord": ("kind=address",),
    **{
        f"Hash{over.title()}": ("kind=hash", f"over={over}")
        for over in ("field", "cookie", "query", "path", "address")
    },
}
"""Where the schema has each class of persistence."""


def validate(text: str) -> None:
    """By the schema."""
    Draft202012Validator(schema.schema()).validate(tomllib.loads(text))


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(schema.schema())


@pytest.mark.parametrize(
    "more",
    [
        "",
        "[engine]\nworkers = 2",
        "[records]\nfile = 'equalizer.records'\nevery = '30s'",
        "[limits]\nhead = '1 MiB'\ntarget = 2048\nfields = 50\nstreams = 1",
        "[listeners.old]\naddress = ':1'\nhttp2 = false",
        "[timeouts]\nhead = 1.5\nbody = '500ms'\nstop = 0",
        "[pools.b]\npersistence = 'none'\nbalance = { kind = 'round_robin' }\nservers = { a = 'b:1' }\n"
        "[[routes]]\npool = 'b'",
        "[pools.b]\npersistence = [{ kind = 'cookie' }]\nservers = { a = 'b:1' }\n[[routes]]\npool = 'b'",
        "[pools.b]\nservers = { a = { address = 'b:1', generation = 1, incarnation = 'x' } }",
        *(f"[listeners.b]\naddress = ':8444'\n{secure}" for secure in SECURE),
        "[pools.b.servers]\na = 'b:1'\n[pools.b.tls]",
        "[pools.b.servers]\na = 'b:1'\n[pools.b.tls]\nca = 'a.pem'\nname = 'b'\ncertificate = 'b.pem'\n"
        "key = 'b.key'\nmin_version = '1.3'",
        *(f"[pools.b]\nservers = {{ a = 'b:1' }}\npersistence = {chain}" for chain in CHAINS),
        "[pools.b]\nservers = { a = 'b:1' }\nagent = 'http'",
        "[pools.b]\nservers = { a = 'b:1' }\nagent = { port = 1, interval = 1, timeout = 1, require = true }",
        "[pools.b]\nservers = { a = 'b:1' }\nagent = { kind = 'http', path = '/load', fall = 1 }",
        *(f"[pools.b]\nservers = {{ a = 'b:1' }}\nprobe = {probe}\npanic = '50%'" for probe in PROBES),
        *(f"[pools.b]\nservers = {{ a = 'b:1' }}\n[pools.b.sessions]\n{rules}" for rules in SESSIONS),
    ],
)
def test_the_example_and_its_variants_fit(more: str) -> None:
    validate(EXAMPLE + more)
    Config.model_validate(tomllib.loads(EXAMPLE + more))


@pytest.mark.parametrize(
    "more",
    [
        "[engine]\nworkers = 0",
        "[engine]\nthreads = 1",
        "[limits]\nhead = '1 MB'",
        "[limits]\nstreams = 0",
        "[listeners.old]\naddress = ':1'\nhttp2 = 'yes'",
        "[timeouts]\nhead = 'soon'",
        "[pools.shop.servers.web3]\nweight = 1",
        "[pools.b]\nservers = {}",
        "[pools.b]\nservers = { a = 'b:1' }\nagent = { path = '/load' }",
        "[pools.b]\nservers = { a = 'b:1' }\nprobe = { kind = 'icmp', port = 1 }",
        "[pools.b]\nservers = { a = 'b:1' }\nprobe = 'acv'",
        "[pools.b]\nservers = { a = 'b:1' }\nprobe = { kind = 'tcp', jitter = 5 }",
        "[pools.b]\nbalance = 'randm'\nservers = { a = 'b:1' }",
        "[pools.b]\npersistence = { kind = 'hope' }\nservers = { a = 'b:1' }",
        "[pools.b]\npersistence = { kind = 'cookie', mode = 'learn', name = 'A', path = '/' }\n"
        "servers = { a = 'b:1' }",
        "[pools.b]\npersistence = { kind = 'hash', over = 'path', name = 'A' }\nservers = { a = 'b:1' }",
        "[pools.b]\npersistence = { kind = 'cookie', idle = '1h' }\nservers = { a = 'b:1' }",
        "[pools.b.sessions]\nidle = 'soon'\n[pools.b.servers]\na = 'b:1'",
        "[[routes]]\npools = 'shop'",
        "[listeners.b]\naddress = ':8444'\ntls = { certificate = 'a.pem' }",
        "[listeners.b]\naddress = ':1'\ntls = { certificate = 'a.pem', key = 'b.key', min_version = '1.1' }",
        "[listeners.b]\naddress = ':8444'\nhttps = { redirect = true }",
        "[pools.b.servers]\na = 'b:1'\n[pools.b.tls]\nverify = 'no'",
    ],
)
def test_what_the_model_refuses_does_not_fit(more: str) -> None:
    with pytest.raises(ValidationError):
        validate(EXAMPLE + more)
    with pytest.raises(ValueError, match="validation error"):
        Config.model_validate(tomllib.loads(EXAMPLE + more))


def test_every_key_has_something_to_suggest() -> None:
    """An example, a choice of words, bounds, or the keys of a table."""
    definitions = cast(dict[str, schema.Node], schema.schema()["$defs"])
    starts: dict[str, tuple[str | int, ...]] = {
        **{
            name: ("pools", "a", "balance", f"kind={kind}")
            for name, kind in (
                ("RoundRobin", "round_robin"),
                ("Random", "random"),
                ("LeastRequests", "least_requests"),
                ("P2c", "p2c"),
                ("Rendezvous", "rendezvous"),
                ("Maglev", "maglev"),
                ("FastestResponse", "fastest_response"),
                ("Adaptive", "adaptive"),
                ("ServerAgent", "server_agent"),
                ("Custom", "custom"),
                ("Python", "python"),
            )
        },
        **{
            f"Key{over.title()}": ("pools", "a", "balance", "kind=maglev", "key", f"over={over}")
            for over in ("address", "path", "field", "cookie", "query")
        },
        **{name: ("pools", "a", "persistence", *tags) for name, tags in KINDS.items()},
        "Matcher": ("pools", "a", "persistence", "kind=cookie", "mode=insert", "unless"),
        "Group": ("pools", "a", "persistence", "kind=cookie", "mode=insert", "scope"),
        "Sessions": ("pools", "a", "sessions"),
        "Queue": ("pools", "a", "queue"),
        "Ejection": ("pools", "a", "ejection"),
        "BreakerTable": ("pools", "a", "breaker"),
        "Retry": ("pools", "a", "retry"),
        "RetryBudget": ("pools", "a", "retry", "budget"),
        "RateLimit": ("pools", "a", "rates", "client"),
        "KeyPool": ("pools", "a", "rates", "client", "key", "over=pool"),
        "ProbeTable": ("pools", "a", "probe"),
        "TcpAgent": ("pools", "a", "agent", "kind=tcp"),
        "HttpAgent": ("pools", "a", "agent", "kind=http"),
        **{
            f"{kind.title()}Probe": ("pools", "a", "probe", "all", f"kind={kind}")
            for kind in ("tcp", "http", "acv", "tls", "grpc", "icmp")
        },
        "Rebalance": ("pools", "a", "sessions", "rebalance"),
        **{
            f"{word.title()}Cookie": ("pools", "a", "sessions", "accept", 0, f"format={word}")
            for word in ("haproxy", "literal", "bigip", "coyote")
        },
        "Listener": ("listeners", "a"),
        "Https": ("listeners", "a", "https"),
        "Tls": ("listeners", "a", "tls"),
        "TlsOfOne": ("listeners", "a", "tls"),
        "Certificate": ("listeners", "a", "tls", "certificates", 0),
        "Clients": ("listeners", "a", "tls", "clients"),
        "ClientFields": ("listeners", "a", "tls", "clients", "fields"),
        "ServerTls": ("pools", "a", "tls"),
        "Pool": ("pools", "a"),
        "ServerTable": ("pools", "a", "servers", "a"),
        "Route": ("routes", 0),
        "Keys": ("keys",),
        "Records": ("records",),
        "Control": ("control",),
        "Engine": ("engine",),
        "Limits": ("limits",),
        "ClientLimits": ("limits", "clients"),
        "Timeouts": ("timeouts",),
        "AccessLog": ("access_log",),
        "Debug": ("debug",),
        "Admin": ("admin",),
        "Pair": ("admin", "tls"),
    }
    assert starts.keys() == definitions.keys()
    for start in [(), *starts.values()]:
        for key in schema.keys(start):
            path = (*start, key)
            bounds = any("minimum" in node for node in schema.nodes(path))
            assert schema.example(path) is not None or schema.keys(path) or bounds, path


def test_a_default_is_written_as_a_person_writes_it() -> None:
    timeouts = ("timeouts",)
    assert [schema.nodes((*timeouts, key))[0]["default"] for key in ("head", "idle_client")] == ["10s", "75s"]
    sessions = ("pools", "a", "sessions")
    assert [schema.nodes((*sessions, key))[0]["default"] for key in ("idle", "burst")] == ["off", "2s"]


def test_a_default_may_be_written() -> None:
    tables = [schema.schema(), *cast(dict[str, schema.Node], schema.schema()["$defs"]).values()]
    for table in tables:
        for key, node in cast(dict[str, schema.Node], table["properties"]).items():
            if "default" in node:
                whole = {"$defs": schema.schema()["$defs"], **node}
                assert Draft202012Validator(whole).is_valid(node["default"]), (table["title"], key)


def test_every_key_is_described_for_the_editor() -> None:
    """By itself, or by the table that it refers to."""
    tables = [schema.schema(), *cast(dict[str, schema.Node], schema.schema()["$defs"]).values()]
    for table in tables:
        for key, node in cast(dict[str, schema.Node], table["properties"]).items():
            assert "description" in node or "$ref" in node or key == "kind", (table["title"], key)


GUIDE = Path(__file__).parents[2] / "docs/guide/persistence.md"


def test_every_setting_of_persistence_is_in_the_guide() -> None:
    guide = GUIDE.read_text()
    starts = [*(("pools", "a", "persistence", *tags) for tags in KINDS.values()), ("pools", "a", "sessions")]
    missing = {key for start in starts for key in schema.keys(start) if f"`{key}`" not in guide}
    assert missing == {"kind"}


def test_the_examples_of_the_guide_fit() -> None:
    first, *others = re.findall(r"```toml\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    start = '[listeners.web]\naddress = ":80"\n' + first
    for more in ("", *others):
        validate(start + more)
        Config.model_validate(tomllib.loads(start + more))
