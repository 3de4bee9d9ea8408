//! What somebody wants: imperative, checked by `decide` against the state.

use super::assignment::{Source, Step};
use super::call::{Invalid, Ring};
use super::case::{Agency, Form};
use super::claim::Desk;
use super::detail::{By, LinkName, Peer};
use super::id::{
    AlarmId, AssignmentId, CallId, IncidentId, Point, ProposalId, RadioId, TaskId, UnitId,
};
use super::incident::{Classification, Report};
use super::message::{Request, Talkgroup};
use super::ranking::Ranking;
use super::unit::Duty;

/// What somebody wants of the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Takes the register and the hash of the config in force.
    PublishPolicy,
    /// After a restart: looks at everything that waits.
    Resume,
    /// A deadline has come ([`super::Engine::next_deadline`]); handles the earliest one.
    Tick,
    /// Journals where terminals that moved are: the first few with an id greater than `behind`.
    NotePositions {
        /// Whom the last piece ended with; 0 begins.
        behind: RadioId,
    },

    /// A call. With a category it is confirmed and queued in the same batch.
    Report(Box<Report>),
    /// An incident of what the emergency of an unknown terminal turned out to be.
    ReportEmergency {
        /// The alarm it raised.
        alarm: AlarmId,
        /// What the dispatcher knows.
        report: Box<Report>,
        /// Who.
        by: By,
    },
    /// Says what an incident is, or corrects it.
    Confirm {
        /// Which.
        incident: IncidentId,
        /// What it is; none keeps what it was.
        classification: Option<Classification>,
        /// Where it is, when that is corrected too.
        place: Option<(String, Option<Point>)>,
        /// The user.
        by: By,
    },
    /// Adds a line.
    Note {
        /// To which.
        incident: IncidentId,
        /// The line.
        text: String,
        /// The user.
        by: String,
    },
    /// Withdraws an incident.
    Cancel {
        /// Which.
        incident: IncidentId,
        /// Why.
        reason: String,
        /// Who.
        by: By,
    },
    /// Says that the work is done.
    Resolve {
        /// Which.
        incident: IncidentId,
        /// Who.
        by: By,
    },
    /// Closes a resolved incident.
    Close {
        /// Which.
        incident: IncidentId,
        /// Who.
        by: By,
    },

    /// A telephone rings; `called_at` is made from how long it waited in the exchange.
    Arrive {
        /// What the exchange tells.
        ring: Ring,
    },
    /// Answers a call.
    Answer {
        /// Which.
        call: CallId,
        /// The user.
        by: String,
    },
    /// Ends a call, as invalid if it was.
    EndCall {
        /// Which.
        call: CallId,
        /// Of which kind of invalid it was.
        invalid: Option<Invalid>,
        /// The user.
        by: String,
    },
    /// Joins a call to an incident.
    Attach {
        /// Which.
        call: CallId,
        /// To which.
        incident: IncidentId,
        /// Who.
        by: By,
    },
    /// A report that came by a recorded call, or from a sender with a number of its own.
    ReportFrom {
        /// What was told.
        report: Box<Report>,
        /// The call it came from.
        call: Option<CallId>,
        /// The sender's number, empty if there is none.
        sender_number: String,
    },
    /// Makes an incident of its own of a call that joined another one.
    Split {
        /// The call.
        call: CallId,
        /// What it reports.
        report: Box<Report>,
        /// Who.
        by: By,
    },
    /// Something about an incident beyond its dispatch.
    Case {
        /// Which.
        incident: IncidentId,
        /// What.
        act: CaseAct,
        /// Who.
        by: By,
    },

    /// Sends a unit by hand, from the ranking shown.
    Offer {
        /// Where to.
        incident: IncidentId,
        /// Whom.
        unit: UnitId,
        /// [`Ranking::as_of`] of the ranking the dispatcher saw.
        ranking: u64,
        /// That ranking, where it was an answer and is remembered.
        shown: Option<Box<Ranking>>,
        /// Let it wait behind the unit's active assignment.
        stack: bool,
        /// Who.
        by: By,
    },
    /// Does not want the unit proposed for a slot.
    DeclineProposal {
        /// Which proposal.
        proposal: ProposalId,
        /// Why.
        reason: String,
        /// Who.
        by: By,
    },
    /// Takes an assignment back.
    Recall {
        /// Which.
        assignment: AssignmentId,
        /// Why.
        reason: String,
        /// Who.
        by: By,
    },
    /// Moves an assignment on a report by voice or from the desk.
    Advance {
        /// Which.
        assignment: AssignmentId,
        /// One of Deliver, Accept, Roll, Arrive, Clear, Decline.
        step: Step,
        /// Voice or Console.
        source: Source,
        /// Who.
        by: By,
    },

    /// A unit comes on duty.
    SignOn {
        /// Which.
        unit: UnitId,
        /// With whom and what.
        duty: Duty,
        /// Who.
        by: By,
    },
    /// A unit's crew, vehicle, terminals or area change.
    EditCrew {
        /// Which.
        unit: UnitId,
        /// The whole of its duty.
        duty: Duty,
        /// Who.
        by: By,
    },
    /// A unit goes off duty.
    SignOff {
        /// Which.
        unit: UnitId,
        /// Who.
        by: By,
    },
    /// Takes a unit out of service, or returns it.
    SetService {
        /// Which.
        unit: UnitId,
        /// Why it must not be sent; none returns it.
        out: Option<String>,
        /// Who.
        by: By,
    },
    /// Writes to a unit.
    SendText {
        /// To which.
        unit: UnitId,
        /// The words.
        text: String,
        /// Who.
        by: By,
    },
    /// Writes to a talkgroup.
    SendGroupText {
        /// To which.
        talkgroup: Talkgroup,
        /// The words.
        text: String,
        /// Who.
        by: By,
    },
    /// Takes note of an alarm.
    AckAlarm {
        /// Which.
        alarm: AlarmId,
        /// The user.
        by: String,
    },

    /// Trusts a terminal again, or bars it.
    Trust {
        /// Which.
        radio: RadioId,
        /// Whether it is believed.
        trusted: bool,
        /// The user.
        by: String,
    },

    /// Ticks a task off.
    FinishTask {
        /// Which.
        task: TaskId,
        /// What came of it, where there is something to say.
        outcome: String,
        /// Who.
        by: By,
    },

    /// A gateway took a text (transport ack).
    RecordSent {
        /// Which.
        request: Request,
    },
    /// No gateway took it.
    RecordSendFailed {
        /// Which.
        request: Request,
    },
    /// The terminal has it, or cannot have it.
    RecordDelivery {
        /// Which.
        request: Request,
        /// Low 24 bits of the ack's destination.
        radio: RadioId,
        /// Whether the terminal has it.
        delivered: bool,
    },
    /// A terminal wrote: a status key, or words.
    RecordText {
        /// Which.
        radio: RadioId,
        /// The text.
        text: String,
    },
    /// A terminal seems to have written what it wrote before: its words, and no key.
    RecordReplay {
        /// Which.
        radio: RadioId,
        /// The text.
        text: String,
    },
    /// A gateway's link has a peer.
    RecordLink {
        /// Which link.
        link: LinkName,
        /// Who.
        peer: Peer,
    },
    /// A terminal's emergency button.
    RecordEmergency {
        /// Which.
        radio: RadioId,
    },
    /// A terminal takes its emergency back.
    RecordEmergencyCancel {
        /// Which.
        radio: RadioId,
    },
    /// A terminal came on the air or left it.
    RecordRegistration {
        /// Which.
        radio: RadioId,
        /// Gateway and slot; none when it left.
        via: Option<(String, u8)>,
    },

    /// A desk's command: refused while another desk claims the incident it is about.
    ByDesk {
        /// Who.
        desk: Desk,
        /// What.
        command: Box<Command>,
    },
    /// Takes an incident in hand.
    Claim {
        /// Which.
        incident: IncidentId,
        /// Who.
        desk: Desk,
        /// Take it from another desk: a supervisor may.
        take_over: bool,
    },
    /// Gives it back.
    Release {
        /// Which.
        incident: IncidentId,
        /// Who.
        desk: Desk,
    },
    /// Nothing is heard of a desk any more.
    DeskGone {
        /// Which.
        desk: Desk,
    },
}

/// What a desk does with an incident beyond dispatching it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaseAct {
    /// Gives it to others.
    Refer {
        /// To whom.
        to: Agency,
        /// Which one, where there are several.
        name: String,
        /// Why.
        reason: String,
    },
    /// They took it.
    Receive {
        /// Who took it there.
        receiver: String,
        /// Their number for it, empty if they gave none.
        number: String,
    },
    /// They gave it back.
    Return {
        /// Why.
        reason: String,
    },
    /// It is a duplicate: joins it to another.
    Merge {
        /// The survivor.
        into: IncidentId,
    },
    /// It has to do with another.
    Link {
        /// The other.
        other: IncidentId,
    },
    /// Makes an ended one work again.
    Reopen {
        /// Why.
        reason: String,
    },
    /// Takes the last merge, close, cancel or resolve back.
    Undo {
        /// Whether what another user did may be taken back.
        others: bool,
    },
    /// Writes a feedback form.
    Feedback {
        /// The assignment it reports on.
        assignment: Option<AssignmentId>,
        /// What it says.
        form: Form,
    },
    /// Notes what the caller said afterwards.
    FollowUp {
        /// Whether they were content, if they said.
        satisfied: Option<bool>,
        /// In words.
        text: String,
    },
}
