//! Incidents beyond their dispatch: merged, split, linked, referred, reopened, undone, fed back.

use super::script::check;

/// Who accepted goes on for the survivor; who has not answered is called off.
#[test]
fn a_duplicate_joins_another_with_its_calls_and_units() {
    check(
        "
        0.0   unit       铁骑01 motorcycle sworn=1 at 100,0 terminal 1001
        0.0   unit       铁骑02 motorcycle sworn=1 at 200,0 terminal 1002
        0.0   unit       铁骑03 motorcycle at 300,0 terminal 1003
        0.0   report     traffic at 0,0
        0.0   expect     #1 Assigned 铁骑01 Offered
        0.0   ring       1
        0.0   answer     1
        1.0   reportfrom 1 march at 10,0
        1.0   expect     #2 Assigned 铁骑02 Offered
        1.0   expect     铁骑03 Offered
        2.0   key        1002 1
        3.0   merge      #2 #2
        3.0   refused    cannot be merged into itself
        3.0   merge      #2 #9
        3.0   refused    there is no incident #9
        3.0   merge      #2 #1
        3.0   expect     #2 Merged
        3.0   merged     #2 #1
        3.0   lines      #1 1
        3.0   lines      #2
        3.0   expect     #1 Assigned 铁骑02 Accepted
        3.0   expect     铁骑02#1 Accepted slot 1       // beside the plan
        3.0   expect     铁骑03 Available
        3.0   expect     铁骑03#2 Recalled because Merged
        4.0   key        1002 3 2                       // with the old number: it means the survivor
        4.0   expect     #1 Underway 铁骑02 EnRoute
        5.0   restart
        5.0   merge      #2 #1
        5.0   refused    incident #2 is merged
        5.0   reopen     #2
        5.0   refused    incident #2 is merged
        ",
    );
}

#[test]
fn a_moved_unit_fills_what_the_survivor_misses() {
    check(
        "
        0.0   unit       铁骑01 motorcycle at 100,0 terminal 1001
        0.0   report     traffic at 0,0
        1.0   key        1001 1
        1.0   report     noise at 10,0
        1.0   queue      #2
        2.0   confirm    #1 noise
        2.0   merge      #1 #2
        2.0   expect     #2 Assigned 铁骑01 Accepted
        2.0   expect     铁骑01#2 Accepted slot 0
        2.0   queue
        ",
    );
}

/// A unit that is stacked behind itself on the survivor does not get it twice.
#[test]
fn a_unit_on_both_is_on_the_survivor_once() {
    check(
        "
        0.0   unit       铁骑01 motorcycle at 100,0 terminal 1001
        0.0   report     noise at 0,0
        1.0   key        1001 1
        1.0   report     traffic at 10,0
        1.0   offer      #2 铁骑01 stack
        2.0   confirm    #1 traffic
        2.0   merge      #1 #2
        2.0   expect     #2 Assigned 铁骑01 Accepted
        3.0   key        1001 5
        3.0   expect     #2 Resolved
        3.0   expect     铁骑01 Available
        ",
    );
}

#[test]
fn a_graver_duplicate_is_not_hidden_in_a_lesser_one() {
    check(
        "
        0.0   report     noise at 0,0
        0.0   report     fight at 0,0
        0.0   merge      #2 #1
        0.0   refused    the duplicate is graver
        0.0   merge      #1 #2
        0.0   expect     #1 Merged
        0.0   report     - at 0,0
        0.0   merge      #2 #3
        0.0   refused    incident #3 is reported; expected queued
        0.0   merge      #3 #2
        0.0   expect     #3 Merged
        ",
    );
}

/// The undo of a merge brings the calls back; whoever went over stays.
#[test]
fn a_merge_is_undone() {
    check(
        "
        0.0   unit       铁骑01 motorcycle at 100,0 terminal 1001
        0.0   ring       1
        0.0   answer     1
        0.0   reportfrom 1 traffic at 0,0
        0.0   report     traffic at 10,0
        1.0   key        1001 1
        2.0   merge      #1 #2
        2.0   lines      #2 1
        3.0   undo       #1 by somebody
        3.0   refused    desk did this; only they or a supervisor may undo it
        4.0   undo       #1 by boss supervisor
        4.0   expect     #1 Queued
        4.0   merged     #1
        4.0   lines      #1 1
        4.0   lines      #2
        4.0   expect     #2 Assigned 铁骑01 Accepted
        4.0   queue      #1
        5.0   restart
        5.0   undo       #1
        5.0   refused    nothing done to incident #1 can be undone
        ",
    );
}

#[test]
fn cancel_resolve_and_close_are_undone_within_ten_minutes() {
    check(
        "
        0.0    unit     铁骑01 motorcycle at 100,0 terminal 1001
        0.0    report   traffic at 0,0
        1.0    cancel   #1
        1.0    expect   铁骑01 Available
        2.0    undo     #1
        2.0    batch    CaseUndone UnitsRanked AssignmentOffered
        2.0    expect   #1 Assigned 铁骑01 Offered
        3.0    resolve  #1
        4.0    close    #1
        5.0    undo     #1
        5.0    expect   #1 Resolved
        6.0    close    #1
        606.1  undo     #1
        606.1  refused  nothing done
        607.0  reopen   #1
        607.0  expect   #1 Assigned 铁骑01 Offered
        608.0  resolve  #1
        609.0  undo     #1
        609.0  expect   #1 Assigned 铁骑01 Offered
        610.0  key      1001 1
        611.0  key      1001 5
        611.0  expect   #1 Resolved
        612.0  undo     #1                  // the engine did it, not a desk
        612.0  refused  nothing done
        ",
    );
}

#[test]
fn a_reopened_incident_is_filled_anew() {
    check(
        "
        0.0    unit     铁骑01 motorcycle at 100,0 terminal 1001
        0.0    report   traffic at 0,0
        0.0    reopen   #1
        0.0    refused  incident #1 is assigned; expected resolved, followed up, closed or cancelled
        1.0    key      1001 1
        2.0    key      1001 5
        2.0    expect   #1 Resolved
        3.0    reopen   #1
        3.0    batch    CaseReopened UnitsRanked AssignmentOffered
        3.0    expect   #1 Assigned 铁骑01 Offered
        90000.0 note    #1 it is open, so it stays
        90000.0 cancel  #1
        180000.0 report noise at 0,0
        180000.0 expect #1 gone
        ",
    );
}

#[test]
fn what_was_never_confirmed_is_reopened_as_reported() {
    check(
        "
        0.0    report   - at 0,0
        1.0    cancel   #1
        2.0    reopen   #1
        2.0    expect   #1 Reported
        33.0   tick
        33.0   alarm    Unclassified #1
        ",
    );
}

#[test]
fn a_call_about_something_else_is_split_off() {
    check(
        "
        0.0   ring       13800000001
        0.0   answer     1
        0.0   split      1 theft at 0,0
        0.0   refused    the call belongs to no incident
        0.0   reportfrom 1 traffic at 0,0
        0.0   ring       13800000002
        1.0   answer     2
        1.0   attach     2 #1
        2.0   split      2 theft at 500,0
        2.0   batch      IncidentReported IncidentConfirmed CallAttached CaseLinked
        2.0   lines      #1 1
        2.0   lines      #2 2
        2.0   links      #1 #2
        2.0   links      #2 #1
        2.0   first      #2 0
        3.0   link       #1 #2             // linked already
        3.0   batch
        3.0   link       #1 #1
        3.0   refused    linked with itself
        3.0   link       #1 #9
        3.0   refused    there is no incident #9
        ",
    );
}

#[test]
fn what_is_referred_is_watched_until_others_take_it() {
    check(
        "
        0.0    unit     铁骑01 motorcycle at 100,0 terminal 1001
        0.0    report   traffic at 0,0
        1.0    close    #1
        1.0    refused  expected resolved, followed up, or referred and taken
        1.0    receipt  #1
        1.0    refused  expected referred
        2.0    refer    #1
        2.0    expect   #1 Referred
        2.0    expect   铁骑01 Available
        2.0    expect   铁骑01#1 Recalled because IncidentEnded
        2.0    queue
        3.0    close    #1
        3.0    refused  incident #1 is referred
        62.0   tick
        62.0   alarm    ReferralUnanswered #1 x1
        63.0   restart
        122.0  tick
        122.0  alarm    ReferralUnanswered #1 x2
        123.0  receipt  #1 119-7
        123.0  receipt  #1
        123.0  refused  taken by nobody yet
        123.0  ack      ReferralUnanswered
        500.0  tick
        500.0  noalarm  ReferralUnanswered
        501.0  close    #1
        501.0  expect   #1 Closed
        502.0  undo     #1
        502.0  expect   #1 Referred
        ",
    );
}

#[test]
fn what_others_return_is_in_the_queue_again() {
    check(
        "
        0.0    unit     铁骑01 motorcycle at 100,0 terminal 1001
        0.0    report   traffic at 0,0
        0.0    report   - at 0,0
        2.0    refer    #1
        2.0    refer    #2
        3.0    receipt  #1
        4.0    return   #1
        4.0    expect   #1 Assigned 铁骑01 Offered
        4.0    return   #2
        4.0    expect   #2 Reported
        5.0    return   #2
        5.0    refused  incident #2 is reported; expected referred
        6.0    refer    #1
        6.0    expect   #1 Referred
        ",
    );
}

/// 接警单, 处警单, 反馈单: a form names its incident and, if told, its assignment.
#[test]
fn feedback_is_awaited_alarmed_and_given() {
    check(
        "
        0.0     unit     铁骑01 motorcycle at 100,0 terminal 1001
        0.0     report   march at 0,0
        0.0     feedback #1
        0.0     refused  incident #1 is assigned; expected underway, resolved or followed up
        1.0     key      1001 3
        2.0     resolve  #1
        2.0     batch    IncidentResolved CaseFeedbackAwaited AssignmentRecalled MessageQueued
        3602.0  tick
        3602.0  alarm    FeedbackOverdue #1 x1
        3603.0  restart
        7202.0  tick
        7202.0  alarm    FeedbackOverdue #1 x2
        7203.0  feedback #1 铁骑01#1
        7203.0  forms    #1 1
        7203.0  ack      FeedbackOverdue
        7204.0  followup #1
        7204.0  expect   #1 FollowedUp
        7204.0  followup #1
        7204.0  refused  incident #1 is followed up; expected resolved
        7205.0  close    #1
        7205.0  undo     #1
        7205.0  expect   #1 FollowedUp
        90000.0 tick
        90000.0 noalarm  FeedbackOverdue
        ",
    );
}

#[test]
fn an_earlier_form_is_not_awaited_again() {
    check(
        "
        0.0     unit     铁骑01 motorcycle at 100,0 terminal 1001
        0.0     report   march at 0,0
        1.0     key      1001 3
        2.0     feedback #1
        3.0     resolve  #1
        3.0     batch    IncidentResolved AssignmentRecalled MessageQueued
        4.0     report   traffic at 0,0
        5.0     feedback #1 铁骑01
        5.0     refused  there is no assignment
        ",
    );
}

/// Whatever is written about one incident has a limit.
#[test]
fn what_hangs_on_an_incident_is_bounded() {
    let mut table = String::from("0.0 report march at 0,0\n0.0 resolve #1\n");
    for _ in 0..32 {
        table.push_str("0.0 feedback #1\n");
    }
    table.push_str("0.0 feedback #1\n0.0 refused no more than 32 feedback forms\n0.0 reopen #1\n");
    for other in 2..34 {
        table.push_str(&format!(
            "0.0 report - at 0,0\n0.0 cancel #{other}\n0.0 link #1 #{other}\n"
        ));
    }
    table.push_str("0.0 report - at 0,0\n0.0 link #1 #34\n0.0 refused no more than 32 links\n");
    for call in 1..=64 {
        table.push_str(&format!(
            "0.0 ring 1\n0.0 answer {call}\n0.0 attach {call} #1\n"
        ));
    }
    table.push_str(
        "0.0 ring 1\n0.0 answer 65\n0.0 attach 65 #1\n0.0 refused no more than 64 calls\n",
    );
    table.push_str("0.0 reportfrom 65 traffic at 0,0\n0.0 confirm #1 traffic\n0.0 merge #35 #1\n");
    table.push_str("0.0 refused no more than 64 calls\n");
    check(&table);
}

/// Its terminal and unit are marked by it: others join it, it joins nobody, and what was ended by
/// mistake is an emergency again.
#[test]
fn an_emergency_is_never_a_duplicate_and_comes_back_whole() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 0,0   terminal 1001
        0.0   unit     铁骑02 motorcycle at 100,0 terminal 1002
        0.0   unit     铁骑03 motorcycle at 200,0 terminal 1003
        1.0   emergency 1001
        2.0   report   traffic grade I at 0,0
        2.0   merge    #1 #2
        2.0   refused  a terminal's emergency stays an incident of its own
        2.0   merge    #2 #1
        2.0   merged   #2 #1
        3.0   cancel   #1
        3.0   calls    铁骑01
        4.0   undo     #1
        4.0   calls    铁骑01 #1 1001 x1
        5.0   emergency 1001                           // joins it, as before
        5.0   calls    铁骑01 #1 1001 x2
        6.0   cancel   #1
        7.0   emergency 1001
        7.0   calls    铁骑01 #3 1001 x1
        8.0   undo     #1
        8.0   refused  its terminal calls for help in a later incident
        8.0   reopen   #1
        8.0   refused  its terminal calls for help in a later incident
        ",
    );
}

/// What an officer works on joins the emergency of that officer: the work is called off.
#[test]
fn nobody_becomes_his_own_back_up_by_a_merge() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 0,0   terminal 1001
        0.0   report   traffic grade I at 0,0
        1.0   key      1001 1
        1.0   expect   #1 Assigned 铁骑01 Accepted
        2.0   emergency 1001
        3.0   merge    #1 #2
        3.0   merged   #1 #2
        3.0   expect   铁骑01 Available
        3.0   calls    铁骑01 #2 1001 x1
        ",
    );
}
