"""Rotation after rotation of the keys: nobody is lost who comes back between two of them."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from conftest import Balance, MakeOrigin
from equalizer.control import rotation
from support.balancer import Balancer, configuration, get, set_cookie
from support.origin import terse
from support.visitor import lost, reasons

SESSIONS, ROTATIONS, KEEP, CONNECTIONS, AT_ONCE = 10_000, 5, 3, 4, 100


@dataclass
class Client:
    """Who keeps its cookie."""

    cookie: str = ""


def come(lb: Balancer, clients: list[Client]) -> list[str | None]:
    """Visits of all clients: who answers each."""
    met: list[str | None] = []
    with lb.client() as wire:
        for start in range(0, len(clients), AT_ONCE):
            some = clients[start : start + AT_ONCE]
            wire.send(b"".join(get(*([f"Cookie: {one.cookie}"] if one.cookie else [])) for one in some))
            for one in some:
                answer = wire.response()
                met.append(answer.get("server-name"))
                if answer.all("set-cookie"):
                    one.cookie = set_cookie(answer)[0]
            wire.forget()
    return met


def test_clients_that_come_back_between_rotations_outlast_them_all(
    balance: Balance, make_origin: MakeOrigin, tmp_path: Path
) -> None:
    """Each key is dropped by the third rotation after it was made."""
    servers = {name: make_origin(terse(name)) for name in ("web1", "web2", "web3")}
    ring, keys = tmp_path / "keys", {"file": str(tmp_path / "keys")}
    lb = balance(servers, workers=2, keys=keys)
    crowds = [[Client() for _ in range(SESSIONS // CONNECTIONS)] for _ in range(CONNECTIONS)]
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        homes = list(threads.map(lambda crowd: come(lb, crowd), crowds))
        for _ in range(ROTATIONS):
            assert len(rotation.rotate(ring, KEEP).ring) <= KEEP
            lb.service.reload(configuration(servers, 2, keys=keys))
            assert list(threads.map(lambda crowd: come(lb, crowd), crowds)) == homes
    born = reasons(lb)["new"] + reasons(lb).get("new_shared", 0)
    assert (born, reasons(lb)["recalled"]) == (SESSIONS, SESSIONS * ROTATIONS)
    assert lost(lb) == {}


def test_a_cookie_is_sealed_anew_only_when_the_next_rotation_drops_its_key(
    balance: Balance, make_origin: MakeOrigin, tmp_path: Path
) -> None:
    origin, ring, keys = make_origin(terse("web1")), tmp_path / "keys", {"file": str(tmp_path / "keys")}
    lb = balance(origin, keys=keys)
    client = Client()
    come(lb, [client])
    began = client.cookie
    for sealed_anew in (False, True, False):
        rotation.rotate(ring, KEEP)
        lb.service.reload(configuration({"web1": origin}, 1, keys=keys))
        for _ in range(2):
            come(lb, [client])
        assert (client.cookie != began) == sealed_anew
        began = client.cookie
