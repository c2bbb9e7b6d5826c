"""Large customers have servers of their own; everybody else shares the rest."""

import equalizer

HOMES = {"acme": "web1", "globex": "web2"}
SHARED = ("web2", "web3")


def choose(birth: equalizer.Birth, pool: equalizer.PoolNow) -> str | None:
    """The customer's own server while it takes sessions, else the least busy of the shared ones."""
    own = pool.servers.get(HOMES.get(birth.fields.get("X-Customer", ""), ""))
    if own is not None and own.takes_sessions:
        return own.name
    shared = [server for name, server in pool.servers.items() if name in SHARED and server.takes_sessions]
    return min(shared, key=lambda server: server.in_flight).name if shared else None
