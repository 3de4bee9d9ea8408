//! What the tests of the whole daemon share: a town on free ports in a folder of its own, users
//! with cheap hashes, radios that know where the daemon is, and waiting with a deadline.

#![expect(dead_code, reason = "each test file takes what it needs")]

pub(crate) mod aged;
pub(crate) mod air;
pub(crate) mod cable;
pub(crate) mod process;
pub(crate) mod site;
pub(crate) mod small_disk;

use serde_json::{Value, json};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tieqi::cli::client::{Client, Refused};
use tieqi::config::Config;
use tieqi::config::users::{Role, Users};
use tieqi::radio::{RadioOptions, Radios, Rates};
use tieqi::shell::Server;

/// Everybody's password.
pub(crate) const PASSWORD: &str = "correct horse";
/// Who may log in.
pub(crate) const USERS: [(&str, Role); 3] = [
    ("calls", Role::CallTaker),
    ("desk", Role::Dispatcher),
    ("boss", Role::Supervisor),
];
/// How much faster than life the simulated officers are.
pub(crate) const SPEED: f64 = 600.0;
/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A daemon of this process with its folder.
pub(crate) struct Town {
    /// With the ports that were free.
    pub(crate) config: Config,
    /// The daemon.
    pub(crate) server: Server,
    /// Its data.
    pub(crate) dir: TempDir,
}

impl Town {
    /// The sample town on free ports.
    pub(crate) fn start() -> Self {
        Self::start_with(sample())
    }

    /// A town of its own.
    pub(crate) fn start_with(mut config: Config) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let server = Server::start(config.clone(), users(), dir.path()).unwrap();
        let links = config.gateways.iter_mut().flat_map(|it| &mut it.links);
        for (link, bound) in links.zip(&server.links) {
            link.port = bound.port();
        }
        Self {
            config,
            server,
            dir,
        }
    }

    /// A console where `user` is logged in.
    pub(crate) fn console(&self, user: &str) -> Client {
        Client::login(self.server.console, user, PASSWORD).unwrap()
    }
}

/// The sample town; every port is any free one.
pub(crate) fn sample() -> Config {
    let mut config = Config::sample().unwrap();
    config.console.listen.set_port(0);
    config.http.listen.set_port(0);
    for link in config.gateways.iter_mut().flat_map(|it| &mut it.links) {
        link.port = 0;
    }
    hurry(&mut config);
    config
}

/// Simulated officers drive faster than anybody may; the journal need not be large.
pub(crate) fn hurry(config: &mut Config) {
    config.policy.plausible_cm_s = u32::MAX;
    config.journal.segment_mib = 1;
}

/// Users whose passwords are checked at once.
pub(crate) fn users() -> Users {
    let cheap = argon2::Params::new(8, 1, 1, None).unwrap();
    let mut users = Users::with_cost(cheap).unwrap();
    for (name, role) in USERS {
        users.add(name, role, PASSWORD).unwrap();
    }
    users
}

/// Radios of a seed, which is printed so that a failure can be told again.
pub(crate) fn radios(config: &Config, seed: u64, rates: Rates) -> Radios {
    println!("seed {seed}");
    let options = RadioOptions {
        seed,
        speed: SPEED,
        scene_s: 60,
        spread_ms: 100,
        air_ms: 10,
        delay_ms: 1,
        rates,
        ..RadioOptions::default()
    };
    Radios::start(config, options).unwrap()
}

/// Waits until nine tenths of the handhelds are registered; the console's notices tick.
pub(crate) fn until_registered(radios: &Radios, console: &Client) {
    until("the handhelds to register", console, || {
        let stats = radios.stats();
        (stats.handhelds > 0 && stats.registered * 10 >= stats.handhelds * 9).then_some(())
    });
}

/// Asks until there is an answer, at most [`PATIENCE`]; between two questions it waits on the
/// console's notices, which come when something changed.
pub(crate) fn until<T>(what: &str, console: &Client, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "no use waiting for {what}");
        console.notice(Duration::from_millis(20)).unwrap();
    }
}

/// The same where the question is a call of the same console.
pub(crate) fn until_call<T>(
    what: &str,
    console: &mut Client,
    (method, params): (&str, Value),
    mut found: impl FnMut(&Value) -> Option<T>,
) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = console.call(method, &params).unwrap();
        if let Some(found) = found(&answer) {
            return found;
        }
        assert!(
            Instant::now() < deadline,
            "no use waiting for {what}: {answer}"
        );
        console.notice(Duration::from_millis(20)).unwrap();
    }
}

/// An object of the board, by subscribing anew.
pub(crate) fn on_board(console: &mut Client, kind: &str, key: &str, is: &Value) -> Option<Value> {
    let told = console.call("board.subscribe", &json!({})).unwrap();
    let (mut pages, mut found) = (told.get("pages")?.as_u64()?, None);
    while pages > 0 {
        let notice = console.notice(PATIENCE).unwrap().unwrap();
        let params = notice.get("params")?;
        let is_page = notice.get("method")? == "board.page";
        if !is_page || params.get("seq") != told.get("seq") {
            continue;
        }
        pages -= 1;
        let items = params.get("items")?.as_array()?.iter();
        let of_kind = items.filter(|item| item.get("kind").is_some_and(|it| it == kind));
        let mut values = of_kind.filter_map(|item| item.get("value"));
        let wanted = values.find(|value| value.get(key) == Some(is));
        found = found.or(wanted.cloned());
    }
    found
}

/// Follows an incident until its scene is cleared: the story of it.
pub(crate) fn until_cleared(console: &mut Client, incident: &Value) -> Value {
    let get = ("incident.get", json!({ "incident": incident }));
    until_call("the scene to be cleared", console, get, |found| {
        let resolved = found.pointer("/incident/phase")? == "resolved";
        let durable = found.pointer("/durable")? == true;
        (resolved && durable).then(|| found.clone())
    })
}

/// A call that must be refused: the error object.
pub(crate) fn refused(console: &mut Client, method: &str, params: &Value) -> Value {
    let error = console.call(method, params).unwrap_err();
    match error.downcast::<Refused>() {
        Ok(refused) => refused.error,
        Err(error) => panic!("{method} {params}: {error:#}"),
    }
}

/// A report of light traffic trouble in the middle of the town: one unit, no sworn officer.
pub(crate) fn report(key: &str) -> Value {
    json!({
        "key": key, "place": "嘉荣广场", "caller": format!("139-{key}"),
        "position": { "lat": 22.9180, "lon": 114.01048, "datum": "wgs84" },
        "text": "测试", "category": "traffic_minor",
    })
}

/// The binary as a user runs it.
pub(crate) fn tieqi() -> Command {
    Command::new(env!("CARGO_BIN_EXE_tieqi"))
}
