//! What the desks write beside an incident: referrals to other agencies, feedback forms (反馈单),
//! follow-ups, and the last act that may be undone.

use super::detail::By;
use super::id::{AssignmentId, EngineTime, FeedbackId, IncidentId};
use serde::{Deserialize, Serialize};

/// Whom an incident may be referred to (移交).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Agency {
    /// The city's 110 desk.
    City110,
    /// The fire brigade.
    Fire119,
    /// The ambulances.
    Ambulance120,
    /// The citizens' hotline.
    Hotline12345,
    /// A branch (分局) or a special police branch; its name says which.
    Branch,
    /// A neighbouring town; its name says which.
    Neighbour,
}

/// An incident given to somebody else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Referral {
    /// To whom.
    pub to: Agency,
    /// Which one, where there are several.
    pub name: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub at: EngineTime,
    /// When they took it, who did, and their number for it.
    pub receipt: Option<(EngineTime, String, String)>,
    /// When they gave it back (退单), and why.
    pub returned: Option<(EngineTime, String)>,
}

/// What came of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Outcome {
    /// Settled on the spot.
    Handled,
    /// The parties agreed (调解).
    Mediated,
    /// A case was filed (立案).
    CaseFiled,
    /// Given to others.
    HandedOver,
    /// Nobody and nothing was found.
    NothingFound,
    /// A false report.
    FalseReport,
    /// Something else: the text says what.
    Other,
}

/// What a feedback form says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    /// What came of it.
    pub outcome: Outcome,
    /// People injured.
    pub injured: u32,
    /// Persons handled.
    pub persons: u32,
    /// In words.
    pub text: String,
}

/// A feedback form (反馈单), linked to its incident (接警单) and, if it names one, to an assignment
/// (处警单).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feedback {
    /// Its number.
    pub id: FeedbackId,
    /// The assignment it reports on.
    pub assignment: Option<AssignmentId>,
    /// What it says.
    pub form: Form,
    /// When it was written.
    pub at: EngineTime,
    /// By whom.
    pub by: By,
}

impl Feedback {
    /// Most forms of one incident.
    pub const MAX_OF_INCIDENT: usize = 32;
}

/// The call to the caller afterwards (回访).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowUp {
    /// When.
    pub at: EngineTime,
    /// Whether the caller was content, if they said.
    pub satisfied: Option<bool>,
    /// In words.
    pub text: String,
    /// By whom.
    pub by: By,
}

/// What can be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ActKind {
    /// It was merged into another.
    Merge,
    /// It was closed.
    Close,
    /// It was withdrawn.
    Cancel,
    /// It was said to be done.
    Resolve,
}

/// The last such thing somebody did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// What.
    pub kind: ActKind,
    /// When.
    pub at: EngineTime,
    /// Who.
    pub by: By,
}

impl Act {
    /// How long it can be undone, milliseconds.
    pub const UNDO_MS: u64 = 600_000;
}

/// What happened to an incident beyond its dispatch. Journalled, so frozen like [`super::event`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CaseEvent {
    /// An incident was transferred here; its sender has a number for it.
    Received {
        /// Which.
        incident: IncidentId,
        /// The sender's number.
        sender_number: String,
    },
    /// An incident was given to others, who have not taken it yet.
    Referred {
        /// Which.
        incident: IncidentId,
        /// To whom.
        to: Agency,
        /// Which one, where there are several.
        name: String,
        /// Why.
        reason: String,
        /// When somebody must be told that nobody took it.
        review_at: EngineTime,
        /// Who said so.
        by: By,
    },
    /// They took it.
    ReferralAccepted {
        /// Which incident.
        incident: IncidentId,
        /// Who took it there.
        receiver: String,
        /// Their number for it, empty if they gave none.
        number: String,
        /// Who said so.
        by: By,
    },
    /// They gave it back.
    ReferralReturned {
        /// Which incident.
        incident: IncidentId,
        /// Why.
        reason: String,
        /// When somebody must be told that it still waits.
        review_at: EngineTime,
        /// Who said so.
        by: By,
    },
    /// A duplicate joined another incident; its calls moved there.
    Merged {
        /// The duplicate.
        incident: IncidentId,
        /// The survivor.
        into: IncidentId,
        /// Who said so.
        by: By,
    },
    /// An assignment of a duplicate goes on for the survivor.
    AssignmentMoved {
        /// Which.
        assignment: AssignmentId,
        /// The survivor.
        incident: IncidentId,
        /// The survivor's slot it fills; the first one past the plan's for one beside it.
        slot: u8,
    },
    /// Two incidents have to do with each other.
    Linked {
        /// One.
        incident: IncidentId,
        /// The other.
        other: IncidentId,
        /// Who said so.
        by: By,
    },
    /// An ended incident is work again: its plan is to be filled anew.
    Reopened {
        /// Which.
        incident: IncidentId,
        /// Why.
        reason: String,
        /// When somebody must be told that it still waits.
        review_at: EngineTime,
        /// Who said so.
        by: By,
    },
    /// The last act was taken back.
    Undone {
        /// Which.
        incident: IncidentId,
        /// What was taken back.
        act: ActKind,
        /// The incident it had joined, which gives its calls back.
        survivor: Option<IncidentId>,
        /// When somebody must be told that it still waits.
        review_at: EngineTime,
        /// Who said so.
        by: By,
    },
    /// A feedback form is awaited; again each time its limit ran out.
    FeedbackAwaited {
        /// Of which incident.
        incident: IncidentId,
        /// Until when.
        due_at: EngineTime,
    },
    /// A feedback form was written.
    FeedbackGiven {
        /// Its number.
        feedback: FeedbackId,
        /// The incident.
        incident: IncidentId,
        /// The assignment it reports on.
        assignment: Option<AssignmentId>,
        /// What it says.
        form: Form,
        /// Who wrote it.
        by: By,
    },
    /// The caller was asked afterwards.
    FollowedUp {
        /// Which.
        incident: IncidentId,
        /// Whether the caller was content, if they said.
        satisfied: Option<bool>,
        /// In words.
        text: String,
        /// Who asked.
        by: By,
    },
}
