"""From the settings of persistence to the wire: what a kind or mode does not have, it says with nothing."""

from datetime import timedelta

from equalizer.model.carried import Conditional, Group, Scope, Sealed
from equalizer.model.cookie import InsertCookie, LearnCookie, PrefixCookie, RewriteCookie, RouteCookie
from equalizer.model.duration import milliseconds, seconds
from equalizer.model.matcher import Matcher
from equalizer.model.persistence import AddressRecord, HashAddress, HashPath, InsertField, Kind, LearnField
from equalizer.model.sessions import Sessions
from equalizer.snapshot import wire, wire_asking
from equalizer.snapshot.wire_asking import Condition

_BITS4, _BITS6 = 32, 64
_WINDOW = timedelta(minutes=30)
_ALWAYS = Condition(when=(), unless=())
_PLAIN = wire.Attributes(
    path="/",
    domain=None,
    same_site=None,
    secure="auto",
    http_only=False,
    partitioned=False,
    max_age=None,
)


def kind(written: Kind) -> wire.Persistence:
    """One kind of a chain."""
    match written:
        case InsertField() | LearnField():
            return _field(written)
        case AddressRecord():
            return wire.Address(
                kind="address",
                prefix4=written.prefix4,
                prefix6=written.prefix6,
                idle=seconds(written.idle),
                capacity=written.capacity,
                condition=condition(written),
            )
        case InsertCookie() | RewriteCookie() | PrefixCookie() | LearnCookie() | RouteCookie():
            return _cookie(written)
        case _:
            address = written if isinstance(written, HashAddress) else None
            return wire.Hash(
                kind="hash",
                over=written.over,
                name="" if isinstance(written, HashPath | HashAddress) else written.name,
                prefix4=address.prefix4 if address else _BITS4,
                prefix6=address.prefix6 if address else _BITS6,
                condition=condition(written),
            )


def sessions(written: Sessions, accept: tuple[wire.Foreign, ...]) -> wire.Sessions:
    """What holds for a pool's sessions; what it accepts needs the servers' addresses, and comes ready."""
    rebalance = written.rebalance
    return wire.Sessions(
        idle=seconds(written.idle),
        lifetime=seconds(written.lifetime),
        generation=written.generation,
        strict=written.strict,
        fail_back=written.fail_back,
        pin_field=written.pin_field,
        incarnation_field=written.incarnation_field,
        incarnation_on_return=written.incarnation_on_return,
        announce=written.announce,
        census_window=seconds(written.census_window or written.idle or _WINDOW),
        burst_ms=milliseconds(written.burst) if written.burst else 0,
        rebalance=wire.Rebalance(per_minute=rebalance.rate, idle_over=seconds(rebalance.idle_over))
        if rebalance
        else None,
        overflow="refuse" if written.refuses_overflow else "elsewhere",
        overflow_rehome=written.overflow_rehome,
        accept=accept,
    )


def _cookie(written: InsertCookie | RewriteCookie | PrefixCookie | LearnCookie | RouteCookie) -> wire.Cookie:
    insert = written if isinstance(written, InsertCookie) else None
    learn = written if isinstance(written, LearnCookie) else None
    return wire.Cookie(
        kind="cookie",
        mode=written.mode,
        name=insert.full_name if insert else written.name,
        scope=_scope(written.scope if isinstance(written, Sealed) else "pool"),
        duplicates=written.duplicates if isinstance(written, Sealed) else "first",
        attributes=_attributes(insert) if insert else _PLAIN,
        strip=insert is not None and insert.strip,
        preserve=insert is not None and insert.preserve,
        post_only=insert is not None and insert.post_only,
        cache=insert.cache if insert else "skip",
        seal_value=isinstance(written, PrefixCookie) and written.seal_value,
        capacity=learn.capacity if learn else 0,
        record_idle=seconds(learn.record_idle) if learn else 0,
        parameters=written.parameters if isinstance(written, RouteCookie) else (),
        condition=condition(written) if isinstance(written, Conditional) else _ALWAYS,
    )


def _attributes(cookie: InsertCookie) -> wire.Attributes:
    return wire.Attributes(
        path=cookie.path,
        domain=cookie.domain,
        same_site=cookie.same_site,
        secure=cookie.secure,
        http_only=cookie.http_only,
        partitioned=cookie.partitioned,
        max_age=seconds(cookie.max_age) if cookie.max_age else None,
    )


def _field(written: InsertField | LearnField) -> wire.CarryingField:
    learn = written if isinstance(written, LearnField) else None
    return wire.CarryingField(
        kind="field",
        mode=written.mode,
        name=written.name,
        scope=_scope(written.scope if isinstance(written, Sealed) else "pool"),
        duplicates=written.duplicates if isinstance(written, Sealed) else "first",
        capacity=learn.capacity if learn else 0,
        record_idle=seconds(learn.record_idle) if learn else 0,
        condition=condition(written),
    )


def _scope(scope: Scope) -> wire.Scope:
    return wire.Group(group=scope.group) if isinstance(scope, Group) else scope


def condition(written: Conditional) -> Condition:
    """Which requests something is asked for."""
    return Condition(
        when=tuple(map(_matcher, written.when or ())), unless=tuple(map(_matcher, written.unless or ()))
    )


def _matcher(written: Matcher) -> wire_asking.Matcher:
    return wire_asking.Matcher(
        path=written.path or (),
        method=written.method or (),
        host=written.host or (),
        field=written.field or {},
        client=written.client or (),
        scheme=written.scheme or (),
    )
