//! Where a replay is played: a daemon of its own that is gone afterwards, or one that runs. With
//! radios there are simulated handhelds for the fleet and a dispatcher who follows the board.

use super::super::client::Client;
use super::super::desk;
use super::super::town::{self, CALL_TAKER, DISPATCHER, DataDir, PASSWORD};
use super::super::user::{PasswordFrom, login_password};
use super::Options;
use crate::config::Config;
use crate::radio::{RadioOptions, Radios, Stats};
use crate::shell::Server;
use anyhow::Context;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// A user with the password.
#[derive(Clone)]
struct Login {
    user: String,
    password: String,
}

/// A daemon, and maybe radios.
pub(super) struct Stage {
    at: SocketAddr,
    caller: Login,
    server: Option<Server>,
    /// Its own data.
    dir: Option<DataDir>,
    /// Where the data of a daemon that was there lies, if that was told.
    journal: Option<PathBuf>,
    radios: Option<Radios>,
    desk: Option<JoinHandle<anyhow::Result<()>>>,
    over: Arc<AtomicBool>,
}

impl Stage {
    /// Sets it up; `config` gets the ports that were free and the deadlines of the speed.
    ///
    /// # Errors
    /// When the daemon, the radios or a password cannot be had.
    pub(super) fn open(options: &Options, config: &mut Config) -> anyhow::Result<Self> {
        let mut stage = match options.connect {
            Some(at) => Self::of_others(options, at)?,
            None => Self::own(options, config)?,
        };
        if options.with_radios {
            stage.people(options, config)?;
        }
        Ok(stage)
    }

    fn own(options: &Options, config: &mut Config) -> anyhow::Result<Self> {
        options.transport.equip(config);
        town::on_free_ports(config)?;
        // Without radios nobody could be told, so nobody is on duty.
        config.roster.sign_on_at_start = options.with_radios;
        // The rule of speeds is one for both, but without people their deadlines need no hurry.
        let mut hurried = config.policy.clone();
        town::hurry(&mut hurried, options.speed, options.stretch_deadlines)?;
        if options.with_radios {
            config.policy = hurried;
        }
        let dir = DataDir::new("replay", options.keep.as_deref())?;
        let server = Server::start(config.clone(), town::users()?, dir.path())?;
        town::point_radios_at(config, &server);
        let caller = Login {
            user: CALL_TAKER.to_owned(),
            password: PASSWORD.to_owned(),
        };
        Ok(Self {
            at: server.console,
            caller,
            server: Some(server),
            dir: Some(dir),
            journal: None,
            radios: None,
            desk: None,
            over: Arc::default(),
        })
    }

    fn of_others(options: &Options, at: SocketAddr) -> anyhow::Result<Self> {
        let user = options.user.clone().unwrap_or_default();
        let from = match options.password_stdin {
            true => PasswordFrom::Stdin,
            false => PasswordFrom::Prompt,
        };
        let password = match &options.password {
            Some(password) => password.clone(),
            None => login_password(&user, from)?,
        };
        Ok(Self {
            at,
            caller: Login { user, password },
            server: None,
            dir: None,
            journal: options.journal.clone(),
            radios: None,
            desk: None,
            over: Arc::default(),
        })
    }

    /// Handhelds for the fleet, and somebody at the desk.
    fn people(&mut self, options: &Options, config: &Config) -> anyhow::Result<()> {
        let radio = RadioOptions {
            seed: options.seed,
            speed: options.speed,
            daemon: options.connect.map(|at| at.ip()),
            ..RadioOptions::default()
        };
        let radios = Radios::start(config, radio).context("failed to start the radios")?;
        self.radios = Some(radios);
        let desk = match &self.server {
            Some(_) => Login {
                user: DISPATCHER.to_owned(),
                password: PASSWORD.to_owned(),
            },
            None => self.caller.clone(),
        };
        let (at, over) = (self.at, Arc::clone(&self.over));
        let desk = move || desk::work(at, &desk.user, &desk.password, &over);
        self.desk = Some(std::thread::spawn(desk));
        Ok(())
    }

    /// A console for the calls.
    ///
    /// # Errors
    /// When nobody listens or the login is refused.
    pub(super) fn console(&self) -> anyhow::Result<Client> {
        Client::login(self.at, &self.caller.user, &self.caller.password)
    }

    /// The radios, where there are some.
    pub(super) fn radios(&self) -> Option<&Radios> {
        self.radios.as_ref()
    }

    /// Where the daemon's journal lies, if that is known.
    pub(super) fn journal(&self) -> Option<&Path> {
        let own = self.dir.as_ref().map(DataDir::path);
        own.or(self.journal.as_deref())
    }

    /// Sends everybody home and stops the daemon, if it is its own. The journal stays until this
    /// is dropped.
    ///
    /// # Errors
    /// When the radios stopped early.
    pub(super) fn close(&mut self) -> anyhow::Result<Option<Stats>> {
        self.over.store(true, Ordering::Relaxed);
        if let Some(Ok(Err(error))) = self.desk.take().map(JoinHandle::join) {
            tracing::warn!(%error, "the dispatcher stopped early");
        }
        let radios = self.radios.take().map(Radios::stop).transpose();
        if let Some(server) = self.server.take() {
            server.stop();
        }
        radios.context("failed to run the radios")
    }
}
