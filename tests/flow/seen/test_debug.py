"""Who shows the debug token is told where a request went, and why; nobody else is, and no server sees it."""

import re
from pathlib import Path

import pytest

from conftest import Balance, MakeOrigin
from support.balancer import Balancer, get
from support.origin import HELLO, Origin, replying, response
from support.wire import Message

TOKEN = "a-token-of-some-length"
SHOWS = f"Equalizer-Debug: {TOKEN}"


@pytest.fixture
def debug(tmp_path: Path) -> dict[str, object]:
    """The setting."""
    path = tmp_path / "debug.token"
    path.touch(0o600)
    path.write_text(f"{TOKEN}\n")
    return {"debug": {"token_file": str(path)}}


def decision(answer: Message) -> dict[str, str]:
    """The members of the dictionary (RFC 8941), as far as we write them."""
    said = answer.get("equalizer-decision")
    assert said is not None
    member = r'([a-z]+)=("[^"]*"|\([^)]*\)|[a-z_]+|\?0)'
    assert re.fullmatch(f"{member}(, {member})*", said), said
    return {key: value.strip('"') for key, value in re.findall(member, said)}


def test_a_decision_tells_reason_home_server_and_alternatives(
    shops: dict[str, Origin], balance: Balance, debug: dict[str, object]
) -> None:
    lb = balance(shops, **debug)
    first = lb.ask(get(SHOWS))
    home = first.get("server-name")
    cookie = first.all("set-cookie")[0].partition(";")[0]
    born = decision(first)
    assert (born["reason"], born["pool"], born["server"]) == ("new", "shop", home)
    assert "home" not in born
    back = decision(lb.ask(get(SHOWS, f"Cookie: {cookie}")))
    assert (back["reason"], back["home"], back["server"]) == ("recalled", home, home)
    assert back["session"] == born["session"]
    others = sorted(shops.keys() - {home})
    assert back["alternatives"] == f'("{others[0]}";state=up "{others[1]}";state=up)'
    lb.service.set_state("shop", str(home), "maintenance")
    lb.service.set_state("shop", others[0], "draining")
    moved = decision(lb.ask(get(SHOWS, f"Cookie: {cookie}")))
    assert (moved["reason"], moved["home"], moved["server"]) == ("home_maintenance", home, others[1])
    assert set(moved["alternatives"][1:-1].split(" ")) == {
        f'"{home}";state=maintenance',
        f'"{others[0]}";state=draining',
    }


@pytest.mark.parametrize(
    "fields", [(), ("Equalizer-Debug: another",), (f"Equalizer-Debug: {TOKEN}x",), (f"X-Debug: {TOKEN}",)]
)
def test_nobody_else_is_told(
    fields: tuple[str, ...], make_origin: MakeOrigin, balance: Balance, debug: dict[str, object]
) -> None:
    lb = balance(make_origin(HELLO), **debug)
    assert lb.ask(get(*fields)).get("equalizer-decision") is None


def test_no_server_sees_the_token_nor_speaks_in_our_name(
    make_origin: MakeOrigin, balance: Balance, debug: dict[str, object]
) -> None:
    origin = make_origin(replying(lambda request: response(b"", "Equalizer-Decision: reason=forged")))
    lb = balance(origin, **debug)
    assert decision(lb.ask(get(SHOWS, "Equalizer-Debug: another")))["reason"] == "new"
    assert origin.requests[0].get("equalizer-debug") is None


def test_without_the_setting_the_field_is_any_other(make_origin: MakeOrigin, balance: Balance) -> None:
    origin = make_origin(HELLO)
    lb = balance(origin)
    assert lb.ask(get(SHOWS)).get("equalizer-decision") is None
    assert origin.requests[0].get("equalizer-debug") == TOKEN


def test_our_own_answers_tell_too(
    make_origin: MakeOrigin, balance: Balance, debug: dict[str, object]
) -> None:
    gone = make_origin(HELLO)
    address = gone.address
    gone.end()
    lb: Balancer = balance({"web1": address}, **debug)
    answer = lb.ask(get(SHOWS))
    assert answer.status == 503
    assert decision(answer) == {
        "reason": "new",
        "pool": "shop",
        "alternatives": '("web1";state=up)',
    }
    assert TOKEN not in repr(answer)


def test_the_token_shows_nowhere(
    make_origin: MakeOrigin, balance: Balance, debug: dict[str, object], tmp_path: Path
) -> None:
    log = tmp_path / "access.log"
    lb = balance(make_origin(HELLO), **debug, access_log={"to": str(log)})
    lb.ask(get(SHOWS))
    shown = [repr(lb.report()), repr(lb.service.status()), lb.service.metrics().text, repr(lb.service)]
    lb.stop()
    shown.append(log.read_text())
    assert shown[-1].count("\n") == 1
    assert not [text for text in shown if TOKEN in text]
