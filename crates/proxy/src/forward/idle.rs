//! Connections to one server that wait for their next exchange.

use std::cell::RefCell;
use std::collections::VecDeque;

use crate::socket::Socket;

/// Connections kept at most, a server and worker.
const MOST: usize = 1024;

/// Idle connections, the one used last on top: it is the warmest, and the rest may grow old.
#[derive(Default)]
pub(crate) struct Idle(RefCell<VecDeque<(Socket, u64)>>);

impl Idle {
    /// A connection on which nothing has come since it was put here.
    pub(crate) fn take(&self) -> Option<Socket> {
        let mut stack = self.0.borrow_mut();
        while let Some((socket, _)) = stack.pop_back() {
            if socket.is_quiet() {
                return Some(socket);
            }
        }
        None
    }

    /// Keeps a connection; `now` in milliseconds.
    pub(crate) fn keep(&self, socket: Socket, now: u64) {
        let mut stack = self.0.borrow_mut();
        if stack.len() < MOST {
            stack.push_back((socket, now));
        }
    }

    /// Closes what is idle since before `then`, and what the server has closed.
    pub(crate) fn close_older(&self, then: u64) {
        self.0.borrow_mut().retain(|(socket, since)| *since >= then && socket.is_quiet());
    }
}
