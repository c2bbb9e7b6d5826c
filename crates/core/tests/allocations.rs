//! The path of a kept-alive request through the rules allocates nothing once its buffers are warm.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use equalizer_core::balance::Local;
use equalizer_core::http::edits::Edits;
use equalizer_core::http::field::Field;
use equalizer_core::http::forwarded::{Forwarded, Origin};
use equalizer_core::http::h1::decode;
use equalizer_core::http::h1::encode::{self, Delivery, Lines};
use equalizer_core::http::method::Method;
use equalizer_core::persistence::cookie::SessionId;
use equalizer_core::persistence::opened::Opened;
use equalizer_core::persistence::{Ask, Asked, Stamping};
use equalizer_core::pool::{ServerId, Tried};
use equalizer_core::snapshot::Snapshot;

mod common;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is passed on unchanged to the system's allocator, which keeps the contract; counting touches
// a thread-local number that needs neither memory of its own nor a destructor.
#[expect(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promises are those that are asked for here.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as above.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

const RESPONSE: &[u8] =
    b"HTTP/1.1 200 OK\r\nServer: shop\r\nSet-Cookie: basket=1\r\nContent-Length: 5\r\n\r\n";

/// What a worker keeps from one exchange to the next.
struct Warm {
    fields: Vec<Field>,
    message: Vec<u8>,
    response: Vec<u8>,
    edits: Edits,
    balance: Local,
}

impl Warm {
    fn new() -> Self {
        let (fields, message, response, edits) = Default::default();
        Self { fields, message, response, edits, balance: Local::new(3, 1) }
    }
}

/// One exchange without its sockets; returns the server that was chosen.
fn exchange(rules: &Snapshot, request: &[u8], warm: &mut Warm) -> ServerId {
    let Warm { fields, message, response, edits, balance } = warm;
    edits.clear();
    message.clear();
    response.clear();
    let head = decode::request(request, rules.limits, fields).expect("accepted").expect("complete");
    let route = rules.routes.find().expect("a route");
    let pool = rules.pool(route.pool).expect("a pool");
    let lines = Lines { bytes: request, fields };
    let origin = Origin { client: [192, 0, 2, 7].into(), secure: false };
    let ask = Ask {
        lines,
        target: head.target.of(request),
        host: head.host.of(request),
        method: head.method_text.of(request),
        client: origin.client,
        secure: false,
        listener: 0,
        now: 1_800_000_000,
        opened: &Opened::default(),
    };
    let mut recall = pool.persistence.recall(&rules.ring, pool, &ask, edits);
    encode::request(lines, &head, Forwarded { origin, host: head.host.of(request) }, edits, message);
    edits.clear();
    let server = pool.pick(&recall, &Tried::default(), balance).expect("a server");
    if recall.is_birth() {
        recall.bear(SessionId(7), server, false);
    }
    let head = decode::response(RESPONSE, 4096, head.method, fields).expect("accepted").expect("complete");
    let mut delivery = Delivery { http11: true, keep: true };
    let framed = delivery.framing(head.framing);
    let lines = Lines { bytes: RESPONSE, fields };
    let asked = Asked {
        method: Method::Idempotent,
        client: origin.client,
        secure: false,
        listener: 0,
        now: 1_800_000_000,
    };
    let stamping = Stamping { ring: &rules.ring, pool, server, recall: &recall, asked, lines };
    pool.persistence.stamp(&stamping, edits, response);
    encode::response(lines, &head, delivery, framed, edits, response);
    server
}

fn request(cookies: &str) -> Vec<u8> {
    let fields = "Host: shop.test\r\nAccept: */*\r\nConnection: keep-alive\r\nUser-Agent: test\r\n";
    format!("GET /basket?item=7 HTTP/1.1\r\n{fields}Cookie: {cookies}\r\n\r\n").into_bytes()
}

#[test]
fn matchers_allocate_nothing() {
    let unless = serde_json::json!([
        { "path": ["/static/*", "*.css"], "method": ["GET"], "host": ["*.shop.test"],
            "field": { "User-Agent": ["*bot*"] }, "client": ["192.0.2.0/24"], "scheme": ["http"] },
        { "path": ["*/%62asket*"], "method": [], "host": ["shop.test"], "field": { "user-agent": ["*E*T"] },
            "client": ["192.0.2.0/24"], "scheme": ["http"] },
    ]);
    let rules = common::shop_unless(&["web1", "web2", "web3"], &unless);
    let mut warm = Warm::new();
    let asked = request("a=1; b=2; EQ=garbage");
    exchange(&rules, &asked, &mut warm);
    assert!(!String::from_utf8_lossy(&warm.response).contains("EQ="), "the second matches");
    let before = ALLOCATIONS.get();
    for _ in 0..100 {
        exchange(&rules, &asked, &mut warm);
    }
    assert_eq!(ALLOCATIONS.get() - before, 0);
}

#[test]
fn an_exchange_with_warm_buffers_allocates_nothing() {
    let rules = common::shop(&["web1", "web2", "web3"]);
    let mut warm = Warm::new();
    exchange(&rules, &request("a=1"), &mut warm);
    let text = String::from_utf8(warm.response.clone()).expect("text");
    let ours = text.split("Set-Cookie: ").find(|line| line.starts_with("EQ=")).expect("a cookie");
    let ours = ours.split(';').next().expect("a pair");
    let known = request(&format!("a=1; {ours}; b=2"));
    let unknown = request("a=1; b=2; EQ=garbage; EQ=AQAA");
    exchange(&rules, &known, &mut warm);
    exchange(&rules, &unknown, &mut warm);
    for asked in [&known, &unknown] {
        let before = ALLOCATIONS.get();
        for _ in 0..100 {
            exchange(&rules, asked, &mut warm);
        }
        assert_eq!(ALLOCATIONS.get() - before, 0, "{}", String::from_utf8_lossy(asked));
    }
    let before = ALLOCATIONS.get();
    drop(Box::new(7));
    assert_eq!(ALLOCATIONS.get() - before, 1, "what is allocated is counted");
}
