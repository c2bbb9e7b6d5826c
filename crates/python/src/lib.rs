//! The door: what Python may ask of the engine. Each call releases the GIL, asks, and converts the answer.
//!
//! No thread of the engine ever touches Python; Python always calls in.

use std::net::TcpListener;
use std::os::fd::{FromRawFd, RawFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use equalizer_proxy::alarm::Alarm;
use equalizer_proxy::cookie;
use equalizer_proxy::engine::{self, Drill, Leave, Refused};
use equalizer_proxy::outside::Outside;
use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyOSError, PyValueError};
use pyo3::prelude::*;

create_exception!(
    _engine,
    EngineError,
    PyException,
    "A snapshot that does not run, with a sentence that says why."
);

/// The data plane: threads that move bytes, and nothing of Python in them.
#[pyclass(frozen, module = "equalizer._engine")]
struct Engine(Mutex<engine::Engine>, Arc<Outside>, Arc<Alarm>);

impl Engine {
    fn lock(&self) -> MutexGuard<'_, engine::Engine> {
        // The engine is whole after every call, also after one that panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Engine {
    #[new]
    fn new(workers: usize) -> Self {
        let engine = engine::Engine::new(workers);
        let (outside, alarm) = (engine.outside(), engine.alarm());
        Self(Mutex::new(engine), outside, alarm)
    }

    /// Everything that is wrong with a snapshot, as a JSON list of `path` and `message`.
    #[expect(clippy::unused_self, reason = "Python calls it on the engine that would run the snapshot")]
    fn check(&self, py: Python<'_>, snapshot: &[u8]) -> PyResult<Vec<u8>> {
        json(py, || engine::Engine::check(snapshot))
    }

    /// Runs a snapshot in place of the one before.
    fn apply(&self, py: Python<'_>, snapshot: &[u8]) -> PyResult<()> {
        py.detach(|| self.lock().apply(snapshot)).map_err(to_python)
    }

    /// The addresses that are listened on, as a JSON object by listener.
    fn sockets(&self, py: Python<'_>) -> PyResult<Vec<u8>> {
        py.detach(|| serde_json::to_vec(&self.lock().sockets())).map_err(|error| to_python(error.into()))
    }

    /// Takes a listening socket, which is ours from now on, for a listener of the first snapshot that is applied, if any.
    #[expect(unsafe_code, reason = "a descriptor is a number in Python")]
    fn adopt(&self, py: Python<'_>, listener: Option<String>, descriptor: RawFd) -> PyResult<()> {
        // SAFETY: the caller owns the descriptor and gives it up; a wrong one fails when it is used.
        let socket = unsafe { TcpListener::from_raw_fd(descriptor) };
        Ok(py.detach(|| self.lock().adopt(listener, socket))?)
    }

    /// The descriptors that are accepted on, each with its listener; they stay ours.
    fn handles(&self, py: Python<'_>) -> Vec<(String, RawFd)> {
        py.detach(|| self.lock().handles().map(|(name, handle)| (name.to_owned(), handle)).collect())
    }

    /// Says who may use which server; JSON of `ServerState`s, every other server is up.
    fn set_states(&self, py: Python<'_>, states: &[u8]) -> PyResult<()> {
        py.detach(|| self.lock().set_states(states)).map_err(to_python)
    }

    /// Says which life a server is in, as it told a probe.
    fn tell_incarnation(&self, py: Python<'_>, pool: &str, server: &str, incarnation: &str) -> PyResult<()> {
        py.detach(|| self.lock().tell_incarnation(pool, server, incarnation)).map_err(to_python)
    }

    /// Gives servers other weights; JSON of `ServerWeight`s, every other server has the one of the snapshot.
    fn set_weights(&self, py: Python<'_>, weights: &[u8]) -> PyResult<()> {
        py.detach(|| self.lock().set_weights(weights)).map_err(to_python)
    }

    /// What was counted, as JSON; `sessions` for the live ones too.
    fn report(&self, py: Python<'_>, sessions: bool) -> PyResult<Vec<u8>> {
        json(py, || Ok(self.lock().report(sessions)))
    }

    /// Takes the records of a run before, ahead of the first `apply`, of this snapshot; JSON of what became of them.
    fn load_records(&self, py: Python<'_>, snapshot: &[u8], records: &[u8]) -> PyResult<Vec<u8>> {
        json(py, || self.lock().load_records(snapshot, records))
    }

    /// The records that are kept now, for a file; empty before the first `apply`.
    fn records(&self, py: Python<'_>) -> Vec<u8> {
        py.detach(|| {
            let records = self.lock().records();
            records()
        })
    }

    /// Waits for births to choose for, and takes `most`: JSON of pairs of a number and a birth; `None` once stopped.
    fn births(&self, py: Python<'_>, most: usize, wait_ms: u64) -> Option<Vec<u8>> {
        py.detach(|| self.1.births(most, Duration::from_millis(wait_ms)))
    }

    /// Says what was chosen; JSON of a `Decision`.
    fn decide(&self, py: Python<'_>, decision: &[u8]) -> PyResult<()> {
        let decide = || serde_json::from_slice(decision).map(|decision| self.1.decide(decision));
        py.detach(decide).map_err(|error| to_python(error.into()))
    }

    /// Waits for servers that have failed too often in a row: their pools and names; `None` once stopped.
    fn failing(&self, py: Python<'_>, wait_ms: u64) -> Option<Vec<(String, String)>> {
        py.detach(|| self.2.wait(Duration::from_millis(wait_ms)))
    }

    /// Stops accepting and waits for the exchanges under way; whether all ended in time. Connections without one end
    /// at once, or, `in_their_time`, with their next response.
    fn drain(&self, py: Python<'_>, wait_ms: u64, in_their_time: bool) -> bool {
        let leave = if in_their_time { Leave::InTheirTime } else { Leave::Now };
        py.detach(|| {
            let draining = self.lock().drain(leave);
            draining.wait(Duration::from_millis(wait_ms))
        })
    }

    /// Panics on purpose: for tests of what survives it.
    fn drill(&self, py: Python<'_>, what: &str) -> PyResult<()> {
        let drill = match what {
            "connection" => Drill::Connection,
            "worker" => Drill::Worker,
            "accepting" => Drill::Accepting,
            _ => return Err(PyValueError::new_err("write connection, worker or accepting")),
        };
        py.detach(|| self.lock().drill(drill));
        Ok(())
    }

    /// Ends the engine at once.
    fn stop(&self, py: Python<'_>) {
        py.detach(|| self.lock().stop());
    }
}

/// Does `work` without the GIL and writes its result as JSON.
fn json<T: serde::Serialize>(
    py: Python<'_>,
    work: impl FnOnce() -> Result<T, Refused> + Send,
) -> PyResult<Vec<u8>> {
    py.detach(|| work().and_then(|value| Ok(serde_json::to_vec(&value)?))).map_err(to_python)
}

/// An address that is taken, or a file that may not be written to, is the system's error; everything else the snapshot's.
#[expect(clippy::needless_pass_by_value, reason = "it is what map_err hands over")]
fn to_python(refused: Refused) -> PyErr {
    match &refused {
        Refused::Bind { error, .. } => {
            PyOSError::new_err((error.raw_os_error().unwrap_or_default(), refused.to_string()))
        }
        Refused::AccessLog { file, error } => {
            let number = error.raw_os_error().unwrap_or_default();
            PyOSError::new_err((number, refused.to_string(), file.clone()))
        }
        _ => EngineError::new_err(refused.to_string()),
    }
}

/// What a cookie value holds under a snapshot, as JSON.
#[pyfunction]
fn explain_cookie(py: Python<'_>, snapshot: &[u8], states: &[u8], value: &str) -> PyResult<Vec<u8>> {
    json(py, || cookie::explain(snapshot, states, value))
}

/// A cookie value that makes `server` the home of a session, born and last seen `idle` seconds ago.
#[pyfunction]
fn seal_cookie(py: Python<'_>, snapshot: &[u8], pool: &str, server: &str, idle: u64) -> PyResult<String> {
    py.detach(|| cookie::seal(snapshot, pool, server, idle)).map_err(to_python)
}

/// The engine's version.
#[pyfunction]
fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

#[pymodule]
fn _engine(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Engine>()?;
    module.add("EngineError", module.py().get_type::<EngineError>())?;
    module.add_function(wrap_pyfunction!(explain_cookie, module)?)?;
    module.add_function(wrap_pyfunction!(seal_cookie, module)?)?;
    module.add_function(wrap_pyfunction!(version, module)?)
}
