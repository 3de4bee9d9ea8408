//! The lifecycles as tables that can be read aloud: every state against everything that may happen.

use crate::engine::assignment::{Move, Rung, Step};
use crate::engine::call::{CallPhase, CallStep};
use crate::engine::id::{AssignmentId, EngineTime, UnitId};
use crate::engine::incident::{Engaged, Phase, Step as IncidentStep};
use crate::engine::policy::{Skills, UnitKind};
use crate::engine::unit::{CrewMember, Duty, Unit};
use std::fmt::Write;

/// Pads the cells of each column to the same width.
fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            write!(line, "{cell:width$}  ").unwrap();
        }
        writeln!(out, "{}", line.trim_end()).unwrap();
    }
    out
}

#[test]
fn assignment_matrix() {
    use Step::*;
    let steps = [
        Offer, Retry, Send, Deliver, Accept, Roll, Arrive, Clear, Decline, Expire, Recall,
    ];
    let mut rows = vec![vec![String::from("rung")]];
    rows[0].extend(steps.iter().map(|step| format!("{step:?}")));
    for rung in Rung::ALL {
        let mut row = vec![format!("{rung:?}")];
        row.extend(steps.iter().map(|step| match rung.take(*step) {
            Move::To(to) => format!("{to:?}"),
            Move::Already => String::from("="),
            Move::Illegal => String::from("-"),
        }));
        rows.push(row);
    }
    insta::assert_snapshot!(table(&rows));
}

#[test]
fn incident_matrix() {
    use IncidentStep::*;
    let steps = [
        Confirm,
        Engage(Engaged::Nobody),
        Engage(Engaged::Offered),
        Engage(Engaged::Rolling),
        Resolve,
        Close,
        Cancel,
        FollowUp,
        Refer,
        Return(Phase::Queued),
        Reopen(Phase::Queued),
        Merge,
        Undo(Phase::Queued),
        Undo(Phase::Resolved),
    ];
    let mut rows = vec![vec![String::from("phase")]];
    rows[0].extend(steps.iter().map(|step| format!("{step:?}")));
    for phase in Phase::ALL {
        let mut row = vec![format!("{phase:?}")];
        row.extend(steps.iter().map(|step| {
            let next = phase.after(*step);
            next.map_or(String::from("-"), |next| format!("{next:?}"))
        }));
        rows.push(row);
    }
    insta::assert_snapshot!(table(&rows));
}

#[test]
fn call_matrix() {
    let steps = [
        CallStep::Answer,
        CallStep::End,
        CallStep::Dismiss,
        CallStep::Attach,
    ];
    let mut rows = vec![vec![String::from("phase")]];
    rows[0].extend(steps.iter().map(|step| format!("{step:?}")));
    for phase in CallPhase::ALL {
        let mut row = vec![format!("{phase:?}")];
        row.extend(steps.iter().map(|step| {
            let next = phase.after(*step);
            next.map_or(String::from("-"), |next| format!("{next:?}"))
        }));
        rows.push(row);
    }
    insta::assert_snapshot!(table(&rows));
}

#[test]
fn unit_states() {
    let duty = Duty {
        crew: vec![CrewMember {
            officer: String::from("A1"),
            sworn: true,
        }],
        vehicle: String::new(),
        terminals: Vec::new(),
        skills: Skills::default(),
        area: String::new(),
        until_ms: None,
    };
    let header = ["signed on", "out of service", "active", "state"];
    let mut rows = vec![header.map(String::from).to_vec()];
    for bits in 0..8u8 {
        let [on, out, active] = [bits & 4 != 0, bits & 2 != 0, bits & 1 != 0];
        let unit = Unit {
            id: UnitId(1),
            call_sign: String::from("铁骑01"),
            kind: UnitKind::Motorcycle,
            duty: on.then(|| duty.clone()),
            on_duty_since: EngineTime(0),
            out_of_service: out.then(String::new),
            active: active.then_some(AssignmentId(1)),
            stacked: Default::default(),
            emergency: None,
        };
        let state = format!("{:?}", unit.state());
        let flags = [on, out, active].map(|flag| String::from(if flag { "yes" } else { "no" }));
        rows.push(flags.into_iter().chain([state]).collect());
    }
    insta::assert_snapshot!(table(&rows));
}

/// An open rung is left only by steps that say so; an ended one never opens again.
#[test]
fn ended_stays_ended() {
    use Step::*;
    let steps = [
        Offer, Retry, Send, Deliver, Accept, Roll, Arrive, Clear, Decline, Expire, Recall,
    ];
    for rung in Rung::ALL.into_iter().filter(|rung| !rung.is_open()) {
        for step in steps {
            assert!(!matches!(rung.take(step), Move::To(_)), "{rung:?} {step:?}");
        }
    }
}
