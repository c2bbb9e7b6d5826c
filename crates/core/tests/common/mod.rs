//! A shop of a few servers, as the boundary describes it.

use equalizer_core::snapshot::Snapshot;
use equalizer_core::snapshot::build::{At, build};
use equalizer_core::snapshot::wire;
use serde_json::json;

/// The rules of one pool, `shop`, with the cookie `EQ` and these servers.
pub(crate) fn shop(servers: &[&str]) -> Snapshot {
    let addressed = servers.iter().zip(9001..).map(|(name, port)| {
        json!({ "name": name, "address": format!("127.0.0.1:{port}"), "weight": 100,
            "generation": 0, "incarnation": "" })
    });
    let snapshot = json!({
        "revision": 1,
        "listeners": [{ "name": "web", "address": "127.0.0.1:8080", "tls": null, "http2": true }],
        "pools": [{
            "name": "shop",
            "balance": { "kind": "round_robin" },
            "persistence": [{
                "kind": "cookie", "mode": "insert", "name": "EQ", "scope": "pool",
                "attributes": {
                    "path": "/", "domain": null, "same_site": "lax", "secure": "auto", "http_only": true,
                    "partitioned": false, "max_age": null,
                },
                "strip": true, "preserve": false, "post_only": false, "cache": "skip", "seal_value": false,
                "capacity": 0, "record_idle": 0, "parameters": [],
            }],
            "sessions": {
                "idle": 0, "lifetime": 0, "generation": 0, "strict": false, "fail_back": "stay",
                "pin_field": "", "incarnation_field": "", "announce": false, "census_window": 1800,
                "burst_ms": 2000, "rebalance": null, "accept": [],
            },
            "servers": addressed.collect::<Vec<_>>(),
        }],
        "routes": [{ "pool": "shop" }],
        "keys": [{ "id": 1, "secret": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=" }],
        "limits": { "head": 65536, "target": 16384, "fields": 100, "streams": 128 },
        "timeouts": {
            "head": 1000, "body": 1000, "connect": 1000, "response": 1000, "idle_client": 1000, "idle_server": 1000,
        },
    });
    let wire: wire::Snapshot = serde_json::from_value(snapshot).expect("what the boundary speaks");
    build(&wire, None, At { now: 1_800_000_000, chance: 7 }).expect("a snapshot that runs")
}
