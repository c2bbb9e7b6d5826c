//! What is wrong with a request of HTTP/2 that the library which decodes it does not tell.

pub mod blocks;
mod huffman;
