"""The two balancers that servers fail behind, told to watch as closely and to be as patient as each other."""

from __future__ import annotations

from pathlib import Path

from bench.peers import Kit, Side, serve_shop

from .crowd import COOKIE

NAMES = ("web1", "web2", "web3", "web4")


def addresses(side: Side) -> dict[str, int]:
    """The ports of a side's own servers."""
    return {name: side.ports["servers"] + place for place, name in enumerate(NAMES)}


def _equalizer(side: Side, kit: Kit, folder: Path) -> list[str]:
    tables = f"""[timeouts]
connect = "1s"

[pools.shop]
balance = "round_robin"
persistence = {{ kind = "cookie", name = "{COOKIE}" }}
probe = {{ kind = "http", path = "/", interval = "1s", timeout = "1s", rise = 2, fall = 2 }}
ejection = {{ failures = 5, slower = 3 }}

[pools.shop.retry]
on = ["connect", "closed", "response_timeout", "503"]
per_try = "1s"
sessions = "elsewhere"

[control]
socket = "{folder / "control.sock"}"
"""
    return serve_shop(kit, folder, side.ports["plain"], tables, addresses(side))


def _haproxy(side: Side, kit: Kit, folder: Path) -> list[str]:
    servers = "\n".join(
        f"  server {name} 127.0.0.1:{port} cookie {name}" for name, port in addresses(side).items()
    )
    file = folder / "haproxy.cfg"
    file.write_text(f"""global
  nbthread 1
defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server 1s
  retries 3
  option redispatch 1
  retry-on conn-failure empty-response response-timeout 503
frontend web
  bind 127.0.0.1:{side.ports["plain"]}
  default_backend shop
backend shop
  http-request disable-l7-retry if METH_POST
  balance roundrobin
  cookie {COOKIE} insert indirect nocache httponly
  option httpchk GET /
  timeout check 1s
  default-server check inter 1s rise 2 fall 2 observe layer7 error-limit 5 on-error mark-down
{servers}
""")
    return ["haproxy", "-db", "-f", str(file)]


SIDES = (
    Side(
        "equalizer",
        "`probe` every second, `ejection` after 5 failures or at 3 times the others' time, `retry` on "
        "503 and after a second",
        {"plain": 8601, "servers": 9601},
        _equalizer,
        lambda kit: [kit.equalizer, "--version"],
    ),
    Side(
        "haproxy",
        "`check inter 1s`, `observe layer7 error-limit 5 on-error mark-down`, `option redispatch 1`, "
        "`retry-on conn-failure empty-response response-timeout 503`, `timeout server 1s`",
        {"plain": 8701, "servers": 9701},
        _haproxy,
        lambda kit: ["haproxy", "-v"],
    ),
)
