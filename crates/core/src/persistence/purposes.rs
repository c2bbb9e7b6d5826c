//! What a kind's seals are bound to: one purpose for all listeners, or one for each.

use super::cookie::Purpose;

/// The purposes of one kind.
#[derive(Debug)]
pub enum Purposes {
    /// The same everywhere.
    One(Purpose),
    /// By the listener's place in the snapshot, and one more for all that are not in it: connections outlive theirs.
    Each(Vec<Purpose>, Purpose),
}

impl Purposes {
    /// The purpose on a listener.
    pub fn on(&self, listener: usize) -> &Purpose {
        match self {
            Self::One(purpose) => purpose,
            Self::Each(purposes, gone) => purposes.get(listener).unwrap_or(gone),
        }
    }

    /// All of them.
    pub fn all(&self) -> &[Purpose] {
        match self {
            Self::One(purpose) => std::slice::from_ref(purpose),
            Self::Each(purposes, _) => purposes,
        }
    }

    /// The same, for the application's values beside the tokens.
    pub(super) fn of_values(&self) -> Self {
        match self {
            Self::One(purpose) => Self::One(purpose.of_values()),
            Self::Each(purposes, gone) => {
                Self::Each(purposes.iter().map(Purpose::of_values).collect(), gone.of_values())
            }
        }
    }
}
