//! What comes on a stream, written in HTTP/1.1's words.

use std::io;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use equalizer_core::http::h1::encode;
use h2::RecvStream;
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, COOKIE, HOST};
use http::request::Parts;

/// A message on its way in.
pub(super) struct Incoming {
    /// Words that were not read yet, from `read` on.
    text: Vec<u8>,
    read: usize,
    /// Content that was not read yet.
    data: Bytes,
    body: Body,
}

enum Body {
    /// Content whose length the head tells.
    Plain(RecvStream),
    /// Content in chunks.
    Chunks(RecvStream),
    Done,
}

impl Incoming {
    /// A request: its head is here, its body comes.
    pub(super) fn request(head: &Parts, body: RecvStream) -> Self {
        let mut text = Vec::with_capacity(1024);
        let framed = write_request(head, body.is_end_stream(), &mut text);
        let body = match framed {
            _ if body.is_end_stream() => Body::Done,
            true => Body::Plain(body),
            false => Body::Chunks(body),
        };
        Self { text, read: 0, data: Bytes::new(), body }
    }

    /// Reads what is here; 0 bytes is the end.
    pub(super) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            if self.read < self.text.len() {
                let length = copy(&self.text[self.read..], into);
                self.read += length;
                return Poll::Ready(Ok(length));
            }
            if !self.data.is_empty() {
                let length = copy(&self.data, into);
                let _ = self.data.split_to(length);
                return Poll::Ready(Ok(length));
            }
            if matches!(self.body, Body::Done) {
                return Poll::Ready(Ok(0));
            }
            ready!(self.poll_more(context))?;
        }
    }

    /// Takes the next content or the end from the stream.
    fn poll_more(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.text.clear();
        self.read = 0;
        let (stream, chunks) = match &mut self.body {
            Body::Plain(stream) => (stream, false),
            Body::Chunks(stream) => (stream, true),
            Body::Done => return Poll::Ready(Ok(())),
        };
        if let Some(data) = ready!(stream.poll_data(context)) {
            let data = data.map_err(super::broken)?;
            // Read at once by whoever asked: the buffers behind this are what holds the client back.
            stream.flow_control().release_capacity(data.len()).map_err(super::broken)?;
            if chunks && !data.is_empty() {
                encode::chunk_size(data.len(), &mut self.text);
                self.text.extend_from_slice(&data);
                self.text.extend_from_slice(b"\r\n");
            } else {
                self.data = data;
            }
            return Poll::Ready(Ok(()));
        }
        let trailers = ready!(stream.poll_trailers(context)).map_err(super::broken)?;
        if chunks {
            self.text.extend_from_slice(b"0\r\n");
            trailers.iter().for_each(|fields| write_fields(fields, &mut self.text));
            self.text.extend_from_slice(b"\r\n");
        }
        self.body = Body::Done;
        Poll::Ready(Ok(()))
    }
}

fn copy(from: &[u8], into: &mut [u8]) -> usize {
    let length = from.len().min(into.len());
    into[..length].copy_from_slice(&from[..length]);
    length
}

/// Writes a request's head; whether its body's length is told.
fn write_request(head: &Parts, ended: bool, out: &mut Vec<u8>) -> bool {
    out.extend_from_slice(head.method.as_str().as_bytes());
    out.push(b' ');
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    out.extend_from_slice(if target.is_empty() { "/" } else { target }.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    let agreed = head.uri.authority().is_some_and(|authority| {
        write_field(b"host", authority.as_str().as_bytes(), out);
        // RFC 9113, 8.3.1: where both are there they must agree. The decoder refuses a second Host, and so one that
        // differs; a single one that says the same is left out.
        let mut hosts = head.headers.get_all(HOST).iter();
        hosts.next().is_some_and(|host| host.as_bytes() == authority.as_str().as_bytes())
            && hosts.next().is_none()
    });
    for (name, value) in &head.headers {
        if *name != COOKIE && !(*name == HOST && agreed) {
            write_field(name.as_str().as_bytes(), value.as_bytes(), out);
        }
    }
    write_cookies(&head.headers, out);
    let framed = head.headers.contains_key(CONTENT_LENGTH);
    if !ended && !framed {
        write_field(b"transfer-encoding", b"chunked", out);
    }
    out.extend_from_slice(b"\r\n");
    framed
}

/// Cookies may come in crumbs (RFC 9113, 8.2.3); HTTP/1.1 has one field of them.
fn write_cookies(fields: &HeaderMap, out: &mut Vec<u8>) {
    let mut crumbs = fields.get_all(COOKIE).iter();
    let Some(first) = crumbs.next() else { return };
    out.extend_from_slice(b"cookie: ");
    out.extend_from_slice(first.as_bytes());
    for crumb in crumbs {
        out.extend_from_slice(b"; ");
        out.extend_from_slice(crumb.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

fn write_fields(fields: &HeaderMap, out: &mut Vec<u8>) {
    for (name, value) in fields {
        write_field(name.as_str().as_bytes(), value.as_bytes(), out);
    }
}

fn write_field(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}
