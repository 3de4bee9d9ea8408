//! Suspect terminals: marked by evidence, heard without being believed, and judged by a dispatcher.

use super::super::Engine;
use super::super::alarm::{About, AlarmKind};
use super::super::command::Command;
use super::super::event::Event;
use super::super::id::{AlarmId, EngineTime, RadioId};
use super::super::policy::Key;
use super::super::rejection::Rejection;
use super::super::suspect::{Cause, Ignored, SuspectEvent};
use super::Draft;

impl Engine {
    /// Enough speaks against a terminal.
    pub(in super::super) fn decide_suspect(
        &self,
        now: EngineTime,
        radio: RadioId,
        cause: Cause,
    ) -> Vec<Event> {
        let mut draft = self.draft(now);
        let open = self.state.suspects.values();
        let marked = open.filter(|it| it.barred_by.is_none()).count();
        if self.is_suspect(radio) {
            return Vec::new();
        }
        if marked < usize::from(self.policy.suspicion.at_once) {
            let marked = SuspectEvent::Marked { radio, cause };
            draft.events.push(Event::Suspect(marked));
        }
        let about = About {
            unit: self.state.holder(radio).map(|unit| unit.id),
            radio: Some(radio),
            ..About::default()
        };
        self.alarm(&mut draft, AlarmKind::SuspectTerminal, about);
        draft.events
    }

    /// Keeps what a suspect terminal sends, and says so; a call for help is not kept back.
    pub(super) fn keep_back(&self, draft: &mut Draft, command: &Command) -> bool {
        let radio = match command {
            Command::RecordDelivery { radio, .. }
            | Command::RecordText { radio, .. }
            | Command::RecordEmergencyCancel { radio }
            | Command::RecordRegistration { radio, .. } => *radio,
            _ => return false,
        };
        let Some(suspect) = self.state.suspects.get(&radio) else {
            return false;
        };
        let what = match command {
            Command::RecordText { text, .. } => {
                self.keep_text(draft, radio, text);
                None
            }
            Command::RecordDelivery {
                request, delivered, ..
            } => {
                let (message, delivered) = (request.message, *delivered);
                let ours = self.terminal_of(message).is_some();
                ours.then_some(Ignored::Ack { message, delivered })
            }
            Command::RecordEmergencyCancel { .. } => Some(Ignored::HelpOver),
            Command::RecordRegistration { via, .. } if suspect.via != *via => Some(match via {
                Some((gateway, slot)) => Ignored::Registered {
                    gateway: gateway.clone(),
                    slot: *slot,
                },
                None => Ignored::Left,
            }),
            _ => None,
        };
        let ignored = what.map(|what| SuspectEvent::Ignored { radio, what });
        draft.events.extend(ignored.map(Event::Suspect));
        true
    }

    /// The words of a text, and not what they mean; but a call for help is one.
    pub(super) fn keep_text(&self, draft: &mut Draft, radio: RadioId, text: &str) {
        if let Some((Key::NeedHelp, _)) = self.parse_key(text) {
            return self.record_emergency(draft, radio);
        }
        draft.events.push(Event::TextReceived {
            radio,
            unit: self.state.holder(radio).map(|unit| unit.id),
            text: text.to_owned(),
        });
    }

    /// A dispatcher trusts a terminal again, or bars it: it is lost.
    pub(super) fn trust(
        &self,
        draft: &mut Draft,
        radio: RadioId,
        trusted: bool,
        by: &str,
    ) -> Result<(), Rejection> {
        let suspect = self.state.suspects.get(&radio);
        if suspect.is_none() && !self.policy.terminals.contains(&radio) {
            return Err(Rejection::UnknownTerminal(radio));
        }
        let barred = suspect.is_some_and(|it| it.barred_by.is_some());
        let decided = if trusted { suspect.is_none() } else { barred };
        if decided {
            return Ok(());
        }
        let user = by.to_owned();
        draft.events.push(Event::Suspect(match trusted {
            true => SuspectEvent::Trusted { radio, by: user },
            false => SuspectEvent::Barred { radio, by: user },
        }));
        self.ack_about(draft, (AlarmKind::SuspectTerminal, radio), by);
        // It called for help while nobody believed it, and nobody has answered yet.
        let called = trusted && self.ack_about(draft, (AlarmKind::NeedHelp, radio), by);
        if called && !self.state.emergencies.contains_key(&radio) {
            self.believe_emergency(draft, radio);
        }
        Ok(())
    }

    /// Acknowledges the alarms of a kind about a terminal as such; whether there were any.
    fn ack_about(&self, draft: &mut Draft, of: (AlarmKind, RadioId), by: &str) -> bool {
        let (kind, radio) = of;
        let alarms = self.state.alarms.values();
        let mine = alarms.filter(|alarm| {
            let about = &alarm.about;
            alarm.kind == kind && about.radio == Some(radio) && about.incident.is_none()
        });
        let mine: Vec<AlarmId> = mine.map(|alarm| alarm.id).collect();
        draft
            .events
            .extend(mine.iter().map(|alarm| Event::AlarmAcked {
                alarm: *alarm,
                by: by.to_owned(),
            }));
        !mine.is_empty()
    }
}
