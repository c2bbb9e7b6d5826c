//! Responses that we write ourselves: short plain pages for what could not be served.

use std::io::{self, IoSlice};

use equalizer_core::http::h1::encode::{self, Delivery};

use crate::clock::Late;
use crate::serve::Client;
use crate::worker::Worker;

/// Answers with `status` and a page of one line.
pub(crate) async fn answer(
    worker: &Worker,
    client: &Client,
    status: u16,
    delivery: Delivery,
    head_only: bool,
) -> io::Result<()> {
    worker.count_answer(status);
    let mut text = worker.buffers.take_text();
    page(status, delivery, head_only, &worker.clock.date_line(), &mut text);
    let written = client.write(worker, &mut [IoSlice::new(&text)]).await;
    worker.buffers.give_text(text);
    written.unwrap_or_else(|Late| Err(io::ErrorKind::TimedOut.into()))
}

fn page(status: u16, delivery: Delivery, head_only: bool, date: &[u8], out: &mut Vec<u8>) {
    let phrase = phrase(status);
    encode::status_line(status, phrase.as_bytes(), out);
    out.extend_from_slice(b"Content-Type: text/plain; charset=utf-8\r\nCache-Control: no-store\r\n");
    out.extend_from_slice(date);
    match status {
        // RFC 9110, 15.5.6: what else the target takes is the server's to say; these are what we forward.
        405 => out.extend_from_slice(b"Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"),
        503 => out.extend_from_slice(b"Retry-After: 5\r\n"),
        _ => {}
    }
    out.extend_from_slice(b"Content-Length: ");
    // "503 " before the phrase and a line end after it.
    encode::decimal(phrase.len() as u64 + 5, out);
    out.extend_from_slice(b"\r\n");
    encode::connection(delivery, out);
    out.extend_from_slice(b"\r\n");
    if !head_only {
        encode::decimal(u64::from(status), out);
        out.push(b' ');
        out.extend_from_slice(phrase.as_bytes());
        out.push(b'\n');
    }
}

fn phrase(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        414 => "URI Too Long",
        421 => "Misdirected Request",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "Internal Server Error",
    }
}
