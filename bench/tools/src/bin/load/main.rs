//! The load generator: keeps N connections at work, checks every answer, and prints what it saw as JSON.

#![forbid(unsafe_code)]

mod crew;
mod hearing;
mod options;
mod slot;
mod tally;
mod wire;

use std::io::{self, BufRead};
use std::num::NonZeroU64;
use std::time::Duration;

use crew::{Crew, Pace};
use options::Options;
use serde_json::Value;
use slot::{Job, Kind};

fn main() {
    let outcome = match options::read() {
        Ok(Some(options)) => run(&options),
        Ok(None) => {
            println!("{}", options::USAGE);
            Ok(())
        }
        Err(error) => Err(format!("{error}\n{}", options::USAGE).into()),
    };
    if let Err(error) = outcome {
        eprintln!("load: {error}");
        std::process::exit(1);
    }
}

fn run(options: &Options) -> Result<(), Box<dyn std::error::Error>> {
    // The default slack of 50 µs would bunch the starts of a fixed rate.
    rustix::thread::set_current_timer_slack(NonZeroU64::new(1))?;
    let path = options.path();
    let job = Job {
        kind: options.kind,
        dialer: wire::Dialer::new(
            options.target,
            options.tls.as_deref(),
            options.resume.then_some(options.connections),
        )?,
        head: slot::browser_head(&path, "shop.example", options.kind, options.close),
        cookie: options.cookie.clone().map(String::into_bytes),
        close: options.close,
        body: Some(slot::expected(&path)),
    };
    let mut crew = Crew::new(job, options.connections)?;
    if let Some(line) = &options.cookie_line {
        crew.give(line.as_bytes());
    }
    crew.work(Pace::Once, Duration::from_secs(60), u64::MAX)?;
    crew.prepared()?;
    if options.hold || options.idle {
        println!("ready");
        wait_for_line()?;
    }
    if options.idle {
        return Ok(());
    }
    let report: Value = match (options.kind, options.rate) {
        (Kind::Events, Some(rate)) => crew.hear(rate, options.span)?,
        (_, rate) => crew.work(rate.map_or(Pace::Saturate, Pace::Rate), options.span, options.requests)?,
    };
    println!("{report}");
    if options.hold {
        wait_for_line()?;
    }
    Ok(())
}

fn wait_for_line() -> io::Result<()> {
    io::stdin().lock().read_line(&mut String::new()).map(drop)
}
