//! What becomes of a session that a request recalls: still alive, at home, moved, or over.
//!
//! The rules know neither cookie nor field: they are asked with what was opened and the time.

use super::cookie::{Before, Home, Incarnation, Session};
use super::reason::Reason;
use crate::balance::rendezvous;
use crate::pool::{Pool, Server, ServerId};
use crate::snapshot::wire::{FailBack, State};

/// What the rules say of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It goes to its home.
    Home(ServerId, Reason),
    /// It goes to its home, and is stamped anew.
    Restamp(ServerId, Reason),
    /// It has no home any more; the next one is chosen by its id.
    Homeless(Reason),
    /// It has ended.
    Over(Reason),
}

/// Judges a session by the rules of its pool. `now` in Unix seconds.
pub fn judge(pool: &Pool, session: &Session, now: u64) -> Verdict {
    let rules = &pool.sessions;
    let idle = now.saturating_sub(session.seen);
    if rules.idle > 0 && idle > u64::from(rules.idle) {
        return Verdict::Over(Reason::ExpiredIdle);
    }
    if rules.lifetime > 0 && now.saturating_sub(session.born) > u64::from(rules.lifetime) {
        return Verdict::Over(Reason::ExpiredLife);
    }
    if session.generation.pool != rules.generation {
        return Verdict::Over(Reason::Generation);
    }
    let home = pool.find_home(session.home);
    // What has ended at its home does not go on elsewhere.
    if home.is_some_and(|home| session.generation.server != pool.servers[home.0].generation) {
        return Verdict::Over(Reason::Generation);
    }
    if let Some(first) = returns_to(pool, session) {
        return Verdict::Restamp(first, Reason::FailedBack);
    }
    let verdict = judge_at(pool, session, home, now);
    if let (Some(home), Verdict::Home(_, Reason::Recalled) | Verdict::Restamp(_, Reason::Recalled)) =
        (home, verdict)
        && let Some(joined) = moves_to(pool, session, home, now)
    {
        return Verdict::Restamp(joined, Reason::Rebalanced);
    }
    verdict
}

/// The same for a session that goes nowhere of itself: neither back nor to a server that joined.
pub(super) fn judge_where_it_lives(pool: &Pool, session: &Session, now: u64) -> Verdict {
    judge_at(pool, session, pool.find_home(session.home), now)
}

fn judge_at(pool: &Pool, session: &Session, home: Option<ServerId>, now: u64) -> Verdict {
    let Some(home) = home else { return Verdict::Homeless(Reason::HomeRemoved) };
    let server = &pool.servers[home.0];
    if !server.persist {
        return Verdict::Over(Reason::NotKept);
    }
    let idle = now.saturating_sub(session.seen);
    match server.live.state() {
        State::Down => return Verdict::Homeless(Reason::HomeDown),
        State::Maintenance => return Verdict::Homeless(Reason::HomeMaintenance),
        State::Draining if !session.pinned && lets_go(pool, home, now, idle) => {
            return Verdict::Homeless(Reason::HomeDrainingMoved);
        }
        State::Up | State::Draining => {}
    }
    if server.is_past(session.incarnation, session.seen) {
        return Verdict::Restamp(home, Reason::IncarnationChanged);
    }
    if rests(pool, server.live.idle_first(), now.abs_diff(session.seen)) {
        Verdict::Restamp(home, Reason::Recalled)
    } else {
        Verdict::Home(home, Reason::Recalled)
    }
}

/// Judges a home that was recalled without a sealed session: from a record, a route, or another balancer's cookie.
pub fn judge_home(pool: &Pool, home: Home, now: u64, reason: Reason) -> Verdict {
    let Some(home) = pool.find_home(home) else { return Verdict::Homeless(Reason::HomeRemoved) };
    let Server { live, persist, .. } = &pool.servers[home.0];
    if !persist {
        return Verdict::Over(Reason::NotKept);
    }
    match live.state() {
        State::Down => Verdict::Homeless(Reason::HomeDown),
        State::Maintenance => Verdict::Homeless(Reason::HomeMaintenance),
        State::Draining if lets_go(pool, home, now, 0) => Verdict::Homeless(Reason::HomeDrainingMoved),
        State::Up | State::Draining => Verdict::Home(home, reason),
    }
}

/// Whether a draining home's session, idle for `idle` seconds, moves now: where there is nowhere else, it stays.
fn lets_go(pool: &Pool, home: ServerId, now: u64, idle: u64) -> bool {
    pool.servers[home.0].live.lets_go(now, idle) && pool.has_beside(home)
}

/// The session as it is stamped for `server`, which has answered.
pub fn settle(pool: &Pool, session: &Session, server: ServerId, now: u64) -> Session {
    let to = &pool.servers[server.0];
    let keeps_first = pool.sessions.fail_back != FailBack::Stay;
    let before = match session.before {
        _ if session.home == to.home => session.before,
        // Back where it was: there is nowhere else to return to.
        Some(before) if before.means(to.home) => None,
        Some(before) => Some(before),
        None if keeps_first => Some(Before::new(session.home, session.incarnation)),
        None => None,
    };
    let (generation, incarnation) = (pool.generation(server), to.incarnation());
    let born = session.born.min(now);
    Session { home: to.home, born, seen: now, generation, incarnation, overflows: 0, before, ..*session }
}

/// The session as it is stamped where its home had no room for it.
///
/// It stays what it was when its home last answered. Parallel requests of one cookie count as one.
pub fn put_off(pool: &Pool, session: &Session, now: u64) -> Session {
    let home = pool.find_home(session.home).map(|home| &pool.servers[home.0]);
    // One that its home has forgotten is told of that by the time of its stamp.
    let forgotten = home.is_some_and(|home| home.is_past(session.incarnation, session.seen));
    let seen = if forgotten { session.seen } else { now };
    let overflows = session.overflows.saturating_add(1).min(pool.sessions.overflow_rehome);
    Session { seen, overflows, ..*session }
}

/// The server a re-homed session came from, where it may take it back.
fn returns_to(pool: &Pool, session: &Session) -> Option<ServerId> {
    let before = session.before?;
    let first = pool.servers.iter().position(|server| before.means(server.home))?;
    let server = &pool.servers[first];
    let takes = server.attracts();
    let same_life = before.incarnation != Incarnation::UNKNOWN && before.incarnation == server.incarnation();
    match pool.sessions.fail_back {
        FailBack::Return if takes => Some(ServerId(first)),
        FailBack::ReturnSameIncarnation if takes && same_life => Some(ServerId(first)),
        _ => None,
    }
}

/// The server that joined after the session was born and is the one its id would choose, when its turn has come.
fn moves_to(pool: &Pool, session: &Session, home: ServerId, now: u64) -> Option<ServerId> {
    let rebalance = pool.sessions.rebalance.as_ref()?;
    let idle = now.saturating_sub(session.seen);
    if session.pinned || idle < u64::from(rebalance.idle_over) {
        return None;
    }
    let chosen = rendezvous::rank(
        session.id.0,
        pool.servers.iter().enumerate().map(|(place, server)| {
            (place, server.home, if server.attracts() { server.lasting_weight() } else { 0 })
        }),
    )?;
    let joined = pool.servers[chosen].live.joined();
    if ServerId(chosen) == home || joined <= session.born {
        return None;
    }
    // Every member lets the same millionths of the ids through in the same minute, the next ones in the next.
    let minutes = now.saturating_sub(joined) / 60 + 1;
    let open = minutes.saturating_mul(u64::from(rebalance.per_minute));
    let place = (session.id.0 >> 20) % 1_000_000;
    (place < open).then_some(ServerId(chosen))
}

/// Whether the stamp is so far from now that limits on idleness would not see the session's activity: a quarter of the
/// least. One of a clock that was ahead would keep the session until long after its time.
fn rests(pool: &Pool, idle_first: u32, away: u64) -> bool {
    let rebalance = pool.sessions.rebalance.as_ref().map_or(0, |rebalance| rebalance.idle_over);
    let limits = [pool.sessions.idle, rebalance, idle_first];
    limits
        .into_iter()
        .filter(|limit| *limit > 0)
        .min()
        .is_some_and(|least| away >= u64::from(least / 4).max(1))
}
