//! HTTP/1.1 on the wire (RFC 9112): heads read in place, chunks, and heads written anew.

pub mod chunked;
pub mod decode;
pub mod encode;
mod lines;
mod target;

pub(super) use self::target::is_authority;
