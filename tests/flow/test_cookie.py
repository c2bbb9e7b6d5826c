"""The sealed cookie on the wire: when it is given, what it says, and who gets to see it."""

import base64
from pathlib import Path

import pytest

from conftest import Balance, MakeOrigin
from support.balancer import Balancer, get, set_cookie
from support.origin import Origin, answering, response
from support.visitor import LENGTH

ATTRIBUTES = ["Path=/", "HttpOnly", "SameSite=Lax"]


def pair(lb: Balancer, *cookies: str) -> str:
    """The cookie pair that a client with these cookies is given."""
    return set_cookie(lb.ask(get(*(f"Cookie: {cookie}" for cookie in cookies))))[0]


def homes(lb: Balancer, *fields: str, times: int = 4) -> set[str | None]:
    """The servers that answer a client that sends these fields."""
    return {lb.ask(get(*fields)).get("server-name") for _ in range(times)}


def test_a_new_visitor_is_given_a_cookie_and_a_known_one_none(
    balance: Balance, shops: dict[str, Origin]
) -> None:
    lb = balance(shops)
    first = lb.ask(get())
    cookie = set_cookie(first)[0]
    for _ in range(6):
        again = lb.ask(get(f"Cookie: {cookie}"))
        assert again.get("server-name") == first.get("server-name")
        assert again.all("set-cookie") == []
    assert lb.report()["pools"]["shop"]["reasons"] == {"new": 1, "recalled": 6}


def test_every_error_and_redirect_carries_the_cookie_too(balance: Balance, make_origin: MakeOrigin) -> None:
    for status in (
        "404 Not Found",
        "302 Found",
        "500 Internal Server Error",
        "304 Not Modified",
        "204 No Content",
    ):
        lb = balance(make_origin(answering(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())))
        assert set_cookie(lb.ask(get()))


def test_interim_responses_carry_no_cookie(balance: Balance, make_origin: MakeOrigin) -> None:
    hints = (
        b"HTTP/1.1 103 Early Hints\r\nSet-Cookie: EQ=theirs\r\nSession-Pin: pin\r\nSet-Cookie: a=b\r\n\r\n"
    )
    lb = balance(make_origin(answering(hints + response(b"hello"))))
    with lb.client() as client:
        client.send(get())
        interim = client.response()
        assert (interim.all("set-cookie"), interim.get("session-pin")) == (["a=b"], None)
        assert set_cookie(client.response())


def test_the_value_is_short_and_tells_nothing(balance: Balance, shops: dict[str, Origin]) -> None:
    lb = balance(shops)
    values = [pair(lb).removeprefix("EQ=") for _ in range(9)]
    assert len(set(values)) == 9
    assert {len(value) for value in values} == {LENGTH}
    for value in values:
        held = base64.urlsafe_b64decode(value + "=")
        assert not any(name.encode() in held for name in (*shops, "shop", "127.0.0.1"))


def test_its_attributes_follow_the_scheme(
    balance: Balance, shops: dict[str, Origin], certificate: Path
) -> None:
    lb = balance(shops, folder=certificate)
    assert set_cookie(lb.ask(get()))[1:] == ATTRIBUTES
    with lb.tls_client() as client:
        client.send(get())
        assert set_cookie(client.response())[1:] == [*ATTRIBUTES, "Secure"]


def test_name_and_path_are_settings(balance: Balance, shops: dict[str, Origin]) -> None:
    persistence = {"kind": "cookie", "name": "__Shop", "path": "/shop"}
    lb = balance(shops, pool={"persistence": persistence})
    value, *attributes = set_cookie(lb.ask(get()), "__Shop")
    assert attributes[0] == "Path=/shop"
    assert len(homes(lb, f"Cookie: {value}")) == 1
    assert len(homes(lb, f"Cookie: {value.replace('__Shop', 'EQ')}")) == 3


@pytest.mark.parametrize(
    "written",
    [
        "{EQ}",
        "a=1; {EQ}",
        "a=1;{EQ}",
        "a=1;{EQ};b=2",
        "{quoted}",
        'a="1"; {quoted}; b=2',
        "EQ=garbage; {EQ}",
        "EQ=; EQ; {EQ}; EQ=more",
        "{EQ}; {other}",
        "\t{EQ} ;",
    ],
)
def test_a_cookie_is_found_wherever_it_stands(
    balance: Balance, shops: dict[str, Origin], written: str
) -> None:
    lb = balance(shops)
    cookie, other = lb.cookie("web2"), lb.cookie("web3")
    field = written.format(EQ=cookie, quoted=f'EQ="{cookie[3:]}"', other=other)
    assert homes(lb, f"Cookie: {field}") == {"web2"}
    assert lb.ask(get(f"Cookie: {field}")).all("set-cookie") == []


def test_a_cookie_is_found_in_any_of_several_fields(balance: Balance, shops: dict[str, Origin]) -> None:
    lb = balance(shops)
    assert homes(lb, "Cookie: EQ=old", "cookie: a=1", f"COOKIE: {lb.cookie('web3')}") == {"web3"}


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        ("{EQ}", None),
        ("{EQ}; a=1", "a=1"),
        ("a=1; {EQ}", "a=1"),
        ("a=1;{EQ};  b = 2 ;c", "a=1;  b = 2 ;c"),
        ("EQ=garbage; a=1; {EQ}", "a=1"),
        ('a="x; y=\xfc\\"; {EQ}; b=', 'a="x; y=\xfc\\"; b='),
        ("eq=1; EQQ=2; EQ", "eq=1; EQQ=2; EQ"),
    ],
)
def test_the_server_sees_other_cookies_to_the_byte_and_ours_never(
    balance: Balance, shops: dict[str, Origin], sent: str, seen: str | None
) -> None:
    lb = balance(shops)
    lb.ask(get("Cookie: " + sent.format(EQ=lb.cookie("web2")), "X-After: 1"))
    requests = [request for origin in shops.values() for request in origin.requests]
    request = next(request for request in requests if request.get("x-after"))
    assert request.get("cookie") == seen
    assert request.get("x-after") == "1"


def test_a_server_cannot_set_our_cookie(balance: Balance, make_origin: MakeOrigin) -> None:
    fields = ["Set-Cookie: EQ=mine; Path=/", "Set-Cookie: eq=1", "set-cookie:  EQ =2", "Set-Cookie: EQ2=3"]
    lb = balance(make_origin(answering(response(b"", *fields))))
    first = lb.ask(get())
    cookie = set_cookie(first)[0]
    assert first.all("set-cookie")[:2] == ["eq=1", "EQ2=3"]
    assert lb.ask(get(f"Cookie: {cookie}")).all("set-cookie") == ["eq=1", "EQ2=3"]


def spoiled(cookie: str) -> dict[str, str]:
    """Cookies that do not open."""
    value = cookie.removeprefix("EQ=")
    flipped = value[:40] + ("A" if value[40] != "A" else "B") + value[41:]
    texts = [
        "",
        "x",
        value[:-1],
        value[:20],
        value + "A",
        flipped,
        value.swapcase(),
        "A" * LENGTH,
        "=" * LENGTH,
        '"' + value,
    ]
    texts += ["\xff" * LENGTH, value.replace(value[0], "!"), "9" * 4000]
    return {text: f"EQ={text}" for text in texts}


def test_a_cookie_that_does_not_open_is_a_new_visitor(balance: Balance, shops: dict[str, Origin]) -> None:
    lb = balance(shops)
    for text, cookie in spoiled(lb.cookie("web2")).items():
        answers = [lb.ask(get(f"Cookie: {cookie}")) for _ in range(3)]
        assert {answer.get("server-name") for answer in answers} == set(shops), text
        assert all(set_cookie(answer) for answer in answers), text


def test_a_cookie_of_another_pool_or_ring_is_a_new_visitor(
    balance: Balance, shops: dict[str, Origin], tmp_path: Path
) -> None:
    keys = {"file": str(tmp_path / "keys")}
    lb = balance(shops, keys=keys)
    cookie = lb.cookie("web1")
    same = balance(shops, keys=keys)
    assert homes(same, f"Cookie: {cookie}") == {"web1"}
    stranger = balance(shops)
    assert homes(stranger, f"Cookie: {cookie}", times=3) == set(shops)
    addresses = {name: origin.address for name, origin in shops.items()}
    pools = {"bar": {"servers": addresses}}
    other = balance(shops, keys=keys, pools=pools)
    assert homes(other, f"Cookie: {cookie}", times=3) == set(shops)


def test_a_visitor_without_a_cookie_is_balanced_by_weight(balance: Balance, shops: dict[str, Origin]) -> None:
    light = {"servers": {name: {"address": one.address, "weight": 50} for name, one in shops.items()}}
    light["servers"]["web1"]["weight"] = 100
    lb = balance(shops, pool=light)
    answers = [lb.ask(get()).get("server-name") for _ in range(12)]
    assert [answers.count(name) for name in shops] == [6, 3, 3]
