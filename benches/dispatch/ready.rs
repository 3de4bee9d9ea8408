//! A daemon with a town on duty, a console and a gateway: everybody is signed on, registered and
//! placed, and every text is acked from here on.

use crate::client::{self, Client};
use crate::gateway::{Gateway, Offers, Positions};
use crate::town;
use std::path::Path;
use tempfile::TempDir;
use tieqi::config::users::{Role, Users};
use tieqi::shell::Server;

/// What a benchmark runs against.
pub(crate) struct Ready {
    pub(crate) server: Server,
    pub(crate) client: Client,
    pub(crate) offers: Offers,
    pub(crate) positions: Positions,
    /// On the disk that is measured, gone afterwards.
    pub(crate) dir: TempDir,
}

impl Ready {
    pub(crate) fn start(units: u32) -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("bench-")
            .tempdir_in(target())?;
        let mut users = Users::load(&dir.path().join("users.toml"))?;
        users.add(client::USER, Role::Supervisor, client::PASSWORD)?;
        let server = Server::start(town::config(units)?, users, &dir.path().join("data"))?;
        let mut client = Client::connect(server.console)?;
        let mut gateway = Gateway::connect(&server.links)?;
        eprintln!("{units} units: signing on, registering, placing ...");
        client.sign_on(units)?;
        gateway.register(units)?;
        gateway.place(units)?;
        let (offers, positions) = gateway.listen(units)?;
        client.settle()?;
        Ok(Self {
            server,
            client,
            offers,
            positions,
            dir,
        })
    }
}

/// The build's folder: on the disk that is measured, and cleaned with it.
pub(crate) fn target() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/target"))
}
