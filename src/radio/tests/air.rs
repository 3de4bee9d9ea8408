//! What radios and links do: register, renew, report, repeat themselves, lose and delay.

use super::*;

const OFFER: &str = "#12 II级 交通事故 嘉荣广场 1.2公里";

#[test]
fn handhelds_register_report_and_renew() {
    let mut bench = Bench::new(&quiet());
    bench.desk.renew_s = 100;
    bench.run_until(60_000);
    let first: Vec<u32> = bench
        .desk
        .log
        .registrations
        .iter()
        .map(|(_, radio)| *radio)
        .collect();
    assert_eq!(first.len(), 2);
    assert!(
        bench
            .desk
            .log
            .registrations
            .iter()
            .all(|(at_ms, _)| *at_ms <= 1_500)
    );
    assert_eq!(
        (bench.world.stats().registered, bench.world.stats().links_up),
        (2, 6)
    );

    // Asked once, then every 30 simulated seconds: 500 ms.
    let fixes = &bench.desk.log.fixes;
    let asked = fixes
        .iter()
        .filter(|(_, _, cause, _)| *cause == Cause::Asked)
        .count();
    assert_eq!(asked, 2);
    let times: Vec<u64> = fixes
        .iter()
        .filter(|(_, radio, cause, _)| (*radio, *cause) == (FIRST, Cause::Subscribed))
        .map(|(at_ms, ..)| *at_ms)
        .collect();
    assert!(times.len() > 110);
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] == 500));
    for (at_ms, _, _, gps) in fixes {
        let wall_ms = WALL_MS + i64::try_from(*at_ms).unwrap();
        assert_eq!(gps.taken_utc_ms(), Some(wall_ms / 1000 * 1000));
    }

    // Renewed after 70 to 90 of 100 s of wall time, whatever the speed, and not asked again.
    bench.run_until(92_000);
    let renewed = &bench.desk.log.registrations[2..];
    assert_eq!(renewed.len(), 2);
    assert!(
        renewed
            .iter()
            .all(|(at_ms, _)| (70_000..=91_600).contains(at_ms))
    );
    assert_eq!(bench.world.stats().registrations, 4);
    assert_eq!(bench.world.stats().registered, 2);
}

#[test]
fn an_unanswered_registration_is_sent_again() {
    let mut bench = Bench::new(&quiet());
    bench.desk.deaf_to_registrations = 5;
    bench.run_to("both", |bench| bench.world.stats().registered == 2);
    assert!((6..=8).contains(&bench.desk.log.registrations.len()));
    assert!(bench.now_ms < 20_000);
}

#[test]
fn a_refused_handheld_waits_longer() {
    let mut bench = Bench::new(&RadioOptions {
        terminals: Terminals::List([RadioId(FIRST)].into()),
        ..quiet()
    });
    bench.desk.deaf_to_registrations = usize::MAX;
    bench.run_to("a registration", |bench| {
        !bench.desk.log.registrations.is_empty()
    });
    let refusal = Rrs::RegistrationAnswer {
        radio: RadioIp::terminal(FIRST).unwrap(),
        result: RegistrationResult::REFUSED,
        renew_s: 60,
    };
    let refused_ms = bench.now_ms;
    bench.desk.push(Service::Rrs, 1, &Message::Rrs(refusal));
    bench.run_to("another", |bench| bench.desk.log.registrations.len() == 2);
    assert_eq!(bench.now_ms - refused_ms, 30_000);
    assert_eq!(bench.world.stats().registered, 0);
}

#[test]
fn who_is_there_and_who_is_not() {
    let mut bench = Bench::new(&quiet());
    bench.run_until(3_000);
    for radio in [FIRST, 3_100_099] {
        let radio = RadioIp::terminal(radio).unwrap();
        bench
            .desk
            .push(Service::Rrs, 1, &Message::Rrs(Rrs::OnlineCheck(radio)));
    }
    bench.desk.send_text(3_100_099, 5 << 4, OFFER);
    bench.run_until(4_000);
    assert_eq!(bench.desk.log.online, [(FIRST, 0), (3_100_099, 1)]);
    let ack = bench.desk.log.acks[0];
    assert_eq!((ack.1, ack.2, ack.3), (5 << 4, 3_100_099, 8));
    assert_eq!(bench.world.stats().undelivered, 1);
}

#[test]
fn keys_are_repeated_until_acknowledged_and_in_order() {
    let mut bench = Bench::new(&quiet());
    bench.desk.deaf_to_texts = 3;
    bench.run_until(3_000);
    bench.desk.send_text(FIRST, 12 << 4, OFFER);
    bench.run_to("clear", |bench| bench.pressed("5 12").is_some());
    let words: Vec<&str> = bench
        .keys(FIRST)
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    assert_eq!(words, ["1 12", "3 12", "4 12", "5 12"]);
    assert_eq!(bench.desk.log.text_copies, 7);
    assert_eq!(bench.world.stats().unacknowledged, 0);
}

#[test]
fn a_key_nobody_acknowledges_is_given_up_and_the_next_one_goes() {
    let mut bench = Bench::new(&quiet());
    bench.desk.deaf_to_texts = 5;
    bench.run_until(3_000);
    bench.desk.send_text(FIRST, 12 << 4, OFFER);
    bench.run_to("clear", |bench| bench.pressed("5 12").is_some());
    assert_eq!(bench.world.stats().unacknowledged, 1);
    assert_eq!(bench.desk.log.text_copies, 8);
}

/// Sends offers like the daemon does: the next attempt when no ack came in time.
fn offers_with_attempts(options: &RadioOptions, offers: u32) -> Bench {
    let mut bench = Bench::new(options);
    bench.run_to("registration", |bench| bench.world.stats().registered == 2);
    for number in 1..=offers {
        let words = format!("#{number} II级 交通事故 嘉荣广场 1.2公里");
        for attempt in 0..16 {
            bench.desk.send_text(FIRST, number << 4 | attempt, &words);
            bench.run_until(bench.now_ms + 3_000);
            let acked = |ack: &(u64, u32, u32, u8)| ack.1 >> 4 == number && ack.3 == 0;
            if bench.desk.log.acks.iter().any(acked) {
                break;
            }
        }
    }
    bench.run_until(bench.now_ms + 60_000);
    bench
}

#[test]
fn texts_and_acks_lost_on_the_air_are_made_good_by_the_next_attempt() {
    const OFFERS: u32 = 100;
    let bench = offers_with_attempts(
        &RadioOptions {
            rates: Rates {
                delivery_loss: 0.5,
                delivery_fail: 0.1,
                ..Rates::NONE
            },
            ..quiet()
        },
        OFFERS,
    );
    let texts = counted(bench.desk.log.texts.iter().map(|(.., text)| text.as_str()));
    for number in 1..=OFFERS {
        assert_eq!(
            texts.get(format!("1 {number}").as_str()),
            Some(&1),
            "{number}"
        );
    }
    let stats = bench.world.stats();
    assert_eq!(
        (stats.offers, stats.keys.accept),
        (u64::from(OFFERS), u64::from(OFFERS))
    );
    assert!(stats.repeated > 10 && stats.undelivered > 5 && stats.lost_on_air > 50);
}

#[test]
fn a_network_that_loses_and_delays_does_not_stop_the_town() {
    let options = RadioOptions {
        rates: Rates {
            loss: 0.1,
            ..Rates::NONE
        },
        delay_ms: 150,
        ..quiet()
    };
    let bench = offers_with_attempts(&options, 20);
    let stats = bench.world.stats();
    assert_eq!(
        (stats.registered, stats.links_up, stats.keys.accept),
        (2, 6, 20)
    );
    assert!(stats.keys.clear >= 1 && stats.positions > 20);
    let all = stats.frames_sent + stats.frames_received;
    let rate = stats.frames_lost as f64 / (all as f64);
    assert!((0.07..0.14).contains(&rate), "{rate}");
}

#[test]
fn the_same_seed_gives_the_same_datagrams() {
    let run = |seed| {
        let options = RadioOptions {
            terminals: Terminals::Roster,
            rates: Rates {
                loss: 0.02,
                ..Rates::default()
            },
            delay_ms: 20,
            seed,
            ..quiet()
        };
        let mut bench = Bench::new(&options);
        bench.run_until(4_000);
        for number in 1..=30 {
            let words = format!("#{number} II级 交通事故 嘉荣广场 1.2公里");
            bench
                .desk
                .send_text(FIRST + number - 1, number << 4, &words);
        }
        bench.run_until(30_000);
        (bench.trace, bench.world.stats().clone())
    };
    let (trace, stats) = run(3);
    // Two offers to one crew within its key delay: only the later one is answered.
    assert!(stats.keys.accept >= 15 && stats.frames_lost > 20, "{stats}");
    assert_eq!(stats.registered, stats.handhelds);
    assert!(run(3) == (trace.clone(), stats));
    assert!(run(4).0 != trace);
}

#[test]
fn a_daemon_started_again_is_connected_to_and_registered_with_anew() {
    let mut bench = Bench::new(&quiet());
    bench.run_until(5_000);
    assert_eq!(bench.world.stats().registered, 2);
    let started_ms = bench.now_ms;
    bench.desk = Desk::new(&bench.world);
    bench.run_to("both again", |bench| {
        bench.desk.log.registrations.len() >= 2
    });
    // The first reports nobody acknowledges tell, long before the heartbeats would.
    assert!(bench.now_ms - started_ms < 10_000, "{}", bench.now_ms);
    assert!(bench.world.stats().reconnects >= 1);
    assert!(bench.desk.links.iter().all(Link::is_up));
}

#[test]
fn closed_links_tell_the_daemon() {
    let mut bench = Bench::new(&quiet());
    bench.run_until(3_000);
    bench.world.close(bench.now_ms, bench.wall_ms());
    bench.settle();
    assert!(bench.desk.links.iter().all(|link| !link.is_up()));
}

#[test]
fn a_gateway_the_daemon_connects_to_listens() {
    let mut config = config().clone();
    config.gateways[0].role = crate::config::GatewayRole::Connect;
    let world = World::new(0, WALL_MS, &config, &quiet()).unwrap();
    assert!(
        world
            .ports()
            .all(|port| matches!(port.end, End::Listen(at) if at.port() >= 30_001))
    );
}

#[test]
fn unknown_terminals_are_refused_and_all_are_known() {
    let with = |terminals| {
        let options = RadioOptions {
            terminals,
            ..quiet()
        };
        World::new(0, WALL_MS, config(), &options).map(|world| world.stats().handhelds)
    };
    assert_eq!(with(Terminals::All).unwrap(), 228);
    let stranger = with(Terminals::List([RadioId(5)].into()));
    assert!(stranger.is_err_and(|error| error.to_string().contains("terminal 5")));
    let nobody = with(Terminals::List(BTreeSet::new()));
    assert!(nobody.is_err_and(|error| error.to_string().contains("no terminal")));
}
