//! What happened: the journal's payload. Past tense, facts only.
//!
//! A journalled variant never changes and none is ever removed or moved; a new need is a new
//! variant at the end. Old bytes are frozen in fixtures/journal. An event holds all that `apply`
//! needs, so replay never asks the policy of that day.

pub use super::detail::{By, LinkName, Offer, Peer, RecallCause};

use super::alarm::{About, AlarmKind};
use super::assignment::{Rung, Source};
use super::call::CallEvent;
use super::case::CaseEvent;
use super::claim::{Desk, Freed};
use super::id::{
    AlarmId, AssignmentId, EngineTime, IncidentId, MessageNo, Point, ProposalId, RadioId, TaskId,
    UnitId,
};
use super::incident::{Classification, Report};
use super::message::{Body, Talkgroup};
use super::policy::{Limits, Need, UnitKind};
use super::position::Doubt;
use super::proposal::Over;
use super::ranking::Ranking;
use super::suspect::SuspectEvent;
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
    /// A terminal's emergency is what an incident is about: rank 0, and its unit is marked.
    EmergencyRaised {
        /// The incident, reported in the same batch.
        incident: IncidentId,
        /// Whose button was pressed.
        radio: RadioId,
        /// The unit that holds the terminal.
        unit: Option<UnitId>,
    },
    /// It was pressed again while the emergency is open.
    EmergencyRepeated {
        /// The open emergency.
        incident: IncidentId,
        /// Whose button was pressed.
        radio: RadioId,
    },
    /// The terminal took it back; it stays open until a person ends it.
    EmergencyCancelled {
        /// The open emergency.
        incident: IncidentId,
        /// Who took it back.
        radio: RadioId,
    },
    /// Somebody at a desk has something to do.
    TaskOpened {
        /// Its id.
        task: TaskId,
        /// What is to be done.
        kind: TaskKind,
        /// What it is about.
        about: About,
    },
    /// It is done.
    TaskDone {
        /// Which.
        task: TaskId,
        /// The user.
        by: By,
    },
    /// An officer will be asked whether all is well.
    SafetyScheduled {
        /// At what work.
        assignment: AssignmentId,
        /// When.
        at: EngineTime,
    },
    /// An officer was asked.
    SafetyAsked {
        /// At what work.
        assignment: AssignmentId,
        /// By which terminal.
        radio: RadioId,
        /// When the answer is due.
        deadline: EngineTime,
    },
    /// An officer who was asked was heard.
    SafetyAnswered {
        /// At what work.
        assignment: AssignmentId,
        /// When the next question is due, if there is one.
        next: Option<EngineTime>,
    },
    /// The best unit for a slot was put to the desks; nobody is told to go.
    ProposalMade {
        /// Its id.
        proposal: ProposalId,
        /// The incident.
        incident: IncidentId,
        /// The slot it would fill.
        slot: u8,
        /// The choice; its first candidate is the unit proposed.
        ranking: Ranking,
        /// When the supervisor is alarmed unless a desk answers.
        deadline: EngineTime,
    },
    /// No desk answered a proposal in time; it stays.
    ProposalOverdue {
        /// Which.
        proposal: ProposalId,
        /// When the supervisor is alarmed again.
        deadline: EngineTime,
    },
    /// A proposal is no longer open.
    ProposalEnded {
        /// Which.
        proposal: ProposalId,
        /// Why.
        why: Over,
    },
    /// A person offered another unit than the one the ranking put first.
    RankingOverridden {
        /// The offer.
        assignment: AssignmentId,
        /// The ranking that was shown; the one of now where that one is forgotten.
        shown: Ranking,
        /// Who chose.
        by: By,
    },
    /// A desk works an incident: others must keep off it.
    IncidentClaimed {
        /// Which.
        incident: IncidentId,
        /// The desk.
        desk: Desk,
        /// The desk it was taken from.
        from: Option<Desk>,
    },
    /// The process ended since: the claim must be renewed.
    ClaimQuestioned {
        /// Of which incident.
        incident: IncidentId,
        /// By when.
        renew_by: EngineTime,
    },
    /// A claim ended.
    ClaimReleased {
        /// Of which incident.
        incident: IncidentId,
        /// Why.
        why: Freed,
    },
    /// Of a call.
    Call(CallEvent),
    /// Of an incident, beyond its dispatch.
    Case(CaseEvent),
    /// Of a terminal that may not be who it says.
    Suspect(SuspectEvent),
    /// A desk does not want the unit proposed; the next best is proposed.
    ProposalDeclined {
        /// Which.
        proposal: ProposalId,
        /// Until when the unit is not asked again for that incident.
        held_until: EngineTime,
        /// Why.
        reason: String,
        /// Who.
        by: By,
    },
}
