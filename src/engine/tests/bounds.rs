//! What must stay bounded, and what must end, whatever comes in.

use super::audit::Audited;
use super::policy;
use super::script::play;
use crate::engine::alarm::{About, AlarmKind};
use crate::engine::command::Command;
use crate::engine::event::{By, Event};
use crate::engine::id::{AlarmId, EngineTime, IncidentId, RadioId};
use crate::engine::incident::{Classification, Report, Source};
use crate::engine::policy::Grade;
use crate::engine::state::State;

fn raised(id: u32, kind: AlarmKind) -> Event {
    let about = About {
        radio: Some(RadioId(id)),
        ..About::default()
    };
    Event::AlarmRaised {
        alarm: AlarmId(id),
        kind,
        about,
    }
}

fn with_alarms(kinds: impl Iterator<Item = AlarmKind>) -> Audited {
    let mut world = Audited::new(policy(Vec::new(), &[]));
    let events: Vec<Event> = (1u32..)
        .zip(kinds)
        .map(|(id, kind)| raised(id, kind))
        .collect();
    world.told(&events);
    world
}

/// The oldest alarm that is not urgent makes room, and its cause may be raised anew.
#[test]
fn alarms_are_bounded_and_urgent_ones_stay() {
    let first = [AlarmKind::NeedHelp, AlarmKind::Stranger];
    let rest = std::iter::repeat_n(AlarmKind::Stranger, State::MAX_ALARMS - 1);
    let world = with_alarms(first.into_iter().chain(rest));
    let state = world.engine.state();
    assert_eq!(state.alarms.len(), State::MAX_ALARMS);
    assert_eq!(state.alarms_by_cause.len(), State::MAX_ALARMS);
    assert!(state.alarms.contains_key(&AlarmId(1)));
    assert!(!state.alarms.contains_key(&AlarmId(2)));
}

/// When all are urgent the oldest of them goes: memory has a limit even then.
#[test]
fn urgent_alarms_are_bounded_too() {
    let world = with_alarms(std::iter::repeat_n(
        AlarmKind::NeedHelp,
        State::MAX_ALARMS + 5,
    ));
    let state = world.engine.state();
    assert_eq!(state.alarms.len(), State::MAX_ALARMS);
    assert!(!state.alarms.contains_key(&AlarmId(5)));
}

#[test]
fn strangers_are_bounded() {
    let mut world = Audited::new(policy(Vec::new(), &[]));
    let most = u32::try_from(State::MAX_STRANGERS).unwrap();
    let heard: Vec<Event> = (1..=most)
        .map(|id| Event::StrangerHeard { radio: RadioId(id) })
        .collect();
    world.told(&heard);
    let text = String::from("1");
    let radio = RadioId(most + 1);
    let events = world.execute(&Command::RecordText { radio, text }).unwrap();
    assert!(events.is_empty());
}

/// Time may jump by years, after a long stop or to the end of the clock: the ticks still end, and
/// nobody is lost.
#[test]
fn a_jump_in_time_ends_in_peace() {
    let mut world = play(
        "
        0.0   unit     铁骑01 motorcycle sworn=1 at 100,0 terminal 1001
        0.0   unit     铁骑02 motorcycle at 100,0 terminal 1002 silent
        0.0   report   fight at 0,0
        0.0   report   theft at 0,0
        0.0   report   -     at 0,0
        0.0   text     铁骑01 hello
        ",
    );
    for years in [1, 100, 10_000] {
        world.now = EngineTime(years * 31_536_000_000);
        world.tick();
        assert!(
            world
                .engine
                .next_deadline()
                .is_some_and(|next| next > world.now)
        );
    }
    assert_eq!(world.engine.state().open_incidents, 3);
}

fn resolved(world: &mut Audited, id: u32) {
    let report = Report {
        source: Source::Police110,
        by: "calls".into(),
        place: "here".into(),
        point: None,
        caller: String::new(),
        text: String::new(),
        occurred_at_ms: None,
        classification: Classification {
            category: None,
            grade: Grade::Two,
        },
    };
    world.execute(&Command::Report(Box::new(report))).unwrap();
    let (incident, by) = (IncidentId(id), By::User("desk".into()));
    world.execute(&Command::Resolve { incident, by }).unwrap();
}

/// What nobody closed is not forgotten; what was closed stays for a day more.
#[test]
fn a_resolved_incident_stays_until_a_day_after_its_closing() {
    let day_ms = State::KEEP_ENDED_MS;
    let mut world = Audited::new(policy(Vec::new(), &[]));
    resolved(&mut world, 1);
    world.now = EngineTime(3 * day_ms);
    resolved(&mut world, 2);
    let known = |world: &Audited, id| {
        let incidents = &world.engine.state().incidents;
        incidents.contains_key(&IncidentId(id))
    };
    assert!(known(&world, 1));
    let (incident, by) = (IncidentId(1), By::User("desk".into()));
    world.execute(&Command::Close { incident, by }).unwrap();
    world.now = EngineTime(4 * day_ms);
    resolved(&mut world, 3);
    assert!(known(&world, 1));
    world.now = EngineTime(4 * day_ms + 1);
    resolved(&mut world, 4);
    assert!(!known(&world, 1));
    assert!(known(&world, 2), "nobody closed it");
}
