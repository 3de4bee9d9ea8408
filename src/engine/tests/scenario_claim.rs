//! Several desks and one incident: claims. Tables of [`super::script`].

use super::script::{check, play};
use crate::engine::claim::{Claim, Desk};
use crate::engine::command::Command;
use crate::engine::id::IncidentId;
use crate::engine::rejection::Rejection;

#[test]
fn others_keep_their_hands_off_a_claimed_incident() {
    check(
        "
        0.0   unit     铁骑01 motorcycle sworn=1 at 100,0 terminal 1001
        0.0   report   theft at 0,0
        0.0   report   theft at 0,0
        1.0   claim    #1 as li:1
        1.0   batch    IncidentClaimed
        1.0   claimed  #1 li:1
        1.5   claim    #1 as li:1
        1.5   batch
        2.0   recall   铁骑01 as wang:2
        2.0   refused  incident #1 is claimed by li at console 1
        2.0   voice    铁骑01 accept as wang:2
        2.0   refused  claimed by li
        2.0   offer    #1 铁骑01 as wang:2
        2.0   refused  claimed by li
        2.0   confirm  #1 fight as wang:2
        2.0   refused  claimed by li
        2.0   cancel   #1 as wang:2
        2.0   refused  claimed by li
        2.0   resolve  #1 as wang:2
        2.0   refused  claimed by li
        // The same user at another console is another desk; news is welcome from everybody.
        2.0   cancel   #1 as li:3
        2.0   refused  claimed by li
        2.0   note     #1 caller rang again as wang:2
        // What nobody claims is anybody's, and radios ask nobody.
        3.0   cancel   #2 as wang:2
        3.0   delivered 铁骑01
        3.0   key      1001 1
        3.0   expect   #1 Assigned 铁骑01 Accepted
        4.0   voice    铁骑01 roll as li:1
        5.0   release  #1 as wang:2
        5.0   refused  claimed by li
        5.0   release  #1 as li:1
        5.0   claimed  #1 nobody
        5.0   release  #1 as li:1
        5.0   batch
        6.0   voice    铁骑01 arrive as wang:2
        ",
    );
}

#[test]
fn a_supervisor_takes_over_and_a_user_moves_their_own() {
    check(
        "
        0.0   report   theft at 0,0
        1.0   claim    #1 as li:1
        2.0   claim    #1 as wang:2
        2.0   refused  claimed by li at console 1
        3.0   claim    #1 as li:4
        3.0   claimed  #1 li:4
        4.0   claim    #1 as chief:9 over
        4.0   claimed  #1 chief:9
        5.0   cancel   #1 as li:4
        5.0   refused  claimed by chief
        6.0   cancel   #1 as chief:9
        6.0   claimed  #1 nobody
        7.0   claim    #1 as li:1
        7.0   refused  is cancelled
        7.0   claim    #9 as li:1
        7.0   refused  there is no incident
        ",
    );
}

#[test]
fn a_desk_that_is_gone_frees_what_it_claimed_and_the_supervisor_knows() {
    check(
        "
        0.0   report   theft at 0,0
        0.0   report   theft at 0,0
        0.0   report   theft at 0,0
        1.0   claim    #1 as li:1
        1.0   claim    #2 as li:1
        1.0   claim    #3 as wang:2
        2.0   gone     li:1
        2.0   batch    AlarmRaised ClaimReleased AlarmRaised ClaimReleased
        2.0   claimed  #1 nobody
        2.0   claimed  #2 nobody
        2.0   claimed  #3 wang:2
        2.0   alarm    DeskGone #1
        2.0   alarm    DeskGone #2
        2.0   noalarm  DeskGone #3
        3.0   cancel   #1 as wang:2
        4.0   gone     li:1
        4.0   batch
        ",
    );
}

/// Consoles are numbered anew, so the user is known and the console is not.
#[test]
fn after_a_restart_a_claim_waits_for_its_user() {
    check(
        "
        0.0   report   theft at 0,0
        0.0   report   theft at 0,0
        1.0   claim    #1 as li:1
        1.0   claim    #2 as li:1
        10.0  restart
        11.0  confirm  #1 theft as li:7
        11.0  confirm  #1 theft as wang:1
        11.0  refused  claimed by li
        11.0  claim    #1 as wang:1
        11.0  refused  claimed by li
        12.0  claim    #1 as li:7
        12.0  claimed  #1 li:7
        // Somebody else has console 1 now; it goes and takes nothing with it.
        13.0  gone     li:1
        13.0  claimed  #2 li:1
        39.9  tick
        39.9  claimed  #2 li:1
        40.0  tick
        40.0  claimed  #1 li:7
        40.0  claimed  #2 nobody
        40.0  alarm    DeskGone #2
        ",
    );
}

#[test]
fn claims_of_a_desk_are_bounded() {
    let mut world = play("0.0 report theft at 0,0");
    let first = world.engine.state().incidents[&IncidentId(1)].clone();
    let desk = Desk {
        user: String::from("li"),
        console: 1,
    };
    let claim = |number| Command::Claim {
        incident: IncidentId(number),
        desk: desk.clone(),
        take_over: false,
    };
    let most = u32::try_from(Claim::MAX_PER_DESK).unwrap();
    for number in 1..=most + 1 {
        let report = Box::new(first.report.clone());
        let resolve = Command::Resolve {
            incident: IncidentId(number),
            by: crate::engine::event::By::Engine,
        };
        world.execute(&Command::Report(report)).unwrap();
        world.execute(&resolve).unwrap();
    }
    for number in 1..=most {
        world.execute(&claim(number)).unwrap();
    }
    let refused = world.execute(&claim(most + 1)).unwrap_err();
    assert!(matches!(refused, Rejection::Full { limit, .. } if limit == most));
}
