//! HTTP as bytes: what a message says and how it is framed.

pub mod cookies;
