//! What people do: accept, drive, arrive, clear; or decline, ignore, be recalled.

use super::*;
use crate::engine::id::Point;
use crate::geo::Wgs84;

const OFFER: &str = "#12 II级 交通事故 嘉荣广场 1.2公里";
const REQUEST: u32 = 12 << 4;

fn place(name: &str) -> Point {
    let found = config().places.iter().find(|place| place.name == name);
    found.unwrap().point
}

/// Where the last fix of a handheld puts it.
fn seen(bench: &Bench, radio: u32) -> Point {
    let fixes = bench.desk.log.fixes.iter().rev();
    let (.., gps) = fixes
        .into_iter()
        .find(|(_, from, ..)| *from == radio)
        .unwrap();
    let (latitude, longitude) = gps.place().unwrap();
    let degrees = |e7: i32| f64::from(e7) / 1e7;
    let at = Wgs84::new(
        degrees(latitude.degrees_e7()),
        degrees(longitude.degrees_e7()),
    );
    config().plane.project(at.unwrap()).unwrap()
}

fn offered(options: &RadioOptions) -> Bench {
    let mut bench = Bench::new(options);
    bench.run_until(5_000);
    bench.desk.send_text(FIRST, REQUEST, OFFER);
    bench
}

#[test]
fn an_offer_is_delivered_accepted_driven_to_and_cleared() {
    let mut bench = offered(&quiet());
    bench.run_to("the ack of delivery", |bench| {
        !bench.desk.log.acks.is_empty()
    });
    let (at_ms, request, radio, result) = bench.desk.log.acks[0];
    assert_eq!((request, radio, result), (REQUEST, FIRST, 0));
    // Half the air time to all of it.
    assert!((5_060..=5_120).contains(&at_ms), "{at_ms}");

    bench.run_to("rolling", |bench| bench.pressed("3 12").is_some());
    let rolled_ms = bench.now_ms;
    let leg = bench.world.muster.crews[0].leg;
    let far_cm = leg.place_at(rolled_ms).distance_cm(place("嘉荣广场"));
    bench.run_to("the scene", |bench| bench.pressed("4 12").is_some());
    // 10 m/s, sixty times as fast.
    let expected_ms = far_cm * 1000 / 1000 / 60;
    let took_ms = bench.now_ms - rolled_ms;
    assert!(
        took_ms.abs_diff(expected_ms) <= 2,
        "{took_ms} {expected_ms}"
    );

    // The crew shares a vehicle: the other handheld is there too, which never got a text.
    bench.run_until(bench.now_ms + 600);
    for radio in [FIRST, SECOND] {
        assert!(seen(&bench, radio).distance_cm(place("嘉荣广场")) <= 20);
    }
    bench.run_to("clear", |bench| bench.pressed("5 12").is_some());
    let keys = bench.keys(FIRST);
    let texts: Vec<&str> = keys.iter().map(|(_, text)| *text).collect();
    assert_eq!(texts, ["1 12", "3 12", "4 12", "5 12"]);
    assert!(bench.keys(SECOND).is_empty());
    // Half to one and a half of the mean, in simulated seconds: 5 for the key, 10 to roll.
    let accepted_ms = keys[0].0 - at_ms;
    assert!((41..=126).contains(&accepted_ms), "{accepted_ms}");
    assert!((83..=252).contains(&(rolled_ms - keys[0].0)));

    let stats = bench.world.stats();
    assert_eq!((stats.offers, stats.delivered, stats.texts), (1, 1, 1));
    assert_eq!(
        (stats.keys.accept, stats.keys.clear, stats.frames_lost),
        (1, 1, 0)
    );
    // Free again, it goes home and patrols.
    bench.run_until(bench.now_ms + 120_000);
    let home = bench.world.muster.crews[0].home;
    assert!(seen(&bench, FIRST).distance_cm(home) <= 40_100);
}

#[test]
fn a_recall_stops_it_where_it_is() {
    let mut bench = offered(&quiet());
    bench.run_to("rolling", |bench| bench.pressed("3 12").is_some());
    let arrive_ms = bench.world.muster.crews[0].leg.arrive_ms();
    bench.desk.send_text(FIRST, 13 << 4, "撤销 #12");
    bench.run_to("the recall", |bench| bench.world.stats().recalls == 1);
    assert!(bench.now_ms < arrive_ms);
    assert!(!bench.world.muster.crews[0].knows(12));
    bench.run_until(bench.now_ms + 300_000);
    assert_eq!(bench.pressed("4 12"), None);
    assert_eq!(bench.desk.log.acks.len(), 2);
}

#[test]
fn a_recall_before_the_key_is_pressed_takes_the_question_away() {
    let slow = RadioOptions {
        key_s: 600,
        ..quiet()
    };
    let mut bench = offered(&slow);
    bench.run_to("delivery", |bench| bench.desk.log.acks.len() == 1);
    bench.desk.send_text(FIRST, 13 << 4, "撤销 #12");
    bench.run_until(bench.now_ms + 300_000);
    assert_eq!(bench.world.stats().recalls, 1);
    assert!(bench.desk.log.texts.is_empty());
}

#[test]
fn the_next_attempt_is_acknowledged_and_not_accepted_again() {
    let mut bench = offered(&quiet());
    bench.run_to("accept", |bench| bench.pressed("1 12").is_some());
    bench.desk.send_text(FIRST, REQUEST | 1, OFFER);
    bench.run_until(bench.now_ms + 1_000);
    // The same incident as another message is not new to this crew either, on any handheld.
    bench.desk.send_text(SECOND, 40 << 4, OFFER);
    bench.run_to("clear", |bench| bench.pressed("5 12").is_some());
    // And long after it is done, a late copy of the first message is only acknowledged.
    bench.desk.send_text(FIRST, REQUEST | 2, OFFER);
    bench.run_until(bench.now_ms + 60_000);
    let acks: Vec<_> = bench
        .desk
        .log
        .acks
        .iter()
        .map(|ack| (ack.1, ack.3))
        .collect();
    assert_eq!(
        acks,
        [
            (REQUEST, 0),
            (REQUEST | 1, 0),
            (40 << 4, 0),
            (REQUEST | 2, 0)
        ]
    );
    assert_eq!(bench.desk.log.texts.len(), 4);
    assert_eq!(
        (bench.world.stats().offers, bench.world.stats().repeated),
        (1, 3)
    );
}

#[test]
fn a_new_offer_takes_the_crew_from_the_old_one() {
    let mut bench = offered(&quiet());
    bench.run_to("rolling", |bench| bench.pressed("3 12").is_some());
    bench
        .desk
        .send_text(FIRST, 20 << 4, "#20 I级 抢劫抢夺 田心广场南侧 800米");
    bench.run_to("clear", |bench| bench.pressed("5 20").is_some());
    assert_eq!(bench.pressed("5 12"), None);
    let words: Vec<&str> = bench
        .keys(FIRST)
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    assert!(
        words.ends_with(&["1 20", "3 20", "4 20", "5 20"]),
        "{words:?}"
    );
}

#[test]
fn a_place_nobody_knows_is_as_far_as_the_text_says() {
    let mut bench = Bench::new(&quiet());
    bench.run_until(5_000);
    bench
        .desk
        .send_text(FIRST, REQUEST, "#12 III级 盗窃 无名路8号 900米");
    bench.run_to("rolling", |bench| bench.pressed("3 12").is_some());
    let rolled_ms = bench.now_ms;
    bench.run_to("the scene", |bench| bench.pressed("4 12").is_some());
    // 900 m, or a half or a quarter where that leads out of town; 10 m/s, sixty times as fast.
    let took_ms = bench.now_ms - rolled_ms;
    assert!((370..=1_501).contains(&took_ms), "{took_ms}");
    assert_eq!(bench.world.stats().unknown_places, 1);
}

#[test]
fn people_decline_and_ignore_as_often_as_configured() {
    const OFFERS: u32 = 2_000;
    let mut bench = Bench::new(&RadioOptions {
        rates: Rates {
            decline: 0.2,
            ignore: 0.1,
            need_help: 0.1,
            group_text: 0.1,
            ..Rates::NONE
        },
        speed: 6_000.0,
        ..quiet()
    });
    bench.run_until(3_000);
    for number in 1..=OFFERS {
        let words = format!("#{number} IV级 噪音扰民 嘉荣广场 500米");
        bench.desk.send_text(FIRST, number << 4, &words);
        bench.run_until(bench.now_ms + 1_000);
    }
    let stats = bench.world.stats();
    assert_eq!(stats.offers, u64::from(OFFERS));
    let texts = bench.desk.log.texts.iter();
    let kinds = counted(texts.map(|(.., text)| text.split(' ').next().unwrap()));
    assert!((150..=250).contains(&stats.ignored), "{}", stats.ignored);
    // A fifth of the nine tenths that answer.
    assert!((300..=420).contains(&kinds["2"]), "{kinds:?}");
    assert_eq!(
        kinds["2"] + kinds["1"] + stats.ignored as usize,
        OFFERS as usize
    );
    assert!((80..=210).contains(&kinds["9"]), "{kinds:?}");
    assert!((80..=210).contains(&bench.desk.log.groups.len()));
    assert_eq!(stats.declines as usize, kinds["2"]);
}
