"""What is said of a balance that cannot be."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from equalizer.config.load import load
from equalizer.control.functions import functions
from equalizer.errors import ConfigError, Problem

_LISTEN = {"listeners": {"web": {"address": ":80"}}}
_BARE = (
    '"round_robin", "random", "least_requests", "p2c", "rendezvous", "maglev", "fastest_response", '
    '"adaptive" or "server_agent"'
)
_KINDS = (
    '"round_robin", "random", "least_requests", "p2c", "rendezvous", "maglev", "fastest_response", '
    '"adaptive", "server_agent" or "custom"'
)


def written(balance: object, **pool: object) -> Mapping[str, object]:
    servers = {"web1": "127.0.0.1:9001"}
    return _LISTEN | {"pools": {"shop": {"servers": servers, "balance": balance, **pool}}}


@pytest.mark.parametrize(
    ("balance", "said"),
    [
        ("least_request", 'balance: found "least_request"; write "least_requests"'),
        ("fair", f'balance: found "fair"; write {_BARE}'),
        (5, 'balance: found 5; write a table such as { kind = "round_robin" }'),
        (
            "python",
            'balance: found "python"; write a table such as '
            '{ kind = "python", function = "shop.balance:choose" }',
        ),
        (
            {"kind": "rendezvous", "key": "feld"},
            'balance.key: found "feld"; write "address", "path" or a table such as '
            '{ over = "field", name = "X-Tenant" }',
        ),
        (
            {"kind": "maglev", "key": {"over": "field"}},
            'balance.key.name: found nothing; write name = "X-Tenant"',
        ),
        (
            {"kind": "maglev", "bound": 1},
            'balance.bound: found 1; write a number from 1.01 to 10, such as 1.25, or "off"',
        ),
        (
            {"kind": "p2c", "key": "path"},
            'balance.key: found a key that does not apply to kind = "p2c"; leave it out, or write '
            'kind = "rendezvous" or kind = "maglev"',
        ),
        (
            {"kind": "custom"},
            "balance: found nothing that counts; "
            "write response_time, in_flight or agent, at least one above 0",
        ),
        ({"kind": "custom", "agent": 101}, "balance.agent: found 101; write a whole number from 0 to 100"),
        (
            {"kind": "adaptive", "responsiveness": "quick"},
            'balance.responsiveness: found "quick"; write "slow", "medium" or "fast"',
        ),
        (
            {"kind": "python", "function": "choose"},
            'balance.function: found "choose"; write MODULE:FUNCTION, such as "shop.balance:choose"',
        ),
        (
            {"kind": "python", "function": "a:b", "wait": "5s"},
            'balance.wait: found "5s"; write a time from 1ms to 1s, such as "5ms"',
        ),
        (
            {"kind": "python", "function": "a:b", "fallback": {"kind": "python", "function": "a:b"}},
            f'balance.fallback.kind: found "python"; write {_KINDS}',
        ),
    ],
)
def test_a_balance_that_cannot_be_is_told(balance: object, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(written(balance))
    assert f"config: pools.shop.{said}" in map(str, refused.value.problems)


def test_a_kind_that_is_unknown_hides_nothing_else() -> None:
    """What is wrong is what would be wrong for any kind, or for the one that was probably meant."""
    probes = [{"kind": "what", "interval": "x", "path": "/"}, {"kind": "tpc", "path": "/"}]
    with pytest.raises(ConfigError) as refused:
        load(written({"kind": "fair", "key": "pat", "bound": 2, "bund": 2}, probe=probes))
    assert [str(each).removeprefix("config: pools.shop.") for each in refused.value.problems] == [
        "balance.bund: found a key that is not known here; write one of kind, function, fallback and wait",
        'balance.key: found "pat"; write "address", "path" or a table such as '
        '{ over = "field", name = "X-Tenant" }',
        f'balance.kind: found "fair"; write {_KINDS.replace(" or ", ", ")} or "python"',
        'probe[0].interval: found "x"; write a time such as "10s", "500ms" or "5m"',
        'probe[0].kind: found "what"; write "tcp", "http", "acv", "tls", "grpc" or "icmp"',
        'probe[1].kind: found "tpc"; write "tcp"',
        'probe[1].path: found a key that does not apply to kind = "tcp"; leave it out, or write '
        'kind = "http"',
    ]


@pytest.mark.parametrize("persistence", ["none", {"kind": "hash", "over": "path"}])
def test_a_balance_in_python_needs_sessions_that_begin(persistence: object) -> None:
    balance = {"kind": "python", "function": "support.choosing:by_field"}
    with pytest.raises(ConfigError, match="beside a balance in Python, which is asked when a session begins"):
        load(written(balance, persistence=persistence))
    load(written(balance, persistence=["address", {"kind": "hash", "over": "path"}]))


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("nowhere.shop:choose", 'and there is no module "nowhere"'),
        ("support.nowhere:choose", 'and there is no module "support.nowhere"'),
        ("support.choosing:nothing", 'and module "support.choosing" has no function "nothing"'),
        ("support.choosing:NO_FUNCTION", 'and module "support.choosing" has no function "NO_FUNCTION"'),
        ("broken_balance:choose", "whose module cannot be imported (ZeroDivisionError: division by zero)"),
        ("ending_balance:choose", "whose module cannot be imported (SystemExit: 3)"),
        ("needing_balance:choose", 'whose module needs "no_such_thing", which is not installed'),
        ("taking_balance:one", "which takes (birth)"),
        ("taking_balance:three", "which takes (birth, pool, more)"),
        ("taking_balance:later", "which is async: its answer would never be waited for"),
    ],
)
def test_a_function_that_cannot_be_had_is_told(function: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "broken_balance.py").write_text("1 / 0\n")
    (tmp_path / "ending_balance.py").write_text("raise SystemExit(3)\n")
    (tmp_path / "needing_balance.py").write_text("import no_such_thing\n")
    (tmp_path / "taking_balance.py").write_text(
        "def one(birth): ...\ndef three(birth, pool, more): ...\nasync def later(birth, pool): ...\n"
    )
    file = tmp_path / "eq.toml"
    file.write_text(
        '[listeners.web]\naddress = ":80"\n[pools.shop]\n'
        f'balance = {{ kind = "python", function = "{function}" }}\n'
        'servers = { web1 = "127.0.0.1:9001" }\n'
    )
    problems: list[Problem] = []
    assert functions(load(file), problems) == {}
    (problem,) = problems
    assert problem.line == 4
    assert problem.message == (
        f'found "{function}", {said}; write MODULE:FUNCTION of a function that takes a birth and a pool'
    )
