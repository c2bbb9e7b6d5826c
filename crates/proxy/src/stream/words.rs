//! Heads from HTTP/2 in HTTP/1.1's words, and back.

use std::io;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64_simd::STANDARD;
use equalizer_core::http::field::{Field, Known};
use equalizer_core::http::h1::decode::{RequestHead, ResponseHead};
use equalizer_core::http::h1::encode;
use h2::ext::Protocol;
use http::header::{
    CONTENT_LENGTH, COOKIE, HOST, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, TE,
};
use http::uri::Scheme;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, request, response};

/// What both sides of a WebSocket append to its key (RFC 6455, 1.3).
const KEY: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// What a response answers.
pub(super) enum Question {
    /// A request of this method.
    Method(Method),
    /// A request for WebSocket, whose key is agreed to with this; empty where it had none.
    WebSocket(String),
}

/// Whether a value begins or ends with white space (RFC 9113, 8.2.1).
pub(crate) fn are_spaced(fields: &HeaderMap) -> bool {
    let blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    fields.values().map(HeaderValue::as_bytes).any(|value| blank(value.first()) || blank(value.last()))
}

/// Whether a request asks for WebSocket (RFC 8441, 5).
pub(super) fn is_websocket(head: &request::Parts) -> bool {
    head.extensions.get::<Protocol>().is_some_and(|protocol| protocol.as_str() == "websocket")
}

/// Writes a request's head; one that asks for WebSocket asks for it as HTTP/1.1 does.
pub(super) fn write_request(head: &request::Parts, ended: bool, out: &mut Vec<u8>) {
    let websocket = is_websocket(head);
    out.extend_from_slice(if websocket { b"GET" } else { head.method.as_str().as_bytes() });
    out.push(b' ');
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    out.extend_from_slice(target.as_bytes());
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
        // HTTP/2 has no use for a key of the client's (RFC 8441, 5): the server gets ours.
        let replaced = websocket && *name == SEC_WEBSOCKET_KEY;
        if *name != COOKIE && !(*name == HOST && agreed) && !replaced {
            write_field(name.as_str().as_bytes(), value.as_bytes(), out);
        }
    }
    write_cookies(&head.headers, out);
    if websocket {
        write_field(b"connection", b"upgrade", out);
        write_field(b"upgrade", b"websocket", out);
        // HTTP/2 has no need of it (RFC 8441, 5); it keeps caches and mistakes out, and is no secret.
        write_field(
            b"sec-websocket-key",
            STANDARD.encode_to_string(fastrand::u128(..).to_ne_bytes()).as_bytes(),
            out,
        );
    } else if !head.headers.contains_key(CONTENT_LENGTH) {
        match head.method {
            _ if !ended => write_field(b"transfer-encoding", b"chunked", out),
            // RFC 9110, 8.6: servers expect one to be told, be it empty.
            Method::POST | Method::PUT | Method::PATCH => write_field(b"content-length", b"0", out),
            _ => {}
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes a response's head.
pub(super) fn write_response(head: &response::Parts, to: &Question, ended: bool, out: &mut Vec<u8>) {
    let to = match to {
        Question::Method(to) => to,
        Question::WebSocket(accept) if head.status.is_success() => return write_consent(head, accept, out),
        Question::WebSocket(_) => &Method::GET,
    };
    // Clients of HTTP/1.1 may expect the phrase that HTTP/2 does without.
    let phrase = head.status.canonical_reason().unwrap_or_default();
    encode::status_line(head.status.as_u16(), phrase.as_bytes(), out);
    write_fields(&head.headers, out);
    let bodiless =
        head.status.is_informational() || matches!(head.status.as_u16(), 204 | 304) || to == Method::HEAD;
    match (bodiless || head.headers.contains_key(CONTENT_LENGTH), ended) {
        (true, _) => {}
        (false, true) => write_field(b"content-length", b"0", out),
        (false, false) => write_field(b"transfer-encoding", b"chunked", out),
    }
    out.extend_from_slice(b"\r\n");
}

/// What is a plain success here is a change of protocol in HTTP/1.1 (RFC 8441, 5).
fn write_consent(head: &response::Parts, accept: &str, out: &mut Vec<u8>) {
    encode::status_line(101, b"Switching Protocols", out);
    for (name, value) in &head.headers {
        // Of no length may be told (RFC 9110, 9.3.6), and HTTP/2 has no use for the other.
        if *name != CONTENT_LENGTH && *name != SEC_WEBSOCKET_ACCEPT {
            write_field(name.as_str().as_bytes(), value.as_bytes(), out);
        }
    }
    write_field(b"connection", b"upgrade", out);
    write_field(b"upgrade", b"websocket", out);
    if !accept.is_empty() {
        write_field(b"sec-websocket-accept", accept.as_bytes(), out);
    }
    out.extend_from_slice(b"\r\n");
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

/// Writes field lines.
pub(super) fn write_fields(fields: &HeaderMap, out: &mut Vec<u8>) {
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

/// A response's head as HTTP/2 has it.
pub(super) fn read_response(text: &[u8], head: &ResponseHead, fields: &[Field]) -> io::Result<Response<()>> {
    let mut response = Response::new(());
    // What HTTP/1.1 says with 101 is a plain success here (RFC 8441, 5).
    let status = if head.status == 101 { 200 } else { head.status };
    *response.status_mut() = StatusCode::from_u16(status).map_err(io::Error::other)?;
    read_fields(text, fields, response.headers_mut())?;
    if head.status == 101 {
        response.headers_mut().remove(SEC_WEBSOCKET_ACCEPT);
    }
    Ok(response)
}

/// A request's head as HTTP/2 has it, and what its response will answer; the server hears that trailers are welcome.
pub(super) fn read_request(
    text: &[u8],
    head: &RequestHead,
    fields: &[Field],
    scheme: Scheme,
) -> io::Result<(Request<()>, Question)> {
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(head.method_text.of(text)).map_err(io::Error::other)?;
    // A client of HTTP/1.0 may have named no host.
    let host = Some(head.host.of(text)).filter(|host| !host.is_empty()).unwrap_or(b"localhost");
    let uri = Uri::builder().scheme(scheme).authority(host).path_and_query(head.target.of(text));
    // What is no URI (RFC 3986) can be said in HTTP/1.1 only.
    *request.uri_mut() = uri.build().map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    read_fields(text, fields, request.headers_mut())?;
    if head.upgrade {
        let accept = request.headers_mut().remove(SEC_WEBSOCKET_KEY).map(|key| accept(&key));
        // What follows is no content (RFC 9110, 9.3.6), also where a client said that there is none.
        request.headers_mut().remove(CONTENT_LENGTH);
        *request.method_mut() = Method::CONNECT;
        request.extensions_mut().insert(Protocol::from_static("websocket"));
        return Ok((request, Question::WebSocket(accept.unwrap_or_default())));
    }
    request.headers_mut().insert(TE, HeaderValue::from_static("trailers"));
    let question = Question::Method(request.method().clone());
    Ok((request, question))
}

/// What proves to a client that its key was read (RFC 6455, 4.2.2).
fn accept(key: &HeaderValue) -> String {
    let both = [key.as_bytes(), KEY].concat();
    STANDARD.encode_to_string(digest(&SHA1_FOR_LEGACY_USE_ONLY, &both))
}

/// Trailers as HTTP/2 has them; `None` where there are none.
pub(super) fn read_trailers(lines: &[u8]) -> io::Result<Option<HeaderMap>> {
    let mut trailers = HeaderMap::new();
    for line in lines.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()) {
        let colon = line.iter().position(|&byte| byte == b':').unwrap_or(line.len());
        let (name, value) = line.split_at(colon);
        let name = HeaderName::from_bytes(name).map_err(io::Error::other)?;
        let value = value.strip_prefix(b":").unwrap_or_default().trim_ascii();
        trailers.append(name, HeaderValue::from_bytes(value).map_err(io::Error::other)?);
    }
    Ok(Some(trailers).filter(|trailers| !trailers.is_empty()))
}

/// What concerns one connection only has no place in HTTP/2 (RFC 9113, 8.2.2), and the authority one of its own.
fn read_fields(text: &[u8], fields: &[Field], into: &mut HeaderMap) -> io::Result<()> {
    into.reserve(fields.len());
    for field in fields {
        if matches!(
            field.known,
            Known::Connection | Known::TransferEncoding | Known::HopByHop | Known::Upgrade | Known::Host
        ) {
            continue;
        }
        let name = HeaderName::from_bytes(field.name.of(text)).map_err(io::Error::other)?;
        let value = HeaderValue::from_bytes(field.value.of(text)).map_err(io::Error::other)?;
        into.append(name, value);
    }
    Ok(())
}
