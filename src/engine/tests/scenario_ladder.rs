//! The receipt ladder, attempt by attempt and key by key. Tables of [`super::script`].

use super::script::check;

#[test]
fn the_whole_ladder() {
    check(
        "
        0.0   unit     铁骑01 motorcycle sworn=1 at 100,0 terminal 1001
        0.0   expect   铁骑01 Available
        0.0   report   traffic grade III at 0,0
        0.0   batch    IncidentReported IncidentConfirmed UnitsRanked AssignmentOffered
        0.0   expect   #1 Assigned  铁骑01 Offered attempt 1 distance 100 slot 0
        0.1   sent     铁骑01
        0.1   expect   铁骑01 Sent
        0.4   delivered 铁骑01
        0.4   expect   #1 Assigned  铁骑01 Delivered
        9.0   key      1001 1
        9.0   expect   #1 Assigned  铁骑01 Accepted
        12.0  key      1001 3
        12.0  expect   #1 Underway  铁骑01 EnRoute
        80.0  key      1001 4
        80.0  expect   #1 Underway  铁骑01 OnScene
        600.0 key      1001 5
        600.0 batch    AssignmentAdvanced IncidentResolved
        600.0 expect   #1 Resolved  铁骑01 Available
        600.0 expect   铁骑01#1 Cleared
        700.0 close    #1
        700.0 expect   #1 Closed
        87100.0 note   #1 statistics
        87100.1 report noise at 0,0
        87100.1 expect #1 gone
        87100.1 expect #2 Assigned 铁骑01 Offered
        ",
    );
}

#[test]
fn a_decline_offers_the_next_and_holds_the_first() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 100,0 terminal 1001
        0.0   unit     铁骑02 motorcycle at 200,0 terminal 1002
        1.0   report   traffic at 0,0
        2.0   key      1001 2
        2.0   expect   铁骑01#1 Declined
        2.0   expect   #1 Assigned  铁骑02 Offered
        3.0   voice    铁骑02 decline
        3.0   expect   #1 Queued
        3.0   expect   铁骑01 Available
        61.0  tick
        61.0  alarm    NoUnit #1 x1
        121.9 tick
        121.9 alarm    NoUnit #1 x2
        122.0 tick                                     // the hold of 铁骑01 lapses
        122.0 expect   #1 Assigned  铁骑01 Offered
        ",
    );
}

#[test]
fn no_delivery_ack_retries_then_alarms_and_goes_on() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 100,0 terminal 1001
        0.0   unit     铁骑02 motorcycle at 200,0 terminal 1002
        0.0   report   traffic at 0,0
        1.9   tick
        1.9   expect   铁骑01 Offered attempt 1
        2.0   tick
        2.0   batch    AssignmentRetried
        2.0   expect   铁骑01 Offered attempt 2
        2.5   sent     铁骑01
        2.5   expect   铁骑01 Sent attempt 2
        4.5   tick
        4.5   expect   铁骑01 Offered attempt 3
        6.5   tick
        6.5   batch    AlarmRaised AssignmentExpired MessageQueued UnitsRanked AssignmentOffered
        6.5   alarm    NotDelivered 铁骑01 #1
        6.5   message  1001 Recalled #1
        6.5   expect   铁骑01#1 Expired
        6.5   expect   #1 Assigned  铁骑02 Offered attempt 1
        ",
    );
}

#[test]
fn no_answer_alarms_calls_off_and_goes_on() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 100,0 terminal 1001
        0.0   unit     铁骑02 motorcycle at 200,0 terminal 1002
        0.0   report   traffic at 0,0
        1.0   delivered 铁骑01
        30.9  tick
        30.9  expect   铁骑01 Delivered
        31.0  tick
        31.0  alarm    NotAccepted 铁骑01 #1
        31.0  message  1001 Recalled #1
        31.0  expect   #1 Assigned  铁骑02 Offered
        32.0  key      1001 1                          // too late: it has another
        32.0  alarm    LateReply 铁骑01
        32.0  batch    AlarmRaised TextReceived
        32.0  expect   铁骑01 Available
        ",
    );
}

/// An officer who accepted keeps the assignment: the desk is told, again and again.
#[test]
fn limits_of_people_on_the_way_only_alarm() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 100,0 terminal 1001
        0.0   report   traffic at 0,0
        1.0   key      1001 1
        61.0  tick
        61.0  batch    AlarmRaised AssignmentOverdue
        61.0  alarm    NotRolling 铁骑01 #1 x1
        121.0 tick
        121.0 batch    AlarmRepeated AssignmentOverdue
        121.0 alarm    NotRolling 铁骑01 #1 x2
        122.0 key      1001 3
        722.0 tick
        722.0 alarm    NotArrived 铁骑01 #1 x1
        723.0 key      1001 4
        2523.0 tick
        2523.0 alarm   OnSceneLong 铁骑01 #1 x1
        2523.0 expect  铁骑01 OnScene
        2524.0 ack     OnSceneLong
        2524.0 noalarm OnSceneLong
        2524.0 ack     OnSceneLong
        2524.0 refused there is no open alarm !999
        ",
    );
}

#[test]
fn a_recall_frees_the_unit_tells_it_and_offers_the_next() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 100,0 terminal 1001
        0.0   unit     铁骑02 motorcycle at 200,0 terminal 1002
        0.0   report   traffic at 0,0
        1.0   key      1001 3
        2.0   recall   铁骑01
        2.0   expect   铁骑01#1 Recalled because Desk
        2.0   message  1001 Recalled #1
        2.0   expect   #1 Assigned  铁骑02 Offered
        2.0   expect   铁骑01 Available
        2.1   recall   铁骑01#1
        2.1   batch
        2.5   msg      delivered 1001
        2.5   batch    MessageDelivered
        ",
    );
}

#[test]
fn acks_may_be_late_doubled_and_out_of_order() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 100,0 terminal 1001,1002
        0.0   report   traffic at 0,0
        2.0   tick
        2.0   expect   铁骑01 Offered attempt 2
        2.1   sent     铁骑01 attempt=1                // of the attempt before
        2.1   batch
        2.2   delivered 铁骑01 attempt=2 radio=1099    // not the terminal it went to
        2.2   batch
        2.3   sendfail 铁骑01 attempt=1
        2.3   batch
        2.4   delivered 铁骑01 attempt=1               // of any attempt
        2.4   expect   铁骑01 Delivered attempt 2
        2.5   sent     铁骑01
        2.5   batch
        2.6   delivered 铁骑01
        2.6   batch
        2.7   undelivered 铁骑01
        2.7   batch
        3.0   key      1001 4
        3.0   expect   铁骑01 OnScene
        3.1   key      1001 3
        3.1   batch
        3.2   key      1001 1
        3.2   batch
        3.3   key      1001 2                          // no decline any more: kept as words
        3.3   batch    TextReceived
        3.4   key      1001 5
        3.4   expect   铁骑01#1 Cleared
        3.5   key      1001 5
        3.5   batch    TextReceived
        3.6   delivered 铁骑01#1
        3.6   batch
        ",
    );
}

#[test]
fn a_refused_frame_retries_at_once() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 100,0 terminal 1001
        0.0   report   traffic at 0,0
        1.2   sendfail 铁骑01
        1.2   expect   铁骑01 Offered attempt 2
        1.3   sent     铁骑01
        1.4   undelivered 铁骑01 radio=1099
        1.4   batch
        1.5   undelivered 铁骑01
        1.5   expect   铁骑01 Offered attempt 3
        2.7   sendfail 铁骑01
        2.7   alarm    NotDelivered 铁骑01 #1
        2.7   expect   #1 Queued
        ",
    );
}

/// A gateway that is down refuses at once: one report must not run through the whole fleet.
#[test]
fn a_gateway_that_is_down_waits_for_the_deadline() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 100,0 terminal 1001
        0.0   report   traffic at 0,0
        0.0   sendfail 铁骑01
        0.0   batch
        0.0   expect   铁骑01 Offered attempt 1
        2.0   tick
        2.0   expect   铁骑01 Offered attempt 2
        ",
    );
}

#[test]
fn a_key_may_name_its_incident() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 100,0 terminal 1001
        0.0   report   traffic at 0,0
        1.0   key      1001 1#2                        // another one
        1.0   batch    AlarmRaised TextReceived
        1.0   expect   铁骑01 Offered
        1.1   key      1001 签收 #1
        1.1   expect   铁骑01 Accepted
        1.2   key      1001 3　1
        1.2   expect   铁骑01 EnRoute
        1.3   key      1001 41
        1.3   batch    TextReceived
        1.4   key      1001 4 99999999999
        1.4   batch    TextReceived
        ",
    );
}

#[test]
fn a_voice_report_counts_like_a_key() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 100,0 terminal 1001
        0.0   report   fight at 0,0
        1.0   voice    铁骑01 clear
        1.0   refused  is offered, which does not allow `clear`
        1.0   voice    铁骑01 offer
        1.0   refused  does not allow `offer`
        2.0   voice    铁骑01 deliver
        2.0   expect   铁骑01 Delivered
        3.0   voice    铁骑01 roll
        3.0   expect   #1 Underway  铁骑01 EnRoute
        4.0   voice    铁骑01 accept
        4.0   batch
        5.0   voice    铁骑01 decline
        5.0   refused  is en route, which does not allow `decline`
        6.0   voice    铁骑01 arrive
        7.0   voice    铁骑01 clear                    // a person may
        7.0   expect   铁骑01#1 Cleared
        7.0   expect   #1 Queued                       // its sworn officer never came
        7.1   recall   铁骑01#1
        7.1   refused  is cleared, which does not allow `recall`
        ",
    );
}

#[test]
fn radio_alone_never_clears_grade_one() {
    check(
        "
        0.0   unit     铁骑01 motorcycle sworn=1 at 100,0 terminal 1001
        0.0   unit     铁骑02 motorcycle sworn=0 at 200,0 terminal 1002
        0.0   report   fight at 0,0
        1.0   key      1001 4
        2.0   key      1001 5
        2.0   batch    AlarmRaised
        2.0   alarm    ClearToConfirm 铁骑01 #1 x1
        2.0   expect   #1 Underway  铁骑01 OnScene
        3.0   key      1001 5
        3.0   alarm    ClearToConfirm 铁骑01 #1 x2
        4.0   voice    铁骑01 clear
        4.0   expect   铁骑01#1 Cleared
        4.0   expect   #1 Underway                     // once rolling it stays underway
        ",
    );
}

#[test]
fn each_attempt_goes_by_the_units_next_terminal_on_the_air() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 100,0 terminal 1001,1002,1003
        0.0   off      1002
        0.0   report   traffic at 0,0
        0.0   expect   铁骑01 Offered attempt 1 via 1001
        0.4   sendfail 铁骑01                            // at once: not tried, so it waits
        0.4   expect   铁骑01 Offered attempt 1 via 1001
        1.2   sendfail 铁骑01
        1.2   expect   铁骑01 Offered attempt 2 via 1003
        1.3   sent     铁骑01
        3.3   tick                                     // the gateway took it, nobody has it
        3.3   expect   铁骑01 Offered attempt 3 via 1001
        3.4   delivered 铁骑01 attempt=2 radio=1003      // a late ack of the other one
        3.4   expect   铁骑01 Delivered
        ",
    );
}

#[test]
fn a_stamp_says_who_said_so() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 100,0 terminal 1001
        0.0   unit     铁骑02 motorcycle at 200,0 terminal 1002 silent
        0.0   report   traffic at 0,0
        0.0   expect   铁骑01 Offered by Inferred
        0.1   sent     铁骑01
        0.1   expect   铁骑01 Sent by Radio
        0.2   delivered 铁骑01
        0.2   expect   铁骑01 Delivered by Radio
        1.0   key      1001 2
        1.0   expect   铁骑01#1 Declined by Radio
        2.0   done     铁骑02 #1
        2.0   expect   铁骑02 Delivered by Voice
        3.0   voice    铁骑02 arrive
        3.0   expect   铁骑02 OnScene by Voice
        4.0   recall   铁骑02
        4.0   expect   铁骑02#1 Recalled by Console
        5.0   report   traffic at 0,0
        6.0   voice    铁骑01 decline
        6.0   expect   铁骑01#2 Declined by Voice
        36.0  tick
        36.0  expect   铁骑02#2 Expired by Inferred
        ",
    );
}

#[test]
fn who_is_on_scene_is_asked_and_silence_is_loud() {
    check(
        "
        0.0   unit     铁骑01 motorcycle sworn=1 at 100,0 terminal 1001,1002
        0.0   unit     铁骑02 motorcycle at 200,0 terminal 1003
        0.0   report   fight at 0,0
        1.0   key      1001 4
        1.0   batch    AssignmentAdvanced SafetyScheduled
        2.0   key      1003 4
        301.0 tick
        301.0 message  1001 Safety #1
        301.5 msg      delivered 1001
        302.0 tick
        330.0 key      1002 安全                        // any text, any terminal of the unit
        330.0 batch    SafetyAnswered TextReceived
        330.0 noalarm  SafetyUnanswered 铁骑01
        330.0 restart
        362.0 tick                                     // the other one said nothing
        362.0 alarm    SafetyUnanswered 铁骑02 #1 x1
        400.0 off      1003
        422.0 tick                                     // and cannot be asked now
        422.0 alarm    SafetyUnanswered 铁骑02 #1 x2
        630.0 tick
        630.0 message  1001 Safety #1
        640.0 key      1001 5                           // Grade I: the desk is asked as well
        640.0 batch    SafetyAnswered AlarmRaised
        650.0 voice    铁骑01 clear
        800.0 resolve  #1
        9000.0 tick
        9000.0 alarm   SafetyUnanswered 铁骑02 #1 x3
        ",
    );
}
