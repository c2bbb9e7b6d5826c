//! Messages: their fields, where they end, and what of them may travel on.

pub mod believed;
pub mod caching;
pub mod cookies;
pub mod edits;
pub mod field;
pub mod forwarded;
pub mod h1;
pub mod h2;
pub mod https;
pub mod max_forwards;
pub mod method;
pub mod refusal;
pub mod reserved;
pub mod set_cookie;
pub mod trailers;
