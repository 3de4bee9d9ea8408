//! Calls: answered, abandoned, invalid, joined to incidents, forgotten.

use super::script::{check, play};
use crate::engine::alarm::{About, AlarmKind};
use crate::engine::call::Call;
use crate::engine::command::Command;
use crate::engine::detail::By;
use crate::engine::event::Event;
use crate::engine::id::{CallId, TaskId};
use crate::engine::state::State;
use crate::engine::task::TaskKind;

#[test]
fn a_call_leads_to_an_incident_and_others_join_it() {
    check(
        "
        10.0  ring       13800000001 desk D1 waited=4
        10.0  call       1 Ringing
        12.0  answer     1
        12.0  call       1 Answered
        14.0  reportfrom 1 theft at 0,0
        14.0  call       1 Answered #1
        14.0  lines      #1 1
        14.0  first      #1 6               // the first call's time; the queue goes by the report's
        20.0  hangup     1
        20.0  call       1 Ended #1
        21.0  ring       13800000002
        22.0  answer     2
        23.0  attach     2 #1
        23.0  attach     2 #1               // said twice: nothing more happens
        23.0  lines      #1 1 2
        24.0  hangup     2
        24.0  counts     2 2 0 0 0 0
        ",
    );
}

#[test]
fn an_abandoned_call_is_called_back() {
    check(
        "
        0.0   ring    13800000001
        5.0   hangup  1
        5.0   batch   CallAbandoned TaskOpened
        5.0   call    1 Abandoned
        5.0   todo    1 1
        5.0   hangup  1                     // the exchange says it too
        5.0   batch
        5.0   told    9 nothing
        5.0   refused no open task t9
        6.0   restart
        6.0   todo    1 1
        200000.0 tick                       // two days: nobody called back, it is not forgotten
        200000.0 call 1 Abandoned
        200000.0 told 1 wrong number
        200000.0 notodo
        200000.0 told 1 again
        200000.0 refused no open task t1
        290000.0 ring 13800000002
        290000.0 call 1 gone
        290000.0 counts 2 0 1 0 0 0
        ",
    );
}

/// The call-back may be what leads to the incident.
#[test]
fn an_abandoned_call_may_still_be_reported_from() {
    check(
        "
        0.0   ring       13800000001
        5.0   hangup     1
        9.0   reportfrom 1 noise at 0,0
        9.0   call       1 Abandoned #1
        9.0   first      #1 0
        9.0   todo       1 1
        ",
    );
}

#[test]
fn invalid_calls_are_counted_apart_and_open_nothing() {
    check(
        "
        0.0   ring       1
        0.0   hangup     1 silent
        0.0   refused    call c1 is ringing; expected answered or ended
        1.0   answer     1
        2.0   hangup     1 silent
        2.0   call       1 Invalid
        2.0   reportfrom 1 theft at 0,0
        2.0   refused    call c1 is invalid; expected answered, ended or abandoned
        3.0   ring       2
        3.0   answer     2
        3.0   hangup     2
        4.0   hangup     2 misdial          // judged after the hang-up
        5.0   ring       3
        5.0   answer     3
        5.0   hangup     3 nuisance
        6.0   ring       4
        6.0   answer     4
        6.0   reportfrom 4 theft at 0,0
        6.0   hangup     4 nuisance
        6.0   refused    call c4 belongs to incident #1
        6.0   counts     4 4 0 1 1 1
        6.0   notodo
        ",
    );
}

#[test]
fn a_call_belongs_to_one_incident() {
    check(
        "
        0.0   report     theft at 0,0
        0.0   report     noise at 0,0
        0.0   attach     1 #1
        0.0   refused    there is no call c1
        0.0   ring       1
        0.0   attach     1 #1
        0.0   refused    call c1 is ringing
        0.0   answer     1
        0.0   attach     1 #9
        0.0   refused    there is no incident #9
        0.0   attach     1 #1
        0.0   attach     1 #2
        0.0   refused    call c1 belongs to incident #1
        0.0   reportfrom 1 noise at 0,0
        0.0   refused    call c1 belongs to incident #1
        0.0   cancel     #2
        0.0   ring       2
        0.0   answer     2
        0.0   attach     2 #2
        0.0   refused    incident #2 is cancelled
        ",
    );
}

#[test]
fn a_call_that_rings_is_alarmed_until_somebody_answers() {
    check(
        "
        0.0   ring    13800000001
        15.0  tick
        15.0  alarm   CallUnanswered x1
        16.0  restart
        30.0  tick
        30.0  alarm   CallUnanswered x2
        31.0  ack     CallUnanswered
        45.0  tick
        45.0  alarm   CallUnanswered x1     // acknowledged, and it still rings
        50.0  answer  1
        51.0  ack     CallUnanswered
        99.0  tick
        99.0  noalarm CallUnanswered
        99.0  answer  1
        99.0  refused call c1 is answered; expected ringing
        ",
    );
}

#[test]
fn calls_are_forgotten_a_day_after_they_ended_or_with_their_incident() {
    check(
        "
        0.0     ring       1
        0.0     answer     1
        0.0     hangup     1
        0.0     ring       2
        0.0     answer     2
        0.0     reportfrom 2 traffic at 0,0
        0.0     hangup     2
        0.0     ring       3
        0.0     answer     3
        90000.0 note       #1 a day and more
        90000.0 call       1 gone
        90000.0 call       2 Ended #1       // its incident is open
        90000.0 call       3 Answered       // somebody still talks
        90000.0 attach     3 #1
        91000.0 resolve    #1
        99000.0 close      #1
        186000.0 ring      4
        186000.0 expect    #1 gone
        186000.0 call      2 gone
        186000.0 call      3 Answered
        ",
    );
}

/// Nobody can be sent for longer than the grade allows: a desk tells the caller, once at a time.
#[test]
fn a_caller_is_told_that_it_takes_longer() {
    check(
        "
        0.0    ring       13800000001
        0.0    answer     1
        0.0    reportfrom 1 traffic at 0,0
        60.0   tick
        60.0   alarm      NoUnit #1
        60.0   todo       1 #1
        120.0  tick
        120.0  told       1 told at the gate
        120.0  notodo
        240.0  tick
        240.0  todo       2 #1
        250.0  cancel     #1                // nobody has to be told any more
        250.0  notodo
        260.0  report     traffic at 0,0
        320.0  tick
        320.0  alarm      NoUnit #2
        320.0  notodo                       // nobody knows whom to call for #2
        ",
    );
}

#[test]
fn only_transfers_have_a_senders_number() {
    check(
        "
        0.0   reportfrom - theft at 0,0 sender 44190001
        0.0   refused    only a transfer
        0.0   reportfrom - theft line city at 0,0 sender 44190001
        0.0   batch      IncidentReported IncidentConfirmed CaseReceived
        ",
    );
}

#[test]
fn open_calls_and_tasks_are_bounded() {
    let mut world = play("0.0 ring 0");
    let ring = world
        .engine
        .state()
        .calls
        .values()
        .next()
        .unwrap()
        .ring
        .clone();
    // Straight into the engine: the auditor looks at everything after each step.
    let mut batch = Vec::new();
    let now = world.now;
    for _ in 1..Call::MAX_OPEN {
        let ring = ring.clone();
        world
            .engine
            .execute(now, &Command::Arrive { ring }, &mut batch)
            .unwrap();
    }
    let one_more = Command::Arrive { ring };
    let refused = world.engine.execute(now, &one_more, &mut batch);
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("no more than 2000 open calls")
    );
    for id in 1..=u32::try_from(State::MAX_TASKS).unwrap() {
        let (task, kind) = (TaskId(id), TaskKind::CallBack { call: CallId(id) });
        let about = About::default();
        let opened = Event::TaskOpened { task, kind, about };
        world.engine.apply(now, &opened);
    }
    let (call, by) = (CallId(1), String::from("taker"));
    world.engine.apply(
        now,
        &Event::TaskDone {
            task: TaskId(1),
            by: By::Engine,
        },
    );
    let task = TaskId(20_000);
    let (kind, about) = (TaskKind::TellCaller, About::default());
    world
        .engine
        .apply(now, &Event::TaskOpened { task, kind, about });
    let hang_up = Command::EndCall {
        call,
        invalid: None,
        by,
    };
    world.engine.execute(now, &hang_up, &mut batch).unwrap();
    let state = world.engine.state();
    assert_eq!(state.tasks.len(), State::MAX_TASKS);
    assert_eq!(state.calling_back(call), None);
    let cause = (AlarmKind::CallUnanswered, About::default());
    assert!(
        state.alarms_by_cause.contains_key(&cause),
        "an alarm says it instead"
    );
}
