"""Every persistence and every rule of sessions that may cross the boundary, for the contract test."""

import string

from hypothesis import strategies as st

from equalizer.snapshot import wire, wire_asking

_LETTERS = string.ascii_letters + string.digits
name = st.text(_LETTERS + "._-", min_size=1, max_size=63)
_token = st.text(_LETTERS + "!#$%&'*+-.^_`|~", min_size=1, max_size=64)
# A field by which HTTP itself works is refused; no name with a point is one.
_field = _token.map(lambda text: f"X.{text}"[:64])
_path = st.text(_LETTERS + "/._~-", max_size=40).map(lambda text: f"/{text}")
_domain = st.text(_LETTERS, min_size=1, max_size=20).map(lambda text: f"{text}.example")
_parameter = st.text(_LETTERS + "._~-", min_size=1, max_size=64)
# The engine makes room for a table when it applies one; small ones keep the test quick.
_capacity = st.integers(1, 10_000)
_long = st.integers(1, 3650 * 86_400)
_or_zero = st.just(0) | _long
_prefix4, _prefix6 = st.integers(1, 32), st.integers(1, 128)
_scopes = st.sampled_from(("pool", "listener")) | st.builds(wire.Group, group=name)
_duplicates = st.sampled_from(("first", "last", "newest", "refuse"))


def _some(values: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(values, max_size=3).map(tuple)


_glob = st.text(_LETTERS + "/.*%-", max_size=20)
_matchers = st.lists(
    st.builds(
        wire_asking.Matcher,
        path=_some(_glob.map(lambda text: f"/{text}")),
        method=_some(st.sampled_from(("GET", "HEAD", "POST", "PROPFIND"))),
        host=_some(_domain | _domain.map(lambda host: f"*.{host}")),
        field=st.dictionaries(_token, _some(_glob), max_size=2),
        client=_some(
            st.builds(
                lambda ip, part: f"{ip}/{round(part * ip.max_prefixlen)}", st.ip_addresses(), st.floats(0, 1)
            )
            | st.ip_addresses().map(str)
        ),
        scheme=_some(st.sampled_from(("http", "https"))),
    ),
    max_size=2,
).map(tuple)
conditions = st.builds(wire_asking.Condition, when=_matchers, unless=_matchers)
_always = wire_asking.Condition(when=(), unless=())

_plain = wire.Attributes(
    path="/", domain=None, same_site=None, secure="auto", http_only=False, partitioned=False, max_age=None
)
_nothing = {
    "kind": st.just("cookie"),
    "name": _token,
    "scope": st.just("pool"),
    "attributes": st.just(_plain),
    "strip": st.just(False),
    "preserve": st.just(False),
    "post_only": st.just(False),
    "cache": st.just("skip"),
    "seal_value": st.just(False),
    "capacity": st.just(0),
    "record_idle": st.just(0),
    "parameters": st.just(()),
    "duplicates": st.just("first"),
    "condition": st.just(_always),
}
_attributes = st.builds(
    wire.Attributes,
    path=_path,
    domain=st.none() | _domain,
    same_site=st.sampled_from(("lax", "strict", "none")) | st.none(),
    secure=st.sampled_from(("auto", "always")),
    http_only=st.booleans(),
    partitioned=st.booleans(),
    max_age=st.none() | _long,
)
_insert = {
    "mode": st.just("insert"),
    "scope": _scopes,
    "attributes": _attributes,
    "strip": st.booleans(),
    "preserve": st.booleans(),
    "post_only": st.booleans(),
    "cache": st.sampled_from(("skip", "private", "always")),
    "duplicates": _duplicates,
    "condition": conditions,
}
_cookies = st.one_of(
    *(
        st.builds(wire.Cookie, **{**_nothing, **mode})
        for mode in (
            _insert,
            {"mode": st.just("rewrite"), "scope": _scopes, "duplicates": _duplicates},
            {
                "mode": st.just("prefix"),
                "scope": _scopes,
                "duplicates": _duplicates,
                "seal_value": st.booleans(),
            },
            {
                "mode": st.just("learn"),
                "capacity": _capacity,
                "record_idle": _long,
                "condition": conditions,
            },
            {
                "mode": st.just("route"),
                "parameters": st.lists(_parameter, max_size=3, unique=True).map(tuple),
            },
        )
    )
)
_fields = st.builds(
    wire.CarryingField,
    kind=st.just("field"),
    mode=st.just("insert"),
    name=_field,
    scope=_scopes,
    duplicates=_duplicates,
    capacity=st.just(0),
    record_idle=st.just(0),
    condition=conditions,
) | st.builds(
    wire.CarryingField,
    kind=st.just("field"),
    mode=st.just("learn"),
    name=_field,
    scope=st.just("pool"),
    duplicates=st.just("first"),
    capacity=_capacity,
    record_idle=_long,
    condition=conditions,
)
_addresses = st.builds(
    wire.Address,
    kind=st.just("address"),
    prefix4=_prefix4,
    prefix6=_prefix6,
    idle=_long,
    capacity=_capacity,
    condition=conditions,
)
_hashes = st.builds(
    wire.Hash,
    kind=st.just("hash"),
    over=st.sampled_from(("field", "cookie", "query")),
    name=_parameter,
    prefix4=_prefix4,
    prefix6=_prefix6,
    condition=conditions,
) | st.builds(
    wire.Hash,
    kind=st.just("hash"),
    over=st.sampled_from(("path", "address")),
    name=st.just(""),
    prefix4=_prefix4,
    prefix6=_prefix6,
    condition=conditions,
)


def _asks(kind: wire.Persistence) -> tuple[str, ...]:
    """What may stand once in a chain."""
    match kind:
        case wire.Address():
            return ("address",)
        case wire.Hash():
            return ("hash", kind.over, kind.name)
        case wire.CarryingField():
            return ("field", kind.name.lower())
        case wire.Cookie():
            return ("cookie", kind.name)


chains = st.lists(_cookies | _fields | _addresses | _hashes, max_size=4, unique_by=_asks).map(tuple)


@st.composite
def sessions(draw: st.DrawFn, servers: list[str]) -> wire.Sessions:
    """The rules of a pool with these servers."""
    foreign = st.builds(
        wire.Foreign,
        format=st.sampled_from(("literal", "bigip", "coyote")),
        name=_token,
        servers=st.dictionaries(name, st.sampled_from(servers), min_size=1, max_size=5),
    )
    rebalance = st.builds(wire.Rebalance, per_minute=st.integers(1, 1_000_000), idle_over=_long)
    return wire.Sessions(
        idle=draw(_or_zero),
        lifetime=draw(_or_zero),
        generation=draw(st.integers(0, 65535)),
        strict=draw(st.booleans()),
        fail_back=draw(st.sampled_from(("stay", "return", "return_same_incarnation"))),
        pin_field=draw(st.sampled_from(("", "Session-Pin"))),
        incarnation_field=draw(st.just("") | _field),
        incarnation_on_return=draw(st.booleans()),
        announce=draw(st.booleans()),
        census_window=draw(_long),
        burst_ms=draw(st.integers(0, 60_000)),
        rebalance=draw(st.none() | rebalance),
        overflow=draw(st.sampled_from(("elsewhere", "refuse"))),
        overflow_rehome=draw(st.integers(0, 7)),
        accept=tuple(draw(st.lists(foreign, max_size=3, unique_by=lambda cookie: cookie.name))),
    )
