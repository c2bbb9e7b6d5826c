//! Births whose home is chosen outside, by Python: taken in batches, answered in time or not at all.
//!
//! A worker puts a birth here and goes on with its other connections. Whoever calls [`Outside::births`] gets what
//! waits, and says with [`Outside::decide`] what was chosen. A thread of its own ends each wait in time: workers look
//! at the clock too seldom for that, and what is outside may be slow.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use serde::Deserialize;

/// Births that wait to be taken at most: what comes beyond them is not asked.
const MOST: usize = 8192;

/// Where workers and whoever chooses meet.
#[derive(Default)]
pub struct Outside {
    births: Mutex<Births>,
    /// There are births to take, or there will be none any more.
    come: Condvar,
    /// Another wait may end first now.
    due: Condvar,
}

#[derive(Default)]
struct Births {
    last: u64,
    open: HashMap<u64, Arc<Birth>>,
    /// Those that nobody has taken yet.
    fresh: BTreeSet<u64>,
    due: BTreeSet<(Instant, u64)>,
    has_clock: bool,
    closed: bool,
}

/// A birth, until somebody has answered it.
struct Birth {
    text: Vec<u8>,
    due: Instant,
    told: Mutex<Told>,
}

enum Told {
    Nothing(Option<Waker>),
    Choice(Choice),
    Heard,
}

/// What came of a birth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Choice {
    /// A server of this name.
    Server(String),
    /// Whichever the pool would choose by itself.
    Nobody,
    /// The function failed.
    Failed,
    /// There was no answer in time.
    Late,
}

/// What was chosen for some births.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// Births, and the names of the servers that were chosen for them, if one was.
    chosen: Vec<(u64, Option<String>)>,
    /// Births for which the choosing failed.
    failed: Vec<u64>,
}

/// A birth that waits for its answer, until it is dropped.
pub(crate) struct Asking {
    outside: Arc<Outside>,
    id: u64,
    birth: Arc<Birth>,
}

impl Outside {
    /// Asks, with a birth as JSON, and waits for `wait` milliseconds at most; `None` when too many are waiting.
    pub(crate) fn ask(self: &Arc<Self>, text: Vec<u8>, wait: u32) -> Option<Asking> {
        let due = Instant::now() + Duration::from_millis(u64::from(wait));
        let birth = Arc::new(Birth { text, due, told: Mutex::new(Told::Nothing(None)) });
        let mut births = self.lock();
        if births.closed || births.fresh.len() >= MOST {
            return None;
        }
        births.last += 1;
        let id = births.last;
        births.open.insert(id, Arc::clone(&birth));
        births.fresh.insert(id);
        births.due.insert((due, id));
        let first = births.due.first() == Some(&(due, id));
        if !births.has_clock {
            births.has_clock = true;
            let outside = Arc::downgrade(self);
            let thread = std::thread::Builder::new().name("births".to_owned());
            // Without it nobody would end a wait: nobody may begin one.
            births.has_clock = thread.spawn(move || end_waits(&outside)).is_ok();
        }
        if !births.has_clock {
            births.end(id);
            return None;
        }
        drop(births);
        if first {
            self.due.notify_one();
        }
        self.come.notify_one();
        Some(Asking { outside: Arc::clone(self), id, birth })
    }

    /// Waits for births, at most so long, and takes up to `most`: JSON of pairs of a number and a birth. `None` when
    /// there will be none any more.
    pub fn births(&self, most: usize, wait: Duration) -> Option<Vec<u8>> {
        let births = self.lock();
        let (mut births, _) = self
            .come
            .wait_timeout_while(births, wait, |births| births.fresh.is_empty() && !births.closed)
            .unwrap_or_else(PoisonError::into_inner);
        if births.closed {
            return None;
        }
        let mut taken = Vec::new();
        while taken.len() < most
            // The newest first: where there are more than can be chosen for, the oldest would be too late anyway.
            && let Some(id) = births.fresh.pop_last()
        {
            taken.extend(births.open.get(&id).map(|birth| (id, Arc::clone(birth))));
        }
        drop(births);
        let mut text = b"[".to_vec();
        for (id, birth) in taken {
            if text.len() > 1 {
                text.push(b',');
            }
            text.extend_from_slice(format!("[{id},").as_bytes());
            text.extend_from_slice(&birth.text);
            text.push(b']');
        }
        text.push(b']');
        Some(text)
    }

    /// Tells what was chosen; for births that are not waiting any more it is too late.
    pub fn decide(&self, decision: Decision) {
        let chosen = decision
            .chosen
            .into_iter()
            .map(|(id, server)| (id, server.map_or(Choice::Nobody, Choice::Server)));
        let failed = decision.failed.into_iter().map(|id| (id, Choice::Failed));
        let mut births = self.lock();
        let answered: Vec<_> = chosen
            .chain(failed)
            .filter_map(|(id, choice)| births.end(id).map(|birth| (birth, choice)))
            .collect();
        drop(births);
        answered.into_iter().for_each(|(birth, choice)| birth.tell(choice));
    }

    /// Nobody waits any more, and nobody begins to.
    pub(crate) fn close(&self) {
        let mut births = self.lock();
        births.closed = true;
        let open = std::mem::take(&mut births.open);
        (births.fresh, births.due) = Default::default();
        drop(births);
        self.come.notify_all();
        self.due.notify_all();
        open.into_values().for_each(|birth| birth.tell(Choice::Late));
    }

    fn lock(&self) -> MutexGuard<'_, Births> {
        // Nothing under the lock leaves a change half done.
        self.births.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the next wait ends, and ends it; false when there will be none any more.
    fn end_next(&self) -> bool {
        let mut births = self.lock();
        let now = Instant::now();
        let mut late = Vec::new();
        while let Some(&(due, id)) = births.due.first()
            && due <= now
        {
            late.extend(births.end(id));
        }
        if late.is_empty() && !births.closed {
            let wait = births.due.first().map_or(IDLE, |&(due, _)| due - now);
            // Woken or not, the next turn looks again.
            let (again, _) = self.due.wait_timeout(births, wait).unwrap_or_else(PoisonError::into_inner);
            births = again;
        }
        let goes_on = !births.closed;
        drop(births);
        late.into_iter().for_each(|birth| birth.tell(Choice::Late));
        goes_on
    }
}

/// How often the thread looks whether anybody is left who could ask.
const IDLE: Duration = Duration::from_secs(1);

fn end_waits(outside: &Weak<Outside>) {
    while outside.upgrade().is_some_and(|outside| outside.end_next()) {}
}

impl Births {
    /// Takes a birth out that is answered now.
    fn end(&mut self, id: u64) -> Option<Arc<Birth>> {
        let birth = self.open.remove(&id)?;
        self.fresh.remove(&id);
        self.due.remove(&(birth.due, id));
        Some(birth)
    }
}

impl Birth {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, choice: Choice) {
        let before = std::mem::replace(&mut *self.told(), Told::Choice(choice));
        if let Told::Nothing(Some(waker)) = before {
            waker.wake();
        }
    }
}

impl Asking {
    /// What was chosen, once.
    pub(crate) fn poll(&self, context: &Context<'_>) -> Poll<Choice> {
        let mut told = self.birth.told();
        match std::mem::replace(&mut *told, Told::Heard) {
            Told::Choice(choice) => Poll::Ready(choice),
            Told::Nothing(_) | Told::Heard => {
                *told = Told::Nothing(Some(context.waker().clone()));
                Poll::Pending
            }
        }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        // The client may have left.
        self.outside.lock().end(self.id);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    /// Wakes a thread that waits for an answer.
    #[derive(Default)]
    struct Bell(Mutex<usize>, Condvar, AtomicUsize);

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            self.2.fetch_add(1, Ordering::SeqCst);
            *self.0.lock().expect("no panic") += 1;
            self.1.notify_all();
        }
    }

    fn answer(asking: &Asking) -> Choice {
        let bell = Arc::new(Bell::default());
        let waker = Waker::from(Arc::clone(&bell));
        loop {
            if let Poll::Ready(choice) = asking.poll(&Context::from_waker(&waker)) {
                return choice;
            }
            let rung = bell.0.lock().expect("no panic");
            let (mut rung, late) =
                bell.1.wait_timeout_while(rung, LONG, |rung| *rung == 0).expect("no panic");
            assert!(!late.timed_out(), "nobody answers");
            *rung = 0;
        }
    }

    fn ask(outside: &Arc<Outside>, wait: u32) -> Asking {
        outside.ask(b"{}".to_vec(), wait).expect("room")
    }

    fn decide(outside: &Outside, text: &str) {
        outside.decide(serde_json::from_str(text).expect("a decision"));
    }

    #[test]
    fn births_are_taken_together_and_answered_one_by_one() {
        let outside = Arc::new(Outside::default());
        let asked: Vec<_> = (0..4).map(|_| ask(&outside, 60_000)).collect();
        assert_eq!(outside.births(3, LONG).as_deref(), Some(&b"[[4,{}],[3,{}],[2,{}]]"[..]));
        assert_eq!(outside.births(3, LONG).as_deref(), Some(&b"[[1,{}]]"[..]));
        decide(&outside, r#"{"chosen": [[2, "web2"], [1, null], [77, "web1"]], "failed": [3]}"#);
        assert_eq!(answer(&asked[0]), Choice::Nobody);
        assert_eq!(answer(&asked[1]), Choice::Server("web2".to_owned()));
        assert_eq!(answer(&asked[2]), Choice::Failed);
        assert!(outside.lock().open.contains_key(&4));
    }

    #[test]
    fn a_wait_ends_in_time_whoever_has_taken_the_birth() {
        let outside = Arc::new(Outside::default());
        let (patient, taken) = (ask(&outside, 60_000), ask(&outside, 5));
        outside.births(2, LONG).expect("births");
        let left = ask(&outside, 1);
        assert_eq!([answer(&left), answer(&taken)], [Choice::Late, Choice::Late]);
        assert_eq!(outside.births(9, Duration::ZERO).as_deref(), Some(&b"[]"[..]), "too late to choose");
        decide(&outside, r#"{"chosen": [[2, "web2"], [1, "web1"]], "failed": []}"#);
        assert_eq!(answer(&patient), Choice::Server("web1".to_owned()));
    }

    #[test]
    fn only_so_many_wait() {
        let outside = Arc::new(Outside::default());
        let asked: Vec<_> = (0..MOST).map(|_| ask(&outside, 60_000)).collect();
        assert!(outside.ask(Vec::new(), 60_000).is_none());
        outside.births(1, LONG);
        ask(&outside, 60_000);
        drop(asked);
        assert!(outside.lock().open.is_empty(), "whoever left is forgotten");
        assert!(outside.lock().due.is_empty());
    }

    #[test]
    fn nobody_waits_once_it_is_closed() {
        let outside = Arc::new(Outside::default());
        let asked = ask(&outside, 60_000);
        let taker = std::thread::spawn({
            let outside = Arc::clone(&outside);
            move || {
                outside.births(1, LONG);
                outside.births(1, LONG)
            }
        });
        outside.close();
        assert_eq!(answer(&asked), Choice::Late);
        assert_eq!(taker.join().expect("no panic"), None);
        assert!(outside.ask(Vec::new(), 1).is_none());
    }
}
