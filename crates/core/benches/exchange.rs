//! What reading and writing heads costs an exchange.
#![allow(missing_docs)]

use divan::{Bencher, black_box};
use equalizer_core::http::edits::Edits;
use equalizer_core::http::forwarded::{Forwarded, Origin};
use equalizer_core::http::h1::decode::{self, Limits};
use equalizer_core::http::h1::encode::{self, Delivery, Lines};
use equalizer_core::http::method::Method;

fn main() {
    divan::main();
}

const LIMITS: Limits = Limits { head: 65_536, target: 16_384, fields: 100 };

/// As a browser asks.
const REQUEST: &[u8] = b"GET /shop/category/garden?page=3 HTTP/1.1\r\nHost: shop.example\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n\
    Accept-Language: en-US,en;q=0.9,de;q=0.8\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n\
    Referer: http://shop.example/shop/category/garden?page=2\r\nUpgrade-Insecure-Requests: 1\r\n\
    Sec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\nConnection: keep-alive\r\n\
    Cookie: basket=4711; theme=dark\r\n\r\n";

const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nServer: shop\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n\
    Content-Type: text/html\r\nContent-Length: 500\r\nCache-Control: private, no-cache\r\nX-Server: web1\r\n\r\n";

#[divan::bench(sample_size = 1000)]
fn read_request(bencher: Bencher) {
    let mut fields = Vec::new();
    bencher
        .bench_local(|| decode::request(black_box(REQUEST), LIMITS, &mut fields).map(|head| head.is_some()));
}

#[divan::bench(sample_size = 1000)]
fn read_response(bencher: Bencher) {
    let mut fields = Vec::new();
    let read = |bytes, fields: &mut _| decode::response(bytes, 65_536, Method::Other, fields);
    bencher.bench_local(|| read(black_box(RESPONSE), &mut fields).map(|head| head.is_some()));
}

#[divan::bench(sample_size = 1000)]
fn write_request(bencher: Bencher) {
    let mut fields = Vec::new();
    let head = decode::request(REQUEST, LIMITS, &mut fields).expect("accepted").expect("whole");
    let lines = Lines { bytes: REQUEST, fields: &fields };
    let origin = Origin { client: [192, 0, 2, 7].into(), secure: true };
    let forwarded = Forwarded { origin, host: head.host.of(REQUEST) };
    let mut out = Vec::new();
    bencher.bench_local(|| {
        out.clear();
        encode::request(black_box(lines), &head, forwarded, &Edits::default(), &mut out);
    });
}

#[divan::bench(sample_size = 1000)]
fn write_response(bencher: Bencher) {
    let mut fields = Vec::new();
    let head =
        decode::response(RESPONSE, 65_536, Method::Other, &mut fields).expect("accepted").expect("whole");
    let lines = Lines { bytes: RESPONSE, fields: &fields };
    let delivery = Delivery { http11: true, keep: true };
    let mut out = Vec::new();
    bencher.bench_local(|| {
        out.clear();
        encode::response(black_box(lines), &head, delivery, head.framing, &Edits::default(), &mut out);
    });
}
