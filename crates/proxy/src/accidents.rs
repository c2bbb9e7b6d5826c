//! What went wrong inside the engine: panics, by the place in the source, and workers that had to begin again.
//!
//! A panic's own words may hold what a client sent, so none are shown but those that stand in the source.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError};

/// What went wrong in one engine since it began.
#[derive(Debug, Default)]
pub(crate) struct Accidents {
    places: Mutex<BTreeMap<String, u64>>,
    restarts: AtomicU64,
}

thread_local! {
    /// Present in the threads of an engine.
    static HERE: RefCell<Option<Arc<Accidents>>> = const { RefCell::new(None) };
}

impl Accidents {
    /// From now on, panics of this thread are written down instead of being printed.
    pub(crate) fn watch(self: &Arc<Self>) {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| match HERE.with_borrow(Clone::clone) {
                Some(accidents) => accidents.note(place(panic)),
                None => before(panic),
            }));
        });
        HERE.set(Some(Arc::clone(self)));
    }

    /// Counts what happened at a place, or for a reason.
    pub(crate) fn note(&self, place: String) {
        *self.places.lock().unwrap_or_else(PoisonError::into_inner).entry(place).or_default() += 1;
    }

    /// Counts a worker that begins again.
    pub(crate) fn count_restart(&self) {
        self.restarts.fetch_add(1, Ordering::Relaxed);
    }

    /// How often, by place.
    pub(crate) fn places(&self) -> BTreeMap<String, u64> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many workers began again.
    pub(crate) fn restarts(&self) -> u64 {
        self.restarts.load(Ordering::Relaxed)
    }
}

fn place(panic: &PanicHookInfo<'_>) -> String {
    let at = panic.location().map_or_else(
        || "somewhere".to_owned(),
        |place| format!("{}:{}:{}", file(place.file()), place.line(), place.column()),
    );
    match panic.payload().downcast_ref::<&'static str>() {
        Some(words) => format!("{at}: {words}"),
        None => at,
    }
}

/// A source file from its package on, wherever it was built.
fn file(path: &str) -> &str {
    let package = path.rfind("/src/").map_or(path, |end| &path[..end]);
    &path[package.rfind('/').map_or(0, |slash| slash + 1)..]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a thread that watches itself has noted of a panic.
    fn noted(panics: fn()) -> Vec<String> {
        let accidents = Arc::new(Accidents::default());
        let seen = Arc::clone(&accidents);
        let thread = std::thread::spawn(move || {
            seen.watch();
            panics();
        });
        assert!(thread.join().is_err());
        accidents.places().into_keys().collect()
    }

    #[test]
    fn a_panic_is_told_by_its_place_and_only_words_of_the_source_are_repeated() {
        let said = noted(|| panic!("on purpose"));
        assert!(said[0].starts_with("proxy/src/accidents.rs:"), "{said:?}");
        assert!(said[0].ends_with(": on purpose"), "{said:?}");
        let said = noted(|| panic!("{}", String::from_utf8_lossy(&[b's'; 6])));
        assert!(said[0].starts_with("proxy/src/accidents.rs:") && !said[0].contains("ssssss"), "{said:?}");
    }

    #[test]
    fn a_file_is_named_from_its_package_on() {
        assert_eq!(
            file("/home/me/.cargo/registry/src/index-1f2/h2-0.4.5/src/proto/mod.rs"),
            "h2-0.4.5/src/proto/mod.rs"
        );
        assert_eq!(file("crates/proxy/src/worker.rs"), "proxy/src/worker.rs");
        assert_eq!(file("worker.rs"), "worker.rs");
    }
}
