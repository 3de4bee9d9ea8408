//! Recommend mode: what is proposed, how long it stays, and that nobody goes without a command.
//! Tables of [`super::script`]; the auditor checks every proposal of every batch.

use super::audit::Audited;
use super::script::{check, play, resume};
use crate::engine::event::Event;
use crate::engine::proposal::Proposals;

/// The same town and calls in both modes: offered by itself, or put to the desk.
#[test]
fn a_report_is_offered_in_auto_and_proposed_in_recommend() {
    let table = |mode: &str, then: &str| {
        format!(
            "
            0.0   mode     {mode}
            0.0   unit     铁骑01 motorcycle sworn=1 at 100,0 terminal 1001
            0.0   unit     铁骑02 motorcycle sworn=1 at 300,0 terminal 1002
            1.0   report   theft at 0,0
            {then}
            "
        )
    };
    check(&table(
        "auto",
        "1.0   expect   #1 Assigned 铁骑01 Offered
         1.0   proposed #1",
    ));
    check(&table(
        "recommend",
        "1.0   expect   #1 Queued
         1.0   batch    IncidentReported IncidentConfirmed ProposalMade
         1.0   expect   铁骑01 Available
         1.0   proposed #1 铁骑01
         4.0   offer    #1 铁骑01 proposal
         4.0   batch    UnitsRanked ProposalEnded AssignmentOffered
         4.0   expect   #1 Assigned 铁骑01 Offered followed
         4.0   proposed #1",
    ));
}

#[test]
fn a_proposal_does_not_jump_to_somebody_nearer() {
    check(
        "
        0.0   mode     recommend
        0.0   unit     铁骑01 motorcycle sworn=1 at 500,0 terminal 1001
        1.0   report   theft at 0,0
        1.0   proposed #1 铁骑01
        2.0   unit     铁骑02 motorcycle sworn=1 at 10,0  terminal 1002
        2.0   proposed #1 铁骑01
        30.0  fix      1001 at 900,0 is Taken
        30.0  proposed #1 铁骑01
        31.0  out      铁骑01 repair
        31.0  batch    UnitTakenOut ProposalEnded ProposalMade
        31.0  proposed #1 铁骑02
        32.0  edit     铁骑02 sworn=0 terminal 1002
        32.0  proposed #1
        33.0  back     铁骑01
        33.0  proposed #1 铁骑01
        ",
    );
}

#[test]
fn decline_and_expiry_make_a_new_proposal() {
    check(
        "
        0.0   mode     recommend
        0.0   unit     铁骑01 motorcycle sworn=1 at 100,0 terminal 1001
        0.0   unit     铁骑02 motorcycle sworn=1 at 200,0 terminal 1002
        0.0   unit     铁骑03 motorcycle sworn=1 at 300,0 terminal 1003
        1.0   report   theft at 0,0
        2.0   offer    #1 铁骑01 proposal
        3.0   delivered 铁骑01
        4.0   key      1001 2
        4.0   expect   铁骑01#1 Declined
        4.0   proposed #1 铁骑02
        5.0   offer    #1 铁骑02 proposal
        5.5   sent     铁骑02
        // Attempts on the air go on by themselves.
        7.5   tick
        7.5   expect   铁骑02 Offered attempt 2
        9.5   tick
        11.5  tick
        11.5  expect   铁骑02#1 Expired
        11.5  alarm    NotDelivered 铁骑02
        11.5  proposed #1 铁骑03
        // Two minutes later the first may be asked again, but the proposal stays.
        130.0 tick
        130.0 proposed #1 铁骑03
        ",
    );
}

#[test]
fn a_proposal_that_is_declined_is_the_next_ones() {
    check(
        "
        0.0   mode     recommend
        0.0   unit     铁骑01 motorcycle sworn=1 at 100,0 terminal 1001
        0.0   unit     铁骑02 motorcycle sworn=1 at 200,0 terminal 1002
        1.0   report   theft at 0,0
        1.0   proposed #1 铁骑01
        2.0   decline  #1 铁骑01
        2.0   batch    ProposalDeclined ProposalMade
        2.0   proposed #1 铁骑02
        2.0   expect   铁骑01 Available
        // The unit is wanted elsewhere all the same.
        3.0   report   traffic at 0,0
        3.0   proposed #2 铁骑01
        // Nobody is left: that is the supervisor's business, and not when the queue is reviewed.
        4.0   decline  #1 铁骑02
        4.0   batch    ProposalDeclined AlarmRaised
        4.0   alarm    NoUnit #1
        4.0   proposed #1
        9.0   notefixes
        10.0  restart
        10.0  proposed #1
        // After a while the first may be asked again.
        122.0 tick
        122.0 proposed #1 铁骑01
        ",
    );
}

#[test]
fn a_declined_unit_may_still_be_offered_by_hand() {
    check(
        "
        0.0   mode     recommend
        0.0   unit     铁骑01 motorcycle sworn=1 at 100,0 terminal 1001
        0.0   unit     铁骑02 motorcycle sworn=1 at 200,0 terminal 1002
        1.0   report   theft at 0,0
        2.0   decline  #1 铁骑01
        3.0   offer    #1 铁骑01 proposal
        3.0   expect   #1 Assigned 铁骑01 Offered
        3.0   proposed #1
        ",
    );
}

#[test]
fn unanswered_it_alarms_the_supervisor_and_stays() {
    check(
        "
        0.0   mode     recommend
        0.0   unit     铁骑01 motorcycle sworn=1 at 100,0 terminal 1001
        1.0   report   theft at 0,0
        20.9  tick
        20.9  noalarm  ProposalUnanswered #1
        21.0  tick
        21.0  batch    AlarmRaised ProposalOverdue
        21.0  alarm    ProposalUnanswered #1 铁骑01
        21.0  proposed #1 铁骑01
        41.0  tick
        41.0  alarm    ProposalUnanswered #1 x2
        // Somebody can be sent, so that is not the alarm.
        41.0  noalarm  NoUnit #1
        49.0  notefixes
        50.0  restart
        50.0  proposed #1 铁骑01
        61.0  tick
        61.0  alarm    ProposalUnanswered #1 x3
        62.0  cancel   #1
        62.0  proposed #1
        ",
    );
}

#[test]
fn each_slot_has_its_own_unit() {
    check(
        "
        0.0   mode     recommend
        0.0   unit     铁骑01 motorcycle sworn=1     at 100,0 terminal 1001
        0.0   unit     铁骑02 motorcycle sworn=1 aid at 200,0 terminal 1002
        0.0   unit     铁骑03 motorcycle sworn=0 aid at 300,0 terminal 1003
        1.0   report   injury at 0,0
        1.0   proposed #1 铁骑02 铁骑01 铁骑03
        // One proposed for the third slot takes the third, though the first would fit.
        2.0   offer    #1 铁骑03 proposal
        2.0   expect   铁骑03 Offered slot 2
        2.0   proposed #1 铁骑02 铁骑01
        3.0   confirm  #1 traffic
        3.0   proposed #1
        3.0   expect   #1 Assigned 铁骑03 Offered
        ",
    );
}

#[test]
fn a_freed_unit_is_proposed_for_what_waits() {
    check(
        "
        0.0   mode     recommend
        1.0   report   traffic at 0,0
        2.0   report   theft   at 0,0
        2.0   proposed #2
        3.0   unit     铁骑01 motorcycle sworn=1 at 100,0 terminal 1001
        3.0   proposed #1 铁骑01
        3.0   proposed #2 铁骑01
        4.0   offer    #2 铁骑01 proposal
        4.0   proposed #1
        4.0   proposed #2
        5.0   voice    铁骑01 roll
        60.0  voice    铁骑01 clear
        60.0  expect   #2 Resolved
        60.0  proposed #1 铁骑01
        60.0  expect   铁骑01 Available
        ",
    );
}

#[test]
fn any_unit_may_be_offered_and_is_recorded() {
    let world = play(
        "
        0.0   mode     recommend
        0.0   unit     铁骑01 motorcycle sworn=1 at 100,0 terminal 1001
        0.0   unit     铁骑02 motorcycle sworn=1 at 300,0 terminal 1002
        0.0   unit     辅警03 foot sworn=0 at 900,0 terminal 1003
        1.0   report   theft at 0,0
        2.0   offer    #1 辅警03 proposal
        2.0   expect   辅警03 Offered override slot 0
        2.0   batch    UnitsRanked ProposalEnded AssignmentOffered RankingOverridden
        2.0   proposed #1
        3.0   report   theft at 0,0
        3.0   offer    #2 铁骑02 proposal
        3.0   expect   铁骑02 Offered override
        ",
    );
    let shown = world.log.iter().filter_map(|(_, event)| match event {
        Event::RankingOverridden { shown, .. } => shown.first(),
        _ => None,
    });
    let first = world.engine.state().call_signs["铁骑01"];
    assert_eq!(shown.collect::<Vec<_>>(), [first, first]);
}

/// Two desks chose the same unit from the same ranking.
#[test]
fn the_slower_desk_gets_a_fresh_ranking() {
    check(
        "
        0.0   mode     recommend
        0.0   unit     铁骑01 motorcycle sworn=1 at 100,0 terminal 1001
        0.0   unit     铁骑02 motorcycle sworn=1 at 300,0 terminal 1002
        1.0   report   theft at 0,0
        1.0   report   theft at 0,0
        2.0   offer    #1 铁骑01 ranking=5 as li:1
        2.0   offer    #1 铁骑01 ranking=5 as wang:2
        2.0   refused  can no longer be offered: the ranking shown is stale
        2.0   offer    #2 铁骑01 ranking=5 as wang:2
        2.0   refused  can no longer be offered: the ranking shown is stale
        // Who has seen the assignment gets another answer.
        2.0   offer    #1 铁骑01 as wang:2
        2.0   refused  already has an open assignment
        2.0   proposed #2 铁骑02
        ",
    );
}

/// What a desk stacked goes out when its turn comes: the command was given.
#[test]
fn a_stacked_assignment_follows_by_itself() {
    check(
        "
        0.0   mode     recommend
        0.0   unit     铁骑01 motorcycle sworn=1 at 100,0 terminal 1001
        1.0   report   theft at 0,0
        2.0   offer    #1 铁骑01 proposal
        3.0   report   theft at 0,0
        4.0   offer    #2 铁骑01 stack
        5.0   report   fight at 0,0
        6.0   voice    铁骑01 roll
        9.0   voice    铁骑01 clear
        9.0   expect   #2 Assigned 铁骑01 Offered
        9.0   proposed #3
        ",
    );
}

#[test]
fn the_mode_changes_with_a_restart() {
    check(
        "
        0.0   unit     铁骑01 motorcycle sworn=1 at 100,0 terminal 1001
        0.0   unit     铁骑02 motorcycle sworn=1 at 200,0 terminal 1002
        1.0   report   theft at 0,0
        1.0   expect   #1 Assigned 铁骑01 Offered
        1.5   notefixes
        2.0   restart  recommend
        2.0   expect   #1 Assigned 铁骑01 Offered
        3.0   report   theft at 0,0
        3.0   proposed #2 铁骑02
        4.0   restart  auto
        4.0   proposed #2
        4.0   expect   #2 Assigned 铁骑02 Offered
        ",
    );
}

/// The gravest are still proposed for when the rest has filled the desks, and the rest follows as
/// there is room.
#[test]
fn proposals_are_bounded() {
    let mut world = play(
        "
        0.0   mode     recommend
        0.0   unit     铁骑01 motorcycle sworn=1 at 100,0 terminal 1001
        0.0   unit     铁骑02 motorcycle sworn=1 at 100,0 terminal 1002
        0.0   notefixes
        ",
    );
    let mut policy = world.engine.policy().clone();
    policy.max_open_incidents = 1_000;
    world.restart_with(policy);
    let mut table = String::new();
    for _ in 0..Proposals::MAX + 3 {
        table.push_str("1.0 report noise at 0,0\n");
    }
    let mut town = resume(world, &table);
    let open = |town: &Audited| town.engine.state().proposals.len();
    assert_eq!(open(&town), Proposals::MAX);
    town = resume(town, "2.0 report fight at 0,0");
    assert_eq!(open(&town), Proposals::MAX + 2);
    town = resume(town, "3.0 cancel #1\n 3.0 cancel #2\n 3.0 cancel #132");
    assert_eq!(open(&town), Proposals::MAX);
}
