//! Emergencies and voice tasks. Tables of [`super::script`].

use super::script::check;

#[test]
fn a_button_opens_rank_zero_and_sends_the_nearest_others() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 0,0   terminal 1001
        0.0   unit     铁骑02 motorcycle at 100,0 terminal 1002
        0.0   unit     铁骑03 motorcycle at 200,0 terminal 1003
        0.0   unit     铁骑04 motorcycle at 900,0 terminal 1004
        1.0   emergency 1001
        1.0   batch    IncidentReported EmergencyRaised IncidentConfirmed AlarmRaised UnitsRanked AssignmentOffered UnitsRanked AssignmentOffered
        1.0   passed   铁骑01 Emergency 铁骑02 Taken
        1.0   expect   #1 Assigned  铁骑02 Offered distance 100
        1.0   expect   铁骑03 Offered distance 200
        1.0   calls    铁骑01 #1 1001 x1
        1.0   expect   铁骑01 Available
        1.0   alarm    NeedHelp 铁骑01 #1 1001 x1
        1.0   report   traffic at 0,0                   // not for whoever calls for help
        1.0   expect   #2 Assigned  铁骑04 Offered
        1.0   offer    #2 铁骑01
        1.0   refused  unit u1 can no longer be offered
        2.0   resolve  #1
        2.0   calls    铁骑01
        2.0   expect   #1 Resolved
        2.0   expect   铁骑02 Available
        3.0   report   traffic at 0,0
        3.0   expect   #3 Assigned  铁骑01 Offered
        ",
    );
}

#[test]
fn presses_join_while_it_is_open_and_a_cancel_ends_nothing() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 0,0   terminal 1001
        0.0   unit     铁骑02 motorcycle at 100,0 terminal 1002
        0.0   unit     铁骑03 motorcycle at 200,0 terminal 1003
        1.0   emergency 1001
        2.0   emergency 1001
        2.0   batch    EmergencyRepeated AlarmRepeated
        2.0   key      1001 9
        2.0   batch    EmergencyRepeated AlarmRepeated
        2.0   calls    铁骑01 #1 1001 x3
        3.0   over     1001
        3.0   batch    EmergencyCancelled
        3.0   calls    铁骑01 #1 1001 x3 cancelled
        3.0   expect   #1 Assigned  铁骑02 Offered
        4.0   over     1002                            // nothing of theirs is open
        4.0   batch
        4.0   key      1001 90
        4.0   batch    EmergencyCancelled
        5.0   ack      NeedHelp #1
        5.5   emergency 1001                           // loud again
        5.5   batch    EmergencyRepeated AlarmRaised
        6.0   cancel   #1
        7.0   over     1001
        7.0   batch
        8.0   emergency 1001
        8.0   calls    铁骑01 #2 1001 x1
        9.0   restart
        9.0   calls    铁骑01 #2 1001 x1
        9.0   emergency 1001
        9.0   calls    铁骑01 #2 1001 x2
        ",
    );
}

#[test]
fn rank_zero_goes_before_grade_one_and_preempts_nobody() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 0,0   terminal 1001
        0.0   unit     铁骑02 motorcycle sworn=1 at 100,0 terminal 1002
        0.0   report   noise at 0,0
        0.0   expect   铁骑01 Offered
        0.0   report   traffic grade IV at 0,0
        0.0   expect   铁骑02 Offered
        1.0   report   fight at 0,0
        5.0   emergency 1001
        5.0   expect   #3 Queued
        5.0   expect   #4 Queued
        5.0   queue    #4 #3
        5.0   expect   铁骑02 Offered
        5.0   confirm  #4 noise grade IV                // whatever it is called
        5.0   queue    #4 #3
        9.0   voice    铁骑02 accept
        9.0   voice    铁骑02 clear
        9.0   expect   #4 Assigned  铁骑02 Offered
        15.0  tick
        15.0  alarm    NoUnit #4                        // the second back-up, by Grade I's limit
        20.0  key      1002 1
        20.0  key      1002 5
        20.0  alarm    ClearToConfirm 铁骑02 #4
        20.0  expect   铁骑02 Accepted
        ",
    );
}

#[test]
fn a_strangers_emergency_is_loud_and_a_dispatcher_makes_the_incident() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 0,0   terminal 1001
        1.0   emergency 7777
        1.0   batch    StrangerHeard AlarmRaised AlarmRaised
        1.0   emergency 7777
        1.0   alarm    NeedHelp 7777 x2
        2.0   vouch    Stranger 7777 5,5
        2.0   refused  the alarm is no emergency
        3.0   vouch    NeedHelp 7777 5,5
        3.0   batch    IncidentReported EmergencyRaised IncidentConfirmed AlarmAcked UnitsRanked AssignmentOffered
        3.0   noalarm  NeedHelp 7777
        3.0   expect   #1 Assigned  铁骑01 Offered
        4.0   emergency 7777
        4.0   batch    EmergencyRepeated AlarmRaised
        4.0   alarm    NeedHelp 7777 #1
        4.0   vouch    NeedHelp 7777 5,5
        4.0   refused  the alarm is no emergency
        5.0   key      7777 90
        5.0   batch    EmergencyCancelled
        ",
    );
}

#[test]
fn the_first_position_afterwards_brings_the_back_up() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 0,0 terminal 1001
        0.0   unit     铁骑02 motorcycle terminal 1002
        1.0   emergency 1002
        1.0   expect   #1 Queued
        1.0   calls    铁骑02 #1 1002 x1
        2.0   fix      1002 at 50,0 is Taken
        2.0   batch    IncidentRelocated UnitsRanked AssignmentOffered
        2.0   expect   #1 Assigned  铁骑01 Offered distance 50
        3.0   fix      1002 at 90,0 is Taken
        3.0   batch
        4.0   emergency 1099                           // nobody holds it, nobody knows where
        4.0   expect   #2 Queued
        14.0  tick
        14.0  alarm    NoPlace #2
        ",
    );
}

#[test]
fn two_terminals_of_a_unit_have_an_emergency_each() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 0,0 terminal 1001,1002
        1.0   emergency 1002
        2.0   emergency 1001
        2.0   calls    铁骑01 #1 1002 x1
        3.0   resolve  #1
        3.0   calls    铁骑01 #2 1001 x1
        4.0   resolve  #2
        4.0   calls    铁骑01
        ",
    );
}

#[test]
fn who_works_keeps_the_work_and_the_next_waits() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 0,0 terminal 1001
        0.0   report   traffic at 0,0
        1.0   key      1001 4
        2.0   emergency 1001
        2.0   expect   #1 Underway  铁骑01 OnScene
        2.0   report   traffic at 0,0
        2.0   offer    #3 铁骑01 stack
        2.0   refused  unit u1 can no longer be offered
        3.0   key      1001 5
        3.0   expect   #1 Resolved
        3.0   expect   #3 Queued
        4.0   resolve  #2
        4.0   expect   #3 Assigned  铁骑01 Offered
        ",
    );
}

#[test]
fn nobody_on_the_air_means_a_call_and_a_call_is_a_delivery() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 100,0 terminal 1001 silent
        0.0   report   traffic at 0,0
        0.0   batch    IncidentReported IncidentConfirmed UnitsRanked AssignmentOffered TaskOpened
        0.0   task     铁骑01 #1
        0.0   ranked   铁骑01
        5.0   done     铁骑01 #1
        5.0   batch    TaskDone AssignmentAdvanced
        5.0   expect   #1 Assigned  铁骑01 Delivered
        5.0   notask   铁骑01
        5.0   done     铁骑01 #1
        5.0   refused  there is no open task
        6.0   voice    铁骑01 accept
        7.0   voice    铁骑01 arrive
        8.0   voice    铁骑01 clear
        8.0   expect   #1 Resolved
        9.0   report   traffic at 0,0
        9.0   task     铁骑01 #2
        9.5   voice    铁骑01 accept                    // said at once: nothing is left to do
        9.5   notask   铁骑01
        10.0  voice    铁骑01 clear
        11.0  report   traffic at 0,0
        12.0  cancel   #3
        12.0  notask   铁骑01
        13.0  report   traffic at 0,0
        43.0  tick                                     // nobody called
        43.0  alarm    NotAccepted 铁骑01 #4
        43.0  notask   铁骑01
        ",
    );
}
