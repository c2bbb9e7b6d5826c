//! What a kind's seals are bound to: one purpose for all listeners, or one for each.

use super::cookie::Purpose;

/// The purposes of one kind.
#[derive(Debug)]
pub enum Purposes {
    /// The same everywhere.
    One(Purpose),
    /// By the listener's place in the snapshot.
    Each(Vec<Purpose>),
}

impl Purposes {
    /// The purpose on a listener.
    pub fn on(&self, listener: usize) -> &Purpose {
        match self {
            Self::One(purpose) => purpose,
            Self::Each(purposes) => &purposes[listener],
        }
    }

    /// All of them.
    pub fn all(&self) -> &[Purpose] {
        match self {
            Self::One(purpose) => std::slice::from_ref(purpose),
            Self::Each(purposes) => purposes,
        }
    }

    /// The same, for the application's values beside the tokens.
    pub(super) fn of_values(&self) -> Self {
        match self {
            Self::One(purpose) => Self::One(purpose.of_values()),
            Self::Each(purposes) => Self::Each(purposes.iter().map(Purpose::of_values).collect()),
        }
    }
}
