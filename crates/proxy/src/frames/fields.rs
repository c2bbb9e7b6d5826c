//! Reads the header blocks of one side of a connection as they pass.

use equalizer_core::http::h2::blocks::{Blocks, Found};
use h2::Reason;

use super::{END_HEADERS, HEADERS, Head, PADDED, WITH_PRIORITY};

#[derive(Default)]
pub(crate) struct Fields {
    blocks: Blocks,
    /// What has come of a block, where it is in several frames.
    held: Vec<u8>,
}

impl Fields {
    /// Reads HEADERS or CONTINUATION: what was found in its block when that is at an end.
    ///
    /// # Errors
    ///
    /// Why the connection has to end.
    pub(crate) fn read(&mut self, frame: Head, content: &[u8]) -> Result<Option<Found>, Reason> {
        let fragment = fragment(frame, content).ok_or(Reason::PROTOCOL_ERROR)?;
        let ends = frame.has(END_HEADERS);
        let found = if ends && self.held.is_empty() {
            self.blocks.read(fragment)
        } else {
            self.held.extend_from_slice(fragment);
            if !ends {
                return Ok(None);
            }
            self.blocks.read(&std::mem::take(&mut self.held))
        };
        found.map(Some).ok_or(Reason::COMPRESSION_ERROR)
    }
}

/// The part of a header block in a frame; none when there is not even room for its padding.
fn fragment(frame: Head, content: &[u8]) -> Option<&[u8]> {
    let flag = |flag| frame.kind == HEADERS && frame.has(flag);
    let (padding, rest) = if flag(PADDED) { content.split_first()? } else { (&0, content) };
    let rest = if flag(WITH_PRIORITY) { rest.get(5..)? } else { rest };
    rest.get(..rest.len().checked_sub(usize::from(*padding))?)
}
