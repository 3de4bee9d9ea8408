//! `tieqi radio`: simulated gateways and handhelds against a daemon, until ctrl-c or for a while.
//! It prints; what it prints comes from [`crate::radio`].

use crate::config::Config;
use crate::radio::{self, RadioOptions, Stats};
use anyhow::Context;
use console::Term;
use std::io::Write;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{interval, sleep};

/// Between two lines for a person who watches.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// What to run.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What to simulate (`--gateway`, `--terminals`, `--daemon`, `--seed`, `--speed`, rates).
    pub radio: RadioOptions,
    /// `--for`: ends by itself after this, wall time; default only on ctrl-c.
    pub duration: Option<Duration>,
    /// `--json`: the final counters as one line of `out`.
    pub json: bool,
}

/// Runs the radios of a config. Progress goes to stderr when that is a terminal; at the end the
/// counters go to `out`, for people or as one JSON object on one line.
///
/// # Errors
/// Options that cannot be, sockets that are not to be had, or when `out` cannot be written.
pub fn run(config: &Config, options: Options, out: &mut dyn Write) -> anyhow::Result<Stats> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("failed to start the runtime")?;
    let stats = runtime.block_on(until_told(config, &options))?;
    match options.json {
        true => writeln!(out, "{}", serde_json::to_string(&stats)?)?,
        false => writeln!(out, "{stats}")?,
    }
    Ok(stats)
}

async fn until_told(config: &Config, options: &Options) -> anyhow::Result<Stats> {
    let (stop, stopped) = watch::channel(false);
    let (told, stats) = watch::channel(Stats::default());
    let radios = radio::run(config, options.radio.clone(), stopped, told);
    tokio::pin!(radios);
    let ended = tokio::select! {
        ended = &mut radios => return Ok(ended?),
        ended = end(options.duration) => ended,
        () = watched(&stats) => Ok(()),
    };
    stop.send_replace(true);
    let stats = radios.await?;
    let term = Term::stderr();
    if term.is_term() {
        let _ = term.clear_line();
    }
    ended.map(|()| stats)
}

/// Over when the time is up, or somebody presses ctrl-c.
async fn end(duration: Option<Duration>) -> anyhow::Result<()> {
    let time_is_up = async {
        match duration {
            Some(duration) => sleep(duration).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = time_is_up => Ok(()),
        pressed = tokio::signal::ctrl_c() => pressed.context("failed to wait for ctrl-c"),
    }
}

/// One line, over and over; never over.
async fn watched(stats: &watch::Receiver<Stats>) {
    let term = Term::stderr();
    if !term.is_term() {
        return std::future::pending().await;
    }
    let mut ticks = interval(TELL_EVERY);
    loop {
        ticks.tick().await;
        let line = stats.borrow().to_string();
        // A terminal that went away is no reason to stop the radios.
        let columns = usize::from(term.size().1).saturating_sub(1);
        let line = console::truncate_str(&line, columns, "").into_owned();
        let _ = term.clear_line().and_then(|()| term.write_str(&line));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn it_ends_after_the_time_given_and_tells_in_json() {
        let options = Options {
            duration: Some(Duration::from_millis(1)),
            json: true,
            ..Options::default()
        };
        let mut out = Vec::new();
        let stats = run(&Config::sample().unwrap(), options, &mut out).unwrap();
        let line: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(line["handhelds"], 168);
        assert_eq!(line["keys"]["accept"], 0);
        assert_eq!(out.iter().filter(|byte| **byte == b'\n').count(), 1);
        assert_eq!(stats.handhelds, 168);
    }

    #[test]
    fn what_cannot_be_is_said() {
        let options = Options {
            radio: RadioOptions {
                gateway: Some("nowhere".to_owned()),
                ..RadioOptions::default()
            },
            ..Options::default()
        };
        let error = run(&Config::sample().unwrap(), options, &mut Vec::new()).unwrap_err();
        assert!(error.to_string().contains("`nowhere`"));
    }
}
