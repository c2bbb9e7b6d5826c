use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

use super::*;
use crate::persistence::cookie::{Incarnation, home_of};
use crate::snapshot::wire::ServerState;

/// Counts how often it was woken.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

struct Bench {
    gate: Arc<Gate>,
    servers: Vec<Server>,
}

fn server(name: &str, limit: u32) -> Server {
    Server {
        name: name.to_owned(),
        home: home_of(name),
        address: ([192, 0, 2, 1], 80).into(),
        weight: 100,
        limit,
        spare: false,
        persist: true,
        generation: 0,
        incarnation: Incarnation::UNKNOWN,
        live: Arc::default(),
    }
}

impl Bench {
    /// Servers web1, web2 and so on, with these limits.
    fn new(limits: &[u32]) -> Self {
        let named =
            limits.iter().enumerate().map(|(place, limit)| server(&format!("web{}", place + 1), *limit));
        let bench = Self { gate: Arc::default(), servers: named.collect() };
        bench.gate.admit(&bench.servers);
        bench
    }

    fn enter(&self, wish: &Wish, most: usize) -> Entered {
        self.gate.enter(&self.servers, wish.clone(), most, || {
            let mut free = self.servers.iter().enumerate().filter(|(_, server)| !server.live.is_full());
            free.find(|(_, server)| may_be(wish, server.home)).map(|(place, _)| ServerId(place))
        })
    }

    fn slot(&self, wish: &Wish) -> Slot {
        match self.enter(wish, 0) {
            Entered::In(_, slot) => slot,
            other => panic!("{other:?}"),
        }
    }

    fn waiting(&self, wish: &Wish) -> Waiting {
        match self.enter(wish, 128) {
            Entered::Waits(waiting) => waiting,
            other => panic!("{other:?}"),
        }
    }

    fn taken(&self) -> Vec<u32> {
        self.servers.iter().map(|server| server.live.taken()).collect()
    }

    fn set(&self, place: usize, state: State) {
        let said =
            ServerState { pool: String::new(), server: String::new(), state, deadline: 0, idle_first: 0 };
        self.servers[place].live.set(&said);
        self.gate.look_again();
    }
}

fn may_be(wish: &Wish, home: Home) -> bool {
    match wish {
        Wish::Server(wanted) => *wanted == home,
        Wish::Anybody { not, .. } => !not.contains(&home),
    }
}

fn home(name: &str) -> Wish {
    Wish::Server(home_of(name))
}

fn any(session: bool) -> Wish {
    Wish::Anybody { session, not: Vec::new() }
}

fn poll(waiting: &mut Waiting) -> Poll<Call> {
    waiting.poll(&Context::from_waker(Waker::noop()))
}

/// The slot that it was handed.
fn called(waiting: &mut Waiting) -> Slot {
    match poll(waiting) {
        Poll::Ready(Call::In(slot)) => slot,
        other => panic!("{other:?}"),
    }
}

#[test]
fn slots_are_taken_up_to_the_limit_and_given_back() {
    let bench = Bench::new(&[2]);
    let slots = [bench.slot(&home("web1")), bench.slot(&home("web1"))];
    assert!(matches!(bench.enter(&home("web1"), 0), Entered::Full));
    drop(slots);
    assert_eq!(bench.taken(), [0]);
    drop(bench.slot(&home("web1")));
}

#[test]
fn a_slot_is_handed_to_whoever_waits_longest_and_nobody_overtakes() {
    let bench = Bench::new(&[1]);
    let slot = bench.slot(&home("web1"));
    let mut line: Vec<Waiting> = (0..3).map(|_| bench.waiting(&home("web1"))).collect();
    assert_eq!(bench.servers[0].live.waiting(), 3);
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(Arc::clone(&bell));
    assert!(line[0].poll(&Context::from_waker(&waker)).is_pending());
    drop(slot);
    assert_eq!(bell.0.load(Ordering::SeqCst), 1);
    assert!(matches!(bench.enter(&home("web1"), 0), Entered::Full), "it is taken before it is picked up");
    for waiting in &mut line {
        drop(called(waiting));
    }
    assert_eq!((bench.taken(), bench.servers[0].live.waiting()), (vec![0], 0));
}

#[test]
fn a_spare_calls_those_who_wait_when_nobody_before_it_is_left_for_them() {
    let mut bench = Bench::new(&[1, 1]);
    bench.servers[1].spare = true;
    bench.gate.admit(&bench.servers);
    let slots = [bench.slot(&home("web1")), bench.slot(&home("web2"))];
    let failed = Wish::Anybody { session: false, not: vec![home_of("web1")] };
    let (mut waits, mut has_failed) = (bench.waiting(&any(false)), bench.waiting(&failed));
    let [first, spare] = slots;
    drop(spare);
    drop(called(&mut has_failed));
    assert!(poll(&mut waits).is_pending(), "web1 will have room");
    bench.set(0, State::Down);
    drop(called(&mut waits));
    drop(first);
}

#[test]
fn who_gives_up_passes_on_what_it_was_handed() {
    let bench = Bench::new(&[1]);
    let slot = bench.slot(&home("web1"));
    let (gone, mut next) = (bench.waiting(&home("web1")), bench.waiting(&home("web1")));
    let mut later = bench.waiting(&home("web1"));
    drop(slot);
    assert!(poll(&mut next).is_pending());
    drop(gone);
    let slot = called(&mut next);
    drop(next);
    drop(slot);
    drop(called(&mut later));
    drop(later);
    assert_eq!(bench.taken(), [0]);
}

#[test]
fn who_leaves_the_line_is_not_called() {
    let bench = Bench::new(&[1]);
    let slot = bench.slot(&home("web1"));
    drop(bench.waiting(&home("web1")));
    assert_eq!(bench.servers[0].live.waiting(), 0);
    drop(slot);
    assert_eq!(bench.taken(), [0]);
}

#[test]
fn a_line_has_an_end() {
    let bench = Bench::new(&[1]);
    let _slot = bench.slot(&home("web1"));
    let _line: Vec<Waiting> = (0..128).map(|_| bench.waiting(&home("web1"))).collect();
    assert!(matches!(bench.enter(&home("web1"), 128), Entered::Full));
}

#[test]
fn sessions_go_before_those_that_would_go_anywhere() {
    let bench = Bench::new(&[1, 1]);
    let slots = [bench.slot(&home("web1")), bench.slot(&home("web2"))];
    let mut birth = bench.waiting(&any(false));
    let mut session = bench.waiting(&any(true));
    let mut own = bench.waiting(&home("web1"));
    assert_eq!(bench.gate.waiting(), 2);
    drop(slots);
    assert_eq!(called(&mut own).home(), home_of("web1"));
    assert_eq!(called(&mut session).home(), home_of("web2"));
    drop(called(&mut birth));
    assert_eq!(bench.taken(), [0, 0]);
}

#[test]
fn nobody_is_handed_a_server_that_failed_it() {
    let bench = Bench::new(&[1, 1]);
    let (first, second) = (bench.slot(&home("web1")), bench.slot(&home("web2")));
    let mut picky = bench.waiting(&Wish::Anybody { session: false, not: vec![home_of("web1")] });
    drop(first);
    assert!(poll(&mut picky).is_pending());
    drop(second);
    assert_eq!(called(&mut picky).home(), home_of("web2"));
}

#[test]
fn a_home_that_closes_sends_its_line_away() {
    let bench = Bench::new(&[1, 1]);
    let _slots = [bench.slot(&home("web1")), bench.slot(&home("web2"))];
    let (mut own, mut other, mut any) =
        (bench.waiting(&home("web1")), bench.waiting(&home("web2")), bench.waiting(&any(false)));
    bench.set(0, State::Maintenance);
    assert!(matches!(poll(&mut own), Poll::Ready(Call::Again)));
    assert!(poll(&mut other).is_pending());
    assert!(poll(&mut any).is_pending());
    bench.set(1, State::Down);
    assert!(matches!(poll(&mut any), Poll::Ready(Call::Again)), "nobody is left");
}

#[test]
fn a_draining_server_serves_its_line_and_helps_when_no_other_does() {
    let bench = Bench::new(&[1, 1]);
    let (first, _second) = (bench.slot(&home("web1")), bench.slot(&home("web2")));
    let (mut any, mut own) = (bench.waiting(&any(false)), bench.waiting(&home("web1")));
    bench.set(0, State::Draining);
    drop(first);
    drop(called(&mut own));
    assert!(poll(&mut any).is_pending());
    bench.set(1, State::Maintenance);
    assert_eq!(called(&mut any).home(), home_of("web1"));
}

#[test]
fn a_limit_that_is_raised_lets_in_and_one_that_is_lowered_lets_out() {
    let mut bench = Bench::new(&[1]);
    let first = bench.slot(&home("web1"));
    let mut line: Vec<Waiting> = (0..3).map(|_| bench.waiting(&home("web1"))).collect();
    bench.servers[0].limit = 3;
    bench.gate.admit(&bench.servers);
    let (second, third) = (called(&mut line[0]), called(&mut line[1]));
    assert!(poll(&mut line[2]).is_pending());
    bench.servers[0].limit = 1;
    bench.gate.admit(&bench.servers);
    drop((first, second));
    assert!(poll(&mut line[2]).is_pending());
    drop(third);
    drop(called(&mut line[2]));
    assert_eq!(bench.taken(), [0]);
}

#[test]
fn a_server_that_left_serves_its_line_and_a_lifted_limit_everybody() {
    let mut bench = Bench::new(&[1, 1]);
    let slots = [bench.slot(&home("web1")), bench.slot(&home("web2"))];
    let (mut left, mut lifted) = (bench.waiting(&home("web1")), bench.waiting(&home("web2")));
    bench.servers[1].limit = 0;
    bench.gate.admit(&bench.servers[1..]);
    drop(called(&mut lifted));
    assert!(poll(&mut left).is_pending());
    drop(slots);
    drop(called(&mut left));
    assert_eq!(bench.taken(), [0, 0]);
}

#[test]
fn a_server_that_is_back_has_what_it_had_when_it_left() {
    let mut bench = Bench::new(&[2, 0]);
    let mut slots = vec![bench.slot(&home("web1")), bench.slot(&home("web1"))];
    bench.gate.admit(&bench.servers[1..]);
    bench.servers[0] = server("web1", 2);
    bench.gate.admit(&bench.servers);
    let mut next = bench.waiting(&home("web1"));
    drop(slots.pop());
    slots.push(called(&mut next));
    assert_eq!(bench.taken(), [2, 0]);
    drop(slots);
    assert_eq!(bench.taken(), [0, 0]);
}

#[test]
fn threads_never_pass_the_limit_and_lose_no_slot() {
    let bench = Bench::new(&[3]);
    let (inside, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (bench, inside, most) = (&bench, &inside, &most);
            scope.spawn(move || {
                for round in 0..500 {
                    let slot = match bench.enter(&home("web1"), 128) {
                        Entered::In(_, slot) => slot,
                        // Some give up at once, whatever they may have been handed meanwhile.
                        Entered::Waits(waiting) if (thread + round) % 5 == 0 => {
                            drop(waiting);
                            continue;
                        }
                        Entered::Waits(waiting) => wait(waiting),
                        Entered::Full => continue,
                    };
                    most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    inside.fetch_sub(1, Ordering::SeqCst);
                    drop(slot);
                }
            });
        }
    });
    assert!((1..=3).contains(&most.into_inner()));
    assert_eq!((bench.taken(), bench.servers[0].live.waiting()), (vec![0], 0));
}

/// Unparks the thread that waits.
struct Unpark(std::thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn wait(mut waiting: Waiting) -> Slot {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    loop {
        match waiting.poll(&Context::from_waker(&waker)) {
            Poll::Ready(Call::In(slot)) => return slot,
            Poll::Ready(Call::Again) => panic!("nobody closed"),
            Poll::Pending => std::thread::park(),
        }
    }
}
