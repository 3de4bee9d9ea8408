//! Commands become events. Everything here reads the state and returns facts; nothing is changed.

mod assignment;
mod call;
mod case;
mod claim;
mod deadline;
mod duty;
mod emergency;
mod incident;
mod placement;
mod proposal;
mod radio;
mod safety;
mod suspect;
mod task;

use super::Engine;
use super::alarm::{About, AlarmKind};
use super::command::Command;
use super::event::{By, Event};
use super::id::{AlarmId, EngineTime, IncidentId, MessageNo, RadioId, UnitId};
use super::message::Body;
use super::rejection::Rejection;
use super::state::Counters;
use placement::Work;

/// Events being decided, with the ids they take.
struct Draft {
    now: EngineTime,
    ids: Counters,
    events: Vec<Event>,
}

impl Engine {
    /// What would come of `command` now.
    ///
    /// # Errors
    /// A [`Rejection`] that says what was expected.
    pub fn decide(&self, now: EngineTime, command: &Command) -> Result<Vec<Event>, Rejection> {
        let mut draft = self.draft(now);
        match command {
            Command::PublishPolicy => self.publish_policy(&mut draft),
            Command::Resume => self.resume(&mut draft),
            Command::Tick => self.tick(&mut draft),
            Command::NotePositions { behind } => self.note_positions(&mut draft, *behind),
            Command::Report(report) => self.report_incident(&mut draft, report).map(drop)?,
            Command::ReportEmergency { alarm, report, by } => {
                self.report_emergency(&mut draft, *alarm, report, by)?;
            }
            Command::Arrive { .. }
            | Command::Answer { .. }
            | Command::EndCall { .. }
            | Command::Attach { .. }
            | Command::ReportFrom { .. }
            | Command::Split { .. }
            | Command::Case { .. } => self.desk(&mut draft, command)?,
            Command::Confirm {
                incident,
                classification,
                place,
                by,
            } => {
                self.confirm(&mut draft, *incident, *classification, place.as_ref(), by)?;
            }
            Command::Note { incident, text, by } => self.note(&mut draft, *incident, text, by)?,
            Command::Cancel {
                incident,
                reason,
                by,
            } => {
                self.cancel(&mut draft, *incident, reason, by)?;
            }
            Command::Resolve { incident, by } => self.resolve(&mut draft, *incident, by)?,
            Command::Close { incident, by } => self.close(&mut draft, *incident, by)?,
            Command::Offer {
                incident,
                unit,
                ranking,
                shown,
                stack,
                by,
            } => {
                let shown = (*ranking, shown.as_deref());
                self.offer_by_hand(&mut draft, (*incident, *unit), shown, *stack, by)?;
            }
            Command::DeclineProposal {
                proposal,
                reason,
                by,
            } => {
                self.decline_proposal(&mut draft, *proposal, reason, by)?;
            }
            Command::Recall {
                assignment,
                reason,
                by,
            } => {
                self.recall(&mut draft, *assignment, reason, by)?;
            }
            Command::Advance {
                assignment,
                step,
                source,
                by,
            } => {
                self.advance(&mut draft, *assignment, *step, *source, by)?;
            }
            Command::SignOn { unit, duty, by } => self.sign_on(&mut draft, *unit, duty, by)?,
            Command::EditCrew { unit, duty, by } => self.edit_crew(&mut draft, *unit, duty, by)?,
            Command::SignOff { unit, by } => self.sign_off(&mut draft, *unit, by)?,
            Command::SetService { unit, out, by } => {
                self.set_service(&mut draft, *unit, out.as_deref(), by)?;
            }
            Command::SendText { unit, text, by } => self.send_text(&mut draft, *unit, text, by)?,
            Command::SendGroupText {
                talkgroup,
                text,
                by,
            } => {
                let message = self.free_message(&mut draft);
                draft.events.push(Event::TalkgroupMessaged {
                    message,
                    talkgroup: *talkgroup,
                    text: text.clone(),
                    by: by.clone(),
                });
            }
            Command::ByDesk { desk, command } => {
                self.check_claim(desk, command)?;
                return self.decide(now, command);
            }
            Command::Claim {
                incident,
                desk,
                take_over,
            } => {
                self.claim(&mut draft, *incident, desk, *take_over)?;
            }
            Command::Release { incident, desk } => {
                self.release_claim(&mut draft, *incident, desk)?;
            }
            Command::DeskGone { desk } => self.desk_gone(&mut draft, desk),
            Command::Trust { radio, trusted, by } => {
                self.trust(&mut draft, *radio, *trusted, by)?;
            }
            Command::AckAlarm { alarm, by } => self.ack_alarm(&mut draft, *alarm, by)?,
            Command::FinishTask { task, outcome, by } => {
                self.finish_task(&mut draft, *task, outcome, by)?;
            }
            Command::RecordSent { .. }
            | Command::RecordSendFailed { .. }
            | Command::RecordDelivery { .. }
            | Command::RecordText { .. }
            | Command::RecordReplay { .. }
            | Command::RecordEmergency { .. }
            | Command::RecordEmergencyCancel { .. }
            | Command::RecordLink { .. }
            | Command::RecordRegistration { .. } => self.record(&mut draft, command),
        }
        Ok(draft.events)
    }

    /// Calls, and incidents beyond their dispatch.
    fn desk(&self, draft: &mut Draft, command: &Command) -> Result<(), Rejection> {
        match command {
            Command::Arrive { ring } => self.call_arrives(draft, ring),
            Command::Answer { call, by } => self.answer_call(draft, *call, by),
            Command::EndCall { call, invalid, by } => self.end_call(draft, *call, *invalid, by),
            Command::Attach { call, incident, by } => self.attach_call(draft, *call, *incident, by),
            Command::ReportFrom {
                report,
                call,
                sender_number,
            } => self.report_from(draft, report, *call, sender_number),
            Command::Split { call, report, by } => self.split(draft, *call, report, by),
            Command::Case { incident, act, by } => self.case(draft, *incident, act, by),
            _ => Ok(()),
        }
    }

    /// What comes from the air is never refused: what fits nothing changes nothing.
    fn record(&self, draft: &mut Draft, command: &Command) {
        if self.keep_back(draft, command) {
            return;
        }
        match command {
            Command::RecordSent { request } => self.record_sent(draft, *request),
            Command::RecordSendFailed { request } => {
                self.record_send_failed(draft, *request);
            }
            Command::RecordDelivery {
                request,
                radio,
                delivered,
            } => {
                self.record_delivery(draft, *request, *radio, *delivered);
            }
            Command::RecordText { radio, text } => self.record_text(draft, *radio, text),
            Command::RecordReplay { radio, text } => self.keep_text(draft, *radio, text),
            Command::RecordEmergency { radio } => self.record_emergency(draft, *radio),
            Command::RecordEmergencyCancel { radio } => {
                self.record_emergency_cancel(draft, *radio);
            }
            Command::RecordLink { link, peer } if self.state.links.get(link) != Some(peer) => {
                let (link, peer) = (link.clone(), peer.clone());
                draft.events.push(Event::GatewayLinked { link, peer });
            }
            Command::RecordRegistration { radio, via } => {
                self.record_registration(draft, *radio, via.as_ref());
            }
            _ => {}
        }
    }

    pub(super) fn decide_place(&self, now: EngineTime, incident: IncidentId) -> Vec<Event> {
        let mut draft = self.draft(now);
        self.place(&mut draft, incident);
        draft.events
    }

    pub(super) fn decide_work(&self, now: EngineTime, unit: UnitId, work: Work) -> Vec<Event> {
        let mut draft = self.draft(now);
        match work {
            Work::Promote(assignment) => self.promote(&mut draft, assignment, unit),
            Work::Fill(incident) => self.place(&mut draft, incident),
        }
        draft.events
    }

    fn draft(&self, now: EngineTime) -> Draft {
        Draft {
            now,
            ids: self.state.counters,
            events: Vec::new(),
        }
    }

    /// Alarms the desks; the same cause about the same thing is repeated, not raised anew.
    fn alarm(&self, draft: &mut Draft, kind: AlarmKind, about: About) {
        let event = match self.state.alarms_by_cause.get(&(kind, about)) {
            Some(alarm) => Event::AlarmRepeated { alarm: *alarm },
            None => Event::AlarmRaised {
                alarm: draft.ids.next_alarm(),
                kind,
                about,
            },
        };
        draft.events.push(event);
    }

    fn ack_alarm(&self, draft: &mut Draft, alarm: AlarmId, by: &str) -> Result<(), Rejection> {
        if !self.state.alarms.contains_key(&alarm) {
            return Err(Rejection::UnknownAlarm(alarm));
        }
        let by = by.to_owned();
        draft.events.push(Event::AlarmAcked { alarm, by });
        Ok(())
    }

    /// Queues a text to a terminal.
    fn message(&self, draft: &mut Draft, to: (UnitId, RadioId), body: Body, by: By) {
        let message = self.free_message(draft);
        let ladder = &self.policy.ladder;
        let limit_ms = u64::from(ladder.send_ms) + u64::from(ladder.deliver_ms);
        let deadline = draft.now.plus_ms(limit_ms);
        let (unit, radio) = to;
        draft.events.push(Event::MessageQueued {
            message,
            unit,
            radio,
            body,
            deadline,
            by,
        });
    }

    /// The next message counter that nothing open uses: 28 bits come round one day.
    fn free_message(&self, draft: &mut Draft) -> MessageNo {
        loop {
            let message = draft.ids.next_message();
            let used = self.index.by_message.contains_key(&message)
                || self.state.messages.contains_key(&message);
            if !used {
                return message;
            }
        }
    }
}
