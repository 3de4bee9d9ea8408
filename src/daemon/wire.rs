//! What consoles see: the names and views of the API. Engine types are never serialised to
//! clients, so the engine may change and the API stays.

use crate::config::Service;
use crate::engine::Engine;
use crate::engine::alarm::{Alarm, AlarmKind};
use crate::engine::assignment::{Assignment, Rung, Source as StampSource, Step};
use crate::engine::emergency::Emergency;
use crate::engine::id::{EngineTime, Point};
use crate::engine::incident::{Incident, Phase, Source};
use crate::engine::policy::{Grade, Mode, UnitKind};
use crate::engine::proposal::Proposal;
use crate::engine::ranking::{Ranking, Reason, Why};
use crate::engine::unit::{Unit, UnitState};
use crate::geo::datum::Datum;
use crate::geo::plane::Plane;
use serde_json::{Value, json};

/// Names on the wire of an enum of the engine, both ways.
pub trait Named: Sized + Copy + PartialEq + 'static {
    /// Every value with its name.
    const NAMES: &'static [(Self, &'static str)];

    /// The name of a value.
    fn name(self) -> &'static str {
        let found = Self::NAMES.iter().find(|(value, _)| *value == self);
        found.map_or("unknown", |(_, name)| name)
    }

    /// The value of a name, or the known names.
    fn named(name: &str) -> Result<Self, String> {
        let found = Self::NAMES.iter().find(|(_, known)| *known == name);
        found.map(|(value, _)| *value).ok_or_else(|| {
            let known: Vec<_> = Self::NAMES.iter().map(|(_, name)| *name).collect();
            format!("`{name}` is not known; known are {}", known.join(", "))
        })
    }
}

macro_rules! names {
    ($type:ty { $($value:ident => $name:literal),+ $(,)? }) => {
        impl Named for $type {
            const NAMES: &'static [(Self, &'static str)] = &[$((<$type>::$value, $name)),+];
        }
    };
}

pub(super) use names;

names!(Grade { One => "I", Two => "II", Three => "III", Four => "IV" });
names!(Mode { Auto => "auto", Recommend => "recommend" });
names!(UnitKind { Motorcycle => "motorcycle", Car => "car", EBike => "ebike", Foot => "foot" });
names!(UnitState {
    OffDuty => "off_duty", Available => "available", Committed => "committed",
    OutOfService => "out_of_service",
});
names!(Phase {
    Reported => "reported", Queued => "queued", Assigned => "assigned", Underway => "underway",
    Referred => "referred", Resolved => "resolved", FollowedUp => "followed_up",
    Closed => "closed", Cancelled => "cancelled", Merged => "merged",
});
names!(Rung {
    Stacked => "stacked", Offered => "offered", Sent => "sent", Delivered => "delivered",
    Accepted => "accepted", EnRoute => "en_route", OnScene => "on_scene", Cleared => "cleared",
    Declined => "declined", Expired => "expired", Recalled => "recalled",
});
names!(Step {
    Deliver => "delivered", Accept => "accepted", Roll => "en_route", Arrive => "on_scene",
    Clear => "cleared", Decline => "declined",
});
names!(StampSource {
    Radio => "radio", Voice => "voice", Console => "console", Inferred => "inferred",
});
names!(Source {
    Police110 => "110", Traffic122 => "122", Sms12110 => "12110", Web => "web",
    AlarmPanel => "alarm_panel", GridWorker => "grid_worker",
    RadioEmergency => "radio_emergency", City110 => "city_110", Hotline12345 => "12345",
    Fire119 => "119", Ambulance120 => "120", Neighbour => "neighbour", Patrol => "patrol",
});
names!(AlarmKind {
    NeedHelp => "need_help", NotDelivered => "not_delivered", NotAccepted => "not_accepted",
    NotRolling => "not_rolling", NotArrived => "not_arrived", OnSceneLong => "on_scene_long",
    StackedLong => "stacked_long", VoiceOnly => "voice_only", NoUnit => "no_unit",
    NoPlace => "no_place", Unclassified => "unclassified", LateReply => "late_reply",
    ClearToConfirm => "clear_to_confirm", MessageFailed => "message_failed",
    Stranger => "stranger", SafetyUnanswered => "safety_unanswered",
    ProposalUnanswered => "proposal_unanswered", DeskGone => "desk_gone",
    CallUnanswered => "call_unanswered",
    FeedbackOverdue => "feedback_overdue", ReferralUnanswered => "referral_unanswered",
});
names!(Reason {
    StraightLine => "straight_line", StaleFix => "stale_fix", VoiceOnly => "voice_only",
});
names!(Datum { Wgs84 => "wgs84", Gcj02 => "gcj02", Bd09 => "bd09" });
names!(Service { Rrs => "RRS", Lp => "LP", Tmp => "TMP" });
names!(Why {
    Committed => "committed", OutOfService => "out_of_service", LacksSkill => "lacks_skill",
    LacksSworn => "lacks_sworn", Held => "held", Taken => "taken",
    NoPosition => "no_position", Emergency => "emergency",
});

/// Everything a view is made from.
#[derive(Clone, Copy)]
pub struct Views<'a> {
    /// The state.
    pub engine: &'a Engine,
    /// The plane points are drawn in.
    pub plane: &'a Plane,
    /// Now.
    pub now: EngineTime,
}

impl Views<'_> {
    /// A point as WGS-84 degrees.
    #[must_use]
    pub fn position(&self, point: Point) -> Value {
        let at = self.plane.unproject(point);
        let round = |degrees: f64| (degrees * 1e7).round() / 1e7;
        json!({ "lat": round(at.lat()), "lon": round(at.lon()), "datum": "wgs84" })
    }

    pub(super) fn call_sign(&self, unit: crate::engine::id::UnitId) -> Option<&str> {
        Some(self.engine.state().units.get(&unit)?.call_sign.as_str())
    }

    fn category(&self, incident: &Incident) -> Option<&str> {
        let code = incident.classification().category?;
        Some(self.engine.policy().categories.get(&code)?.key.as_str())
    }

    /// An incident with its assignments' ids.
    #[must_use]
    pub fn incident(&self, incident: &Incident) -> Value {
        let report = &incident.report;
        let slots: Vec<_> = incident
            .slots
            .iter()
            .map(|slot| {
                json!({ "sworn": slot.need.sworn, "skills": self.skills(slot.need.skills.0),
                        "assignment": slot.filled_by })
            })
            .collect();
        let notes: Vec<_> = incident
            .notes
            .iter()
            .map(|note| json!({ "at": note.at, "by": note.by, "text": note.text }))
            .collect();
        let claim = self.engine.state().claims.get(&incident.id);
        let claim = claim.map(|claim| {
            json!({ "user": claim.desk.user, "console": claim.desk.console,
                    "since": claim.since, "renew_by": claim.renew_by })
        });
        let mut view = json!({
            "incident": incident.id,
            "claim": claim,
            "phase": incident.phase.name(),
            "grade": incident.classification().grade.name(),
            "confirmed": incident.confirmed.is_some(),
            "category": self.category(incident),
            "source": report.source.name(),
            "reported_by": report.by,
            "reported_at": incident.reported_at,
            "occurred_at_ms": report.occurred_at_ms,
            "place": report.place,
            "position": report.point.map(|point| self.position(point)),
            "caller": report.caller,
            "text": report.text,
            "missing": incident.missing().count(),
            "slots": slots,
            "assignments": incident.assignments,
            "notes": notes,
            "emergency": incident.emergency.as_ref().map(|found| self.emergency(found)),
            "ended_at": incident.ended_at,
        });
        if let (Some(view), Value::Object(case)) = (view.as_object_mut(), self.case(incident)) {
            view.extend(case);
        }
        view
    }

    /// Names of the skills of a set; a bit without a name shows as its number.
    #[must_use]
    pub fn skills(&self, bits: u32) -> Vec<String> {
        let set = (0..32u8).filter(|bit| bits >> bit & 1 == 1);
        set.map(|bit| {
            let named = self.engine.policy().skill_names.get(&bit);
            named.cloned().unwrap_or_else(|| bit.to_string())
        })
        .collect()
    }

    /// An assignment with its stamps.
    #[must_use]
    pub fn assignment(&self, assignment: &Assignment) -> Value {
        let stamps: serde_json::Map<String, Value> = Rung::ALL
            .into_iter()
            .filter_map(|rung| {
                let stamp = assignment.stamp(rung)?;
                let value = json!({ "at": stamp.at, "source": stamp.source.name() });
                Some((rung.name().to_owned(), value))
            })
            .collect();
        let open = assignment.rung.is_open();
        json!({
            "assignment": assignment.id,
            "incident": assignment.incident,
            "unit": self.call_sign(assignment.unit),
            "rung": assignment.rung.name(),
            "attempt": assignment.attempt,
            "terminal": assignment.terminal,
            "distance_m": assignment.distance_m,
            "overrode": assignment.overrode,
            "deadline": open.then_some(assignment.deadline),
            "safety": assignment.safety.map(|safety| {
                json!({ "asked": safety.asked, "deadline": safety.deadline })
            }),
            "stamps": stamps,
        })
    }

    /// A unit with its duty.
    #[must_use]
    pub fn unit(&self, unit: &Unit) -> Value {
        let state = self.engine.state();
        let duty = unit.duty.as_ref().map(|duty| {
            let crew: Vec<_> = duty
                .crew
                .iter()
                .map(|member| json!({ "officer": member.officer, "sworn": member.sworn }))
                .collect();
            let place = self.engine.positions().of_unit(self.now, &duty.terminals);
            json!({
                "crew": crew,
                "vehicle": duty.vehicle,
                "terminals": duty.terminals,
                "skills": self.skills(duty.skills.0),
                "area": duty.area,
                "until_ms": duty.until_ms,
                "position": place.map(|place| self.position(place.point)),
                "fix_age_ms": place.map(|place| self.now.since_ms(place.taken_at)),
            })
        });
        json!({
            "unit": unit.call_sign,
            "kind": unit.kind.name(),
            "state": unit.state().name(),
            "out_of_service": unit.out_of_service,
            "active": unit.active,
            "stacked": unit.stacked,
            "emergency": unit.emergency,
            "reachable": state.reachable(unit),
            "duty": duty,
        })
    }

    /// An alarm.
    #[must_use]
    pub fn alarm(&self, alarm: &Alarm) -> Value {
        json!({
            "alarm": alarm.id,
            "kind": alarm.kind.name(),
            "urgent": alarm.kind.is_urgent(),
            "for_supervisor": alarm.kind.is_for_supervisor(),
            "incident": alarm.about.incident,
            "assignment": alarm.about.assignment,
            "unit": alarm.about.unit.and_then(|unit| self.call_sign(unit)),
            "radio": alarm.about.radio,
            "call": alarm.call,
            "raised_at": alarm.raised_at,
            "times": alarm.times,
        })
    }

    fn emergency(&self, emergency: &Emergency) -> Value {
        json!({
            "radio": emergency.radio,
            "unit": emergency.unit.and_then(|unit| self.call_sign(unit)),
            "presses": emergency.presses,
            "last_at": emergency.last_at,
            "cancelled_at": emergency.cancelled_at,
        })
    }

    /// An open proposal with the ranking it puts to the desk.
    #[must_use]
    pub fn proposal(&self, proposal: &Proposal) -> Value {
        json!({
            "proposal": proposal.id,
            "incident": proposal.incident,
            "slot": proposal.slot,
            "unit": self.call_sign(proposal.unit),
            "made_at": proposal.made_at,
            "deadline": proposal.deadline,
            "overdue": proposal.overdue,
            "ranking": self.ranking(&proposal.ranking),
        })
    }

    /// A ranking that explains itself.
    #[must_use]
    pub fn ranking(&self, ranking: &Ranking) -> Value {
        let candidates: Vec<_> = ranking
            .candidates
            .iter()
            .map(|candidate| {
                let reasons: Vec<_> = candidate
                    .reasons
                    .iter()
                    .map(|reason| reason.name())
                    .collect();
                json!({
                    "unit": self.call_sign(candidate.unit),
                    "travel_s": candidate.travel_ms.div_ceil(1000),
                    "distance_m": candidate.distance_m,
                    "fix_age_s": candidate.fix_age_ms / 1000,
                    "reasons": reasons,
                })
            })
            .collect();
        let passed_over: Vec<_> = ranking
            .passed_over
            .iter()
            .map(|passed| {
                json!({
                    "unit": self.call_sign(passed.unit),
                    "travel_s": (passed.why != Why::NoPosition)
                        .then_some(passed.travel_ms.div_ceil(1000)),
                    "why": passed.why.name(),
                })
            })
            .collect();
        json!({
            "ranking": ranking.as_of,
            "sworn": ranking.need.sworn,
            "skills": self.skills(ranking.need.skills.0),
            "candidates": candidates,
            "passed_over": passed_over,
        })
    }
}
