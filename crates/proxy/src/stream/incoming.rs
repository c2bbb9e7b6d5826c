//! What comes on a stream, in HTTP/1.1's words.

use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use equalizer_core::http::h1::encode;
use h2::client::ResponseFuture;
use h2::{Reason, RecvStream, StreamId};
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, request};

use super::Malformed;
use super::words::{self, Question};

/// A message on its way in.
pub(super) struct Incoming {
    /// Words that were not read yet, from `read` on.
    text: Vec<u8>,
    read: usize,
    /// Content that was not read yet.
    data: Bytes,
    rest: Rest,
    /// Whether the server has said that it does not take the request up.
    pub(super) refused: bool,
    /// Where it is noted that it breaks a rule which the library does not know.
    noted: Rc<Malformed>,
    /// Whether it does.
    pub(super) is_malformed: bool,
}

/// What is still to come.
enum Rest {
    /// All of a response.
    Response(ResponseFuture, Question),
    /// Content whose length the head told.
    Plain(RecvStream),
    /// Content in chunks.
    Chunks(RecvStream),
    Nothing,
}

impl Incoming {
    fn new(text: Vec<u8>, rest: Rest, noted: Rc<Malformed>) -> Self {
        Self { text, read: 0, data: Bytes::new(), rest, refused: false, noted, is_malformed: false }
    }

    /// Nothing comes yet.
    pub(super) fn nothing(noted: Rc<Malformed>) -> Self {
        Self::new(Vec::new(), Rest::Nothing, noted)
    }

    /// A request: its head is here, its body comes.
    pub(super) fn request(head: &request::Parts, body: RecvStream, noted: Rc<Malformed>) -> Self {
        let mut text = Vec::with_capacity(1024);
        words::write_request(head, body.is_end_stream(), &mut text);
        let told = head.headers.contains_key(CONTENT_LENGTH) || words::is_websocket(head);
        Self::new(text, Rest::body(body, told), noted)
    }

    /// A response comes.
    pub(super) fn awaits(&mut self, response: ResponseFuture, to: Question) {
        self.rest = Rest::Response(response, to);
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
            self.text.clear();
            self.read = 0;
            match &self.rest {
                Rest::Nothing => return Poll::Ready(Ok(0)),
                Rest::Response(..) => ready!(self.poll_head(context))?,
                Rest::Plain(_) | Rest::Chunks(_) => ready!(self.poll_body(context))?,
            }
        }
    }

    /// Takes the next head of a response.
    fn poll_head(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Rest::Response(response, to) = &mut self.rest else { return Poll::Ready(Ok(())) };
        let stream = response.stream_id();
        if let Poll::Ready(Some(interim)) = response.poll_informational(context) {
            self.refused = interim.as_ref().is_err_and(is_refusal);
            let (head, ()) = interim.map_err(super::broken)?.into_parts();
            words::write_response(&head, to, false, &mut self.text);
            return Poll::Ready(self.judge(stream, &head.headers));
        }
        let whole = ready!(std::pin::Pin::new(response).poll(context));
        self.refused = whole.as_ref().is_err_and(is_refusal);
        let (head, body) = whole.map_err(super::broken)?.into_parts();
        words::write_response(&head, to, body.is_end_stream(), &mut self.text);
        let tunnel = matches!(to, Question::WebSocket(_)) && head.status.is_success();
        self.rest = Rest::body(body, tunnel || head.headers.contains_key(CONTENT_LENGTH));
        Poll::Ready(self.judge(stream, &head.headers))
    }

    /// Whether what has come of a message with these fields may be passed on.
    fn judge(&mut self, stream: StreamId, fields: &HeaderMap) -> io::Result<()> {
        self.is_malformed = self.noted.take(stream) || words::are_spaced(fields);
        if self.is_malformed { Err(io::ErrorKind::InvalidData.into()) } else { Ok(()) }
    }

    /// Takes the next content or the end.
    fn poll_body(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (stream, chunks) = match &mut self.rest {
            Rest::Plain(stream) => (stream, false),
            Rest::Chunks(stream) => (stream, true),
            Rest::Response(..) | Rest::Nothing => return Poll::Ready(Ok(())),
        };
        if let Some(data) = ready!(stream.poll_data(context)) {
            let data = data.map_err(super::broken)?;
            // Whoever asked takes it at once: not asking is what holds the other side back.
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
        let (stream, trailers) = (stream.stream_id(), trailers.unwrap_or_default());
        self.judge(stream, &trailers)?;
        if chunks {
            self.text.extend_from_slice(b"0\r\n");
            words::write_fields(&trailers, &mut self.text);
            self.text.extend_from_slice(b"\r\n");
        }
        self.rest = Rest::Nothing;
        Poll::Ready(Ok(()))
    }
}

impl Rest {
    fn body(stream: RecvStream, told: bool) -> Self {
        match told {
            _ if stream.is_end_stream() => Self::Nothing,
            true => Self::Plain(stream),
            false => Self::Chunks(stream),
        }
    }
}

/// Whether a server says that it has not begun with a request (RFC 9113, 8.7): it refuses the stream, or has left before.
fn is_refusal(error: &h2::Error) -> bool {
    error.is_remote() && (error.is_go_away() || error.reason() == Some(Reason::REFUSED_STREAM))
}

fn copy(from: &[u8], into: &mut [u8]) -> usize {
    let length = from.len().min(into.len());
    into[..length].copy_from_slice(&from[..length]);
    length
}
