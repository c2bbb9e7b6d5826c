//! Feeds what a fuzzer finds to the claims about `header_blocks`.
#![no_main]

#[path = "../claims.rs"]
#[allow(dead_code, reason = "each target makes one claim of several")]
mod claims;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| claims::header_blocks(bytes));
