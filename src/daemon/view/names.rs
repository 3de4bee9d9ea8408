//! The names of the engine's enums on the wire, both ways.

use crate::config::Service;
use crate::engine::alarm::AlarmKind;
use crate::engine::assignment::{Rung, Source as StampSource, Step};
use crate::engine::call::{CallPhase, Invalid};
use crate::engine::case::{Agency, Outcome};
use crate::engine::incident::{Phase, Source};
use crate::engine::policy::{Grade, Mode, UnitKind};
use crate::engine::ranking::{Reason, Why};
use crate::engine::suspect::Cause;
use crate::engine::unit::UnitState;
use crate::geo::datum::Datum;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};
use std::borrow::Cow;

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
    SuspectTerminal => "suspect_terminal",
});
names!(Reason {
    StraightLine => "straight_line", StaleFix => "stale_fix", VoiceOnly => "voice_only",
});
names!(Cause {
    TwoPlaces => "two_places", Jumps => "jumps", Replay => "replay", Reported => "reported",
});
names!(Datum { Wgs84 => "wgs84", Gcj02 => "gcj02", Bd09 => "bd09" });
names!(Service { Rrs => "RRS", Lp => "LP", Tmp => "TMP" });
names!(Why {
    Committed => "committed", OutOfService => "out_of_service", LacksSkill => "lacks_skill",
    LacksSworn => "lacks_sworn", Held => "held", Taken => "taken",
    NoPosition => "no_position", Emergency => "emergency",
});
names!(CallPhase {
    Ringing => "ringing", Answered => "answered", Ended => "ended", Abandoned => "abandoned",
    Invalid => "invalid",
});
names!(Invalid { Nuisance => "nuisance", Misdial => "misdial", Silent => "silent" });
names!(Agency {
    City110 => "city_110", Fire119 => "119", Ambulance120 => "120", Hotline12345 => "12345",
    Branch => "branch", Neighbour => "neighbour",
});
names!(Outcome {
    Handled => "handled", Mediated => "mediated", CaseFiled => "case_filed",
    HandedOver => "handed_over", NothingFound => "nothing_found",
    FalseReport => "false_report", Other => "other",
});

/// A value that goes over the wire by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name<T>(pub T);

impl<T: Named> Serialize for Name<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.0.name())
    }
}

impl<T: Named> JsonSchema for Name<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("Name")
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<&str> = T::NAMES.iter().map(|(_, name)| *name).collect();
        json_schema!({ "enum": names })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::id::{CallId, IncidentId, UnitId};
    use crate::engine::rejection::Rejection;

    /// Each state in a refusal has the name answers give it, with blanks.
    fn check<T: Named>(refused: impl Fn(T) -> Rejection) {
        for (state, name) in T::NAMES {
            let told = refused(*state).to_string();
            let words = name.replace('_', " ");
            assert!(told.contains(&format!(" is {words};")), "{told}: {name}");
        }
    }

    #[test]
    fn refusals_call_states_by_the_names_of_answers() {
        let expected = "another";
        let (incident, unit, call) = (IncidentId(1), UnitId(1), CallId(1));
        check(|phase| Rejection::WrongPhase {
            incident,
            phase,
            expected,
        });
        check(|state| Rejection::WrongUnitState {
            unit,
            state,
            expected,
        });
        check(|phase| Rejection::WrongCallPhase {
            call,
            phase,
            expected,
        });
    }
}
