//! What one run of the generator is asked to do.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use lexopt::prelude::*;

use crate::slot::Kind;

pub(crate) const USAGE: &str = "\
load --target HOST:PORT [options]
  --connections N     connections kept at work (64)
  --seconds S         how long to measure (1)
  --requests N        stop after this many, if sooner
  --rate N            requests a second, latency counted from the intended start; without it: saturate
  --path PATH         the target of each GET (/); /1m has its body compared byte by byte
  --cookie NAME       take NAME from the first response of a connection and send it from then on
  --cookie-line TEXT  send this Cookie line instead (for a proxy that sets none)
  --websocket         open a WebSocket on each connection; an exchange is then a message and its echo
  --events            listen to a stream of events on each connection; --rate says how many come in all
  --close             a connection per request
  --tls FILE          TLS, trusting this certificate
  --resume            resume TLS sessions (a full handshake otherwise)
  --hold              say `ready` when the connections stand and wait for a line before the load;
                      keep them open afterwards until the input ends
  --idle              only make the connections, one request each, and hold them";

#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) target: SocketAddr,
    pub(crate) connections: usize,
    pub(crate) span: Duration,
    pub(crate) requests: u64,
    pub(crate) rate: Option<f64>,
    pub(crate) kind: Kind,
    path: String,
    pub(crate) cookie: Option<String>,
    pub(crate) cookie_line: Option<String>,
    pub(crate) close: bool,
    pub(crate) tls: Option<PathBuf>,
    pub(crate) resume: bool,
    pub(crate) hold: bool,
    pub(crate) idle: bool,
}

/// Reads the command line; `None` when only the usage was asked for.
pub(crate) fn read() -> Result<Option<Options>, lexopt::Error> {
    let mut options = Options {
        target: SocketAddr::from(([127, 0, 0, 1], 0)),
        connections: 64,
        span: Duration::from_secs(1),
        requests: u64::MAX,
        rate: None,
        kind: Kind::Requests,
        path: "/".to_owned(),
        cookie: None,
        cookie_line: None,
        close: false,
        tls: None,
        resume: false,
        hold: false,
        idle: false,
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("target") => options.target = parser.value()?.parse()?,
            Long("connections") => options.connections = parser.value()?.parse()?,
            Long("seconds") => {
                options.span = parser.value()?.parse_with(|text| match text.parse() {
                    Ok(seconds) => Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string()),
                    Err(_) => Err("not a number".to_owned()),
                })?;
            }
            Long("requests") => options.requests = parser.value()?.parse()?,
            Long("rate") => options.rate = Some(parser.value()?.parse()?),
            Long("path") => options.path = parser.value()?.string()?,
            Long("cookie") => options.cookie = Some(parser.value()?.string()?),
            Long("cookie-line") => options.cookie_line = Some(parser.value()?.string()?),
            Long("websocket") => options.kind = Kind::Messages,
            Long("events") => options.kind = Kind::Events,
            Long("close") => options.close = true,
            Long("tls") => options.tls = Some(parser.value()?.into()),
            Long("resume") => options.resume = true,
            Long("hold") => options.hold = true,
            Long("idle") => options.idle = true,
            Long("help") => return Ok(None),
            other => return Err(other.unexpected()),
        }
    }
    if options.target.port() == 0 {
        return Err("--target is missing; write for example --target 127.0.0.1:8080".into());
    }
    if options.connections == 0 || options.rate.is_some_and(|rate| !rate.is_finite() || rate <= 0.0) {
        return Err("--connections and --rate must be above zero".into());
    }
    if options.kind == Kind::Events && options.rate.is_none() {
        return Err("--events needs a pace; write for example --rate 8000".into());
    }
    Ok(Some(options))
}

impl Options {
    /// The target of the first request of each connection: that of a stream says how often its events come.
    #[expect(clippy::cast_precision_loss, reason = "nobody opens 2^52 connections")]
    pub(crate) fn path(&self) -> String {
        match (self.kind, self.rate) {
            (Kind::Events, Some(rate)) => format!("/events/{:.0}", self.connections as f64 * 1e6 / rate),
            (Kind::Messages, _) => "/ws".to_owned(),
            _ => self.path.clone(),
        }
    }
}
