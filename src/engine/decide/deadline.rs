//! What happens when a limit runs out, one deadline at a time; and after a restart.

use super::super::Engine;
use super::super::alarm::{About, AlarmKind};
use super::super::assignment::{Assignment, Rung};
use super::super::deadline::Due;
use super::super::event::Event;
use super::super::incident::{Incident, Phase};
use super::super::message::Message;
use super::super::policy::Grade;
use super::Draft;
use super::assignment::about;
use crate::planted::{Planted, planted};

impl Engine {
    /// Waiting incidents reviewed in one decision: a queue that comes due at once is one batch and
    /// one line to each console, not one for each incident.
    const REVIEWS: usize = 32;
    /// How often the time until the next review of an ungrave incident doubles.
    const DOUBLINGS: u32 = 6;

    /// Handles the earliest deadline that has come, and with a review those right behind it.
    pub(super) fn tick(&self, draft: &mut Draft) {
        let due = self.index.deadlines.due(draft.now);
        let reviews = due.map_while(|due| match due {
            Due::Incident(id) => self.state.incidents.get(&id),
            _ => None,
        });
        for incident in reviews.take(Self::REVIEWS) {
            self.incident_due(draft, incident);
        }
        if draft.events.is_empty() {
            self.first_due(draft);
        }
    }

    fn first_due(&self, draft: &mut Draft) {
        let Some(due) = self.index.deadlines.due(draft.now).next() else {
            return;
        };
        match due {
            Due::Assignment(id) => {
                if let Some(assignment) = self.state.assignments.get(&id) {
                    self.assignment_due(draft, assignment);
                }
            }
            Due::Safety(id) => {
                if let Some(assignment) = self.state.assignments.get(&id) {
                    self.safety_due(draft, assignment);
                }
            }
            Due::Incident(_) => {}
            Due::Proposal(id) => {
                if let Some(proposal) = self.state.proposals.by_id(id) {
                    self.proposal_due(draft, proposal);
                }
            }
            Due::Claim(incident) => self.claim_due(draft, incident),
            Due::Message(no) => {
                if let Some(message) = self.state.messages.get(&no) {
                    self.message_due(draft, message);
                }
            }
            Due::Call(id) => {
                if let Some(call) = self.state.calls.get(&id) {
                    self.call_due(draft, call);
                }
            }
            Due::Feedback(id) => {
                if let Some(incident) = self.state.incidents.get(&id) {
                    self.feedback_due(draft, incident);
                }
            }
        }
    }

    fn assignment_due(&self, draft: &mut Draft, assignment: &Assignment) {
        let kind = match assignment.rung {
            // Nobody could be told by data: the voice call did not happen either.
            Rung::Offered if assignment.terminal.is_none() => {
                return self.give_up(draft, assignment, AlarmKind::NotAccepted);
            }
            Rung::Offered | Rung::Sent => return self.retry(draft, assignment),
            Rung::Delivered => return self.give_up(draft, assignment, AlarmKind::NotAccepted),
            Rung::Stacked => AlarmKind::StackedLong,
            Rung::Accepted => AlarmKind::NotRolling,
            Rung::EnRoute => AlarmKind::NotArrived,
            Rung::OnScene => AlarmKind::OnSceneLong,
            Rung::Cleared | Rung::Declined | Rung::Expired | Rung::Recalled => return,
        };
        // An officer who is on it keeps it: a person decides, the engine only tells.
        if !planted(Planted::NoAlarm) {
            self.alarm(draft, kind, about(assignment));
        }
        let limit_ms = u64::from(self.limit_ms(assignment, assignment.rung)).max(1);
        let deadline = draft.now.plus_ms(limit_ms);
        let assignment = assignment.id;
        draft.events.push(Event::AssignmentOverdue {
            assignment,
            deadline,
        });
    }

    fn incident_due(&self, draft: &mut Draft, incident: &Incident) {
        let waited = draft.now >= incident.review_at;
        let mut told = 0;
        // Where each slot has a proposal the desk has what it needs, and a deadline of its own.
        if waited && !self.is_proposed_for(incident) {
            let kind = match incident.phase {
                Phase::Reported => AlarmKind::Unclassified,
                Phase::Referred => AlarmKind::ReferralUnanswered,
                _ if incident.report.point.is_none() => AlarmKind::NoPlace,
                _ => AlarmKind::NoUnit,
            };
            let about = About {
                incident: Some(incident.id),
                ..About::default()
            };
            told = self.times_told(kind, about);
            self.alarm(draft, kind, about);
            // Whoever can be called should know that it takes longer.
            let reachable = !incident.calls.is_empty() || !incident.report.caller.is_empty();
            if kind == AlarmKind::NoUnit && reachable {
                self.tell_caller_task(draft, incident.id);
            }
        }
        let next = draft.now.plus_ms(self.review_ms(incident, told));
        let review_at = if waited { next } else { incident.review_at };
        draft.events.push(Event::IncidentReviewed {
            incident: incident.id,
            review_at,
        });
    }

    /// How often an alarm nobody acknowledged was raised.
    fn times_told(&self, kind: AlarmKind, about: About) -> u32 {
        let alarm = self.state.alarms_by_cause.get(&(kind, about));
        let alarm = alarm.and_then(|id| self.state.alarms.get(id));
        alarm.map_or(0, |alarm| alarm.times)
    }

    /// How long until an incident is looked at again by itself. A free unit looks for work without
    /// that, so this only reminds: of the gravest steadily, of the others after twice the time each
    /// time nobody answers, so that a long queue is not told over and over.
    fn review_ms(&self, incident: &Incident, told: u32) -> u64 {
        let limit_ms = match incident.phase {
            Phase::Reported => u64::from(self.policy.ladder.unclassified_ms),
            _ => self.waiting_ms(incident.gravity()),
        };
        let doublings = match incident.gravity() {
            Grade::One => 0,
            _ => told.min(Self::DOUBLINGS),
        };
        limit_ms.max(1) << doublings
    }

    pub(super) fn message_due(&self, draft: &mut Draft, message: &Message) {
        let ladder = &self.policy.ladder;
        let attempt = message.attempt + 1;
        if attempt <= ladder.attempts && self.state.gateway_of(message.radio).is_some() {
            let limit_ms = u64::from(ladder.send_ms) + u64::from(ladder.deliver_ms);
            let deadline = draft.now.plus_ms(limit_ms);
            let message = message.no;
            draft.events.push(Event::MessageRetried {
                message,
                attempt,
                deadline,
            });
            return;
        }
        draft.events.push(Event::MessageFailed {
            message: message.no,
        });
        let about = About {
            unit: Some(message.unit),
            radio: Some(message.radio),
            ..About::default()
        };
        self.alarm(draft, AlarmKind::MessageFailed, about);
    }

    /// After a restart: whatever waits is looked at again, in the order of the queue.
    pub(super) fn resume(&self, draft: &mut Draft) {
        self.question_claims(draft);
        let step_ms = self.policy.age_step_ms;
        for (_, _, id) in self.index.queue.in_order(step_ms, draft.now, |_| true) {
            if let Some(incident) = self.state.incidents.get(&id) {
                draft.events.push(Event::IncidentReviewed {
                    incident: id,
                    review_at: incident.review_at,
                });
            }
        }
    }
}
