//! Years of a town, written straight into a journal: what its engine would have decided, without
//! deciding it.

use anyhow::{Context, Result, ensure};
use std::path::Path;
use tieqi::config::Config;
use tieqi::engine::Engine;
use tieqi::engine::assignment::{Rung, Source};
use tieqi::engine::command::Command;
use tieqi::engine::event::{By, Event, Offer};
use tieqi::engine::id::{AssignmentId, EngineTime, IncidentId, MessageNo, Point, UnitId};
use tieqi::engine::image::IMAGE_FORMAT;
use tieqi::engine::incident::{Classification, Report, Source as Origin};
use tieqi::engine::policy::{Grade, Limits, Need, Skills};
use tieqi::engine::ranking::{Candidate, Ranking, Reason};
use tieqi::engine::unit::{CrewMember, Duty};
use tieqi::journal::{ChainPoint, FileDisk, Journal, Kind, Options, SnapshotHead, write_snapshot};

/// A thousand incidents a day.
const EVERY_MS: u64 = 86_400;
/// The units that take turns.
const UNITS: u32 = 60;
/// One desk's word for all of it.
const DESK: &str = "calls";

/// Writes `incidents` into a new journal in `dir`, with the two snapshots that a daemon would have
/// when it is killed as late before its next one as it can be. Records written, and the tip.
pub(crate) fn write(dir: &Path, config: &Config, incidents: u32) -> Result<ChainPoint> {
    let began_ms = jiff::Timestamp::now().as_millisecond();
    let wall_ms = began_ms - i64::try_from(u64::from(incidents) * EVERY_MS)?;
    let segment_bytes = usize::try_from(config.journal.segment_mib)? << 20;
    let options = Options {
        segment_bytes,
        ..Options::at(wall_ms)
    };
    std::fs::create_dir_all(dir.join("snapshots"))?;
    let (journal, _) = Journal::open(FileDisk::lock(dir)?, &options, |_| ())?;
    let mut writer = Writer {
        journal,
        engine: Engine::new(config.policy.clone()),
        at: EngineTime(0),
    };
    writer.register()?;
    let every = config.journal.snapshot_every;
    let total = u64::from(incidents) * EVENTS;
    let mut snapshots = FileDisk::lock(&dir.join("snapshots"))?;
    let mut due = [total.saturating_sub(2 * every), total.saturating_sub(every)].into_iter();
    let mut next = due.next();
    for number in 1..=incidents {
        writer.at = EngineTime(u64::from(number) * EVERY_MS);
        writer.incident(number)?;
        if next.is_some_and(|seq| u64::from(number) * EVENTS >= seq) {
            writer.journal.commit()?;
            writer.snapshot(&mut snapshots)?;
            next = due.next();
        }
    }
    writer.journal.commit()?;
    Ok(writer.journal.tip())
}

/// Events of one incident.
const EVENTS: u64 = 13;

struct Writer {
    journal: Journal<FileDisk>,
    engine: Engine,
    at: EngineTime,
}

impl Writer {
    /// The register, and crews on duty for good.
    fn register(&mut self) -> Result<()> {
        for event in self.decide(&Command::PublishPolicy)? {
            self.put(&event)?;
        }
        for number in 1..=UNITS {
            let crew = CrewMember {
                officer: format!("P{number:04}"),
                sworn: true,
            };
            let duty = Duty {
                crew: vec![crew],
                vehicle: String::new(),
                terminals: Vec::new(),
                skills: Skills(0),
                area: String::new(),
                until_ms: None,
            };
            let (unit, by) = (UnitId(number), By::Roster);
            self.put(&Event::UnitSignedOn { unit, duty, by })?;
        }
        Ok(())
    }

    fn decide(&self, command: &Command) -> Result<Vec<Event>> {
        let decided = self.engine.decide(self.at, command);
        decided.map_err(|refused| anyhow::anyhow!("{refused:?}"))
    }

    fn put(&mut self, event: &Event) -> Result<()> {
        let payload = postcard::to_allocvec(event)?;
        if !self.journal.fits(1, payload.len()) {
            self.journal.commit()?;
        }
        self.journal.push(Kind::EVENT, self.at.0, &payload)?;
        self.engine.apply(self.at, event);
        Ok(())
    }

    /// One call from its report to its closing.
    fn incident(&mut self, number: u32) -> Result<()> {
        let events = story(number, self.at, self.engine.state().seq);
        ensure!(events.len() as u64 == EVENTS, "{} events", events.len());
        for (step, event) in events.iter().enumerate() {
            self.at = EngineTime(u64::from(number) * EVERY_MS + 5_000 * step as u64);
            self.put(event)?;
        }
        Ok(())
    }

    fn snapshot(&mut self, disk: &mut FileDisk) -> Result<()> {
        self.engine.replayed();
        let head = SnapshotHead {
            format: IMAGE_FORMAT,
            point: self.journal.tip(),
            time_ms: self.at.0,
            wall_ms: self.journal.wall_at(self.at.0),
        };
        let payload = postcard::to_allocvec(&self.engine.image());
        let payload = payload.context("failed to encode the image")?;
        write_snapshot(disk, &head, payload.len() as u64, |sink| sink(&payload))?;
        Ok(())
    }
}

fn story(number: u32, at: EngineTime, as_of: u64) -> Vec<Event> {
    let incident = IncidentId(number);
    let assignment = AssignmentId(number);
    let unit = UnitId(number % UNITS + 1);
    let deadline = EngineTime(at.0 + 3_600_000);
    let classification = Classification {
        category: None,
        grade: Grade::Three,
    };
    let point = Point {
        x_cm: i64::from(number % 997) * 900,
        y_cm: i64::from(number % 991) * 900,
    };
    let report = Report {
        source: Origin::Police110,
        by: DESK.into(),
        place: "黄江大道17号".into(),
        point: Some(point),
        caller: format!("139{number:08}"),
        text: "两车相撞, 无人受伤, 占用一条车道".into(),
        occurred_at_ms: None,
        classification,
    };
    let need = Need {
        skills: Skills(0),
        sworn: 0,
    };
    let limits = Limits {
        accept_ms: 60_000,
        roll_ms: 120_000,
        arrive_ms: 900_000,
        on_scene_ms: 3_600_000,
    };
    let candidate = |place: u32| Candidate {
        unit: UnitId((number + place) % UNITS + 1),
        travel_ms: 60_000 + 7_000 * place,
        distance_m: 800 + 90 * place,
        point,
        fix_age_ms: 4_000,
        reasons: std::iter::once(Reason::StraightLine).collect(),
    };
    let ranking = Ranking {
        as_of,
        need,
        candidates: (0..8).map(candidate).collect(),
        passed_over: Vec::new(),
    };
    let by = || By::User(DESK.into());
    let advanced = |rung| Event::AssignmentAdvanced {
        assignment,
        rung,
        source: Source::Voice,
        by: by(),
        deadline,
    };
    let offer = Offer {
        terminal: None,
        distance_m: Some(800),
        deadline,
    };
    let mut events = vec![
        Event::IncidentReported {
            incident,
            report,
            review_at: deadline,
        },
        Event::CommandAnswered {
            user: DESK.into(),
            method: "incident.report".into(),
            key: format!("0198f2a4-7c1e-7000-8000-{number:012}"),
            digest: [0; 16],
            answer: format!("{{\"incident\":{number},\"phase\":\"queued\"}}"),
        },
        Event::IncidentConfirmed {
            incident,
            classification,
            needs: vec![need],
            limits,
            review_at: deadline,
            by: By::Engine,
        },
        Event::UnitsRanked { incident, ranking },
        Event::AssignmentOffered {
            assignment,
            incident,
            slot: 0,
            unit,
            message: MessageNo(number),
            offer,
            by: By::Engine,
        },
    ];
    let rungs = [
        Rung::Sent,
        Rung::Delivered,
        Rung::Accepted,
        Rung::EnRoute,
        Rung::OnScene,
        Rung::Cleared,
    ];
    events.extend(rungs.map(advanced));
    events.push(Event::IncidentResolved {
        incident,
        by: By::Engine,
    });
    events.push(Event::IncidentClosed { incident, by: by() });
    events
}
