//! How the daemon is: what it counts, and the answer of `system.health`.

use super::output::LinkId;
use super::rpc::Problem;
use super::view::{
    CallsHealth, Counts, Health, InvalidHealth, Lanes, LinkHealth, Name, Named, Status, Waiting,
};
use super::{Daemon, Now};
use crate::engine::assignment::Rung;
use crate::engine::call::CallEvent;
use crate::engine::event::Event;
use crate::engine::policy::Grade;
use crate::engine::suspect::{Cause, SuspectEvent};
use std::collections::BTreeMap;

impl Counts {
    /// The cause of radio ids nobody knows.
    const STRANGER: &'static str = "stranger";

    /// Counts a refusal by its kind.
    pub(super) fn refuse(&mut self, problem: &Problem) {
        let kind = problem.kind();
        match self.refused_by_kind.get_mut(kind) {
            Some(count) => *count += 1,
            None => drop(self.refused_by_kind.insert(kind.to_owned(), 1)),
        }
    }

    /// Counts an event, here and for /metrics.
    pub(super) fn note(&mut self, event: &Event) {
        let count = match event {
            Event::IncidentReported { .. } => &mut self.incidents,
            Event::AssignmentOffered { .. } => &mut self.offered,
            Event::AssignmentRetried { .. } => &mut self.retries,
            Event::AssignmentDeclined { .. } => &mut self.declines,
            Event::AssignmentExpired { .. } => &mut self.expired,
            Event::AssignmentRecalled { .. } => &mut self.recalled,
            Event::AssignmentAdvanced { rung, .. } => self.rungs.entry(rung.name()).or_default(),
            Event::AlarmRaised { .. } | Event::Call(CallEvent::Overdue { .. }) => &mut self.alarms,
            Event::Suspect(SuspectEvent::Marked { cause, .. }) => {
                self.suspected.entry(cause.name()).or_default()
            }
            Event::StrangerHeard { .. } => self.suspected.entry(Self::STRANGER).or_default(),
            Event::ProposalMade { .. } => &mut self.proposed,
            Event::RankingOverridden { .. } => &mut self.overridden,
            _ => return,
        };
        *count += 1;
    }
}

impl Daemon {
    /// The answer of `system.health`.
    pub(super) fn health(&self, now: Now) -> Health<'_> {
        let state = self.engine.state();
        let waiting = Grade::ALL.into_iter().zip(self.engine.waiting());
        let queue = waiting.map(|(grade, (count, oldest))| {
            let oldest_ms = oldest.map(|at| now.at.since_ms(at));
            let waiting = count;
            (grade.name(), Waiting { waiting, oldest_ms })
        });
        let links = self.gateways.health().enumerate();
        let links = links.map(|(index, (gateway, service, slot, up, queued))| LinkHealth {
            gateway,
            service,
            slot,
            up,
            queued,
            radio: self.control.view(LinkId(index)),
        });
        Health {
            status: match self.degraded() {
                Some(_) => Status::Degraded,
                None => Status::Ok,
            },
            degraded: self.degraded(),
            space: self.short.view(),
            at: now.at,
            wall_ms: now.wall_ms,
            epoch: self.epoch,
            seq: state.seq,
            durable: self.batches.is_durable(),
            held: self.batches.held(),
            consoles: self.sessions.len(),
            lanes: Lanes {
                urgent: self.urgent.len(),
                normal: self.normal.len(),
                positions: self.positions.len(),
            },
            open_incidents: state.open_incidents,
            open_alarms: state.alarms.len(),
            open_emergencies: state.emergencies.len(),
            suspects: state.suspects.len(),
            open_tasks: state.tasks.len(),
            calls: self.calls(),
            mode: Name(self.engine.policy().mode),
            open_proposals: state.proposals.len(),
            claims: state.claims.len(),
            queue: queue.collect(),
            receipts: self.receipts(),
            links: links.collect(),
            archive: self.archive_health(),
            snapshot: self.snapshot_health(now),
            stages_us: self.stages.view(),
            since_start: Counts {
                datagrams_refused: self.gateways.refused(),
                requests_refused: self.counts.refused_by_kind.values().sum(),
                ..self.counts.clone()
            },
        }
    }

    fn calls(&self) -> CallsHealth {
        let state = self.engine.state();
        let counts = &state.call_counts;
        let [nuisance, misdial, silent] = counts.invalid;
        CallsHealth {
            open: state.open_calls,
            flooding: self.engine.flooding().len(),
            arrived: counts.arrived,
            answered: counts.answered,
            abandoned: counts.abandoned,
            invalid: InvalidHealth {
                nuisance,
                misdial,
                silent,
            },
        }
    }

    /// Open assignments by rung.
    fn receipts(&self) -> BTreeMap<&'static str, u64> {
        let open = self
            .engine
            .state()
            .assignments
            .values()
            .map(|assignment| assignment.rung);
        let mut by_rung = BTreeMap::new();
        for rung in open.filter(|rung: &Rung| rung.is_open()) {
            *by_rung.entry(rung.name()).or_default() += 1;
        }
        by_rung
    }

    /// Brings the gauges of /metrics up to date; the shell calls it before they are read.
    pub fn export_gauges(&self, now: Now) {
        for (grade, (count, oldest)) in Grade::ALL.into_iter().zip(self.engine.waiting()) {
            let oldest_s = oldest.map_or(0.0, |at| seconds(now.at.since_ms(at)));
            metrics::gauge!("tieqi_queue_incidents", "grade" => grade.name()).set(float(count));
            metrics::gauge!("tieqi_queue_oldest_seconds", "grade" => grade.name()).set(oldest_s);
        }
        let receipts = self.receipts();
        for rung in Rung::ALL.into_iter().filter(|rung| rung.is_open()) {
            let count = receipts.get(rung.name()).copied().unwrap_or(0);
            let count = self::count(count);
            metrics::gauge!("tieqi_assignments_open", "rung" => rung.name()).set(count);
        }
        for (gateway, service, slot, up, queued) in self.gateways.health() {
            let labels = [
                ("gateway", gateway.to_owned()),
                ("service", service.to_owned()),
                ("slot", slot.to_string()),
            ];
            metrics::gauge!("tieqi_link_up", &labels).set(float(usize::from(up)));
            metrics::gauge!("tieqi_link_queued_frames", &labels).set(float(queued));
        }
        let counts = &self.counts;
        let totals = [
            ("tieqi_incidents_total", counts.incidents),
            ("tieqi_offers_total", counts.offered),
            ("tieqi_retries_total", counts.retries),
            ("tieqi_declines_total", counts.declines),
            ("tieqi_expired_total", counts.expired),
            ("tieqi_alarms_total", counts.alarms),
            ("tieqi_datagrams_total", counts.datagrams),
            ("tieqi_messages_refused_total", counts.messages_refused),
            ("tieqi_positions_total", counts.positions),
            ("tieqi_positions_doubted_total", counts.positions_doubted),
            (
                "tieqi_positions_overwritten_total",
                counts.positions_overwritten,
            ),
            ("tieqi_radio_dropped_total", counts.radio_dropped),
            ("tieqi_radio_flooded_total", counts.radio_flooded),
            ("tieqi_consoles_refused_total", counts.consoles_refused),
            ("tieqi_boards_lost_total", counts.boards_lost),
            ("tieqi_call_floods_total", counts.floods),
        ];
        for (name, total) in totals {
            metrics::counter!(name).absolute(total);
        }
        for (kind, total) in &counts.refused_by_kind {
            metrics::counter!("tieqi_requests_refused_total", "kind" => kind.clone())
                .absolute(*total);
        }
        for (reason, total) in &counts.consoles_cut {
            metrics::counter!("tieqi_consoles_cut_total", "reason" => *reason).absolute(*total);
        }
        let lanes = [
            ("urgent", self.urgent.len()),
            ("normal", self.normal.len()),
            ("positions", self.positions.len()),
        ];
        for (lane, waiting) in lanes {
            metrics::gauge!("tieqi_lane_waiting", "lane" => lane).set(float(waiting));
        }
        let causes = Cause::NAMES.iter().map(|(_, name)| *name);
        for cause in causes.chain([Counts::STRANGER]) {
            let total = counts.suspected.get(cause).copied().unwrap_or(0);
            metrics::counter!("tieqi_suspects_total", "cause" => cause).absolute(total);
        }
        let suspects = float(self.engine.state().suspects.len());
        metrics::gauge!("tieqi_suspects").set(suspects);
        let flooding = float(self.engine.flooding().len());
        metrics::gauge!("tieqi_callers_flooding").set(flooding);
        let emergencies = float(self.engine.state().emergencies.len());
        metrics::gauge!("tieqi_emergencies_open").set(emergencies);
        self.export_archive(now);
        metrics::gauge!("tieqi_consoles").set(float(self.sessions.len()));
        let degraded = float(usize::from(self.degraded().is_some()));
        metrics::gauge!("tieqi_degraded").set(degraded);
        if let Some(room) = self.short.room {
            metrics::gauge!("tieqi_disk_free_bytes").set(count(room.free_bytes));
            metrics::gauge!("tieqi_disk_bytes").set(count(room.total_bytes));
        }
        let short = float(usize::from(self.short.is_short()));
        metrics::gauge!("tieqi_disk_short").set(short);
    }

    fn export_archive(&self, now: Now) {
        let archive = &self.archive;
        let lag = self.engine.state().seq.saturating_sub(archive.seq);
        metrics::gauge!("tieqi_archive_seq").set(count(archive.seq));
        metrics::gauge!("tieqi_archive_lag_events").set(count(lag));
        let rebuilding = float(usize::from(archive.rebuilding.is_some()));
        metrics::gauge!("tieqi_archive_rebuilding").set(rebuilding);
        if let Some(snapshot) = archive.snapshot {
            let age_ms = now.wall_ms.saturating_sub(snapshot.wall_ms);
            let age_s = seconds(u64::try_from(age_ms).unwrap_or(0));
            metrics::gauge!("tieqi_snapshot_age_seconds").set(age_s);
            metrics::gauge!("tieqi_snapshot_record").set(count(snapshot.record));
            metrics::gauge!("tieqi_snapshot_bytes").set(count(snapshot.bytes));
        }
    }
}

fn count(count: u64) -> f64 {
    float(usize::try_from(count).unwrap_or(usize::MAX))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "gauges are floats; counts stay far below 2^52"
)]
fn float(count: usize) -> f64 {
    count as f64
}

#[expect(
    clippy::cast_precision_loss,
    reason = "gauges are floats; ages stay far below 2^52"
)]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}
