//! Tells at once of servers that fail exchange after exchange: whoever decides what follows waits here.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use equalizer_core::pool::{Pool, ServerId};

/// Where workers and whoever decides meet.
#[derive(Default)]
pub struct Alarm {
    raised: Mutex<Raised>,
    /// A server has failed, or there will be no more to tell.
    come: Condvar,
}

#[derive(Default)]
struct Raised {
    servers: BTreeSet<(String, String)>,
    closed: bool,
}

impl Alarm {
    /// A server has ended an exchange well, or has failed it: only as many failures in a row as its pool says are told.
    pub(crate) fn judge(&self, pool: &Pool, server: ServerId, failed: bool) {
        if pool.watch.failures == 0 {
            return;
        }
        let server = &pool.servers[server.0];
        if server.live.has_failed(failed, pool.watch.failures) {
            self.lock().servers.insert((pool.name.clone(), server.name.clone()));
            self.come.notify_all();
        }
    }

    /// Waits for servers that have failed, so long at most: their pools and names. `None` when there will be none any
    /// more.
    pub fn wait(&self, most: Duration) -> Option<Vec<(String, String)>> {
        let raised = self.lock();
        let (mut raised, _) = self
            .come
            .wait_timeout_while(raised, most, |raised| raised.servers.is_empty() && !raised.closed)
            .unwrap_or_else(PoisonError::into_inner);
        if raised.closed { None } else { Some(std::mem::take(&mut raised.servers).into_iter().collect()) }
    }

    /// There will be no more to tell.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.come.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Raised> {
        // Nothing under the lock leaves a change half done.
        self.raised.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    fn raise(alarm: &Alarm, server: &str) {
        alarm.lock().servers.insert(("shop".to_owned(), server.to_owned()));
        alarm.come.notify_all();
    }

    #[test]
    fn a_server_is_told_of_once_however_often_it_fails_until_somebody_looks() {
        let alarm = Alarm::default();
        ["web2", "web1", "web2"].iter().for_each(|server| raise(&alarm, server));
        let told = |names: &[&str]| {
            Some(names.iter().map(|name| ("shop".to_owned(), (*name).to_owned())).collect::<Vec<_>>())
        };
        assert_eq!(alarm.wait(LONG), told(&["web1", "web2"]));
        assert_eq!(alarm.wait(Duration::ZERO), told(&[]));
    }

    #[test]
    fn nobody_waits_once_it_is_closed() {
        let alarm = std::sync::Arc::new(Alarm::default());
        let waiting = std::thread::spawn({
            let alarm = std::sync::Arc::clone(&alarm);
            move || alarm.wait(LONG)
        });
        alarm.close();
        assert_eq!(waiting.join().expect("no panic"), None);
    }
}
