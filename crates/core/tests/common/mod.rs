//! A shop of a few servers, as the boundary describes it.

use equalizer_core::snapshot::Snapshot;
use equalizer_core::snapshot::build::build;
use equalizer_core::snapshot::wire;
use serde_json::json;

/// The rules of one pool, `shop`, with the cookie `EQ` and these servers.
pub(crate) fn shop(servers: &[&str]) -> Snapshot {
    let addressed = servers
        .iter()
        .zip(9001..)
        .map(|(name, port)| json!({ "name": name, "address": format!("127.0.0.1:{port}"), "weight": 100 }));
    let snapshot = json!({
        "revision": 1,
        "listeners": [],
        "pools": [{
            "name": "shop",
            "balance": { "kind": "round_robin" },
            "persistence": [{ "kind": "cookie", "name": "EQ", "path": "/" }],
            "servers": addressed.collect::<Vec<_>>(),
        }],
        "routes": [{ "pool": "shop" }],
        "keys": [{ "id": 1, "secret": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=" }],
        "limits": { "head": 65536, "target": 16384, "fields": 100 },
        "timeouts": {
            "head": 1000, "body": 1000, "connect": 1000, "response": 1000, "idle_client": 1000, "idle_server": 1000,
        },
    });
    let wire: wire::Snapshot = serde_json::from_value(snapshot).expect("what the boundary speaks");
    build(&wire).expect("a snapshot that runs")
}
