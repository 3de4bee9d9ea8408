//! What comes from the air. It is evidence: it may add an ack, a status, an alarm. It never frees
//! a unit from a Grade I incident, closes an incident or raises a privilege by itself.

use super::super::Engine;
use super::super::alarm::{About, AlarmKind};
use super::super::assignment::{Assignment, Move, Rung, Source, Step};
use super::super::event::{By, Event};
use super::super::id::{IncidentId, RadioId, UnitId};
use super::super::message::Request;
use super::super::policy::{Grade, Key};
use super::super::state::State;
use super::Draft;
use super::assignment::about;
use crate::planted::{Planted, planted};

impl Engine {
    /// A gateway took the text: the transport ack, nothing more.
    pub(super) fn record_sent(&self, draft: &mut Draft, request: Request) {
        let Some(assignment) = self.requested(request) else {
            return;
        };
        // A transport ack of an earlier attempt says nothing about this one.
        if assignment.attempt == request.attempt && assignment.rung == Rung::Offered {
            self.step_to(draft, assignment, Rung::Sent, Source::Radio, By::Engine);
        }
    }

    /// No gateway took it. A link that tried in vain has used up its time, so the next attempt need
    /// not wait for the deadline. One that is down or full refuses at once: then the deadline
    /// comes first, or a single report would run through the whole fleet within a millisecond.
    pub(super) fn record_send_failed(&self, draft: &mut Draft, request: Request) {
        /// An attempt that failed sooner never went out.
        const TRIED_MS: u64 = 1_000;
        let waits = |assignment: &&Assignment| {
            let send_ms = u64::from(self.policy.ladder.send_ms);
            let began_ms = assignment.deadline.0.saturating_sub(send_ms);
            let offered = assignment.rung == Rung::Offered;
            offered
                && assignment.attempt == request.attempt
                && draft.now.0 >= began_ms.saturating_add(TRIED_MS)
        };
        if let Some(assignment) = self.requested(request).filter(waits) {
            self.retry(draft, assignment);
        }
    }

    /// The terminal cannot have it: the next attempt at once.
    fn record_refused(&self, draft: &mut Draft, request: Request) {
        if let Some(assignment) = self.requested(request) {
            let waits = matches!(assignment.rung, Rung::Offered | Rung::Sent);
            if waits && assignment.attempt == request.attempt {
                self.retry(draft, assignment);
            }
            return;
        }
        if let Some(message) = self.state.messages.get(&request.message)
            && message.attempt == request.attempt
        {
            self.message_due(draft, message);
        }
    }

    /// The terminal has it, or cannot have it. Acks of any attempt count.
    pub(super) fn record_delivery(
        &self,
        draft: &mut Draft,
        request: Request,
        radio: RadioId,
        delivered: bool,
    ) {
        if !delivered {
            if self.terminal_of(request.message) == Some(radio) {
                self.record_refused(draft, request);
            }
            return;
        }
        let mut asked = self.requested(request);
        if planted(Planted::AckBySource) {
            let holder = self.state.holder(radio).map(|unit| unit.id);
            asked = holder.and_then(|unit| self.active_of(unit)).or(asked);
        }
        if let Some(assignment) = asked {
            // An earlier attempt may have gone to another terminal of the unit.
            let unit = self.state.units.get(&assignment.unit);
            let mut own = unit.and_then(|unit| unit.duty.as_ref()).into_iter();
            let ours = assignment.terminal == Some(radio)
                || own.any(|duty| duty.terminals.contains(&radio));
            if let (true, Move::To(rung)) = (ours, assignment.rung.take(Step::Deliver)) {
                self.step_to(draft, assignment, rung, Source::Radio, By::Radio(radio));
            }
            return;
        }
        let message = self.state.messages.get(&request.message);
        if message.is_some_and(|message| message.radio == radio) {
            draft.events.push(Event::MessageDelivered {
                message: request.message,
            });
        }
    }

    fn requested(&self, request: Request) -> Option<&Assignment> {
        self.state
            .assignments
            .get(self.index.by_message.get(&request.message)?)
    }

    pub(super) fn record_registration(
        &self,
        draft: &mut Draft,
        radio: RadioId,
        via: Option<&(String, u8)>,
    ) {
        if !self.policy.terminals.contains(&radio) {
            return self.stranger(draft, radio);
        }
        let known = self
            .state
            .terminals
            .get(&radio)
            .and_then(|terminal| terminal.via.as_ref());
        if known == via {
            return;
        }
        draft.events.push(match via {
            Some((gateway, slot)) => Event::TerminalRegistered {
                radio,
                gateway: gateway.clone(),
                slot: *slot,
            },
            None => Event::TerminalLost { radio },
        });
    }

    /// Recorded once; it changes nothing else.
    pub(super) fn stranger(&self, draft: &mut Draft, radio: RadioId) {
        let room = self.state.strangers.len() < State::MAX_STRANGERS;
        if room && !self.state.strangers.contains(&radio) {
            draft.events.push(Event::StrangerHeard { radio });
            let about = About {
                radio: Some(radio),
                ..About::default()
            };
            self.alarm(draft, AlarmKind::Stranger, about);
        }
    }

    pub(super) fn record_text(&self, draft: &mut Draft, radio: RadioId, text: &str) {
        let pressed = self.parse_key(text);
        if let Some(unit) = self.state.holder(radio) {
            self.note_alive(draft, unit.id);
        }
        match pressed {
            // Whoever calls for help: a stranger, or somebody off duty.
            Some((Key::NeedHelp, _)) => return self.record_emergency(draft, radio),
            Some((Key::HelpOver, _)) => return self.record_emergency_cancel(draft, radio),
            _ => {}
        }
        if !self.policy.terminals.contains(&radio) {
            return self.stranger(draft, radio);
        }
        let holder = self.state.holder(radio).map(|unit| unit.id);
        let taken = match (holder, pressed) {
            (Some(unit), Some((key, number))) => self.press(draft, radio, unit, key, number),
            _ => false,
        };
        if !taken {
            let text = text.to_owned();
            draft.events.push(Event::TextReceived {
                radio,
                unit: holder,
                text,
            });
        }
    }

    /// Whether a text is the key by which a terminal calls for help.
    #[must_use]
    pub fn calls_for_help(&self, text: &str) -> bool {
        matches!(self.parse_key(text), Some((Key::NeedHelp, _)))
    }

    /// A configured key, optionally followed by an incident number: `1`, `1 1042`, `1#1042`.
    pub(super) fn parse_key(&self, text: &str) -> Option<(Key, Option<IncidentId>)> {
        let text = text.trim();
        if let Some(key) = self.policy.keys.get(text) {
            return Some((*key, None));
        }
        let at = text.rfind(|letter: char| !letter.is_ascii_digit())?;
        let (head, digits) = text.split_at(at + text.get(at..)?.chars().next()?.len_utf8());
        let separated = head.trim_end_matches(['#', ' ', '\u{3000}', '＃']);
        let key = self.policy.keys.get(separated.trim())?;
        Some((*key, Some(IncidentId(digits.parse().ok()?))))
    }

    /// Does what a key says; false when it fits nothing, so that the text itself is kept.
    fn press(
        &self,
        draft: &mut Draft,
        radio: RadioId,
        unit: UnitId,
        key: Key,
        number: Option<IncidentId>,
    ) -> bool {
        let number = number.map(|number| self.state.survivor(number));
        let known = number.filter(|number| self.state.incidents.contains_key(number));
        let active = self.active_of(unit);
        let any = planted(Planted::AnswerToAnother);
        let is_meant = |it: &&Assignment| any || number.is_none_or(|number| number == it.incident);
        let meant = active.filter(is_meant);
        let Some(assignment) = meant else {
            if planted(Planted::LateAnswer) && key == Key::Accept {
                let all = self.state.assignments.values().rev();
                let mut ended = all.filter(|it| it.unit == unit && number == Some(it.incident));
                if let Some(ended) = ended.next() {
                    let (to, by) = (Rung::Accepted, By::Radio(radio));
                    self.step_to(draft, ended, to, Source::Radio, by);
                    return true;
                }
            }
            self.late(draft, unit, key, known);
            return false;
        };
        let step = match key {
            Key::Accept => Step::Accept,
            Key::Decline => Step::Decline,
            Key::Rolling => Step::Roll,
            Key::OnScene => Step::Arrive,
            Key::Clear => Step::Clear,
            Key::NeedHelp | Key::HelpOver => return false,
        };
        match assignment.rung.take(step) {
            Move::To(Rung::Cleared) if self.is_grave(assignment) => {
                self.alarm(draft, AlarmKind::ClearToConfirm, about(assignment));
                true
            }
            Move::To(rung) => {
                self.step_to(draft, assignment, rung, Source::Radio, By::Radio(radio));
                true
            }
            Move::Already => true,
            Move::Illegal => false,
        }
    }

    /// An officer who says yes to what is no longer theirs must be told.
    fn late(&self, draft: &mut Draft, unit: UnitId, key: Key, number: Option<IncidentId>) {
        if matches!(key, Key::Accept | Key::Rolling | Key::OnScene) {
            let about = About {
                incident: number,
                unit: Some(unit),
                ..About::default()
            };
            self.alarm(draft, AlarmKind::LateReply, about);
        }
    }

    fn is_grave(&self, assignment: &Assignment) -> bool {
        let incident = self.state.incidents.get(&assignment.incident);
        incident.is_some_and(|found| found.gravity() == Grade::One)
    }
}
