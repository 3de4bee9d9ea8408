//! `tieqi`: one binary. Arguments are read here; what the commands do is in the library.
//!
//! Exit codes: 0 done, 1 failed, 2 bad usage or config.

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use std::io::{IsTerminal, Read};
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tieqi::cli;
use tieqi::config::users::Role;
use tieqi::config::{Config, Faults, LogFormat};
use tieqi::radio::{RadioOptions, Rates, Terminals};
use tracing_subscriber::EnvFilter;

/// A police dispatch engine and PDT radio gateway daemon (铁骑).
#[derive(Parser)]
#[command(version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs a whole town in one process: daemon, radios, calls. Nothing else is needed.
    Demo(cli::demo::Options),
    /// Replays a table of real calls through the console API.
    Replay(cli::replay::Options),
    /// Runs the daemon.
    Serve(Serve),
    /// Checks a config: prints all faults at once, or what it holds.
    Check {
        /// The config's main file.
        config: PathBuf,
        /// One JSON object on one line.
        #[arg(long)]
        json: bool,
    },
    /// Simulated radios: a gateway with handhelds, against a daemon that runs.
    Radio(Radio),
    /// Explains frames: in hex, one a line, as they are, or captured (pcap, pcapng).
    Decode {
        /// The frame in hex, a file, or - for stdin.
        frame: String,
        /// One JSON object a frame.
        #[arg(long)]
        json: bool,
    },
    /// Prints the console API as an OpenRPC document.
    Schema,
    /// Runs the daemon in a simulated world that goes wrong, and says whether it kept its promises.
    Simulate(cli::simulate::Options),
    /// Looks into a journal.
    #[command(subcommand)]
    Journal(Journal),
    /// Looks into the archive, or makes it again.
    #[command(subcommand)]
    Archive(Archive),
    /// Users of the consoles.
    #[command(subcommand)]
    User(User),
}

#[derive(Args)]
struct Serve {
    /// The config's main file.
    config: PathBuf,
    /// Data directory, instead of the config's.
    #[arg(long)]
    dir: Option<PathBuf>,
}

#[derive(Args)]
struct Radio {
    /// The config the daemon runs with: gateways, terminals, places, keys.
    config: PathBuf,
    /// The gateway to be; all when not given.
    #[arg(long)]
    gateway: Option<String>,
    /// Who is switched on: roster, all, or radio ids with commas.
    #[arg(long, default_value = "roster")]
    terminals: Terminals,
    /// Where the daemon is, when not where the config says.
    #[arg(long)]
    daemon: Option<IpAddr>,
    /// Our end of the serial line of a gateway with transport = "hrnp", when not the config's.
    #[arg(long, value_name = "PATH")]
    serial: Option<String>,
    /// The same seed tells the same story.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How much faster than life the simulated world runs; links always run on real time.
    #[arg(long, default_value_t = 1.0)]
    speed: f64,
    /// Share of datagrams lost, each way, 0 to 1.
    #[arg(long)]
    loss: Option<f64>,
    /// Share of offers declined.
    #[arg(long)]
    decline: Option<f64>,
    /// Share of offers never answered.
    #[arg(long)]
    ignore: Option<f64>,
    /// Share of offers on which "need help" is pressed.
    #[arg(long)]
    need_help: Option<f64>,
    /// How long, e.g. 30s; until ctrl-c when not given.
    #[arg(long = "for", value_name = "DURATION", value_parser = cli::demo::duration)]
    duration: Option<Duration>,
    /// The counters as one JSON object, the last line of stdout.
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
enum Journal {
    /// Checks every byte; exits 1 when anything is wrong.
    Verify {
        /// The data directory.
        dir: PathBuf,
        /// One JSON object on one line.
        #[arg(long)]
        json: bool,
    },
    /// Prints records as people read them.
    Show {
        /// The data directory.
        dir: PathBuf,
        /// First record.
        #[arg(long, default_value_t = 1)]
        from: u64,
        /// Last record.
        #[arg(long, default_value_t = u64::MAX)]
        to: u64,
    },
    /// Writes all records as JSON Lines.
    Export {
        /// The data directory.
        dir: PathBuf,
    },
    /// Tells what retention no longer asks for; with --yes removes it, which nothing brings back.
    Prune {
        #[command(flatten)]
        place: Place,
        /// Removes it. No daemon may have the directory.
        #[arg(long)]
        yes: bool,
    },
    /// Tells what a damaged journal would have to give up; with --accept-loss gives it up.
    Repair {
        /// The data directory.
        dir: PathBuf,
        /// Copies what is lost, cuts it off, and leaves a journal the daemon starts from.
        #[arg(long)]
        accept_loss: bool,
        /// One JSON object on one line.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Subcommand)]
enum Archive {
    /// Tells what archive and snapshots there are; exits 1 when the archive must be made again.
    Status(Place),
    /// Makes the archive again from the journal; the daemon does it by itself, too.
    Rebuild(Place),
}

/// A data directory and the config it belongs to.
#[derive(Args)]
struct Place {
    /// The config's main file.
    #[arg(long)]
    config: PathBuf,
    /// Data directory, instead of the config's.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// One JSON object on one line.
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
enum User {
    /// Adds a user; the password is asked for.
    Add {
        /// The name.
        name: String,
        /// viewer, call-taker, dispatcher or supervisor.
        #[arg(long)]
        role: Role,
        /// The users' file, as the config names it.
        #[arg(long, default_value = "users.toml")]
        file: PathBuf,
        /// Reads the password from stdin instead of asking.
        #[arg(long)]
        password_stdin: bool,
    },
}

/// What ends a command.
enum End {
    Done,
    Failed,
    Usage,
}

impl From<bool> for End {
    fn from(fine: bool) -> Self {
        if fine { Self::Done } else { Self::Failed }
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.command) {
        Ok(End::Done) => ExitCode::SUCCESS,
        Ok(End::Failed) => ExitCode::from(1),
        Ok(End::Usage) => ExitCode::from(2),
        Err(error) => {
            eprintln!("error: {error:#}");
            // Faults of the config and a directory in use are the caller's to mend.
            let faults = error.downcast_ref::<Faults>();
            if let Some(Faults { faults, .. }) = faults {
                let _ = cli::check::draw(&mut std::io::stderr().lock(), faults);
            }
            let in_use = error.is::<tieqi::journal::LockError>();
            let usage = faults.is_some() || in_use || error.is::<tieqi::shell::StartError>();
            ExitCode::from(if usage { 2 } else { 1 })
        }
    }
}

fn run(command: Command) -> anyhow::Result<End> {
    let out = &mut std::io::stdout().lock();
    match command {
        Command::Demo(options) => {
            log("error", LogFormat::Text);
            cli::demo::run(&options, out).map(End::from)
        }
        Command::Replay(options) => {
            log("error", LogFormat::Text);
            cli::replay::run(&options, out).map(End::from)
        }
        Command::Simulate(options) => cli::simulate::run(&options, out).map(End::from),
        Command::Serve(options) => serve(&options),
        Command::Radio(options) => radio(options, out),
        Command::Check { config, json } => match cli::check::run(&config, json, out)? {
            true => Ok(End::Done),
            false => Ok(End::Usage),
        },
        Command::Schema => {
            println!("{:#}", tieqi::daemon::api::document());
            Ok(End::Done)
        }
        Command::Decode { frame, json } => {
            let input = to_decode(frame)?;
            cli::decode::run(&input, json, out).map(End::from)
        }
        Command::Journal(journal) => look(journal, out),
        Command::Archive(archive) => archived(archive, out),
        Command::User(User::Add {
            name,
            role,
            file,
            password_stdin,
        }) => {
            let from = match password_stdin {
                true => cli::user::PasswordFrom::Stdin,
                false => cli::user::PasswordFrom::Prompt,
            };
            cli::user::add(&file, &name, role, from)?;
            eprintln!("added {name} ({role}) to {}", file.display());
            Ok(End::Done)
        }
    }
}

/// What `decode` is given: a frame as it stands, or the bytes of a file or of stdin.
fn to_decode(frame: String) -> anyhow::Result<Vec<u8>> {
    /// Frames are small; this is hundreds of thousands of them.
    const MAX_INPUT: u64 = 64 << 20;
    let mut input = Vec::new();
    let read = if frame == "-" {
        std::io::stdin()
            .lock()
            .take(MAX_INPUT + 1)
            .read_to_end(&mut input)
    } else if cli::decode::is_frame(&frame) || !std::path::Path::new(&frame).exists() {
        return Ok(frame.into_bytes());
    } else {
        let file =
            std::fs::File::open(&frame).with_context(|| format!("failed to open {frame}"))?;
        file.take(MAX_INPUT + 1).read_to_end(&mut input)
    };
    read.with_context(|| format!("failed to read {frame}"))?;
    let is_small = u64::try_from(input.len()).is_ok_and(|size| size <= MAX_INPUT);
    anyhow::ensure!(
        is_small,
        "failed to read {frame}: more than {MAX_INPUT} bytes"
    );
    Ok(input)
}

fn look(journal: Journal, out: &mut dyn std::io::Write) -> anyhow::Result<End> {
    let decode = cli::journal::event_text;
    let fine = match journal {
        Journal::Verify { dir, json } => cli::journal::verify(&dir, json, out)?,
        Journal::Show { dir, from, to } => cli::journal::show(&dir, from..=to, decode, out)?,
        Journal::Repair {
            dir,
            accept_loss,
            json,
        } => cli::repair::run(&dir, accept_loss, json, out)?,
        Journal::Prune { place, yes } => {
            let config = Config::load(&place.config)?;
            let now_ms = jiff::Timestamp::now().as_millisecond();
            let how = (yes, place.json);
            cli::prune::run(&config, place.dir.as_deref(), now_ms, how, out)?;
            true
        }
        Journal::Export { dir } => cli::journal::export(&dir, cli::journal::event_json, out)?,
    };
    Ok(fine.into())
}

fn archived(archive: Archive, out: &mut dyn std::io::Write) -> anyhow::Result<End> {
    log("warn", LogFormat::Text);
    match archive {
        Archive::Status(Place { config, dir, json }) => {
            let config = Config::load(&config)?;
            cli::archive::status(&config, dir.as_deref(), json, out).map(End::from)
        }
        Archive::Rebuild(Place { config, dir, json }) => {
            let config = Config::load(&config)?;
            cli::archive::rebuild(&config, dir.as_deref(), json, out)?;
            Ok(End::Done)
        }
    }
}

fn radio(options: Radio, out: &mut dyn std::io::Write) -> anyhow::Result<End> {
    let config = Config::load(&options.config)?;
    log("warn", LogFormat::Text);
    let usual = Rates::default();
    let rates = Rates {
        loss: options.loss.unwrap_or(usual.loss),
        decline: options.decline.unwrap_or(usual.decline),
        ignore: options.ignore.unwrap_or(usual.ignore),
        need_help: options.need_help.unwrap_or(usual.need_help),
        ..usual
    };
    let radio = RadioOptions {
        gateway: options.gateway,
        terminals: options.terminals,
        daemon: options.daemon,
        serial: options.serial,
        seed: options.seed,
        speed: options.speed,
        rates,
        ..RadioOptions::default()
    };
    let options = cli::radio::Options {
        radio,
        duration: options.duration,
        json: options.json,
    };
    cli::radio::run(&config, options, out)?;
    Ok(End::Done)
}

fn serve(options: &Serve) -> anyhow::Result<End> {
    let config = Config::load(&options.config)?;
    log(&config.log.filter, config.log.format);
    cli::serve::run(config, options.dir.as_deref())?;
    Ok(End::Done)
}

/// Logs go to stderr; RUST_LOG overrides the filter.
fn log(filter: &str, format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(filter));
    let ansi = std::io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(ansi);
    match format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
}
