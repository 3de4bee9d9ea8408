//! Suspect terminals: what makes one, what it changes, and who decides. Tables of
//! [`super::script`] with the words of [`super::script_suspect`].

use super::script::{check, play, resume};

#[test]
fn to_and_fro_between_gateways_is_two_places_and_a_move_is_none() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 0,0   terminal 1001
        0.0   heard    1001 gw:1
        10.0  heard    1001 gw2:1                 // it moved
        11.0  heard    1001 gw:1                  // at the edge of both
        12.0  heard    1001 gw2:1
        13.0  heard    1001 gw2:1                 // there it is
        13.0  batch
        13.0  believed 1001
        71.0  heard    1001 gw:1                  // the fourth change, but the first is forgotten
        71.0  believed 1001
        72.0  heard    1001 gw:2                  // another slot is another place
        72.0  believed 1001
        73.0  heard    1001 gw:1
        73.0  believed 1001
        74.0  heard    1001 gw:2
        74.0  batch    SuspectMarked AlarmRaised
        74.0  suspect  1001 TwoPlaces x0
        74.0  alarm    SuspectTerminal 铁骑01 1001 x1
        75.0  heard    1001 gw:1                  // nothing more to say
        75.0  batch
        ",
    );
}

#[test]
fn a_jump_heard_elsewhere_is_two_places_at_the_first_report() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 0,0   terminal 1001
        1.0   fix      1001 at 1,0      is Taken         via gw:1
        31.0  fix      1001 at 2,0      is Taken         via gw2:1   // a move jumps nowhere
        31.0  batch
        61.0  fix      1001 at 30000,0  is Doubted(Jump) via gw2:1   // nor does a jump alone move
        61.0  batch    FixDoubted
        62.0  fix      1001 at 30000,0  is Doubted(Jump) via gw:1
        62.0  batch    SuspectMarked AlarmRaised
        62.0  suspect  1001 TwoPlaces
        ",
    );
}

#[test]
fn jumps_from_where_it_was_believed_to_be_are_counted_and_one_wild_fix_is_not() {
    check(
        "
        0.0    unit    铁骑01 motorcycle at 0,0   terminal 1001
        1.0    fix     1001 at 60000,0 is Doubted(Jump)
        31.0   fix     1001 at 60000,0 is Doubted(Jump)
        61.0   fix     1001 at 60000,0 is Doubted(Jump)   // one jump, however often told
        91.0   fix     1001 at 0,0     is Taken
        121.0  fix     1001 at 60000,0 is Doubted(Jump)
        151.0  fix     1001 at 0,0     is Taken
        151.0  believed 1001
        181.0  fix     1001 at 60000,0 is Doubted(Jump)
        181.0  suspect 1001 Jumps
        190.0  fix     1001 at 0,0     is Doubted(Suspect)
        190.0  batch   FixDoubted
        200.0  fix     1001 at 0,0     is Doubted(Suspect)
        200.0  batch
        ",
    );
}

#[test]
fn jumps_long_ago_are_forgotten() {
    check(
        "
        0.0    unit    铁骑01 motorcycle at 0,0    terminal 1001
        1.0    fix     1001 at 300000,0 is Doubted(Jump)
        2.0    fix     1001 at 0,0      is Taken
        3.0    fix     1001 at 300000,0 is Doubted(Jump)
        590.0  fix     1001 at 0,0      is Taken
        602.0  fix     1001 at 300000,0 is Doubted(Jump)   // the first was 601 s ago
        602.0  believed 1001
        603.0  fix     1001 at 0,0      is Taken
        603.0  fix     1001 at 300000,0 is Doubted(Jump)   // and the second 600 s
        603.0  suspect 1001 Jumps
        ",
    );
}

#[test]
fn an_old_text_or_an_old_position_is_a_replay_and_the_last_text_again_is_not() {
    check(
        "
        0.0    unit     铁骑01 motorcycle at 0,0   terminal 1001
        0.0    unit     铁骑02 motorcycle at 9,0   terminal 1002
        1.0    numbered 1001 7 is New
        2.0    numbered 1001 7 is Again                    // it missed our ack
        3.0    numbered 1001 8 is New
        4.0    numbered 1001 7 is Old
        4.0    believed 1001
        5.0    numbered 1001 8 is Again
        6.0    numbered 1001 7 is Old
        6.0    batch    SuspectMarked AlarmRaised
        6.0    suspect  1001 Replay
        7.0    numbered 9999 7 is New                      // nothing is kept of strangers
        7.0    numbered 9999 7 is New
        10.0   numbered 1002 1 is New
        10.0   numbered 1002 2 is New
        11.0   renumbered 1002                             // switched off and on: it counts anew
        12.0   numbered 1002 2 is Again
        12.0   numbered 1002 1 is New
        12.0   numbered 1002 2 is New
        12.0   numbered 1002 1 is Old
        700.0  fix      1002 at 9,0 is Taken
        701.0  fix      1002 at 9,0 age=600 is Doubted(Stale)
        702.0  fix      1002 at 9,0 age=602 is Doubted(Stale)  // 600 s behind: late, no more
        703.0  fix      1002 at 9,0 age=604 is Doubted(Stale)
        704.0  believed 1002
        705.0  fix      1002 at 9,0 age=606 is Doubted(Stale)
        705.0  suspect  1002 Replay
        ",
    );
}

#[test]
fn nothing_a_suspect_says_changes_anything() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 0,0    terminal 1001
        0.0   unit     铁骑02 motorcycle at 900,0  terminal 1002
        1.0   report   traffic at 0,0
        1.0   expect   #1 Assigned  铁骑01 Offered via 1001
        1.5   sent     铁骑01
        2.0   bar      1001
        2.0   batch    SuspectBarred
        2.5   delivered 铁骑01
        2.5   batch    SuspectIgnored
        2.5   expect   铁骑01 Sent
        2.6   key      1001 1
        2.6   batch    TextReceived
        2.6   expect   铁骑01 Sent
        2.7   key      1001 hello
        2.7   batch    TextReceived
        2.8   on       1001 via gw2:1
        2.8   batch    SuspectIgnored
        2.8   on       1001 via gw2:1
        2.8   batch
        2.9   off      1001
        2.9   batch    SuspectIgnored
        3.0   over     1001
        3.0   batch    SuspectIgnored
        3.1   fix      1001 at 5,5 is Doubted(Suspect)
        3.1   batch    FixDoubted
        3.1   suspect  1001 Reported x6 barred
        4.0   tick                                        // as silence: its unit has no other
        4.0   alarm    NotDelivered 铁骑01
        4.0   expect   #1 Assigned  铁骑02 Offered
        ",
    );
}

/// An officer's terminal may count in a way nobody told us: the desk sees what was not taken.
#[test]
fn a_text_that_came_before_is_shown_and_changes_nothing_but_a_call_for_help_counts() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 0,0   terminal 1001
        1.0   report   traffic at 0,0
        1.5   delivered 铁骑01
        2.0   replayed 1001 1
        2.0   batch    TextReceived
        2.0   expect   铁骑01 Delivered
        3.0   replayed 1001 9
        3.0   calls    铁骑01 #2 1001 x1
        4.0   replayed 9999 9                      // nor a stranger's
        4.0   batch    StrangerHeard AlarmRaised AlarmRaised
        ",
    );
}

#[test]
fn what_is_on_its_way_goes_by_the_units_other_terminal_and_so_do_new_offers() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 0,0   terminal 1001,1002
        1.0   report   traffic at 0,0
        1.0   expect   铁骑01 Offered via 1001
        1.1   sent     铁骑01
        2.0   bar      1001
        3.1   tick
        3.1   expect   铁骑01 Offered attempt 2 via 1002
        3.2   delivered 铁骑01 radio=1001 attempt=1       // whoever says so
        3.2   expect   铁骑01 Offered
        3.3   delivered 铁骑01
        3.4   key      1001 2                             // nor does it decline for its unit
        3.4   expect   铁骑01 Delivered
        3.5   key      1002 1
        3.5   expect   铁骑01 Accepted
        9.0   voice    铁骑01 clear
        9.0   report   traffic at 0,0
        9.0   expect   铁骑01 Offered via 1002
        9.5   text     铁骑01 return
        9.5   message  1002 Text return
        ",
    );
}

/// What was believed of it stays the last resort: a unit nobody can place is sent nowhere.
#[test]
fn a_unit_is_where_its_other_terminal_says() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 0,0   terminal 1001,1002
        0.0   fix      1002 at 500,0 is Taken
        1.0   report   traffic at 500,0
        1.0   expect   铁骑01 Offered via 1001 distance 500
        2.0   cancel   #1
        3.0   bar      1001
        4.0   report   traffic at 500,0
        4.0   expect   铁骑01 Offered via 1002 distance 0
        5.0   cancel   #2
        6.0   notefixes
        7.0   restart
        8.0   report   traffic at 500,0
        8.0   expect   铁骑01 Offered via 1002 distance 0
        9.0   cancel   #3
        9.5   trust    1001
        9.5   report   traffic at 500,0
        9.5   expect   铁骑01 Offered via 1001 distance 500
        ",
    );
}

#[test]
fn a_unit_with_no_other_terminal_is_told_by_voice() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 0,0   terminal 1001
        1.0   bar      1001
        2.0   report   traffic at 0,0
        2.0   expect   #1 Assigned  铁骑01 Offered
        2.0   task     铁骑01 #1
        2.0   text     铁骑01 return
        2.0   refused  no registered terminal
        3.0   trust    1001                               // its next offer goes by radio again
        3.0   voice    铁骑01 accept
        3.0   voice    铁骑01 clear
        4.0   report   traffic at 0,0
        4.0   expect   铁骑01 Offered via 1001
        ",
    );
}

#[test]
fn a_suspects_call_for_help_is_loud_and_opens_when_it_is_trusted() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 0,0   terminal 1001
        0.0   unit     铁骑02 motorcycle at 9,0   terminal 1002
        0.0   unit     铁骑03 motorcycle at 99,0  terminal 1003
        1.0   bar      1001
        2.0   emergency 1001
        2.0   batch    AlarmRaised
        2.0   alarm    NeedHelp 铁骑01 1001 x1
        2.0   calls    铁骑01
        3.0   key      1001 9                             // the key is the button
        3.0   alarm    NeedHelp 铁骑01 1001 x2
        4.0   trust    1001
        4.0   calls    铁骑01 #1 1001 x1
        4.0   alarm    NeedHelp 铁骑01 #1 1001 x1
        4.0   expect   #1 Assigned 铁骑02 Offered
        4.0   expect   铁骑03 Offered
        5.0   bar      1001                               // presses join what is open
        6.0   emergency 1001
        6.0   batch    EmergencyRepeated AlarmRepeated
        6.0   calls    铁骑01 #1 1001 x2
        7.0   over     1001                               // and are not taken back by it
        7.0   batch    SuspectIgnored
        7.0   calls    铁骑01 #1 1001 x2
        8.0   ack      NeedHelp #1
        8.0   resolve  #1
        9.0   emergency 1001
        9.0   ack      NeedHelp 铁骑01 1001
        9.5   trust    1001                               // somebody has answered that
        9.5   batch    SuspectTrusted
        9.5   calls    铁骑01
        ",
    );
}

#[test]
fn a_dispatcher_makes_an_incident_of_a_suspects_call_too() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 0,0   terminal 1001
        0.0   unit     铁骑02 motorcycle at 9,0   terminal 1002
        1.0   bar      1001
        2.0   emergency 1001
        3.0   vouch    NeedHelp 1001 5,5
        3.0   calls    铁骑01 #1 1001 x1
        3.0   expect   #1 Assigned 铁骑02 Offered
        4.0   trust    1001
        4.0   batch    SuspectTrusted
        ",
    );
}

#[test]
fn trust_is_decided_once_and_evidence_begins_anew() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 0,0   terminal 1001
        0.0   trust    1001                               // nobody doubts it
        0.0   batch
        0.0   trust    9999
        0.0   refused  terminal 9999
        1.0   heard    1001 gw:1
        2.0   heard    1001 gw2:1
        3.0   heard    1001 gw:1
        4.0   heard    1001 gw2:1
        5.0   heard    1001 gw:1
        5.0   suspect  1001 TwoPlaces
        6.0   on       1001 via gw2:2
        7.0   bar      1001
        7.0   batch    SuspectBarred AlarmAcked
        7.0   suspect  1001 TwoPlaces x1 barred
        7.0   bar      1001
        7.0   batch
        8.0   trust    1001
        8.0   batch    SuspectTrusted
        8.0   believed 1001
        8.0   noalarm  SuspectTerminal
        8.1   on       1001 via gw2:2                     // it is where it said last
        8.1   batch
        9.0   heard    1001 gw2:1
        10.0  heard    1001 gw:1
        11.0  heard    1001 gw2:1
        12.0  heard    1001 gw:1
        12.0  believed 1001
        13.0  heard    1001 gw2:1
        13.0  suspect  1001 TwoPlaces
        ",
    );
}

#[test]
fn a_restart_believes_it_no_more_than_before() {
    check(
        "
        0.0   unit     铁骑01 motorcycle at 0,0   terminal 1001
        0.0   unit     铁骑02 motorcycle at 9,0   terminal 1002
        1.0   bar      1001
        2.0   emergency 1001
        2.0   notefixes
        3.0   restart
        3.0   suspect  1001 Reported x0 barred
        4.0   key      1001 1
        4.0   suspect  1001 Reported x1 barred
        5.0   report   traffic at 0,0
        5.0   task     铁骑01 #1
        6.0   trust    1001
        6.0   calls    铁骑01 #2 1001 x1
        7.0   restart
        7.0   believed 1001
        ",
    );
}

/// When many look suspect the fault is ours: beyond the limit there is only the alarm.
#[test]
fn evidence_alone_never_makes_a_fleet_mute() {
    let mut table = String::new();
    for radio in 1001..=1010 {
        table += &format!("0.0 unit U{radio} motorcycle at 0,0 terminal {radio}\n");
    }
    for radio in 1001..=1010 {
        for gateway in [1, 2, 1, 2, 1] {
            table += &format!("1.0 heard {radio} gw{gateway}:1\n");
        }
        table += &format!("1.0 alarm SuspectTerminal {radio} x1\n");
    }
    let world = play(&table);
    assert_eq!(world.engine.state().suspects.len(), 8);
    // A person may bar as many as are lost.
    let world = resume(
        world,
        "
        2.0   believed 1009
        2.0   bar      1009
        2.0   suspect  1009 Reported barred
        ",
    );
    assert_eq!(world.engine.state().suspects.len(), 9);
}
