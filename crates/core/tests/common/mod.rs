//! A shop of a few servers, as the boundary describes it.

use equalizer_core::snapshot::Snapshot;
use equalizer_core::snapshot::build::{At, build};
use equalizer_core::snapshot::wire;
use serde_json::{Value, json};

/// The rules of one pool, `shop`, with the cookie `EQ` and these servers.
pub(crate) fn shop(servers: &[&str]) -> Snapshot {
    shop_unless(servers, &json!([]))
}

/// The same, where requests that one of these matchers means begin no session.
pub(crate) fn shop_unless(servers: &[&str], unless: &Value) -> Snapshot {
    let wire: wire::Snapshot =
        serde_json::from_value(shop_as_written(servers, unless)).expect("what the boundary speaks");
    build(&wire, None, At { now: 1_800_000_000, chance: 7 }).expect("a snapshot that runs")
}

/// The same as JSON.
pub(crate) fn shop_as_written(servers: &[&str], unless: &Value) -> Value {
    let addressed = servers.iter().zip(9001..).map(|(name, port)| {
        json!({ "name": name, "address": format!("127.0.0.1:{port}"), "host": "", "weight": 100, "limit": 0, "spare": false, "persist": true,
            "generation": 0, "incarnation": "" })
    });
    json!({
        "revision": 1,
        "listeners": [{ "name": "web", "address": "127.0.0.1:8080", "hsts": "", "location": false, "http2": true, "trusted": [], "proxy_protocol": false, "connections": 0 }],
        "pools": [{
            "name": "shop",
            "protocol": "h1", "proxy_protocol": "off", "via": "",
            "balance": { "kind": "round_robin" },
            "persistence": [{
                "kind": "cookie", "mode": "insert", "name": "EQ", "scope": "pool",
                "attributes": {
                    "path": "/", "domain": null, "same_site": "lax", "secure": "auto", "http_only": true,
                    "partitioned": false, "max_age": null,
                },
                "strip": true, "preserve": false, "post_only": false, "cache": "skip", "seal_value": false,
                "capacity": 0, "record_idle": 0, "parameters": [], "duplicates": "first",
                "condition": { "when": [], "unless": unless },
            }],
            "sessions": {
                "idle": 0, "lifetime": 0, "generation": 0, "strict": false, "fail_back": "stay",
                "pin_field": "", "incarnation_field": "", "incarnation_on_return": false, "announce": false, "census_window": 1800,
                "burst_ms": 2000, "rebalance": null, "overflow": "elsewhere",
                "overflow_rehome": 0, "accept": [],
            },
            "queue": { "wait": 5000, "length": 128 },
            "servers": addressed.collect::<Vec<_>>(),
        }],
        "routes": [{ "pool": "shop" }],
        "keys": [{ "id": 1, "secret": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=" }],
        "limits": { "head": 65536, "target": 16384, "fields": 100, "streams": 128, "body": 0, "requests": 0, "clients": {"connections": 0, "prefix4": 32, "prefix6": 64}},
        "timeouts": {
            "head": 1000, "body": 1000, "connect": 1000, "response": 1000, "idle_client": 1000, "idle_server": 1000,
            "tunnel": 1000,
        },
    })
}
