//! A town of a command's own: the daemon on free ports, its people brought to the speed, radios
//! that know where it is, and a data directory that is gone afterwards. The demo and replays stand
//! on it.

use crate::config::users::{Role, Users};
use crate::config::{Config, Gateway, GatewayRole};
use crate::engine::policy::{Mode, Policy};
use crate::radio::{Radios, Stats};
use crate::shell::Server;
use anyhow::{Context, bail};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Shortest deadline of people, milliseconds of wall time.
pub(super) const SHORTEST_MS: u32 = 200;
/// The user that reports.
pub(super) const CALL_TAKER: &str = "calls";
/// The user that follows the board.
pub(super) const DISPATCHER: &str = "desk";
/// Who may log in.
const USERS: [(&str, Role); 2] = [
    (CALL_TAKER, Role::CallTaker),
    (DISPATCHER, Role::Dispatcher),
];
/// Behind a loopback socket on a free port, for as long as the command runs.
pub(super) const PASSWORD: &str = "demo-of-tieqi";

/// Every port of the town is any free one.
///
/// # Errors
/// When a gateway does not listen.
pub(super) fn on_free_ports(config: &mut Config) -> anyhow::Result<()> {
    config.console.listen.set_port(0);
    config.http.listen.set_port(0);
    for gateway in &mut config.gateways {
        if gateway.role != GatewayRole::Listen || bound_ports(gateway).next().is_none() {
            bail!(
                "gateway {} does not listen: simulated radios connect",
                gateway.name
            );
        }
        bound_ports(gateway).for_each(|port| *port = 0);
    }
    Ok(())
}

/// The ports a gateway that listens has, in the order the daemon binds them.
fn bound_ports(gateway: &mut Gateway) -> impl Iterator<Item = &mut u16> {
    let links = gateway.links.iter_mut().map(|link| &mut link.port);
    links.chain(gateway.air.iter_mut().map(|air| &mut air.port))
}

/// Brings the deadlines of people and the fastest move to a speed of the simulated world. One that
/// would fall under [`SHORTEST_MS`] of wall time stands there when `stretch` is given.
///
/// # Errors
/// When a deadline would fall under it and `stretch` is not given.
pub(super) fn hurry(policy: &mut Policy, speed: f64, stretch: bool) -> anyhow::Result<()> {
    let mut shortest = u32::MAX;
    let mut scale = |ms: &mut u32| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a u32, less"
        )]
        let scaled = (f64::from(*ms) / speed) as u32;
        shortest = shortest.min(scaled);
        *ms = scaled.max(SHORTEST_MS);
    };
    let plans = policy.plans.values_mut().chain(&mut policy.default_plans);
    for plan in plans.chain([&mut policy.emergency]) {
        let limits = &mut plan.limits;
        scale(&mut limits.accept_ms);
        scale(&mut limits.roll_ms);
        scale(&mut limits.arrive_ms);
        scale(&mut limits.on_scene_ms);
        if plan.feedback_ms > 0 {
            scale(&mut plan.feedback_ms);
        }
    }
    // Reports come without a call that rings: `answer_ms` never runs.
    let safety = &mut policy.safety;
    let checks = [&mut safety.en_route_ms, &mut safety.on_scene_ms];
    for every_ms in checks.into_iter().flatten().flatten() {
        scale(every_ms);
    }
    if safety.answer_ms > 0 {
        scale(&mut safety.answer_ms);
    }
    policy.age_step_ms.iter_mut().for_each(&mut scale);
    let ladder = &mut policy.ladder;
    ladder.waiting_ms.iter_mut().for_each(&mut scale);
    scale(&mut ladder.reoffer_ms);
    scale(&mut ladder.stacked_ms);
    if policy.mode == Mode::Recommend {
        ladder.proposal_ms.iter_mut().for_each(&mut scale);
    }
    scale(&mut ladder.unclassified_ms);
    if shortest < SHORTEST_MS && !stretch {
        bail!(
            "--speed {speed} brings a deadline of people down to {shortest} ms; at least \
             {SHORTEST_MS} ms are needed: go slower, or give --stretch-deadlines"
        );
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates"
    )]
    let plausible = (f64::from(policy.plausible_cm_s) * speed) as u32;
    policy.plausible_cm_s = plausible;
    Ok(())
}

/// The two users of such a town.
///
/// # Errors
/// Never with the names and the password here.
pub(super) fn users() -> anyhow::Result<Users> {
    let mut users = Users::load(Path::new(""))?;
    for (name, role) in USERS {
        users.add(name, role, PASSWORD)?;
    }
    Ok(users)
}

/// The daemon took free ports; the radios must know them.
pub(super) fn point_radios_at(config: &mut Config, server: &Server) {
    let ports = config.gateways.iter_mut().flat_map(bound_ports);
    for (port, bound) in ports.zip(&server.links) {
        *port = bound.port();
    }
}

/// Most handhelds register within a second or two; calls need not wait for the last.
pub(super) fn wait_for_radios(radios: &Radios, interrupted: &AtomicBool) {
    let patience = Instant::now() + Duration::from_secs(5);
    loop {
        let Stats {
            handhelds,
            registered,
            ..
        } = radios.stats();
        let enough = handhelds > 0 && registered * 10 >= handhelds * 9;
        if enough || Instant::now() > patience || interrupted.load(Ordering::Relaxed) {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Set by ctrl-c or SIGTERM.
///
/// # Errors
/// When no thread can be had to wait for it.
pub(super) fn interrupt() -> anyhow::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&flag);
    let waiting = std::thread::Builder::new().name("tieqi-signal".into());
    waiting.spawn(move || {
        if super::serve::wait_for_signal().is_ok() {
            set.store(true, Ordering::Relaxed);
        }
    })?;
    Ok(flag)
}

/// The data directory: kept where the user said, else temporary and removed.
pub(super) struct DataDir {
    path: PathBuf,
    temporary: bool,
}

impl DataDir {
    /// A directory for `command`.
    ///
    /// # Errors
    /// When it cannot be made or is not empty.
    pub(super) fn new(command: &str, keep: Option<&Path>) -> anyhow::Result<Self> {
        let (path, temporary) = match keep {
            Some(path) => (path.to_owned(), false),
            None => {
                let name = format!("tieqi-{command}-{}", std::process::id());
                (std::env::temp_dir().join(name), true)
            }
        };
        if path
            .read_dir()
            .is_ok_and(|mut entries| entries.next().is_some())
        {
            bail!(
                "{} is not empty: {command} starts a fresh journal",
                path.display()
            );
        }
        std::fs::create_dir_all(&path)
            .with_context(|| format!("failed to make {}", path.display()))?;
        Ok(Self { path, temporary })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        if self.temporary {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}
