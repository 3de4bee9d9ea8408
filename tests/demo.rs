//! What the commands print and exit with: the demo's report against its own journal, frames decoded
//! or refused, a broken config's faults.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail the test"
)]

mod common;

use common::tieqi;
use serde_json::Value;
use std::process::Output;
use tieqi::cli::audit::{Acked, Audit, Figures, Told};
use tieqi::config::Config;
use tieqi::config::sample::{FILES, MAIN};
use tieqi::engine::event::Event;
use tieqi::engine::id::EngineTime;
use tieqi::journal::{FileDisk, Kind};

fn run(args: &[&str]) -> Output {
    tieqi().args(args).env_remove("RUST_LOG").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The figures with one event left out, the `skipped`th report if any.
fn audited(events: &[(EngineTime, Event)], acked: &[Acked], skipped: Option<usize>) -> Figures {
    let mut audit = Audit::new(Config::sample().unwrap().policy.ladder);
    let mut reports = 0;
    for (at, event) in events {
        if matches!(event, Event::IncidentReported { .. }) {
            reports += 1;
            if skipped == Some(reports - 1) {
                continue;
            }
        }
        audit.take(*at, event);
    }
    let (end, _) = events.last().unwrap();
    audit.finish(*end, acked).0
}

/// Every figure the report must have.
const FIGURES: [&str; 12] = [
    "incidents",
    "offered",
    "sent",
    "delivered",
    "accepted",
    "on_scene",
    "cleared",
    "retries",
    "declines",
    "frames_lost",
    "silent_past_limit",
    "lost",
];

#[test]
fn the_demo_loses_nothing_and_would_say_so_if_it_did() {
    let dir = tempfile::tempdir().unwrap();
    let keep = dir.path().to_str().unwrap();
    let args = [
        "demo",
        "--for",
        "3s",
        "--rate",
        "10",
        "--seed",
        "5",
        "--emergency",
        "--json",
        "--keep",
        keep,
    ];
    println!("seed 5");
    let demo = run(&args);
    let (said, complained) = (text(&demo.stdout), text(&demo.stderr));
    assert_eq!(demo.status.code(), Some(0), "{said}{complained}");
    let report: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    for figure in FIGURES {
        assert!(report[figure].is_u64(), "{figure}: {report}");
    }
    for stage in ["offer_to_sent_us", "report_to_frame_us"] {
        assert!(
            report[stage]["p50"].as_u64() <= report[stage]["p99"].as_u64(),
            "{report}"
        );
        assert!(report[stage]["p50"].is_u64(), "{report}");
    }
    assert_eq!(
        (&report["lost"], &report["silent_past_limit"]),
        (&0.into(), &0.into())
    );
    assert!(report["cleared"].as_u64() > Some(0), "{report}");
    assert_eq!(report["emergencies"], 1, "{report}");
    assert!(report["emergency_to_backup_us"].is_object(), "{report}");

    let mut events = Vec::new();
    tieqi::journal::read(
        &mut FileDisk::read_only(dir.path()),
        1,
        u64::MAX,
        |record| {
            if record.kind == Kind::EVENT {
                let event = postcard::from_bytes::<Event>(record.payload).unwrap();
                events.push((EngineTime(record.time_ms), event));
            }
        },
    )
    .unwrap();
    let acked = events.iter().filter_map(|(_, event)| match event {
        Event::IncidentReported {
            incident, report, ..
        } => Some(Acked {
            incident: *incident,
            told: Told::of(report),
        }),
        _ => None,
    });
    let acked: Vec<_> = acked.collect();
    assert_eq!(report["incidents"], acked.len());
    assert_eq!(audited(&events, &acked, None).lost, 0);
    // One record dropped on purpose, whichever.
    for skipped in [0, acked.len() / 2, acked.len() - 1] {
        let figures = audited(&events, &acked, Some(skipped));
        assert_eq!(
            (figures.lost, figures.incidents),
            (1, acked.len() as u64 - 1)
        );
    }
    // The number alone is not enough: it must be that very call.
    let mut swapped = acked.clone();
    swapped[0].told = acked[1].told.clone();
    assert_eq!(audited(&events, &swapped, None).lost, 1);
    let verified = run(&["journal", "verify", keep]);
    assert_eq!(
        verified.status.code(),
        Some(0),
        "{}",
        text(&verified.stdout)
    );
    // It starts with a fresh journal or not at all.
    assert_eq!(run(&args).status.code(), Some(1));
}

/// The same town behind DMR repeaters: its texts go as bursts, and are delivered when the radios say
/// so.
#[test]
fn the_demo_loses_nothing_over_homebrew() {
    let dir = tempfile::tempdir().unwrap();
    let keep = dir.path().to_str().unwrap();
    let demo = run(&[
        "demo",
        "--transport",
        "homebrew",
        "--for",
        "4s",
        "--rate",
        "2",
        "--json",
        "--keep",
        keep,
    ]);
    let (said, complained) = (text(&demo.stdout), text(&demo.stderr));
    assert_eq!(demo.status.code(), Some(0), "{said}{complained}");
    let report: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&report["lost"], &report["silent_past_limit"]),
        (&0.into(), &0.into())
    );
    assert!(report["delivered"].as_u64() > Some(0), "{report}");
    assert!(report["accepted"].as_u64() > Some(0), "{report}");
    let told = text(&run(&["journal", "show", keep]).stdout);
    assert!(told.contains("repeater-4600001"), "{told}");
}

#[test]
fn frames_are_decoded_or_refused() {
    let mut refused = 0;
    for file in ["hytera_hdap.json", "hytera_hstrp.json", "hytera_hrnp.json"] {
        let path = format!("{}/fixtures/radio/{file}", env!("CARGO_MANIFEST_DIR"));
        let vectors: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let mut good = String::new();
        for vector in vectors.as_array().unwrap() {
            let hex = vector["hex"].as_str().unwrap();
            if vector.to_string().contains("\"checksum_verifies\":false") {
                refused += 1;
                let decoded = run(&["decode", hex]);
                assert_eq!(decoded.status.code(), Some(1), "{}", vector["name"]);
                assert!(
                    text(&decoded.stdout).contains("checksum"),
                    "{}",
                    vector["name"]
                );
            } else {
                good = hex.to_owned();
            }
        }
        assert_eq!(
            run(&["decode", &good]).status.code(),
            Some(0),
            "{file}: {good}"
        );
    }
    assert_eq!(refused, 2, "the two edited frames");
    // A known service with an opcode nobody knows is shown raw.
    let unknown = run(&["decode", "02040005006400000001c403"]);
    assert_eq!(unknown.status.code(), Some(0));
    let offer = "0900a1001a000000070a0003e90a000001668bc5603a00c49e5f6c275953908f03";
    assert!(text(&run(&["decode", offer]).stdout).contains("警情:黄江大道"));
    assert_eq!(run(&["decode"]).status.code(), Some(2));
}

/// The same heartbeat in hex, as it is and captured, by name and from stdin: nobody is told which.
#[test]
fn files_are_decoded_whatever_they_hold() {
    let dir = tempfile::tempdir().unwrap();
    let heartbeat = [0x32, 0x42, 0, 2, 0, 0];
    // A pcap file of raw IP with one UDP datagram from 10.0.0.1 to 10.0.0.2.
    let header = [0xD4C3_B2A1u32, 0x0200_0400, 0, 0, 0xFFFF_0000, 0x6500_0000];
    let packet = [0x1027_0000u32, 0, 0x2200_0000, 0x2200_0000];
    let ip = [0x4500_0022u32, 0, 0x4011_0000, 0x0A00_0001, 0x0A00_0002];
    let udp = [0x7531_7537u32, 0x000E_0000];
    let words = header.iter().chain(&packet).chain(&ip).chain(&udp);
    let mut pcap: Vec<u8> = words.flat_map(|word| word.to_be_bytes()).collect();
    pcap.extend(heartbeat);
    let way = "packet 1 at 1970-01-01T02:46:40Z from 10.0.0.1:30001 to 10.0.0.2:30007: 6 bytes";
    for (name, bytes, head) in [
        ("hex", &b"32 42 00 02 00 00\n"[..], "line 1: 6 bytes"),
        ("binary", &heartbeat, "byte 0: 6 bytes"),
        ("capture", &pcap, way),
    ] {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let named = run(&["decode", path.to_str().unwrap()]);
        let piped = tieqi()
            .args(["decode", "-"])
            .stdin(std::fs::File::open(&path).unwrap())
            .output()
            .unwrap();
        for decoded in [&named, &piped] {
            let said = text(&decoded.stdout);
            assert_eq!(decoded.status.code(), Some(0), "{name}: {said}");
            assert!(said.starts_with(head), "{name}: {said}");
            assert!(said.contains("HEARTBEAT"), "{name}: {said}");
        }
    }
    let path = dir.path().join("cut");
    std::fs::write(&path, &pcap[..pcap.len() - 1]).unwrap();
    let decoded = run(&["decode", path.to_str().unwrap()]);
    assert_eq!(decoded.status.code(), Some(1));
    let damage = "damaged at byte 24: a packet of 34 bytes, 33 left";
    assert!(text(&decoded.stdout).contains(damage));
}

#[test]
fn a_broken_config_is_told_by_file_key_and_line() {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in FILES {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let main = dir.path().join(MAIN);
    let sample = std::fs::read_to_string(&main).unwrap();
    let broken = sample
        .replace("top_k = 8 ", "top_k = 0 ")
        .replace("age_step_s", "age_stop_s");
    std::fs::write(&main, &broken).unwrap();
    let line_of = |word: &str| {
        broken
            .lines()
            .position(|line| line.starts_with(word))
            .unwrap()
            + 1
    };
    let path = main.to_str().unwrap();
    let checked = run(&["check", path, "--json"]);
    assert_eq!(checked.status.code(), Some(2));
    let told: Value = serde_json::from_slice(&checked.stdout).unwrap();
    let faults = told["faults"].as_array().unwrap();
    for (key, word) in [
        ("ranking.top_k", "top_k"),
        ("queue.age_stop_s", "age_stop_s"),
    ] {
        let fault = faults.iter().find(|fault| fault["key"] == key);
        let fault = fault.unwrap_or_else(|| unreachable!("no {key} in {told}"));
        assert_eq!(fault["file"], path);
        assert_eq!(fault["line"], line_of(word), "{fault}");
    }
    let said = text(&run(&["check", path]).stdout);
    for word in [MAIN, "top_k", "age_stop_s", &line_of("top_k").to_string()] {
        assert!(said.contains(word), "no {word} in {said}");
    }
    // The daemon does not start on it either, and says where the fault is.
    let served = run(&["serve", path]);
    let said = text(&served.stderr);
    assert_eq!(served.status.code(), Some(2), "{said}");
    assert!(
        said.contains("top_k") && said.contains("age_stop_s"),
        "{said}"
    );
}
