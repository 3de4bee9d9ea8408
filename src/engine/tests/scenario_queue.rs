//! Who is sent, and in what order: the queue, plans, rankings, stacks. Tables of [`super::script`].

use super::script::check;

#[test]
fn both_lines_one_queue_by_grade_then_age() {
    check(
        "
        0.0   report   noise   at 0,0 line 110
        1.0   report   traffic at 0,0 line 122
        2.0   report   traffic at 0,0 line 110
        3.0   report   theft   at 0,0 line 110
        4.0   report   fight   at 0,0 line 122
        4.0   queue    #5 #4 #2 #3 #1
        5.0   unit     铁骑01 motorcycle sworn=1 at 100,0 terminal 1001
        5.0   expect   #5 Assigned  铁骑01 Offered slot 0
        6.0   unit     辅警02 foot sworn=0 at 100,0 terminal 1002
        6.0   expect   #5 Assigned  辅警02 Offered slot 1
        7.0   unit     辅警03 foot sworn=0 at 100,0 terminal 1003
        7.0   expect   #2 Assigned  辅警03 Offered
        7.0   queue    #4 #3 #1
        ",
    );
}

/// III rises to II after 600 s, IV to III after 1,200 s and on to II after 1,800 s.
#[test]
fn waiting_raises_the_grade() {
    check(
        "
        0.0    report  noise   at 0,0
        500.0  report  traffic at 0,0
        1150.0 report  theft   at 0,0
        1150.0 queue   #2 #3 #1
        1199.0 report  traffic at 0,0
        1199.9 queue   #2 #3 #4 #1
        1200.0 queue   #2 #3 #1 #4
        1800.0 report  fight   at 0,0
        1800.0 queue   #5 #1 #2 #3 #4
        ",
    );
}

#[test]
fn a_plan_fills_slots_by_skill_and_oath() {
    check(
        "
        0.0   unit     辅警01 motorcycle sworn=0 aid at 50,0  terminal 1001
        0.0   unit     铁骑02 motorcycle sworn=1     at 200,0 terminal 1002
        0.0   unit     辅警03 motorcycle sworn=0     at 10,0  terminal 1003
        0.0   unit     铁骑04 motorcycle sworn=1 aid at 300,0 terminal 1004
        1.0   report   injury at 0,0
        1.0   expect   辅警01 Offered slot 0
        1.0   expect   铁骑02 Offered slot 1
        1.0   expect   铁骑04 Offered slot 2
        1.0   expect   辅警03 Available
        2.0   report   theft at 0,0
        2.0   expect   #2 Queued
        2.0   expect   辅警03 Available
        3.0   edit     辅警03 sworn=1 terminal 1003
        3.0   expect   #2 Assigned 辅警03 Offered
        ",
    );
}

#[test]
fn the_nearest_goes_and_the_nearer_ones_are_explained() {
    check(
        "
        0.0   unit     近辅 motorcycle sworn=0 at 10,0  terminal 1001
        0.0   unit     停勤 motorcycle sworn=1 at 20,0  terminal 1002
        0.0   unit     铁骑 motorcycle sworn=1 at 100,0 terminal 1003
        0.0   unit     警车 car        sworn=1 at 120,0 terminal 1004
        0.0   unit     步巡 foot       sworn=1 at 50,0  terminal 1005
        0.0   out      停勤 repair
        1.0   report   theft at 0,0
        1.0   ranked   警车 铁骑 步巡
        1.0   passed   近辅 LacksSworn 停勤 OutOfService
        1.0   expect   警车 Offered distance 120
        2.0   report   theft at 0,0
        2.0   ranked   铁骑 步巡
        2.0   passed   近辅 LacksSworn 停勤 OutOfService 警车 Committed
        2.0   expect   #2 Assigned  铁骑 Offered
        ",
    );
}

/// More slots of one kind than the ranking lists candidates (3): every free unit still goes.
#[test]
fn a_big_plan_takes_more_units_than_a_ranking_lists() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 100,0 terminal 1001
        0.0   unit     铁骑02 motorcycle at 200,0 terminal 1002
        0.0   unit     铁骑03 motorcycle at 300,0 terminal 1003
        0.0   unit     铁骑04 motorcycle at 400,0 terminal 1004
        1.0   report   march at 0,0
        1.0   expect   铁骑03 Offered slot 2
        1.0   expect   铁骑04 Offered slot 3
        ",
    );
}

#[test]
fn a_stale_ranking_is_refused_with_a_fresh_one() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 100,0 terminal 1001
        0.0   unit     铁骑02 motorcycle at 200,0 terminal 1002
        0.0   report   traffic at 0,0
        0.0   expect   #1 Assigned  铁骑01 Offered
        1.0   report   theft at 0,0
        1.0   offer    #2 铁骑01
        1.0   refused  unit u1 can no longer be offered: the ranking shown is stale
        1.0   offer    #2 铁骑02 ranking=99999
        1.0   refused  ranking 99999 was never shown
        1.0   offer    #2 铁骑02                       // unfit, but a person says so
        1.0   expect   #2 Assigned  铁骑02 Offered slot 0 distance 200
        1.0   offer    #2 铁骑02
        1.0   refused  unit u2 already has an open assignment for incident #2
        1.0   offer    #2 无人
        1.0   refused  there is no unit u999
        1.0   offer    #9 铁骑02
        1.0   refused  there is no incident #9
        ",
    );
}

#[test]
fn stacked_work_is_promoted_when_the_unit_clears() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 100,0 terminal 1001
        0.0   report   traffic at 0,0
        1.0   report   traffic at 500,0
        2.0   offer    #2 铁骑01 stack
        2.0   batch    AssignmentStacked
        2.0   expect   铁骑01#2 Stacked attempt 0
        2.0   expect   #2 Queued
        3.0   voice    铁骑01#2 accept
        3.0   refused  is stacked, which does not allow `accept`
        302.0 tick
        302.0 alarm    StackedLong 铁骑01 #2
        310.0 voice    铁骑01 accept
        311.0 voice    铁骑01 clear
        311.0 expect   #1 Resolved
        311.0 expect   #2 Assigned  铁骑01 Offered attempt 1 distance 400
        ",
    );
}

#[test]
fn stacked_work_waits_for_graver_work() {
    check(
        "
        0.0   unit     铁骑01 motorcycle sworn=1 at 100,0 terminal 1001
        0.0   report   traffic at 0,0
        1.0   report   noise at 500,0
        2.0   offer    #2 铁骑01 stack
        3.0   report   theft at 0,0
        4.0   voice    铁骑01 accept
        5.0   voice    铁骑01 clear
        5.0   expect   #3 Assigned  铁骑01 Offered
        5.0   expect   铁骑01#2 Stacked
        ",
    );
}

/// Others fill the incident before the stacked unit's turn; the unit then looks for other work.
#[test]
fn stacked_surplus_is_taken_back_and_the_unit_works_on() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 100,0 terminal 1001
        0.0   report   traffic at 0,0
        1.0   report   traffic at 500,0
        1.0   report   traffic at 600,0
        1.0   report   noise at 700,0
        2.0   offer    #2 铁骑01 stack
        3.0   unit     铁骑02 motorcycle at 100,0 terminal 1002
        3.0   expect   #2 Assigned  铁骑02 Offered
        3.0   expect   铁骑01#2 Stacked
        4.0   voice    铁骑01 accept
        5.0   voice    铁骑01 clear
        5.0   expect   铁骑01#2 Recalled because Surplus
        5.0   expect   #3 Assigned  铁骑01 Offered
        5.0   queue    #4
        ",
    );
}

/// A unit added by hand past the plan: when it is taken back nobody replaces it.
#[test]
fn an_added_unit_is_not_replaced() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 100,0 terminal 1001
        0.0   unit     铁骑02 motorcycle at 200,0 terminal 1002
        0.0   unit     铁骑03 motorcycle at 300,0 terminal 1003
        0.0   report   traffic at 0,0
        1.0   offer    #1 铁骑02
        1.0   expect   铁骑02 Offered slot 1
        2.0   recall   铁骑02
        2.0   expect   铁骑03 Available
        3.0   offer    #1 铁骑03
        3.0   expect   铁骑03 Offered slot 1           // the added slot again
        4.0   key      1001 5
        4.0   voice    铁骑01 accept
        5.0   voice    铁骑01 clear
        5.0   expect   #1 Assigned  铁骑03 Offered
        6.0   voice    铁骑03 decline
        6.0   expect   #1 Resolved
        ",
    );
}

/// Two units freed at once: the graver incident takes whom it can use, the nearest each time, and
/// nobody stays idle.
#[test]
fn units_freed_together_share_the_queue_well() {
    check(
        "
        0.0   unit     辅警01 motorcycle sworn=0 aid at 900,0 terminal 1001
        0.0   unit     铁骑02 motorcycle sworn=1 at 100,0 terminal 1002
        0.0   report   injury at 0,0
        0.0   expect   辅警01 Offered slot 0
        0.0   expect   铁骑02 Offered slot 1
        1.0   report   traffic at 0,0
        1.0   report   theft   at 0,0
        2.0   cancel   #1
        2.0   expect   #3 Assigned  铁骑02 Offered
        2.0   expect   #2 Assigned  辅警01 Offered
        3.0   report   traffic at 100,0
        3.0   report   traffic at 200,0
        4.0   cancel   #2
        4.0   expect   #4 Assigned  辅警01 Offered
        5.0   report   march at 0,0
        5.0   resolve  #3
        5.0   expect   #5 Assigned  铁骑02 Offered
        ",
    );
}

/// A hold that lapsed while its incident had somebody does not pass over the nearest later.
#[test]
fn an_old_hold_is_forgotten() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 100,0 terminal 1001
        0.0   unit     铁骑02 motorcycle at 200,0 terminal 1002
        0.0   unit     铁骑03 motorcycle at 300,0 terminal 1003
        0.0   report   traffic at 0,0
        1.0   key      1001 2
        1.0   expect   #1 Assigned  铁骑02 Offered
        2.0   key      1002 3
        500.0 recall   铁骑02
        500.0 expect   #1 Assigned  铁骑01 Offered
        ",
    );
}
