//! Incidents from report to end, and restarts. Tables of [`super::script`].

use super::script::check;

#[test]
fn a_report_without_category_is_told_after_thirty_seconds() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 100,0 terminal 1001
        0.0   report   - at 0,0
        0.0   batch    IncidentReported
        0.0   expect   #1 Reported
        29.9  tick
        29.9  noalarm  Unclassified
        30.0  tick
        30.0  alarm    Unclassified #1 x1
        60.0  tick
        60.0  alarm    Unclassified #1 x2
        61.0  offer    #1 铁骑01
        61.0  refused  incident #1 is reported; expected queued, assigned or underway
        62.0  confirm  #1 traffic
        62.0  expect   #1 Assigned  铁骑01 Offered
        ",
    );
}

#[test]
fn an_incident_nobody_can_go_to_is_told_after_twice_the_time_each_time() {
    check(
        "
        0.0   report   traffic at 0,0
        0.0   report   traffic grade I at 0,0          // the gravest steadily
        10.0  tick
        10.0  alarm    NoUnit #2 x1
        20.0  tick
        20.0  alarm    NoUnit #2 x2
        30.0  tick
        30.0  alarm    NoUnit #2 x3
        40.0  tick
        40.0  alarm    NoUnit #2 x4
        60.0  tick
        60.0  alarm    NoUnit #1 x1
        120.0 tick
        120.0 alarm    NoUnit #1 x2
        239.9 tick
        239.9 alarm    NoUnit #1 x2
        240.0 tick
        240.0 alarm    NoUnit #1 x3
        ",
    );
}

#[test]
fn an_incident_nobody_can_go_to_is_told_again_and_again() {
    check(
        "
        0.0   report   traffic at 0,0
        0.0   report   traffic
        59.9  tick
        59.9  noalarm  NoUnit
        60.0  tick
        60.0  alarm    NoUnit #1 x1
        60.0  alarm    NoPlace #2 x1
        120.0 tick
        120.0 alarm    NoUnit #1 x2
        130.0 unit     铁骑01 motorcycle at 100,0 terminal 1001
        130.0 expect   #1 Assigned  铁骑01 Offered
        131.0 unit     铁骑02 motorcycle at 100,0 terminal 1002
        131.0 expect   铁骑02 Available
        132.0 place    #2 at 50,0
        132.0 expect   #2 Assigned  铁骑02 Offered
        ",
    );
}

#[test]
fn ending_an_incident_calls_everybody_off() {
    check(
        "
        0.0   unit     铁骑01 motorcycle sworn=1 at 100,0 terminal 1001
        0.0   unit     铁骑02 motorcycle at 200,0 terminal 1002
        0.0   report   fight at 0,0
        0.0   report   traffic at 0,0
        1.0   offer    #1 铁骑02 stack
        1.0   refused  unit u2 already has an open assignment for incident #1
        2.0   key      1001 4
        3.0   cancel   #1
        3.0   expect   铁骑01#1 Cleared
        3.0   expect   铁骑02#1 Recalled because IncidentEnded
        3.0   message  1002 Recalled #1
        3.0   expect   #1 Cancelled
        3.0   expect   #2 Assigned  铁骑01 Offered
        3.1   cancel   #1
        3.1   refused  incident #1 is cancelled; expected reported, queued, assigned or underway
        3.1   confirm  #1 traffic
        3.1   refused  incident #1 is cancelled
        3.1   close    #1
        3.1   refused  incident #1 is cancelled; expected resolved
        3.1   close    #2
        3.1   refused  incident #2 is assigned; expected resolved
        4.0   resolve  #2
        4.0   expect   #2 Resolved
        4.0   expect   铁骑01#2 Recalled because IncidentEnded
        4.0   expect   铁骑01 Available
        ",
    );
}

#[test]
fn the_last_clear_resolves_only_when_nothing_is_missing() {
    check(
        "
        0.0   unit     铁骑01 motorcycle sworn=1 at 100,0 terminal 1001
        0.0   report   fight at 0,0
        1.0   voice    铁骑01 arrive
        2.0   voice    铁骑01 clear
        2.0   expect   #1 Assigned
        2.0   expect   铁骑01 Offered slot 1
        3.0   voice    铁骑01 accept
        4.0   voice    铁骑01 clear
        4.0   expect   #1 Resolved
        ",
    );
}

#[test]
fn a_place_outside_the_plane_is_refused() {
    check(
        "
        0.0   report   traffic at 3000000,0
        0.0   refused  the position lies outside the plane
        0.0   report   traffic at -9223372036854775807,0
        0.0   refused  the position lies outside the plane
        0.0   report   ufo at 0,0
        0.0   refused  there is no category c999
        0.0   report   traffic at 2000000,-2000000
        0.0   expect   #1 Queued
        ",
    );
}

#[test]
fn a_restart_goes_on_where_it_was() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 100,0 terminal 1001
        0.0   report   traffic at 0,0
        1.0   sent     铁骑01
        1.5   restart
        1.5   expect   #1 Assigned  铁骑01 Sent attempt 1
        2.0   delivered 铁骑01
        3.0   key      1001 1
        4.0   report   noise at 0,0
        4.0   report   theft at 0,0
        5.0   restart
        5.0   queue    #3 #2
        5.0   expect   铁骑01 Accepted
        90000.0 restart                                // a day and more later
        90000.0 tick
        90000.0 alarm  NotRolling 铁骑01 #1 x1
        90000.0 alarm  NoUnit #2
        90001.0 voice  铁骑01 clear
        90001.0 expect #1 Resolved
        ",
    );
}

/// Holds that lapsed while the process was down free a unit for the gravest first.
#[test]
fn a_restart_serves_the_queue_in_its_order() {
    check(
        "
        0.0   unit     铁骑01 motorcycle sworn=1 at 100,0 terminal 1001
        0.0   report   noise at 0,0
        1.0   key      1001 2
        2.0   report   theft at 0,0
        3.0   key      1001 2
        4.0   restart                                  // its place is in no event yet
        5.0   fix      1001 at 100,0 is Taken
        6.0   notefixes
        6.0   batch    PositionsNoted
        500.0 restart
        500.0 expect   #2 Assigned  铁骑01 Offered
        500.0 queue    #1
        ",
    );
}

/// Correcting an incident never makes an auxiliary count as the sworn officer it still waits for.
#[test]
fn a_corrected_plan_keeps_units_where_they_fit() {
    check(
        "
        0.0   unit     辅警01 motorcycle sworn=0 at 100,0 terminal 1001
        0.0   report   fight at 0,0
        0.0   expect   辅警01 Offered slot 1
        1.0   confirm  #1 fight grade II
        1.0   expect   辅警01 Offered slot 1
        1.5   confirm  #1 theft
        1.5   expect   辅警01 Offered slot 1           // beside the plan: it is not sworn
        1.5   queue    #1
        1.6   confirm  #1 fight
        1.6   expect   辅警01 Offered slot 1
        2.0   unit     铁骑02 motorcycle sworn=1 at 100,0 terminal 1002
        2.0   expect   铁骑02 Offered slot 0
        3.0   confirm  #1 theft
        3.0   expect   铁骑02 Offered slot 0
        3.0   expect   辅警01 Offered slot 1
        4.0   key      1001 2                          // surplus: nobody is sent instead
        4.0   unit     辅警03 motorcycle sworn=0 at 100,0 terminal 1003
        4.0   expect   辅警03 Available
        5.0   confirm  #1 fight
        5.0   expect   铁骑02 Offered slot 0
        5.0   expect   辅警03 Offered slot 1
        ",
    );
}

#[test]
fn too_many_open_incidents_are_refused_except_the_gravest() {
    let mut table = String::new();
    for _ in 0..20 {
        table.push_str("0.0 report noise at 0,0\n");
    }
    table.push_str(
        "
        0.0   report   noise at 0,0
        0.0   refused  no more than 20 open incidents
        0.0   report   fight at 0,0
        0.0   report   fight at 0,0
        0.0   report   fight at 0,0
        0.0   refused  no more than 20 open incidents
        0.0   queue    #21 #22 #1 #2 #3 #4 #5 #6 #7 #8 #9 #10 #11 #12 #13 #14 #15 #16 #17 #18 #19 #20
        1.0   cancel   #1
        1.0   cancel   #2
        1.0   cancel   #3
        1.0   report   noise at 0,0
        ",
    );
    check(&table);
}
