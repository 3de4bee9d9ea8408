//! What happened: the journal's payload. Past tense, facts only.
//!
//! A journalled variant never changes and none is ever removed or moved; a new need is a new
//! variant at the end. Old bytes are frozen in fixtures/journal. An event holds all that `apply`
//! needs, so replay never asks the policy of that day.

pub use super::detail::{By, LinkName, Offer, Peer, RecallCause};

use super::alarm::{About, AlarmKind};
use super::assignment::{Rung, Source};
use super::call::{Invalid, Ring};
use super::case::{ActKind, Agency, Form};
use super::id::{
    AlarmId, AssignmentId, CallId, EngineTime, FeedbackId, IncidentId, MessageNo, Point, RadioId,
    TaskId, UnitId,
};
use super::incident::{Classification, Report};
use super::message::{Body, Talkgroup};
use super::policy::{Limits, Need, UnitKind};
use super::position::Doubt;
use super::ranking::Ranking;
use super::task::TaskKind;
use super::unit::Duty;
use serde::{Deserialize, Serialize};

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The config in force from here on.
    PolicyPublished {
        /// [`super::policy::Policy::hash`].
        hash: [u8; 32],
    },
    /// A call sign of the register got its id.
    UnitRegistered {
        /// The id.
        unit: UnitId,
        /// Its call sign.
        call_sign: String,
        /// What it moves with.
        kind: UnitKind,
    },
    /// A unit came on duty.
    UnitSignedOn {
        /// Which.
        unit: UnitId,
        /// With whom and what.
        duty: Duty,
        /// Who said so.
        by: By,
    },
    /// A unit's crew, vehicle, terminals or area changed.
    UnitCrewEdited {
        /// Which.
        unit: UnitId,
        /// The whole of its duty now.
        duty: Duty,
        /// Who said so.
        by: By,
    },
    /// A unit went off duty.
    UnitSignedOff {
        /// Which.
        unit: UnitId,
        /// Who said so.
        by: By,
    },
    /// A unit must not be sent for now.
    UnitTakenOut {
        /// Which.
        unit: UnitId,
        /// Why.
        reason: String,
        /// Who said so.
        by: By,
    },
    /// A unit may be sent again.
    UnitReturned {
        /// Which.
        unit: UnitId,
        /// Who said so.
        by: By,
    },
    /// A terminal is reachable through a gateway.
    TerminalRegistered {
        /// Which.
        radio: RadioId,
        /// The gateway's name in the config.
        gateway: String,
        /// The slot it registered on.
        slot: u8,
    },
    /// A terminal went off the air.
    TerminalLost {
        /// Which.
        radio: RadioId,
    },
    /// A radio id the config does not know was heard for the first time.
    StrangerHeard {
        /// Which.
        radio: RadioId,
    },
    /// Where the terminals that moved since the last one of these are.
    PositionsNoted {
        /// Terminal, place and when the fix was taken.
        fixes: Vec<(RadioId, Point, EngineTime)>,
    },
    /// A fix was not believed; at most one a minute for each terminal and doubt.
    FixDoubted {
        /// Which terminal.
        radio: RadioId,
        /// Where it claims to be.
        point: Point,
        /// Why it is not believed.
        doubt: Doubt,
    },
    /// Somebody called.
    IncidentReported {
        /// The new incident's number.
        incident: IncidentId,
        /// What was told.
        report: Report,
        /// When somebody must be told that it still has no category.
        review_at: EngineTime,
    },
    /// Category, grade and plan are known; also when they are corrected.
    IncidentConfirmed {
        /// Which.
        incident: IncidentId,
        /// What it is.
        classification: Classification,
        /// Slots to fill; filled ones stay with their units.
        needs: Vec<Need>,
        /// Limits of people.
        limits: Limits,
        /// When somebody must be told that it still waits.
        review_at: EngineTime,
        /// Who said so; the engine where the plan's default was taken.
        by: By,
    },
    /// The place was corrected.
    IncidentRelocated {
        /// Which.
        incident: IncidentId,
        /// Place in words.
        place: String,
        /// Place in the plane.
        point: Option<Point>,
        /// Who said so.
        by: By,
    },
    /// A desk added a line.
    IncidentNoted {
        /// Which.
        incident: IncidentId,
        /// The line.
        text: String,
        /// The user.
        by: String,
    },
    /// It was looked at because it waits; units held long enough may be asked again.
    IncidentReviewed {
        /// Which.
        incident: IncidentId,
        /// When it will be looked at next.
        review_at: EngineTime,
    },
    /// Withdrawn.
    IncidentCancelled {
        /// Which.
        incident: IncidentId,
        /// Why.
        reason: String,
        /// Who said so.
        by: By,
    },
    /// The work is done.
    IncidentResolved {
        /// Which.
        incident: IncidentId,
        /// Who said so; the engine when the last unit cleared.
        by: By,
    },
    /// Reviewed and closed.
    IncidentClosed {
        /// Which.
        incident: IncidentId,
        /// The user.
        by: By,
    },
    /// The choice the next offers were made from.
    UnitsRanked {
        /// For which incident.
        incident: IncidentId,
        /// The candidates and those passed over, with reasons.
        ranking: Ranking,
    },
    /// An assignment waits behind the unit's active one.
    AssignmentStacked {
        /// The new assignment.
        assignment: AssignmentId,
        /// Its incident.
        incident: IncidentId,
        /// Its unit.
        unit: UnitId,
        /// When it will be reviewed.
        deadline: EngineTime,
        /// Who said so.
        by: By,
    },
    /// A unit is told to go.
    AssignmentOffered {
        /// A new assignment, or a stacked one whose turn has come.
        assignment: AssignmentId,
        /// Its incident.
        incident: IncidentId,
        /// The slot it fills; the first one past the plan's for a unit added by hand.
        slot: u8,
        /// Its unit.
        unit: UnitId,
        /// Its message counter on the air.
        message: MessageNo,
        /// How it goes out.
        offer: Offer,
        /// Who said so.
        by: By,
    },
    /// It goes out again as the next attempt.
    AssignmentRetried {
        /// Which.
        assignment: AssignmentId,
        /// The attempt, from 2.
        attempt: u8,
        /// The terminal of this attempt.
        terminal: RadioId,
        /// When this attempt's limit runs out.
        deadline: EngineTime,
    },
    /// It reached a rung.
    AssignmentAdvanced {
        /// Which.
        assignment: AssignmentId,
        /// Where it stands now.
        rung: Rung,
        /// Who said so.
        source: Source,
        /// Who exactly.
        by: By,
        /// When this rung's limit runs out; meaningless once cleared.
        deadline: EngineTime,
    },
    /// A person's limit ran out; the unit keeps it and the desk was alarmed.
    AssignmentOverdue {
        /// Which.
        assignment: AssignmentId,
        /// When the desk will be alarmed again.
        deadline: EngineTime,
    },
    /// The officer refused.
    AssignmentDeclined {
        /// Which.
        assignment: AssignmentId,
        /// Not asked again for this incident before then.
        held_until: EngineTime,
        /// Who said so.
        by: By,
    },
    /// Nobody answered in time.
    AssignmentExpired {
        /// Which.
        assignment: AssignmentId,
        /// Not asked again for this incident before then.
        held_until: EngineTime,
    },
    /// It was taken back.
    AssignmentRecalled {
        /// Which.
        assignment: AssignmentId,
        /// Why.
        cause: RecallCause,
        /// Not asked again for this incident before then.
        held_until: EngineTime,
        /// Who said so.
        by: By,
    },
    /// A text goes to a terminal.
    MessageQueued {
        /// Its counter on the air.
        message: MessageNo,
        /// For whom.
        unit: UnitId,
        /// To which terminal.
        radio: RadioId,
        /// What it says.
        body: Body,
        /// When the first attempt's limit runs out.
        deadline: EngineTime,
        /// Who wrote it.
        by: By,
    },
    /// A text goes out again.
    MessageRetried {
        /// Which.
        message: MessageNo,
        /// The attempt, from 2.
        attempt: u8,
        /// When this attempt's limit runs out.
        deadline: EngineTime,
    },
    /// The terminal has the text.
    MessageDelivered {
        /// Which.
        message: MessageNo,
    },
    /// The terminal did not acknowledge the text in all attempts.
    MessageFailed {
        /// Which.
        message: MessageNo,
    },
    /// A terminal sent a text that is no status key, or a key that fits nothing.
    TextReceived {
        /// From which.
        radio: RadioId,
        /// The unit that holds it.
        unit: Option<UnitId>,
        /// The text as received.
        text: String,
    },
    /// A desk must know.
    AlarmRaised {
        /// Its id.
        alarm: AlarmId,
        /// Why.
        kind: AlarmKind,
        /// What it is about.
        about: About,
    },
    /// The same again, while the first is not acknowledged yet.
    AlarmRepeated {
        /// Which.
        alarm: AlarmId,
    },
    /// Somebody knows.
    AlarmAcked {
        /// Which.
        alarm: AlarmId,
        /// The user.
        by: String,
    },
    /// A console's command was accepted; the same key gets the same answer from here on.
    CommandAnswered {
        /// Whose key.
        user: String,
        /// The method; a key belongs to user and method.
        method: String,
        /// The key.
        key: String,
        /// Of the parameters: the same key with others is an error.
        digest: [u8; 16],
        /// The answer as sent, opaque to the engine.
        answer: String,
    },
    /// A gateway's link has a peer: after a restart it is listened to at once, or its repeater
    /// would have to miss a minute of heartbeats before it connects anew.
    GatewayLinked {
        /// The gateway and link.
        link: LinkName,
        /// Its peer.
        peer: Peer,
    },
    /// A text goes to a talkgroup, on every gateway. Nobody acknowledges it.
    TalkgroupMessaged {
        /// Its counter on the air.
        message: MessageNo,
        /// To which.
        talkgroup: Talkgroup,
        /// What it says.
        text: String,
        /// Who wrote it.
        by: By,
    },
    /// A telephone rings.
    CallArrived {
        /// The new call's number.
        call: CallId,
        /// What the exchange told.
        ring: Ring,
        /// When a desk must be told that nobody answers.
        deadline: EngineTime,
    },
    /// Somebody answered.
    CallAnswered {
        /// Which.
        call: CallId,
        /// The user.
        by: String,
    },
    /// Hung up after an answer.
    CallEnded {
        /// Which.
        call: CallId,
    },
    /// Hung up before an answer.
    CallAbandoned {
        /// Which.
        call: CallId,
    },
    /// No call for the police.
    CallDismissed {
        /// Which.
        call: CallId,
        /// Of which kind.
        kind: Invalid,
        /// The user.
        by: String,
    },
    /// Nobody answers: an alarm is raised, or raised again.
    CallOverdue {
        /// Which.
        call: CallId,
        /// The alarm.
        alarm: AlarmId,
        /// When it will be raised again.
        deadline: EngineTime,
    },
    /// A call joined an incident, and left the one it belonged to.
    CallAttached {
        /// Which.
        call: CallId,
        /// The incident.
        incident: IncidentId,
        /// Who said so.
        by: By,
    },
    /// Somebody must do something by telephone.
    TaskOpened {
        /// Its number.
        task: TaskId,
        /// What.
        kind: TaskKind,
    },
    /// It is done.
    TaskDone {
        /// Which.
        task: TaskId,
        /// What came of it.
        outcome: String,
        /// The user.
        by: String,
    },
    /// An incident was transferred here; its sender has a number for it.
    IncidentReceived {
        /// Which.
        incident: IncidentId,
        /// The sender's number.
        sender_number: String,
    },
    /// An incident was given to others, who have not taken it yet.
    IncidentReferred {
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
    IncidentMerged {
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
    IncidentsLinked {
        /// One.
        incident: IncidentId,
        /// The other.
        other: IncidentId,
        /// Who said so.
        by: By,
    },
    /// An ended incident is work again: its plan is to be filled anew.
    IncidentReopened {
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
    IncidentUndone {
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
    IncidentFollowedUp {
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
