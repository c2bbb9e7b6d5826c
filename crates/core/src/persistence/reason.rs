//! Why an exchange went to the server it went to: a closed list, one word each in logs, metrics and answers.

/// Why this server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The pool keeps no sessions.
    None,
    /// The client brought no session.
    New,
    /// It came at the same moment as another request of a new client, and shares its birth.
    NewShared,
    /// The client brought no session, and none begins with such a request.
    NotAsked,
    /// The session reached its home.
    Recalled,
    /// The session reached its home by a kind of persistence that is not the first in the chain.
    RecalledFallback,
    /// The cookie was another balancer's, and names a server of ours.
    Accepted,
    /// A value that is not one of ours, or was tampered with.
    NotOurs,
    /// A value sealed by a key that is not in the ring.
    SealedByUnknownKey,
    /// Several values, of different sessions.
    Ambiguous,
    /// The session was idle for too long.
    ExpiredIdle,
    /// The session was too old.
    ExpiredLife,
    /// Its generation has been ended.
    Generation,
    /// The home keeps no sessions any more.
    NotKept,
    /// The home is no longer a server of the pool.
    HomeRemoved,
    /// The home did not answer, or is known not to.
    HomeDown,
    /// The home is under maintenance.
    HomeMaintenance,
    /// The home drains, and the session's time there was over.
    HomeDrainingMoved,
    /// The home was restarted, and has lost the session.
    IncarnationChanged,
    /// The home before the present one is back, and took its session again.
    FailedBack,
    /// The session was idle, and moved to a server that joined.
    Rebalanced,
    /// The home was at its limit: this request went elsewhere, and the session keeps its home.
    Overflow,
    /// The home was at its limit so often that the session got another.
    OverflowRehomed,
    /// The home failed this request: another server answered it, and the session keeps its home.
    HomeFailed,
    /// Nobody had room, and too many were waiting.
    QueueFull,
    /// Nobody had room in time.
    QueueTimeout,
    /// The home is gone, and the pool does not re-home.
    StrictRefused,
    /// The server ended the session.
    Released,
    /// The server sent the session elsewhere.
    Moved,
}

impl Reason {
    /// All reasons, in the order of their numbers.
    pub const ALL: [Self; 29] = [
        Self::None,
        Self::New,
        Self::NewShared,
        Self::NotAsked,
        Self::Recalled,
        Self::RecalledFallback,
        Self::Accepted,
        Self::NotOurs,
        Self::SealedByUnknownKey,
        Self::Ambiguous,
        Self::ExpiredIdle,
        Self::ExpiredLife,
        Self::Generation,
        Self::NotKept,
        Self::HomeRemoved,
        Self::HomeDown,
        Self::HomeMaintenance,
        Self::HomeDrainingMoved,
        Self::IncarnationChanged,
        Self::FailedBack,
        Self::Rebalanced,
        Self::Overflow,
        Self::OverflowRehomed,
        Self::HomeFailed,
        Self::QueueFull,
        Self::QueueTimeout,
        Self::StrictRefused,
        Self::Released,
        Self::Moved,
    ];

    /// The word for logs and metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::New => "new",
            Self::NewShared => "new_shared",
            Self::NotAsked => "not_asked",
            Self::Recalled => "recalled",
            Self::RecalledFallback => "recalled_fallback",
            Self::Accepted => "accepted",
            Self::NotOurs => "not_ours",
            Self::SealedByUnknownKey => "sealed_by_unknown_key",
            Self::Ambiguous => "ambiguous",
            Self::ExpiredIdle => "expired_idle",
            Self::ExpiredLife => "expired_life",
            Self::Generation => "generation",
            Self::NotKept => "not_kept",
            Self::HomeRemoved => "home_removed",
            Self::HomeDown => "home_down",
            Self::HomeMaintenance => "home_maintenance",
            Self::HomeDrainingMoved => "home_draining_moved",
            Self::IncarnationChanged => "incarnation_changed",
            Self::FailedBack => "failed_back",
            Self::Rebalanced => "rebalanced",
            Self::Overflow => "overflow",
            Self::OverflowRehomed => "overflow_rehomed",
            Self::HomeFailed => "home_failed",
            Self::QueueFull => "queue_full",
            Self::QueueTimeout => "queue_timeout",
            Self::StrictRefused => "strict_refused",
            Self::Released => "released",
            Self::Moved => "moved",
        }
    }

    /// Whether a limit decided.
    pub fn is_of_limit(self) -> bool {
        matches!(self, Self::Overflow | Self::OverflowRehomed | Self::QueueFull | Self::QueueTimeout)
    }

    /// Whether a session that was alive did not reach the server that held its state.
    pub fn is_loss(self) -> bool {
        matches!(
            self,
            Self::HomeRemoved
                | Self::HomeDown
                | Self::HomeMaintenance
                | Self::HomeDrainingMoved
                | Self::IncarnationChanged
                | Self::OverflowRehomed
                | Self::StrictRefused
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_stands_at_its_number_with_a_word_of_its_own() {
        let mut words: Vec<_> = Reason::ALL.iter().map(|reason| reason.word()).collect();
        assert!(Reason::ALL.iter().enumerate().all(|(number, reason)| *reason as usize == number));
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Reason::ALL.len());
    }
}
