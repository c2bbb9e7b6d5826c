//! Which pool a request belongs to: routes in order, the first that matches wins.

pub mod glob;
pub mod matcher;

/// A pool's position in the snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolId(pub usize);

/// Where the requests go that match.
#[derive(Debug, Clone)]
pub struct Route {
    /// The pool that answers them.
    pub pool: PoolId,
}

/// All routes of a snapshot, in order.
#[derive(Debug, Clone, Default)]
pub struct Routes(pub Vec<Route>);

impl Routes {
    /// The first route that matches a request.
    pub fn find(&self) -> Option<&Route> {
        self.0.first()
    }
}
