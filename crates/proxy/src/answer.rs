//! Responses that we write ourselves: short plain pages for what could not be served.

use std::io::{self, IoSlice};

use equalizer_core::http::h1::encode::{self, Delivery};

use crate::access::notes::Notes;
use crate::clock::Late;
use crate::serve::Client;
use crate::worker::Worker;

/// Seconds after which a client may come again that nobody can tell more exactly.
pub(crate) const RETRY_AFTER: u32 = 5;

/// An answer of ours: a page of one line.
pub(crate) struct Page<'a> {
    pub(crate) status: u16,
    /// Where the client shall go; empty for nowhere.
    pub(crate) location: &'a [u8],
    /// In how many seconds it may come again, where the status lets it.
    pub(crate) retry_after: u32,
    pub(crate) delivery: Delivery,
}

/// Answers with a page.
pub(crate) async fn answer(
    worker: &Worker,
    client: &Client,
    page: Page<'_>,
    head_only: bool,
    notes: &Notes,
) -> io::Result<()> {
    worker.count_answer(page.status);
    let mut text = worker.buffers.take_text();
    page.head(&worker.clock.date_line(), &mut text);
    if let Some(https) = worker.setup().https(client) {
        https.write(&mut text);
    }
    text.extend_from_slice(notes.told());
    text.extend_from_slice(b"\r\n");
    let length = text.len();
    if !head_only {
        page.body(&mut text);
    }
    notes.answered(page.status, text.len() - length);
    let written = client.write(worker, &mut [IoSlice::new(&text)]).await;
    worker.buffers.give_text(text);
    written.unwrap_or_else(|Late| Err(io::ErrorKind::TimedOut.into()))
}

impl Page<'_> {
    fn head(&self, date: &[u8], out: &mut Vec<u8>) {
        let phrase = phrase(self.status);
        encode::status_line(self.status, phrase.as_bytes(), out);
        out.extend_from_slice(b"Content-Type: text/plain; charset=utf-8\r\nCache-Control: no-store\r\n");
        out.extend_from_slice(date);
        match self.status {
            // RFC 9110, 15.5.6: what else the target takes is the server's to say; these are what we forward.
            200 | 405 => out.extend_from_slice(b"Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"),
            429 | 503 => {
                out.extend_from_slice(b"Retry-After: ");
                encode::decimal(u64::from(self.retry_after), out);
                out.extend_from_slice(b"\r\n");
            }
            _ => {}
        }
        if !self.location.is_empty() {
            out.extend_from_slice(b"Location: ");
            out.extend_from_slice(self.location);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"Content-Length: ");
        // "503 " before the phrase and a line end after it.
        encode::decimal(phrase.len() as u64 + 5, out);
        out.extend_from_slice(b"\r\n");
        encode::connection(self.delivery, out);
    }

    fn body(&self, out: &mut Vec<u8>) {
        encode::decimal(u64::from(self.status), out);
        out.push(b' ');
        out.extend_from_slice(phrase(self.status).as_bytes());
        out.push(b'\n');
    }
}

fn phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        301 => "Moved Permanently",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        414 => "URI Too Long",
        421 => "Misdirected Request",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "Internal Server Error",
    }
}
