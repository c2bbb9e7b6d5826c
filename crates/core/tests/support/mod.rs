//! A pool as a snapshot describes it, asked as the proxy asks it: heads in, heads out, no sockets.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

use std::net::IpAddr;

use equalizer_core::balance::Local;
use equalizer_core::fault::Fault;
use equalizer_core::http::edits::Edits;
use equalizer_core::http::forwarded::{Forwarded, Origin};
use equalizer_core::http::h1::decode::{self, Limits};
use equalizer_core::http::h1::encode::{self, Delivery, Lines};
use equalizer_core::http::method::Method;
use equalizer_core::persistence::cookie::SessionId;
use equalizer_core::persistence::opened::Opened;
use equalizer_core::persistence::{Ask, Asked, Reason, Recall, Stamping, announcement};
use equalizer_core::pool::{Pool, ServerId, Tried};
use equalizer_core::snapshot::build::{At, build};
use equalizer_core::snapshot::wire::{self, ServerState, State};
use equalizer_core::snapshot::{Snapshot, wire::Snapshot as Wire};
use serde_json::{Value, json};

pub const NOW: u64 = 1_800_000_000;

/// A cookie's settings, with `changes` made to the usual ones.
pub fn cookie(mode: &str, name: &str, changes: &Value) -> Value {
    let usual = json!({
        "kind": "cookie", "mode": mode, "name": name, "scope": "pool",
        "attributes": {"path": "/", "domain": null, "same_site": "lax", "secure": "auto", "http_only": true,
            "partitioned": false, "max_age": null},
        "strip": true, "preserve": false, "post_only": false, "cache": "skip", "seal_value": false,
        "capacity": 1000, "record_idle": 600, "parameters": [], "duplicates": "first",
        "condition": {"when": [], "unless": []},
    });
    merged(usual, changes)
}

pub fn field(mode: &str, name: &str) -> Value {
    json!({"kind": "field", "mode": mode, "name": name, "scope": "pool", "capacity": 1000, "record_idle": 600,
        "duplicates": "first", "condition": {"when": [], "unless": []}})
}

pub fn address() -> Value {
    json!({"kind": "address", "prefix4": 32, "prefix6": 64, "idle": 600, "capacity": 1000,
        "condition": {"when": [], "unless": []}})
}

/// A matcher with these keys.
fn matcher(written: &Value) -> Value {
    let usual = json!({"path": [], "method": [], "host": [], "field": {}, "client": [], "scheme": []});
    merged(usual, written)
}

/// A kind that is not asked for requests that one of these matches.
pub fn unless(mut kind: Value, matchers: &[Value]) -> Value {
    kind["condition"]["unless"] = matchers.iter().map(matcher).collect();
    kind
}

/// A kind that is asked only for requests that one of these matches.
pub fn when(mut kind: Value, matchers: &[Value]) -> Value {
    kind["condition"]["when"] = matchers.iter().map(matcher).collect();
    kind
}

fn merged(mut usual: Value, changes: &Value) -> Value {
    for (key, value) in changes.as_object().into_iter().flatten() {
        assert!(usual.get(key).is_some(), "{key} is no setting");
        usual[key] = value.clone();
    }
    usual
}

/// A snapshot of one pool with servers web1 to web4.
pub fn wire(kinds: &[Value], sessions: &Value) -> Wire {
    let usual = json!({
        "idle": 0, "lifetime": 0, "generation": 1, "strict": false, "fail_back": "stay", "pin_field": "",
        "incarnation_field": "", "incarnation_on_return": false, "announce": false, "census_window": 1800, "burst_ms": 0, "rebalance": null,
        "overflow": "elsewhere", "overflow_rehome": 0, "accept": [],
    });
    let servers: Vec<Value> = (1..=4)
        .map(|number| {
            json!({"name": format!("web{number}"), "address": format!("192.0.2.{number}:80"), "host": "",
                "weight": 100, "limit": 0, "spare": false, "persist": true,
                "generation": 0, "incarnation": ""})
        })
        .collect();
    let wire = json!({
        "revision": 1,
        "listeners": [{"name": "http", "address": "127.0.0.1:80", "hsts": "", "location": false, "http2": true, "trusted": [], "proxy_protocol": false, "connections": 0}],
        "pools": [{"name": "shop", "protocol": "h1", "proxy_protocol": "off", "via": "", "balance": {"kind": "round_robin"}, "persistence": kinds,
            "sessions": merged(usual, sessions), "queue": {"wait": 5000, "length": 128}, "servers": servers}],
        "routes": [{"pool": "shop"}],
        "keys": [{"id": 1, "secret": "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="}],
        "limits": {"head": 65536, "target": 8192, "fields": 100, "streams": 128, "body": 0, "requests": 0, "clients": {"connections": 0, "prefix4": 32, "prefix6": 64}},
        "timeouts": {"head": 1, "body": 1, "connect": 1, "response": 1, "idle_client": 1, "idle_server": 1,
            "tunnel": 1},
    });
    serde_json::from_value(wire).expect("a snapshot as written")
}

/// What a server saw, and what the client was answered.
pub struct Exchange {
    pub recall: Recall,
    pub server: String,
    pub reason: Reason,
    /// The request's head as the server sees it.
    pub request: String,
    /// The response's head as the client sees it.
    pub response: String,
}

impl Exchange {
    pub fn set_cookies(&self) -> Vec<&str> {
        self.response.lines().filter_map(|line| line.strip_prefix("Set-Cookie: ")).collect()
    }

    /// The value that the client keeps of a cookie.
    pub fn value(&self, name: &str) -> Option<String> {
        let set = self.set_cookies().into_iter().find_map(|set| set.strip_prefix(name)?.strip_prefix('='));
        set.map(|rest| rest.split(';').next().unwrap_or_default().to_owned())
    }

    pub fn cookies(&self) -> Option<&str> {
        self.request.lines().find_map(|line| line.strip_prefix("Cookie: "))
    }
}

/// A client and the pool it asks.
pub struct Bench {
    pub snapshot: Snapshot,
    pub now: u64,
    pub client: IpAddr,
    pub secure: bool,
    pub method: Method,
    pub target: String,
    chance: u64,
    balance: Local,
}

impl Bench {
    pub fn new(kinds: &[Value], sessions: &Value) -> Self {
        let snapshot = build(&wire(kinds, sessions), None, At { now: NOW, chance: 5 }).expect("no mistakes");
        Self {
            snapshot,
            now: NOW,
            client: IpAddr::from([198, 51, 100, 7]),
            secure: false,
            method: Method::Idempotent,
            target: "/".to_owned(),
            chance: 0x1234_5678_9abc,
            balance: Local::new(4, 1),
        }
    }

    /// Applies another snapshot, as a reload does.
    pub fn reload(&mut self, kinds: &[Value], sessions: &Value) {
        let at = At { now: self.now, chance: 6 };
        self.snapshot = build(&wire(kinds, sessions), Some(&self.snapshot), at).expect("no mistakes");
    }

    pub fn pool(&self) -> &Pool {
        &self.snapshot.pools[0]
    }

    pub fn set(&self, server: &str, state: State) {
        self.say(server, state, 0, 0);
    }

    pub fn set_all(&self, servers: &[&str], state: State) {
        for server in servers {
            self.set(server, state);
        }
    }

    pub fn say(&self, server: &str, state: State, deadline: u64, idle_first: u32) {
        let place = self.place(server);
        let said = ServerState { pool: "shop".into(), server: server.into(), state, deadline, idle_first };
        self.pool().say(&self.pool().servers[place], Some(&said), self.now);
    }

    pub fn place(&self, server: &str) -> usize {
        self.pool().servers.iter().position(|known| known.name == server).expect("a server of the pool")
    }

    /// One exchange: `request` and `response` are field lines, each with its CRLF.
    pub fn exchange(&mut self, request: &str, response: &str) -> Exchange {
        self.exchange_after(request, response, &[])
    }

    /// One exchange in which the servers of `failing` do not answer.
    pub fn exchange_after(&mut self, request: &str, response: &str, failing: &[&str]) -> Exchange {
        let mut edits = Edits::default();
        let asked = format!("GET {} HTTP/1.1\r\nHost: shop.example\r\n{request}\r\n", self.target);
        let mut fields = Vec::new();
        let limits = Limits { head: 1 << 20, target: 8192, fields: 100 };
        let head = decode::request(asked.as_bytes(), limits, &mut fields).expect("a request").expect("whole");
        let lines = Lines { bytes: asked.as_bytes(), fields: &fields };
        let ask = Ask {
            lines,
            target: head.target.of(asked.as_bytes()),
            host: head.host.of(asked.as_bytes()),
            method: head.method_text.of(asked.as_bytes()),
            client: self.client,
            secure: self.secure,
            listener: 0,
            now: self.now,
            opened: &Opened::default(),
        };
        let pool = &self.snapshot.pools[0];
        self.snapshot.reserved.cut(lines, &mut edits);
        let mut recall = pool.persistence.recall(&self.snapshot.ring, pool, &ask, &mut edits);
        let mut tried = Tried::default();
        for server in failing {
            let place = ServerId(self.place(server));
            if recall.home() == Some(place) {
                recall.turn_back(pool, self.now);
            }
            tried.failed(place, Fault::Connect);
        }
        let server = pool.pick(&recall, &tried, &mut self.balance).expect("a server is left");
        if recall.is_birth() && pool.persistence.begins(&recall) {
            self.chance = self.chance.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
            recall.bear(SessionId(self.chance), server, false);
        }
        let origin = Origin { client: self.client, secure: self.secure };
        let mut seen = Vec::new();
        encode::request(
            lines,
            &head,
            Forwarded { origin, host: head.host.of(lines.bytes) },
            &edits,
            &mut seen,
        );
        announcement(pool, &recall, server, &mut seen);

        let (answered, said) = self.answer(response, &recall, server);
        Exchange {
            recall,
            server: self.pool().servers[server.0].name.clone(),
            reason: said.unwrap_or(recall.reason(server)),
            request: String::from_utf8_lossy(&seen).into_owned(),
            response: answered,
        }
    }

    fn answer(&self, response: &str, recall: &Recall, server: ServerId) -> (String, Option<Reason>) {
        let mut edits = Edits::default();
        let text = format!("HTTP/1.1 200 OK\r\n{response}\r\n");
        let mut fields = Vec::new();
        let head = decode::response(text.as_bytes(), 1 << 20, self.method, &mut fields);
        let head = head.expect("a response").expect("whole");
        let lines = Lines { bytes: text.as_bytes(), fields: &fields };
        let asked = Asked {
            method: self.method,
            client: self.client,
            secure: self.secure,
            listener: 0,
            now: self.now,
        };
        let pool = &self.snapshot.pools[0];
        let stamping = Stamping { ring: &self.snapshot.ring, pool, server, recall, asked, lines };
        let mut written = Vec::new();
        let said = pool.persistence.stamp(&stamping, &mut edits, &mut written);
        let mut out = Vec::new();
        let delivery = Delivery { http11: true, keep: true };
        encode::response(lines, &head, delivery, head.framing, &edits, &mut out);
        out.extend_from_slice(&written);
        (String::from_utf8_lossy(&out).into_owned(), said)
    }
}

/// A request's Cookie field.
pub fn cookies(pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("Cookie: {}\r\n", pairs.join("; "))
}

/// The wire form of a snapshot may be changed before it is built.
pub fn rebuilt(wire: &wire::Snapshot, before: Option<&Snapshot>, now: u64) -> Snapshot {
    build(wire, before, At { now, chance: 9 }).expect("no mistakes")
}

/// A cookie for web2, made by a client of another address.
pub fn cookie_of_web2(bench: &mut Bench) -> String {
    let servers = ["web1", "web3", "web4"];
    let client = std::mem::replace(&mut bench.client, std::net::IpAddr::from([203, 0, 113, 1]));
    bench.set_all(&servers, State::Down);
    let value = bench.exchange("", "").value("EQ").expect("a first visit is stamped");
    bench.set_all(&servers, State::Up);
    bench.client = client;
    value
}
