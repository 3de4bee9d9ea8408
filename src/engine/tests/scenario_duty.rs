//! Units, terminals and what comes from the air. Tables of [`super::script`].

use super::script::check;

#[test]
fn need_help_opens_an_emergency_whatever_is_in_hand() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 100,0 terminal 1001
        0.0   report   traffic at 0,0
        1.0   key      1001 9
        1.0   expect   #1 Assigned 铁骑01 Offered
        1.0   expect   #2 Queued
        1.0   calls    铁骑01 #2 1001 x1
        1.0   alarm    NeedHelp 铁骑01 #2 1001 x1
        2.0   key      1001 9#7                        // the number says nothing more
        2.0   batch    EmergencyRepeated AlarmRepeated
        2.0   alarm    NeedHelp 铁骑01 #2 1001 x2
        ",
    );
}

#[test]
fn registration_decides_data_or_voice() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 100,0 terminal 1001,1002 silent
        0.0   report   traffic at 0,0
        0.0   batch    IncidentReported IncidentConfirmed UnitsRanked AssignmentOffered TaskOpened
        0.0   task     铁骑01 #1
        0.0   text     铁骑01 hello
        0.0   refused  unit u1 has no registered terminal
        1.0   on       1002
        1.0   batch    TerminalRegistered
        1.1   on       1002
        1.1   batch
        30.0  tick                                     // nobody called it, or it did not answer
        30.0  alarm    NotAccepted 铁骑01 #1
        30.0  expect   #1 Queued
        31.0  text     铁骑01 hello
        31.0  message  1002 Text hello
        31.0  on       1001
        35.0  tick
        35.0  batch    MessageRetried
        39.0  tick
        43.0  tick
        43.0  batch    MessageFailed AlarmRaised
        43.0  alarm    MessageFailed 铁骑01 1002
        ",
    );
}

/// A unit that drops off the air while offered: the other terminal, or else the next unit.
#[test]
fn a_lost_terminal_hands_over() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 100,0 terminal 1001,1002
        0.0   unit     铁骑02 motorcycle at 200,0 terminal 1003
        0.0   report   traffic at 0,0
        1.0   off      1001
        2.0   tick
        2.0   expect   铁骑01 Offered attempt 2
        2.1   delivered 铁骑01 attempt=1 radio=1001    // the first terminal had it after all
        2.1   expect   铁骑01 Delivered
        3.0   recall   铁骑01
        3.0   expect   #1 Assigned  铁骑02 Offered
        4.0   off      1003
        5.0   tick
        5.0   alarm    NotDelivered 铁骑02 #1
        5.0   expect   #1 Queued
        ",
    );
}

#[test]
fn duty_comes_and_goes() {
    check(
        "
        0.0   unit     铁骑01 motorcycle sworn=1 at 100,0 terminal 1001
        0.0   unit     铁骑02 motorcycle at 200,0 terminal 1002
        1.0   signon   铁骑01
        1.0   refused  unit u1 is available; expected off duty
        1.0   edit     铁骑01 sworn=1 terminal 1002
        1.0   refused  terminal 1002 belongs to unit u2 now
        1.0   edit     铁骑01 terminal 1001,1001
        1.0   refused  a terminal is named twice
        1.0   edit     铁骑01 terminal 4000
        1.0   refused  terminal 4000 is not in the config
        1.0   signon   无人
        1.0   refused  there is no unit u999
        2.0   signoff  铁骑02
        2.0   expect   铁骑02 OffDuty
        2.0   edit     铁骑02
        2.0   refused  unit u2 is off duty; expected on duty
        2.0   out      铁骑02 repair
        2.0   refused  unit u2 is off duty; expected on duty
        3.0   edit     铁骑01 sworn=1 terminal 1001,1002
        4.0   report   theft at 0,0
        5.0   signoff  铁骑01
        5.0   refused  unit u1 is committed; expected on duty without an active assignment
        6.0   out      铁骑01 repair
        6.0   expect   铁骑01 Offered
        7.0   voice    铁骑01 accept
        8.0   voice    铁骑01 clear
        8.0   expect   铁骑01 OutOfService
        9.0   report   theft at 0,0
        9.0   expect   #2 Queued
        10.0  back     铁骑01
        10.0  expect   #2 Assigned  铁骑01 Offered
        11.0  voice    铁骑01 accept
        12.0  voice    铁骑01 clear
        13.0  out      铁骑01 lunch
        14.0  signoff  铁骑01
        14.0  expect   铁骑01 OffDuty
        15.0  signon   铁骑01 sworn=1 terminal 1001
        15.0  expect   铁骑01 Available
        ",
    );
}

/// The crew changes its terminal in the middle of an offer.
#[test]
fn a_new_terminal_takes_over_an_offer() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 100,0 terminal 1001
        0.0   on       1099
        0.0   report   traffic at 0,0
        1.0   edit     铁骑01 terminal 1099
        1.5   key      1001 1                          // belongs to nobody now
        1.5   batch    TextReceived
        2.0   tick
        2.0   expect   铁骑01 Offered attempt 2
        2.5   delivered 铁骑01 radio=1099
        2.5   expect   铁骑01 Delivered
        3.0   key      1099 1
        3.0   expect   铁骑01 Accepted
        ",
    );
}

#[test]
fn what_waits_behind_a_unit_that_leaves_goes_back() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 100,0 terminal 1001
        0.0   report   traffic at 0,0
        1.0   report   traffic at 0,0
        2.0   offer    #2 铁骑01 stack
        3.0   out      铁骑01 repair
        3.0   expect   铁骑01#2 Recalled because UnitLeft
        3.0   expect   #2 Queued
        4.0   unit     铁骑02 motorcycle at 100,0 terminal 1002
        4.0   expect   #2 Assigned  铁骑02 Offered
        ",
    );
}

#[test]
fn unknown_radios_are_recorded_and_change_nothing() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 100,0 terminal 1001
        0.0   key      6666 1
        0.0   batch    StrangerHeard AlarmRaised
        0.0   alarm    Stranger 6666
        1.0   key      6666 1
        1.0   batch
        1.0   on       6666
        1.0   batch
        1.0   fix      6666 at 0,0 is Stranger
        2.0   on       7777
        2.0   alarm    Stranger 7777
        3.0   key      1099 1                          // known, but nobody holds it
        3.0   batch    TextReceived
        ",
    );
}

#[test]
fn doubtful_fixes_are_evidence_not_positions() {
    check(
        "
        100.0 unit     铁骑01 motorcycle at 100,0 terminal 1001
        101.0 fix      1001 age=-60 at 100,0 is Doubted(Future)
        101.0 batch    FixDoubted
        102.0 fix      1001 age=-61 at 100,0 is Doubted(Future)
        102.0 batch
        103.0 fix      1001 age=30 at 100,0 is Doubted(Stale)
        103.0 batch    FixDoubted
        104.0 fix      1001 at 50000,0 is Doubted(Jump)
        104.0 batch    FixDoubted
        105.0 fix      1001 at 3000000,0 is Doubted(OutOfPlane)
        105.0 batch    FixDoubted
        105.0 fix      1001 at -9223372036854775807,0 is Doubted(OutOfPlane)
        105.0 batch
        106.0 report   traffic at 0,0
        106.0 expect   铁骑01 Offered distance 100
        170.0 fix      1001 age=-61 at 100,0 is Doubted(Future)
        170.0 batch    FixDoubted
        1200.0 fix     1001 at 50000,0 is Taken        // time enough to get there
        ",
    );
}

#[test]
fn the_message_counter_wraps_at_28_bits_past_what_is_open() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 100,0 terminal 1001
        0.0   unit     铁骑02 motorcycle at 200,0 terminal 1002
        0.0   report   traffic at 0,0
        0.0   counter  1
        1.0   counted  268435454
        2.0   text     铁骑01 one
        2.0   counter  268435455
        3.0   text     铁骑01 two                      // 1 is still in the air
        3.0   counter  2
        4.0   report   traffic at 0,0
        4.0   counter  3
        ",
    );
}
