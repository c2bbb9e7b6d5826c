"""Cookies that are made and opened for their owner, whatever kinds stand before the one that is sealed."""

from pathlib import Path

import pytest

from conftest import Balance
from equalizer.control import cookies, rotation
from equalizer.errors import ConfigError
from flow.persistence.conftest import MakeServers
from support.origin import Origin
from support.process import run, running
from support.visitor import Visitor, reasons


def configured(tmp_path: Path, persistence: str, origins: dict[str, Origin]) -> Path:
    """The configuration as a file, for the commands."""
    servers = "\n".join(f'{name} = "{origin.address}"' for name, origin in origins.items())
    file = tmp_path / "equalizer.toml"
    file.write_text(
        f'[listeners.web]\naddress = "127.0.0.1:0"\n[pools.shop]\npersistence = {persistence}\n'
        f'[pools.shop.servers]\n{servers}\n[keys]\nfile = "keys"\n'
    )
    return file


@pytest.mark.parametrize(
    ("chain", "name"),
    [
        ([{"kind": "cookie", "mode": "prefix", "name": "ID"}], "ID"),
        ([{"kind": "cookie", "mode": "prefix", "name": "ID", "seal_value": True}], "ID"),
        ([{"kind": "cookie", "mode": "rewrite", "name": "ID"}], "ID"),
        ([{"kind": "cookie", "mode": "learn", "name": "ID"}, {"kind": "cookie"}], "EQ"),
        ([{"kind": "cookie", "mode": "route", "name": "ID"}, {"kind": "cookie"}], "EQ"),
        ([{"kind": "field", "name": "Session-Id"}, {"kind": "cookie"}], "EQ"),
    ],
)
def test_a_made_cookie_is_honoured_whatever_the_chain(
    balance: Balance, servers: MakeServers, tmp_path: Path, chain: list[dict[str, object]], name: str
) -> None:
    origins = servers()
    lb = balance(origins, pool={"persistence": chain}, keys={"file": str(tmp_path / "keys")})
    tables = (", ".join(f"{key} = {_toml(value)}" for key, value in kind.items()) for kind in chain)
    file = configured(tmp_path, f"[{', '.join(f'{{ {table} }}' for table in tables)}]", origins)
    made = cookies.seal(file, "shop", "web2")
    assert made.startswith(f"{name}=")
    assert Visitor(lb).homes(f"Cookie: {made}") == {"web2"}
    assert set(reasons(lb)) <= {"recalled", "recalled_fallback"}
    opened = cookies.explain(file, made)
    assert isinstance(opened, cookies.OpenedCookie)
    assert (opened.home, opened.honoured) == ("web2", True)


def test_a_made_cookie_has_the_name_that_browsers_know_it_by(certificate: Path, tmp_path: Path) -> None:
    file = tmp_path / "equalizer.toml"
    tls = f'certificate = "{certificate / "shop.pem"}", key = "{certificate / "shop.key"}"'
    file.write_text(
        f'[listeners.web]\naddress = "127.0.0.1:0"\ntls = {{ {tls} }}\n[pools.shop]\n'
        'persistence = { kind = "cookie", prefix = "__Host-" }\nservers = { web1 = "127.0.0.1:9" }\n'
        '[keys]\nfile = "keys"\n'
    )
    rotation.new(tmp_path / "keys")
    assert cookies.seal(file, "shop", "web1").startswith("__Host-EQ=")


@pytest.mark.parametrize("own", ["", "abc", "YWI9PQ==", "a=b; Path=/", "a~b=c"])
def test_a_cookie_is_opened_whatever_the_application_has_behind_it(
    servers: MakeServers, tmp_path: Path, own: str
) -> None:
    file = configured(tmp_path, '{ kind = "cookie", mode = "prefix", name = "ID" }', servers())
    rotation.new(tmp_path / "keys")
    made = cookies.seal(file, "shop", "web2")
    for written in (f"{made}{own}", f"Set-Cookie: {made}{own}", f"{made.removeprefix('ID=')}{own}"):
        assert isinstance(cookies.explain(file, written), cookies.OpenedCookie), written


@pytest.mark.parametrize("kind", ['{ kind = "cookie", mode = "learn", name = "ID" }', '"address"'])
def test_where_no_cookie_is_sealed_none_is_made(servers: MakeServers, tmp_path: Path, kind: str) -> None:
    file = configured(tmp_path, kind, servers())
    rotation.new(tmp_path / "keys")
    with pytest.raises(ConfigError, match="found no cookie that is sealed"):
        cookies.seal(file, "shop", "web2")


def _toml(value: object) -> str:
    return "true" if value is True else f'"{value}"'


def test_a_cookie_is_judged_by_what_is_said_of_its_home(servers: MakeServers, tmp_path: Path) -> None:
    file = configured(tmp_path, '"cookie"', servers())
    rotation.new(tmp_path / "keys")
    made = cookies.seal(file, "shop", "web2")

    def judged() -> list[str]:
        return run("cookie", "open", made, file).stdout.splitlines()[-2:]

    assert judged() == ["judged by    the file alone", "honoured     yes: recalled"]
    with running(file) as balancer:
        for word, said in (
            ("drain", "yes: recalled"),
            ("maintenance", "no: home_maintenance"),
            ("up", "yes: recalled"),
        ):
            assert run(word, "shop/web2", "--config", file).returncode == 0
            process = balancer.process.pid
            assert judged() == [f"judged by    the file and process {process}", f"honoured     {said}"]
