//! What a line of the access log costs: keeping what it tells while a client waits, and writing it later.
#![allow(missing_docs)]

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use equalizer_core::access::{Exchange, Records, Request, Style};
use equalizer_core::persistence::Reason;
use equalizer_core::persistence::cookie::SessionId;
use equalizer_core::snapshot::wire::AccessFormat;

fn main() {
    divan::main();
}

/// As many as a worker hands over together.
const LINES: usize = 512;

fn told() -> Exchange<&'static [u8]> {
    let request: Request<&[u8]> = Request {
        method: b"GET",
        target: b"/basket?item=3",
        host: b"shop.example",
        protocol: "HTTP/1.1",
        user_agent: b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        referer: b"https://shop.example/catalogue?page=2",
    };
    Exchange {
        at: 1_769_860_800_123,
        listener: b"web",
        client: [192, 0, 2, 7].into(),
        tls: None,
        request: Some(request),
        status: 200,
        received: 0,
        sent: 5120,
        pool: b"shop",
        server: b"web2",
        home_before: b"",
        reason: Some(Reason::Recalled),
        session: Some(SessionId(7)),
        attempts: 1,
        duration: 1874,
        head: Some(1790),
        fault: "",
        limit: b"",
    }
}

fn kept() -> Records {
    let mut records = Records::default();
    (0..LINES).for_each(|_| records.add(&told()));
    records
}

#[divan::bench]
fn keep(bencher: Bencher) {
    let (mut records, one) = (kept(), told());
    bencher.counter(ItemsCount::new(LINES)).bench_local(|| {
        records.clear();
        (0..LINES).for_each(|_| records.add(black_box(&one)));
    });
}

#[divan::bench(args = [AccessFormat::Json, AccessFormat::Combined])]
fn write(bencher: Bencher, format: AccessFormat) {
    let (records, mut out) = (kept(), Vec::new());
    bencher.counter(ItemsCount::new(LINES)).bench_local(|| {
        out.clear();
        black_box(&records).write(Style { format, query: true }, &mut out);
        out.len()
    });
}
