//! `tieqi serve`: the daemon until ctrl-c or SIGTERM.

use crate::config::Config;
use crate::config::users::Users;
use crate::shell::Server;
use anyhow::Context;
use std::path::Path;

/// Runs the daemon in `dir`, or in the config's data directory.
///
/// # Errors
/// When the users cannot be read or the daemon cannot start.
pub fn run(config: Config, dir: Option<&Path>) -> anyhow::Result<()> {
    let users = Users::load(&config.console.users)?;
    if users.is_empty() {
        let file = config.console.users.display();
        tracing::warn!("nobody can log in: `tieqi user add NAME --role ROLE --file {file}`");
    }
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let dir = dir.unwrap_or(&config.journal.dir).to_owned();
    let server = Server::start(config, users, &dir)?;
    tracing::info!(console = %server.console, http = %server.http, dir = %dir.display(), "serving");
    wait_for_signal().context("failed to wait for signals")?;
    tracing::info!("stopping");
    server.stop();
    Ok(())
}

/// Waits for ctrl-c or SIGTERM.
pub(super) fn wait_for_signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            stopped = tokio::signal::ctrl_c() => stopped,
            _ = terminate.recv() => Ok(()),
        }
    })
}
