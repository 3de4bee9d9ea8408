//! Nothing leaves before it is durable, and what is told when the disk does not do its part.

use super::*;
use crate::engine::event::By;
use crate::engine::policy::Skills;
use crate::engine::unit::{CrewMember, Duty};

#[test]
fn nothing_leaves_before_its_batch_is_durable() {
    let mut bench = Bench::with_consoles();
    bench.on_duty();
    bench.ask(WATCH, "board.subscribe", &json!({}));
    bench.told(WATCH);
    bench.disk = false;
    bench.ask(DESK, "incident.report", &report("one", "III"));
    assert!(
        bench
            .journal
            .iter()
            .any(|it| matches!(it, Event::AssignmentOffered { .. }))
    );
    assert_eq!(
        (
            bench.told(DESK).len(),
            bench.told(WATCH).len(),
            bench.texts()
        ),
        (0, 0, 0)
    );
    // Nor does a snapshot that would show it, nor the answer to the same key.
    bench.ask(WATCH, "board.subscribe", &json!({}));
    bench.ask(DESK, "incident.report", &report("one", "III"));
    assert_eq!((bench.told(DESK).len(), bench.told(WATCH).len()), (0, 0));
    // An older batch does not let it go.
    bench.give(Input::Durable(1));
    assert_eq!((bench.told(DESK).len(), bench.texts()), (0, 0));
    bench.durable();
    let answers = bench.told(DESK);
    assert_eq!(answers.len(), 2, "{answers:?}");
    assert_eq!(answers[0]["result"], answers[1]["result"]);
    assert_eq!(bench.texts(), 1);
    let told = bench.told(WATCH);
    let page = told.last().unwrap();
    assert_eq!(page["method"], "board.page");
    // The delta that waited before it is part of it.
    assert_eq!(page["params"]["items"][0]["kind"], "incident", "{page}");
    bench.work();
    assert!(bench.told(WATCH).is_empty());
}

#[test]
fn after_a_failed_write_nothing_is_accepted_and_reads_answer() {
    let mut bench = Bench::with_consoles();
    bench.on_duty();
    bench.ask(DESK, "incident.report", &report("before", "III"));
    let before = bench.last(DESK)["result"].clone();
    bench.disk = false;
    bench.ask(DESK, "incident.report", &report("under way", "III"));
    bench.told(DESK);
    let texts = bench.texts();
    bench.give(Input::JournalFailed("the disk is gone".to_owned()));
    for console in [DESK, WATCH] {
        let told = bench.told(console);
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0]["method"], "board.degraded");
    }
    let journal = bench.journal.len();
    bench.ask(DESK, "incident.report", &report("after", "I"));
    assert_eq!(bench.told(DESK)[0]["error"]["code"], Problem::DEGRADED);
    // The same key with the same parameters: its answer never became durable.
    bench.ask(DESK, "incident.report", &report("under way", "III"));
    assert_eq!(bench.told(DESK)[0]["error"]["code"], Problem::DEGRADED);
    bench.ask(
        DESK,
        "incident.get",
        &json!({ "incident": before["incident"] }),
    );
    assert_eq!(bench.told(DESK)[0]["result"]["durable"], false);
    bench.ask(DESK, "system.health", &json!({}));
    assert_eq!(bench.told(DESK)[0]["result"]["status"], "degraded");
    bench.ask(WATCH, "board.subscribe", &json!({}));
    let told = bench.told(WATCH);
    assert_eq!(told[0]["result"]["degraded"], "the disk is gone");
    assert_eq!(told.last().unwrap()["method"], "board.page");
    // Deadlines pass and nothing is decided or sent any more.
    bench.later(120_000);
    bench.work();
    assert_eq!((bench.journal.len(), bench.texts()), (journal, texts));
}

#[test]
fn after_a_stall_answers_come_with_the_next_durable() {
    let mut bench = Bench::with_consoles();
    bench.disk = false;
    bench.ask(DESK, "incident.report", &report("one", "III"));
    bench.told(DESK);
    for _ in 0..3 {
        bench.give(Input::JournalStalled("no space".to_owned()));
    }
    let told = bench.told(DESK);
    assert_eq!(told.len(), 1, "told once: {told:?}");
    assert_eq!(told[0]["params"]["until"], "space");
    // Calls are taken, and answered when there is space.
    bench.ask(DESK, "incident.report", &report("two", "III"));
    assert!(bench.told(DESK).is_empty());
    assert_eq!(bench.daemon.degraded(), Some("no space"));
    bench.durable();
    let told = bench.told(DESK);
    assert_eq!(told[0]["method"], "board.recovered");
    let incidents: Vec<_> = told
        .iter()
        .filter_map(|it| it["result"]["incident"].as_u64())
        .collect();
    assert_eq!(incidents, [1, 2]);
    assert_eq!(bench.daemon.degraded(), None);
}

#[test]
fn a_slow_disk_is_told_after_a_second_and_once() {
    let mut bench = Bench::with_consoles();
    bench.told(WATCH);
    bench.disk = false;
    bench.ask(DESK, "incident.report", &report("one", "III"));
    bench.later(Daemon::SLOW_DISK_MS - 1);
    bench.work();
    assert!(bench.told(WATCH).is_empty());
    let due = bench.daemon.next_timer().unwrap();
    assert!(due <= bench.now.at.plus_ms(1), "{due:?}");
    bench.later(1);
    bench.work();
    bench.later(10);
    bench.work();
    let told = bench.told(WATCH);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["method"], "board.degraded");
    assert_eq!(told[0]["params"]["until"], "disk");
    bench.durable();
    assert_eq!(bench.told(WATCH)[0]["method"], "board.recovered");
    assert_eq!(bench.daemon.degraded(), None);
}

#[test]
fn what_waits_for_a_disk_is_bounded() {
    let mut bench = Bench::with_consoles();
    bench.disk = false;
    let taken = (0..2 * Daemon::UNDURABLE).find(|number| {
        bench.ask(DESK, "incident.report", &report(&number.to_string(), "III"));
        let told = bench.told(DESK);
        told.iter()
            .any(|line| line["error"]["code"] == Problem::BUSY)
    });
    // Those of its own, the offers' deadlines for instance, count too.
    assert!(
        taken.is_some_and(|taken| taken <= Daemon::UNDURABLE),
        "{taken:?}"
    );
    let decided = bench.journal.len();
    bench.later(3_600_000);
    bench.work();
    assert_eq!(bench.journal.len(), decided, "nothing more is decided");
    bench.durable();
    bench.work();
    assert!(bench.journal.len() > decided, "and then it goes on");
}

#[test]
fn room_is_told_when_it_becomes_short_and_when_it_is_back() {
    let mut bench = Bench::with_consoles();
    bench.told(WATCH);
    let room = |free_bytes| {
        let total_bytes = 1_000 << 20;
        Input::Room(Room {
            free_bytes,
            total_bytes,
        })
    };
    for free in [101, 100, 99, 98, 99, 100] {
        bench.give(room(free << 20));
    }
    let told = bench.told(WATCH);
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[0]["method"], "board.space");
    assert_eq!(
        told[0]["params"],
        json!({
            "low": true, "free_mib": 99, "total_mib": 1000, "reason": null,
        })
    );
    assert_eq!(told[1]["params"]["low"], false);
    bench.give(Input::NextSegment(Err("no space".to_owned())));
    assert_eq!(bench.told(WATCH)[0]["params"]["reason"], "no space");
    assert_eq!(bench.daemon.degraded(), None, "answers still go out");
}

#[test]
fn the_printable_list_follows_what_happens_and_no_faster() {
    let mut bench = Bench::with_consoles();
    bench.on_duty();
    bench.later(Daemon::FALLBACK_EVERY_MS);
    while bench.writes_list() {
        bench.written_list();
    }
    bench.ask(DESK, "incident.report", &report("one", "III"));
    assert!(!bench.writes_list(), "not yet");
    bench.later(Daemon::FALLBACK_EVERY_MS);
    let list = bench.written_list();
    assert!(list.contains("== 未结警情 1 =="), "{list}");
    assert!(list.contains("状态: 正常"), "{list}");
    bench.give(Input::JournalFailed("gone".to_owned()));
    let list = bench.written_list();
    assert!(list.contains("降级 DEGRADED, gone"), "{list}");
    assert!(bench.lists.is_empty() && !bench.writes_list());
}

#[test]
fn a_list_that_is_half_written_when_the_journal_fails_is_begun_anew() {
    let mut bench = Bench::with_consoles();
    bench.on_duty();
    while bench.writes_list() {
        bench.written_list();
    }
    bench.ask(DESK, "incident.report", &report("one", "III"));
    bench.later(Daemon::FALLBACK_EVERY_MS);
    let mut out = Vec::new();
    bench.daemon.work(bench.now, &mut out);
    bench.take(out);
    assert!(bench.daemon.draft.is_some(), "it takes turns");
    bench.lists.clear();
    bench.give(Input::JournalFailed("gone".to_owned()));
    let list = bench.written_list();
    assert!(list.contains("降级 DEGRADED, gone"), "{list}");
    assert!(list.contains("== 未结警情 1 =="), "{list}");
    assert_eq!(list.matches("==").count(), 4, "{list}");
}

#[test]
fn a_cry_for_help_reaches_every_console_though_nothing_is_recorded() {
    let mut bench = Bench::with_consoles();
    let radio = bench.on_duty();
    bench.give(Input::JournalFailed("gone".to_owned()));
    bench.written_list();
    for console in [DESK, WATCH] {
        bench.told(console);
    }
    let journal = bench.journal.len();
    for _ in 0..2 {
        press(&mut bench, radio);
        bench.work();
    }
    write(&mut bench, radio, (1, 7), "我在三楼");
    for console in [DESK, WATCH] {
        let told = bench.told(console);
        assert_eq!(told.len(), 2, "a repeat is not news: {told:?}");
        assert_eq!(told[0]["method"], "board.unrecorded");
        assert_eq!(told[0]["params"]["radio"], radio.0);
        assert_eq!(told[0]["params"]["emergency"], true);
        assert_eq!(told[1]["params"]["emergency"], false);
        assert_eq!(told[1]["params"]["text"], "我在三楼");
    }
    assert_eq!(bench.journal.len(), journal);
    bench.lists.clear();
    bench.later(Daemon::FALLBACK_EVERY_MS);
    let list = bench.written_list();
    assert!(list.contains("未入库的电台消息"), "{list}");
    assert!(
        list.contains("| 紧急求助") && list.contains("| 我在三楼"),
        "{list}"
    );
    press(&mut bench, radio);
    bench.later(10_000);
    press(&mut bench, radio);
    bench.work();
    assert_eq!(bench.told(WATCH).len(), 1, "it still calls");
}

#[test]
fn a_text_that_came_while_the_disk_was_behind_is_taken_when_it_is_sent_again() {
    let mut bench = Bench::with_consoles();
    let radio = bench.on_duty();
    bench.disk = false;
    for number in 0..=Daemon::UNDURABLE {
        bench.ask(DESK, "incident.report", &report(&number.to_string(), "III"));
    }
    assert!(bench.daemon.is_behind());
    bench.told(WATCH);
    write(&mut bench, radio, (1, 7), "我在三楼");
    assert!(taken(&bench).is_empty());
    let told = bench.told(WATCH);
    assert_eq!(told[0]["method"], "board.unrecorded", "{told:?}");
    bench.durable();
    bench.disk = true;
    bench.work();
    write(&mut bench, radio, (1, 7), "我在三楼");
    write(&mut bench, radio, (1, 7), "我在三楼");
    let texts = taken(&bench).into_iter().filter(|it| it == "我在三楼");
    assert_eq!(texts.count(), 1);
}

/// A roster of thousands: what a start gives the disk is bounded, and nobody is left out.
#[test]
fn who_begins_duty_with_the_daemon_waits_for_the_disk() {
    let mut bench = Bench::new();
    bench.disk = false;
    let unit = bench.daemon.engine().state().units.values().next().unwrap();
    let duty = Duty {
        crew: vec![CrewMember {
            officer: "1".to_owned(),
            sworn: true,
        }],
        vehicle: String::new(),
        terminals: Vec::new(),
        skills: Skills(0),
        area: String::new(),
        until_ms: None,
    };
    let (unit, by) = (unit.id, By::Roster);
    let on = Command::SignOn {
        unit,
        duty,
        by: by.clone(),
    };
    let off = Command::SignOff { unit, by };
    let turns = usize::try_from(Daemon::UNDURABLE).unwrap();
    let sign_on = [on, off].into_iter().cycle().take(2 * turns + 1);
    let now = bench.now;
    let mut out = Vec::new();
    bench.daemon.start(now, sign_on.collect(), &mut out);
    bench.take(out);
    assert!(bench.daemon.is_behind());
    bench.disk = true;
    bench.durable();
    bench.work();
    let of_duty = |event: &&Event| {
        matches!(
            event,
            Event::UnitSignedOn { .. } | Event::UnitSignedOff { .. }
        )
    };
    assert_eq!(bench.journal.iter().filter(of_duty).count(), 2 * turns + 1);
}
