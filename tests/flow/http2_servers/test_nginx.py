"""HTTP/2 to a server that others wrote: nginx, with TLS and without."""

import getpass
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import Balance
from support.authority import Authority
from support.balancer import get, post
from support.peers import free_address, started

CONFIG = """user {user};
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen {plain} http2;
    listen {both} ssl http2;
    listen {old} ssl;
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    location / {{ return 200 "$server_protocol $scheme $connection_requests"; }}
    location /large {{ alias {folder}/large; }}
  }}
}}
"""
LARGE = bytes(range(256)) * 4096


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Its addresses: HTTP/2 without TLS, both protocols under TLS, and HTTP/1.1 alone under TLS."""
    addresses = {name: free_address() for name in ("plain", "both", "old")}
    own = Authority(tmp_path).issue("server", "127.0.0.1")
    text = CONFIG.format(user=getpass.getuser(), folder=tmp_path, **addresses, **own)
    (tmp_path / "nginx.conf").write_text(text)
    (tmp_path / "large").write_bytes(LARGE)
    command = ["nginx", "-c", str(tmp_path / "nginx.conf"), "-e", str(tmp_path / "error.log")]
    with started(command, addresses["old"], tmp_path):
        yield addresses


@pytest.mark.parametrize(
    ("listens", "protocol", "spoken"),
    [
        ("plain", "h2c", "HTTP/2.0 http"),
        ("both", "h1", "HTTP/1.1 https"),
        ("both", "h2", "HTTP/2.0 https"),
        ("both", "auto", "HTTP/2.0 https"),
        ("old", "auto", "HTTP/1.1 https"),
    ],
)
def test_nginx_is_spoken_to_as_the_pool_says(
    balance: Balance, nginx: dict[str, str], tmp_path: Path, listens: str, protocol: str, spoken: str
) -> None:
    tls = {} if listens == "plain" else {"tls": {"ca": str(tmp_path / "authority.pem")}}
    lb = balance({"web1": nginx[listens]}, pool={"protocol": protocol, **tls})
    assert [lb.ask(get()).body.decode() for _ in range(3)] == [f"{spoken} {count}" for count in (1, 2, 3)]
    assert lb.ask(get(target="/large")).body == LARGE
    assert lb.ask(post(b"order" * 10_000)).status == 200
    assert lb.counts("web1")["connects"] == 1
    assert lb.counts("web1")["faults"] == {}


def test_nginx_without_http2_is_no_server_of_a_pool_with_it(
    balance: Balance, nginx: dict[str, str], tmp_path: Path
) -> None:
    tls = {"ca": str(tmp_path / "authority.pem")}
    lb = balance({"web1": nginx["old"]}, pool={"protocol": "h2", "tls": tls})
    assert lb.ask(get()).status == 502
    assert lb.counts("web1")["faults"] == {"tls": 1}
