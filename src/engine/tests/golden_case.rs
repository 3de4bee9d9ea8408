//! Examples of the events of calls, tasks and incidents beyond their dispatch ([`super::golden`]).

use crate::engine::alarm::{About, AlarmKind};
use crate::engine::call::{CallEvent, Invalid, Ring};
use crate::engine::case::{ActKind, Agency, CaseEvent, Form, Outcome};
use crate::engine::event::{By, Event, RecallCause};
use crate::engine::id::{
    AlarmId, AssignmentId, CallId, EngineTime, FeedbackId, IncidentId, MessageNo, Point, RadioId,
    TaskId,
};
use crate::engine::incident::Source;
use crate::engine::position::Doubt;
use crate::engine::suspect::{Cause, Ignored, SuspectEvent};
use crate::engine::task::TaskKind;

const CALL: CallId = CallId(300);
const INCIDENT: IncidentId = IncidentId(1042);
const AT: EngineTime = EngineTime(86_400_123);

fn user() -> By {
    By::User(String::from("张三"))
}

fn text(words: &str) -> String {
    String::from(words)
}

/// The variant's name, as [`super::golden`] does it.
pub(super) fn call_name(event: &CallEvent) -> &'static str {
    macro_rules! names {
        ($($variant:ident)*) => {
            match event { $(CallEvent::$variant { .. } => concat!("Call", stringify!($variant)),)* }
        };
    }
    names!(Arrived Answered Ended Abandoned Dismissed Overdue Attached CalledBack)
}

/// The same of what becomes of an incident beyond its dispatch.
pub(super) fn case_name(event: &CaseEvent) -> &'static str {
    macro_rules! names {
        ($($variant:ident)*) => {
            match event { $(CaseEvent::$variant { .. } => concat!("Case", stringify!($variant)),)* }
        };
    }
    names! {
        Received Referred ReferralAccepted ReferralReturned Merged AssignmentMoved Linked Reopened
        Undone FeedbackAwaited FeedbackGiven FollowedUp
    }
}

/// The same of what becomes of suspect terminals.
pub(super) fn suspect_name(event: &SuspectEvent) -> &'static str {
    macro_rules! names {
        ($($variant:ident)*) => {
            match event {
                $(SuspectEvent::$variant { .. } => concat!("Suspect", stringify!($variant)),)*
            }
        };
    }
    names!(Marked Ignored Trusted Barred)
}

pub(super) fn examples() -> Vec<Event> {
    let mut all = call_examples();
    all.extend(case_examples());
    all.extend(paper_examples());
    all.extend(suspect_examples());
    let kinds = [
        AlarmKind::CallUnanswered,
        AlarmKind::FeedbackOverdue,
        AlarmKind::ReferralUnanswered,
        AlarmKind::SuspectTerminal,
    ];
    all.extend(kinds.map(|kind| Event::AlarmRaised {
        alarm: AlarmId(9),
        kind,
        about: About {
            incident: Some(INCIDENT),
            ..About::default()
        },
    }));
    all.push(Event::AssignmentRecalled {
        assignment: AssignmentId(70_000),
        cause: RecallCause::Merged,
        held_until: AT,
        by: By::Engine,
    });
    all
}

fn call_examples() -> Vec<Event> {
    let call = CALL;
    let ring = |desk: Option<&str>| Ring {
        source: Source::Traffic122,
        caller: text("13800000001"),
        trunk: text("E1-07"),
        desk: desk.map(text),
        called_at: AT,
    };
    let mut all: Vec<Event> = [None, Some("D1")]
        .map(|desk| {
            Event::Call(CallEvent::Arrived {
                call,
                ring: ring(desk),
                deadline: AT,
            })
        })
        .to_vec();
    all.extend([
        Event::Call(CallEvent::Answered {
            call,
            by: text("张三"),
        }),
        Event::Call(CallEvent::Ended { call }),
        Event::Call(CallEvent::Abandoned { call }),
        Event::Call(CallEvent::Overdue {
            call,
            alarm: AlarmId(7),
            deadline: AT,
        }),
        Event::Call(CallEvent::Attached {
            call,
            incident: INCIDENT,
            by: user(),
        }),
        Event::Call(CallEvent::CalledBack {
            call,
            outcome: text("打错了"),
            by: user(),
        }),
    ]);
    let kinds = [Invalid::Nuisance, Invalid::Misdial, Invalid::Silent];
    all.extend(kinds.map(|kind| {
        Event::Call(CallEvent::Dismissed {
            call,
            kind,
            by: text("张三"),
        })
    }));
    let causes = [
        (TaskKind::CallBack { call }, About::default()),
        (TaskKind::TellCaller, About::of(INCIDENT)),
    ];
    all.extend(causes.map(|(kind, about)| Event::TaskOpened {
        task: TaskId(4),
        kind,
        about,
    }));
    all
}

fn case_examples() -> Vec<Event> {
    let (incident, review_at) = (INCIDENT, AT);
    let mut all = vec![
        Event::Case(CaseEvent::Received {
            incident,
            sender_number: text("44190001"),
        }),
        Event::Case(CaseEvent::ReferralAccepted {
            incident,
            receiver: text("李四"),
            number: text("119-7"),
            by: user(),
        }),
        Event::Case(CaseEvent::ReferralReturned {
            incident,
            reason: text("不属我方"),
            review_at,
            by: user(),
        }),
        Event::Case(CaseEvent::Merged {
            incident,
            into: IncidentId(7),
            by: user(),
        }),
        Event::Case(CaseEvent::AssignmentMoved {
            assignment: AssignmentId(70_000),
            incident,
            slot: 3,
        }),
        Event::Case(CaseEvent::Linked {
            incident,
            other: IncidentId(7),
            by: user(),
        }),
        Event::Case(CaseEvent::Reopened {
            incident,
            reason: text("又来"),
            review_at,
            by: user(),
        }),
    ];
    let agencies = [
        Agency::City110,
        Agency::Fire119,
        Agency::Ambulance120,
        Agency::Hotline12345,
        Agency::Branch,
        Agency::Neighbour,
    ];
    all.extend(agencies.map(|to| {
        Event::Case(CaseEvent::Referred {
            incident,
            to,
            name: text("塘厦"),
            reason: text("管辖"),
            review_at,
            by: user(),
        })
    }));
    let acts = [
        ActKind::Merge,
        ActKind::Close,
        ActKind::Cancel,
        ActKind::Resolve,
    ];
    all.extend(acts.map(|act| {
        Event::Case(CaseEvent::Undone {
            incident,
            act,
            survivor: (act == ActKind::Merge).then_some(IncidentId(7)),
            review_at,
            by: user(),
        })
    }));
    all
}

fn paper_examples() -> Vec<Event> {
    let incident = INCIDENT;
    let mut all = vec![
        Event::Case(CaseEvent::FeedbackAwaited {
            incident,
            due_at: AT,
        }),
        Event::Case(CaseEvent::FollowedUp {
            incident,
            satisfied: Some(true),
            text: text("满意"),
            by: user(),
        }),
    ];
    let outcomes = [
        Outcome::Handled,
        Outcome::Mediated,
        Outcome::CaseFiled,
        Outcome::HandedOver,
        Outcome::NothingFound,
        Outcome::FalseReport,
        Outcome::Other,
    ];
    all.extend(outcomes.map(|outcome| {
        Event::Case(CaseEvent::FeedbackGiven {
            feedback: FeedbackId(5),
            incident,
            assignment: Some(AssignmentId(70_000)),
            form: Form {
                outcome,
                injured: 2,
                persons: 300,
                text: text("已处理"),
            },
            by: user(),
        })
    }));
    all
}

fn suspect_examples() -> Vec<Event> {
    let (radio, by) = (RadioId(0xFF_FFFF), || text("张三"));
    let mut all = vec![
        Event::Suspect(SuspectEvent::Trusted { radio, by: by() }),
        Event::Suspect(SuspectEvent::Barred { radio, by: by() }),
        Event::FixDoubted {
            radio,
            point: Point {
                x_cm: -5,
                y_cm: 300,
            },
            doubt: Doubt::Suspect,
        },
    ];
    let causes = [
        Cause::TwoPlaces,
        Cause::Jumps,
        Cause::Replay,
        Cause::Reported,
    ];
    let marked = causes.map(|cause| SuspectEvent::Marked { radio, cause });
    all.extend(marked.map(Event::Suspect));
    let kept = [
        Ignored::Ack {
            message: MessageNo(0x0FFF_FFFF),
            delivered: true,
        },
        Ignored::Registered {
            gateway: text("huangjiang-1"),
            slot: 2,
        },
        Ignored::Left,
        Ignored::HelpOver,
    ];
    let kept = kept.map(|what| SuspectEvent::Ignored { radio, what });
    all.extend(kept.map(Event::Suspect));
    all
}
