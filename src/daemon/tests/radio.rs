//! What terminals send: positions, emergencies, texts and their order.

use super::*;

#[test]
fn positions_are_coalesced() {
    let mut bench = Bench::with_consoles();
    let radio = bench.on_duty();
    bench.ask(WATCH, "board.subscribe", &json!({}));
    bench.told(WATCH);
    let journal = bench.journal.len();
    for step in 0..500 {
        bench.later(1);
        let taken_ms = i64::try_from(bench.now.at.0).unwrap();
        let point = crate::engine::id::Point {
            x_cm: step,
            y_cm: 0,
        };
        bench
            .daemon
            .positions
            .insert(radio, (Fix { point, taken_ms }, (LinkId(0), 1)));
        if step % 50 == 0 {
            bench.work();
        }
    }
    bench.later(1_000);
    bench.work();
    let told = bench.told(WATCH);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["method"], "board.positions");
    assert_eq!(
        bench.journal.len(),
        journal,
        "positions are noted from time to time only"
    );
    bench.later(10_000);
    bench.work();
    let noted = bench.journal[journal..].iter();
    assert_eq!(
        noted
            .filter(|it| matches!(it, Event::PositionsNoted { .. }))
            .count(),
        1
    );
}

#[test]
fn positions_come_in_a_burst_while_an_emergency_is_open() {
    let mut bench = Bench::with_consoles();
    let radio = bench.on_duty();
    press(&mut bench, radio);
    bench.work();
    assert_eq!(subscribed(&mut bench), [5]);
    press(&mut bench, radio);
    bench.work();
    assert_eq!(subscribed(&mut bench), [0; 0], "it reports already");
    let ended = json!({ "key": "end", "incident": 1 });
    bench.ask(DESK, "incident.resolve", &ended);
    assert_eq!(subscribed(&mut bench), [30]);
}

#[test]
fn an_emergency_goes_before_all_that_waits_and_finds_room() {
    let mut bench = Bench::with_consoles();
    let radio = bench.on_duty();
    let ack = || {
        let text = String::from("好");
        let command = Command::RecordText { radio, text };
        Work::Radio(Inbound::Ack(command))
    };
    bench.daemon.urgent.extend((0..Daemon::LANE).map(|_| ack()));
    let before = bench.journal.len();
    press(&mut bench, radio);
    bench.work();
    let first = &bench.journal[before];
    assert!(matches!(first, Event::IncidentReported { .. }), "{first:?}");
    assert_eq!(bench.daemon.counts.radio_dropped, 0);
}

#[test]
fn emergencies_that_come_at_once_are_taken_in_their_order() {
    let mut bench = Bench::with_consoles();
    let first = bench.on_duty();
    let second = RadioId(first.0 + 1);
    let before = bench.journal.len();
    for radio in [first, second] {
        press(&mut bench, radio);
    }
    bench.work();
    let raised = bench
        .journal
        .iter()
        .skip(before)
        .filter_map(|event| match event {
            Event::EmergencyRaised { radio, .. } => Some(*radio),
            _ => None,
        });
    assert_eq!(raised.collect::<Vec<_>>(), [first, second]);
}

#[test]
fn an_emergency_a_repeater_tells_of_is_its_senders() {
    let mut bench = Bench::with_consoles();
    let radio = bench.on_duty();
    let told = |call, sender| RepeaterStatus {
        mode: 0,
        status: 4,
        service: 1,
        call: CallType(call),
        target: 110,
        sender,
    };
    for (call, sender, alarms) in [
        (1, radio.0, 0),
        (3, 0, 0),
        (5, radio.0, 1),
        (12, radio.0, 1),
    ] {
        let status = Message::Rcp(Rcp::RepeaterStatus(told(call, sender))).to_bytes(false);
        let far = bench.far.get_mut(&LinkId(0)).unwrap();
        far.link.send(bench.now.at.0, 1, status).unwrap();
        bench.carry(LinkId(0));
        bench.work();
        let is_new = |event: &&Event| matches!(event, Event::AlarmRaised { .. });
        let raised = bench.journal.iter().filter(is_new).count();
        assert_eq!(raised, alarms, "call type {call}");
    }
    bench.ask(DESK, "system.health", &json!({}));
    let repeater = &bench.last(DESK)["result"]["links"][0]["radio"]["repeater"];
    assert_eq!(repeater["call"], "emergency alarm call");
}

#[test]
fn a_text_sent_again_is_taken_once_and_an_older_one_makes_its_terminal_suspect() {
    let mut bench = Bench::with_consoles();
    let radio = bench.on_duty();
    for (request_id, words) in [(1, "a"), (1, "a"), (2, "b"), (1, "a")] {
        write(&mut bench, radio, (1, request_id), words);
    }
    assert_eq!(taken(&bench), ["a", "b", "a"]);
    write(&mut bench, radio, (1, 1), "a");
    let marked = format!("Marked {{ radio: {radio:?}, cause: Replay }}");
    assert_eq!(taken(&bench), ["a", "b", "a", marked.as_str(), "a"]);
    bench.ask(DESK, "system.health", &json!({}));
    let health = &bench.last(DESK)["result"];
    assert_eq!(health["since_start"]["texts_replayed"], 2);
    assert_eq!(health["since_start"]["suspected"]["replay"], 1);
    let acks = bench.air.iter().filter(|bytes| bytes[2] == 0xA2);
    assert_eq!(acks.count(), 5, "what arrived is acknowledged");
}

/// What makes a terminal suspect is not itself believed.
#[test]
fn the_key_that_comes_from_the_second_place_changes_nothing() {
    let mut bench = Bench::with_consoles();
    let radio = bench.on_duty();
    bench.ask(DESK, "incident.report", &report("one", "III"));
    let before = taken(&bench).len();
    for (request_id, slot) in [(1, 2), (2, 1), (3, 2)] {
        write(&mut bench, radio, (slot, request_id), "hello");
    }
    write(&mut bench, radio, (1, 4), "1");
    let marked = format!("Marked {{ radio: {radio:?}, cause: TwoPlaces }}");
    let wanted = ["hello", "hello", "hello", marked.as_str(), "1"];
    assert_eq!(taken(&bench)[before..], wanted);
}

#[test]
fn a_terminal_that_floods_delays_no_other() {
    let mut bench = Bench::with_consoles();
    let radio = bench.on_duty();
    let other = RadioId(radio.0 + 1);
    let most = usize::try_from(pace::OF_TERMINAL).unwrap();
    bench.later(1_000);
    for number in 0..10 * pace::OF_TERMINAL {
        write(&mut bench, radio, (2, number), "我在三楼");
    }
    let texts = |bench: &Bench, words| taken(bench).iter().filter(|it| *it == words).count();
    assert_eq!(texts(&bench, "我在三楼"), most);
    assert_eq!(
        bench.daemon.counts.radio_flooded,
        9 * u64::from(pace::OF_TERMINAL)
    );
    write(&mut bench, other, (3, 1), "我在四楼");
    assert_eq!(texts(&bench, "我在四楼"), 1, "another is heard");
    press(&mut bench, radio);
    bench.work();
    let raised = |event: &&Event| matches!(event, Event::EmergencyRaised { .. });
    assert_eq!(
        bench.journal.iter().filter(raised).count(),
        1,
        "so is its alarm key"
    );
    bench.later(1_000);
    write(&mut bench, radio, (4, 1), "我在三楼");
    assert_eq!(
        texts(&bench, "我在三楼"),
        most + 1,
        "a second later it is heard again"
    );
    for stranger in 0..2 * pace::OF_STRANGERS {
        write(&mut bench, RadioId(9_000_000 + stranger), (5, 1), "喂");
    }
    assert_eq!(
        bench.daemon.counts.radio_flooded,
        9 * u64::from(pace::OF_TERMINAL) + u64::from(pace::OF_STRANGERS)
    );
}
