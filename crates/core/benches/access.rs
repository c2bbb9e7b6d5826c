//! What a line of the access log costs an exchange.
#![allow(missing_docs)]

use divan::{Bencher, black_box};
use equalizer_core::access::{Exchange, Request, Style, line};
use equalizer_core::persistence::Reason;
use equalizer_core::persistence::cookie::SessionId;
use equalizer_core::snapshot::wire::AccessFormat;

fn main() {
    divan::main();
}

#[divan::bench(args = [AccessFormat::Json, AccessFormat::Combined], sample_size = 1000)]
fn one_line(bencher: Bencher, format: AccessFormat) {
    let request = Request {
        method: b"GET",
        target: b"/basket?item=3",
        host: b"shop.example",
        protocol: "HTTP/1.1",
        user_agent: b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        referer: b"https://shop.example/catalogue?page=2",
    };
    let told = Exchange {
        at: 1_769_860_800_123,
        listener: "web",
        client: [192, 0, 2, 7].into(),
        tls: None,
        request: Some(request),
        status: 200,
        received: 0,
        sent: 5120,
        pool: "shop",
        server: "web2",
        home_before: "",
        reason: Some(Reason::Recalled),
        session: Some(SessionId(7)),
        attempts: 1,
        duration: 1874,
        head: Some(1790),
        fault: "",
        limit: "",
    };
    let mut out = Vec::with_capacity(1024);
    bencher.bench_local(|| {
        out.clear();
        line(black_box(&told), Style { format, query: true }, &mut out);
        out.len()
    });
}
