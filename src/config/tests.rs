//! The shipped config loads; edits of it give exactly the faults they should.

use super::*;
use crate::engine::policy::Key;
use crate::engine::suspect::Suspicion;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// The shipped files in memory, edited.
#[derive(Clone)]
struct Disk(BTreeMap<PathBuf, Vec<u8>>);

const MAIN: &str = "huangjiang.toml";

impl Disk {
    fn shipped() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
        let mut files = BTreeMap::new();
        files.insert(MAIN.into(), std::fs::read(root.join(MAIN)).unwrap());
        for entry in std::fs::read_dir(root.join("huangjiang")).unwrap() {
            let path = entry.unwrap().path();
            let name = Path::new("huangjiang").join(path.file_name().unwrap());
            files.insert(name, std::fs::read(path).unwrap());
        }
        Self(files)
    }

    fn load(&self) -> Result<Config, Faults> {
        Config::load_with(Path::new(MAIN), &mut |path| {
            self.0
                .get(path)
                .cloned()
                .ok_or_else(|| io::ErrorKind::NotFound.into())
        })
    }

    fn edit(&mut self, file: &str, from: &str, to: &str) {
        let bytes = self.0.get_mut(Path::new(file)).unwrap();
        let text = String::from_utf8(bytes.clone()).unwrap();
        assert!(text.contains(from), "{file} does not contain {from}");
        *bytes = text.replacen(from, to, 1).into_bytes();
    }
}

#[test]
fn the_shipped_config_holds_the_town() {
    let config = Disk::shipped()
        .load()
        .unwrap_or_else(|f| panic!("{:#?}", texts(&f.faults)));
    assert_eq!(config.terminals.len(), 228);
    assert_eq!(config.communities.len(), 7);
    assert_eq!(config.places.len(), 118);
    assert_eq!(config.usable_places().count(), 117);
    assert_eq!(config.register.len(), config.policy.register.len());
    assert_eq!(config.policy.plans.len(), config.categories.len() * 4);
    let squad: Vec<_> = config
        .officers
        .values()
        .filter(|o| &*o.squad == "铁骑大队")
        .collect();
    assert_eq!(squad.iter().filter(|o| o.sworn).count(), 12);
    assert_eq!(squad.len(), 50);
    assert_eq!(config.policy.speed_cm_s, [1000, 833, 500, 138]);
    let warned = texts(&config.warnings);
    assert_eq!(warned.len(), 1, "{warned:#?}");
    assert!(
        warned[0].starts_with("huangjiang/places.csv:6:"),
        "{}",
        warned[0]
    );
    assert!(warned[0].contains("real-11") && warned[0].contains("outside the outline"));
}

#[test]
fn each_shift_has_one_group_and_three_officer_led_pairs() {
    let config = Disk::shipped().load().unwrap();
    let start: DateTime = "2026-03-01T00:30".parse().unwrap();
    for hours in 0..24 * 16 {
        let at = start.checked_add(jiff::Span::new().hours(hours)).unwrap();
        let duty = config.roster_now(at);
        assert_eq!(duty.len(), 1, "{at}");
        assert!(duty[0].until > at && !duty[0].entries.is_empty());
        let led = duty[0]
            .entries
            .iter()
            .filter(|e| e.sworn > 0 && config.register[e.unit].call_sign.starts_with("铁骑"));
        assert_eq!(led.count(), 3, "{at}");
    }
    let group = |at: &str| {
        let duty = config.roster_now(at.parse().unwrap());
        (
            duty[0].group.key.clone(),
            duty[0].shift.key.clone(),
            duty[0].until.to_string(),
        )
    };
    let is = |g: &str, s: &str, u: &str| (g.to_owned(), s.to_owned(), u.to_owned());
    assert_eq!(
        group("2026-01-01T07:00"),
        is("A", "early", "2026-01-01T15:00:00")
    );
    assert_eq!(
        group("2026-01-01T22:59"),
        is("B", "late", "2026-01-01T23:00:00")
    );
    assert_eq!(
        group("2026-01-02T06:59"),
        is("C", "night", "2026-01-02T07:00:00")
    );
    assert_eq!(
        group("2025-12-31T07:00"),
        is("B", "early", "2025-12-31T15:00:00")
    );
}

/// An edit of one file: (file, from, to).
type Edit<'a> = (&'a str, &'a str, &'a str);

/// Applies the edits and compares what is found, in order, by the start and a part of each text.
#[track_caller]
fn check(edits: &[Edit<'_>], expected: &[(&str, &str)]) {
    let mut disk = Disk::shipped();
    for (file, from, to) in edits {
        disk.edit(file, from, to);
    }
    match disk.load() {
        Ok(config) => {
            // A warning only: the shipped one is always there.
            let found = texts(&config.warnings);
            assert_eq!(
                found.len(),
                expected.len() + 1,
                "no fault; warnings {found:#?}"
            );
            for (file, part) in expected {
                let hit = |t: &&String| t.starts_with(file) && t.contains(part);
                assert!(found.iter().any(|t| hit(&t)), "{part}: {found:#?}");
            }
        }
        Err(faults) => {
            let found = texts(&faults.faults);
            assert_eq!(found.len(), expected.len(), "{found:#?}");
            for ((file, part), text) in expected.iter().zip(&found) {
                assert!(
                    text.starts_with(file) && text.contains(part),
                    "{part}: {found:#?}"
                );
            }
        }
    }
}

/// Each fault as the operator reads it, with the help behind.
fn texts(faults: &[Fault]) -> Vec<String> {
    use miette::Diagnostic;
    let help = |f: &Fault| f.help().map_or(String::new(), |h| format!(" [{h}]"));
    faults.iter().map(|f| format!("{f}{}", help(f))).collect()
}

#[test]
fn a_terminal_has_an_address() {
    let config = Disk::shipped().load().unwrap();
    let address = config.address_of(RadioId(3_100_001)).unwrap();
    assert_eq!(address.to_string(), "10.47.77.97");
    assert_eq!(config.address_of(RadioId(1)), None);
}

#[test]
fn names_that_stand_for_nothing() {
    const T: &str = "huangjiang.toml:";
    check(
        &[(
            MAIN,
            r#"skills = ["traffic"] }]"#,
            r#"skills = ["trafic"] }]"#,
        )],
        &[(
            T,
            "unknown skill `trafic` [did you mean `traffic`? known: traffic, order",
        )],
    );
    check(
        &[(MAIN, "top_k = 8", "topk = 8")],
        &[
            (T, "ranking: the key `top_k` is missing"),
            (T, "ranking.topk: unknown key `topk` [did you mean `top_k`?"),
        ],
    );
    check(
        &[(MAIN, r#"category = "domestic""#, r#"category = "domestik""#)],
        &[(T, "unknown category `domestik` [did you mean `domestic`?")],
    );
    check(
        &[(MAIN, r#"grade = ["II", "III"]"#, r#"grade = ["II", "V"]"#)],
        &[
            (T, "no plan for reports without a category, grade III"),
            (
                T,
                "plan[1].grade: unknown grade `V` [known: I, II, III, IV]",
            ),
        ],
    );
    check(
        &[(MAIN, r#"mode = "auto""#, r#"mode = "manual""#)],
        &[(T, "mode: unknown mode `manual` [known: auto, recommend]")],
    );
    check(
        &[(MAIN, "[log]", "[logg]")],
        &[
            (T, "the key `log` is missing"),
            (T, "logg: unknown key `logg` [did you mean `log`?"),
        ],
    );
    check(
        &[(MAIN, "Asia/Shanghai", "Asia/Shangai")],
        &[(T, "failed to find the time zone")],
    );
    check(
        &[(
            "huangjiang/officers.csv",
            "traffic order crime",
            "traffic ordr crime",
        )],
        &[(
            "huangjiang/officers.csv:2:",
            "skills: unknown skill `ordr` [did you mean `order`?",
        )],
    );
    check(
        &[("huangjiang/officers.csv", ",A,traffic", ",E,traffic")],
        &[(
            "huangjiang/officers.csv:2:",
            "group: unknown duty group `E` [known: A, B, C, D]",
        )],
    );
    check(
        &[("huangjiang/units.csv", "motorcycle", "motorcicle")],
        &[(
            "huangjiang/units.csv:2:",
            "unknown kind `motorcicle` [did you mean `motorcycle`?",
        )],
    );
    check(
        &[("huangjiang/roster.csv", "P0001 F0001", "P0001 P9999")],
        &[("huangjiang/roster.csv:2:", "crew: unknown officer `P9999`")],
    );
}

#[test]
fn numbers_beyond_their_limits() {
    const T: &str = "huangjiang.toml:";
    check(
        &[(MAIN, "attempts = 3", "attempts = 17")],
        &[(T, "17 is not in 1 to 16")],
    );
    check(
        &[(MAIN, "attempts = 3", "attempts = 0")],
        &[(T, "ladder.attempts: 0 is not in 1 to")],
    );
    check(
        &[(MAIN, "attempts = 3", "attempts = 99999999999999999999")],
        &[(T, "ladder.attempts: failed to read the number")],
    );
    check(
        &[(MAIN, "attempts = 3", "attempts = \"3\"")],
        &[(T, "ladder.attempts: a whole number is needed, not string")],
    );
    check(
        &[(MAIN, "accept_s = { I = 30,", "accept_s = {")],
        &[(T, "profile.sample-town.accept_s: the key `I` is missing")],
    );
    check(
        &[(MAIN, "feedback_s = { I = 3600,", "feedback_s = {")],
        &[(T, "profile.sample-town.feedback_s: the key `I` is missing")],
    );
    check(
        &[(
            MAIN,
            "feedback_s = { I = 3600,",
            "feedback_s = { I = 43201,",
        )],
        &[(T, "43201 is not in 1 to 43200")],
    );
    check(
        &[(MAIN, "answer_s = 15", "answer_s = 0")],
        &[(T, "calls.answer_s: 0 is not in 1 to")],
    );
    check(
        &[(MAIN, "send_ms = 1_600", "send_ms = 1_000")],
        &[(T, "ack_ms x tries is 1200 ms")],
    );
    check(
        &[(MAIN, "bit = 6", "bit = 32")],
        &[(T, "skill[6].bit: 32 is not in 0 to 31")],
    );
    check(
        &[(MAIN, "bit = 6", "bit = 5")],
        &[(T, "bit 5 is taken by skill `breath_test`")],
    );
    check(
        &[(MAIN, "code = 3004", "code = 3003")],
        &[(T, "3003 is taken by category `help`")],
    );
    check(
        &[(MAIN, "plane_lat_e7 = 228", "plane_lat_e7 = 828")],
        &[(T, "failed to lay a plane at latitude 82.87")],
    );
    check(
        &[("huangjiang/terminals.csv", "3100228,", "16777216,")],
        &[(
            "huangjiang/terminals.csv:229:1: radio_id",
            "16777216 is not in 1 to 16777215",
        )],
    );
    check(
        &[("huangjiang/terminals.csv", "3100228,", "3100227,")],
        &[(
            "huangjiang/terminals.csv:229:1: radio_id",
            "`3100227` stands twice, first at huangjiang/terminals.csv:228",
        )],
    );
    check(
        &[("huangjiang/communities.csv", "22.91581", "NaN")],
        &[("huangjiang/communities.csv:2:", "is not finite")],
    );
}

#[test]
fn emergencies_and_safety_checks() {
    const T: &str = "huangjiang.toml:";
    let needs =
        "needs = [{ sworn = 1 }, {}]\nprofile = \"sample-town\"\norigin = \"sample\"\n\n# ----";
    let edit = |to: &'static str| [(MAIN, needs, to)];
    check(
        &edit("needs = []\nprofile = \"sample-town\"\norigin = \"sample\"\n# ----"),
        &[(T, "emergency.needs")],
    );
    check(
        &edit("needs = [{}]\nprofile = \"sample-twon\"\norigin = \"sample\"\n# ----"),
        &[(T, "emergency.profile: unknown profile `sample-twon`")],
    );
    check(
        &[(MAIN, "on_scene_s = { I = 900,", "on_scene_s = { I = 0,")],
        &[(T, "safety.on_scene_s.I: 0 is not in 1 to")],
    );
    check(
        &[(
            MAIN,
            "on_scene_s = { I = 900,",
            "on_scene_s = { V = 1, I = 900,",
        )],
        &[(T, "safety.on_scene_s.V: unknown key `V`")],
    );
    check(
        &[(MAIN, "answer_s = 60", "answers_s = 60")],
        &[
            (T, "safety: the key `answer_s` is missing"),
            (T, "safety.answers_s: unknown key `answers_s`"),
        ],
    );
}

#[test]
fn suspicion() {
    const T: &str = "huangjiang.toml:";
    let shipped = Disk::shipped().load().unwrap();
    assert_eq!(shipped.policy.suspicion, Suspicion::default());
    check(
        &[(MAIN, "changes = 4", "changes = 1")],
        &[(T, "suspect.changes: 1 is not in 2 to 100")],
    );
    check(
        &[(MAIN, "changes_within_s = 60", "changes_within_s = 0")],
        &[(T, "suspect.changes_within_s: 0 is not in 1 to 86400")],
    );
    check(
        &[(MAIN, "at_once = 8", "at_once = 256")],
        &[(T, "suspect.at_once: 256 is not in 0 to 255")],
    );
    check(
        &[
            (MAIN, "jumps = 3", "jump = 3"),
            (MAIN, "replays = 2", "replays = 0"),
        ],
        &[
            (T, "suspect.jump: unknown key `jump`"),
            (T, "suspect.replays: 0 is not in 1 to 100"),
        ],
    );
}

/// The shipped section is a comment that says the least allowed, which is also what is usual.
#[test]
fn retention_is_never_shorter_than_allowed() {
    const T: &str = "huangjiang.toml:";
    let mut disk = Disk::shipped();
    let least = Retention {
        logs_days: 180,
        incidents_years: 3,
    };
    assert_eq!(disk.load().unwrap().retention, least);
    for line in ["[retention]", "logs_days", "incidents_years"] {
        disk.edit(MAIN, &format!("# {line}"), line);
    }
    assert_eq!(disk.load().unwrap().retention, least);
    disk.edit(MAIN, "logs_days = 180", "logs_days = 400");
    disk.edit(MAIN, "incidents_years = 3", "incidents_years = 10");
    let wanted = Retention {
        logs_days: 400,
        incidents_years: 10,
    };
    assert_eq!(disk.load().unwrap().retention, wanted);
    check(
        &[
            (MAIN, "# [retention]", "[retention]"),
            (MAIN, "# logs_days = 180", "logs_days = 179"),
            (MAIN, "# incidents_years = 3", "incidents_years = 2"),
        ],
        &[
            (T, "retention.logs_days: 179 is not in 180 to 36500"),
            (T, "retention.incidents_years: 2 is not in 3 to 100"),
        ],
    );
}

/// Each setting lands where it belongs, and the section may be left out.
#[test]
fn suspicion_as_set() {
    let mut disk = Disk::shipped();
    let set = [
        ("changes = 4 ", "changes = 5 "),
        ("changes_within_s = 60 ", "changes_within_s = 6 "),
        ("jumps = 3 ", "jumps = 7 "),
        ("replays = 2 ", "replays = 8 "),
        ("within_s = 600 ", "within_s = 9 "),
        ("late_s = 600 ", "late_s = 10 "),
        ("at_once = 8 ", "at_once = 0 "),
    ];
    for (from, to) in set {
        disk.edit(MAIN, from, to);
    }
    let wanted = Suspicion {
        changes: 5,
        changes_within_ms: 6_000,
        jumps: 7,
        replays: 8,
        within_ms: 9_000,
        late_ms: 10_000,
        at_once: 0,
    };
    assert_eq!(disk.load().unwrap().policy.suspicion, wanted);
    let text = String::from_utf8(disk.0[Path::new(MAIN)].clone()).unwrap();
    let (before, rest) = text.split_once("[suspect]").unwrap();
    let (_, after) = rest.split_once("[calls]").unwrap();
    let without = format!("{before}[calls]{after}").into_bytes();
    disk.0.insert(MAIN.into(), without);
    assert_eq!(disk.load().unwrap().policy.suspicion, Suspicion::default());
}

/// The shipped files with a commented gateway switched on.
fn with_gateway(name: &str) -> Disk {
    let mut disk = Disk::shipped();
    let text = String::from_utf8(disk.0[Path::new(MAIN)].clone()).unwrap();
    let head = format!("# [[gateway]]\n# name = \"{name}\"");
    let (before, rest) = text.split_once(&head).unwrap();
    let (gateway, after) = rest.split_once("\n\n").unwrap();
    // One mark less: what stands behind two stays a comment.
    let gateway = format!("\n{head}{gateway}").replace("\n# ", "\n");
    let text = format!("{before}{gateway}\n\n{after}");
    disk.0.insert(MAIN.into(), text.into_bytes());
    disk
}

fn with_serial() -> Disk {
    with_gateway("huangjiang-serial")
}

fn with_homebrew() -> Disk {
    let mut disk = with_gateway("huangjiang-dmr");
    let main = Path::new(MAIN);
    disk.0.insert(
        main.with_file_name("homebrew.secret"),
        b"s3cr37w0rd\n".into(),
    );
    let numbers = b"radio,dmr\n3100001,4600123\n110,9\n";
    disk.0
        .insert(main.with_file_name("numbers.csv"), numbers.into());
    disk
}

#[test]
fn the_commented_homebrew_gateway_is_a_good_one() {
    let config = with_homebrew().load().unwrap();
    let [_, gateway] = &config.gateways[..] else {
        panic!("{:?}", config.gateways)
    };
    let port = gateway.air.as_ref().unwrap();
    assert_eq!(
        (port.port, &*port.passphrase.0),
        (62_031, &b"s3cr37w0rd"[..])
    );
    assert_eq!(port.repeaters, [4_600_001, 4_600_002]);
    assert_eq!(port.plan.to_air(3_100_001).unwrap().number(), 4_600_123);
    assert_eq!(gateway.ports().count(), 1);
    let shown = format!("{config:?}");
    assert!(!shown.contains("s3cr37w0rd") && !shown.contains("115, 51, 99"));
}

#[test]
fn a_homebrew_gateway_is_told_what_is_wrong_with_it() {
    for (file, from, to, expected) in [
        (MAIN, "port = 62_031", "port = 0", "port"),
        (MAIN, "\"4600002\"", "\"4600001\"", "twice"),
        (MAIN, "\"4600002\"", "\"one\"", "`one` is no repeater's id"),
        (MAIN, "\"numbers.csv\"", "\"none.csv\"", "none.csv"),
        (
            MAIN,
            "dispatcher = 4_600_000",
            "dispatcher = 9",
            "is the dispatcher's",
        ),
        ("numbers.csv", "110,9", "3100001,9", "stands twice"),
        ("numbers.csv", "4600123", "x", "`x` is not a whole number"),
        ("homebrew.secret", "s3cr37w0rd", "  ", "no passphrase"),
    ] {
        let mut disk = with_homebrew();
        let path = Path::new(MAIN).with_file_name(file);
        let path = if file == MAIN { MAIN.into() } else { path };
        let text = String::from_utf8(disk.0[&path].clone()).unwrap();
        assert!(text.contains(from), "{from}");
        disk.0.insert(path, text.replace(from, to).into_bytes());
        let faults = texts(&disk.load().unwrap_err().faults).join("\n");
        assert!(faults.contains(expected), "{expected} in {faults}");
    }
}

fn with_http() -> Disk {
    let mut disk = with_gateway("huangjiang-http");
    let secret = Path::new(MAIN).with_file_name("http.secret");
    disk.0.insert(secret, b"s3cr37w0rd\n".into());
    disk
}

#[test]
fn the_commented_gateway_behind_http_is_a_good_one() {
    let config = with_http().load().unwrap();
    let [_, gateway] = &config.gateways[..] else {
        panic!("{:?}", config.gateways)
    };
    let port = gateway.http.as_ref().unwrap();
    let at = (port.address.to_string(), port.path.as_str());
    assert_eq!(at, ("192.168.20.60:8080".into(), "/pdt"));
    assert_eq!(port.token, Some(Token("s3cr37w0rd".into())));
    let timers = (port.answer_ms, port.tries, port.retry_ms, port.wait_s);
    assert_eq!(timers, (500, 2, 500, 20));
    assert_eq!((gateway.links.len(), gateway.ports().count()), (0, 1));
    assert!(!texts(&config.warnings).join("\n").contains("answer_ms"));
    assert!(!format!("{config:?}").contains("s3cr37w0rd"));
}

#[test]
fn a_gateway_behind_http_is_told_what_is_wrong_with_it() {
    let twice = "[[gateway]]\nname = \"b\"\ntransport = \"http\"\norigin = \"sample\"\n\
                 url = \"http://192.168.20.60:8080/pdt/\"\n\n[console]";
    for (file, from, to, expected) in [
        (MAIN, "\"http\"", "\"htp\"", "`htp`"),
        (MAIN, "http://192", "https://192", "is not http://ADDRESS"),
        (MAIN, "192.168.20.60", "gateway.example", "no host name"),
        (MAIN, "tries = 2\n", "tries = 0\n", "tries: 0 is not in"),
        (MAIN, "wait_s = 20", "role = \"listen\"", "gateway[1].role"),
        (
            MAIN,
            "answer_ms = 500",
            "answer_ms = 600",
            "1700 ms, longer",
        ),
        (MAIN, "[console]", twice, "is taken by another gateway"),
        ("http.secret", "s3cr37w0rd", "two words", "no token"),
        ("http.secret", "s3cr37w0rd", "  ", "no token"),
    ] {
        let mut disk = with_http();
        let path = Path::new(MAIN).with_file_name(file);
        let path = if file == MAIN { MAIN.into() } else { path };
        let text = String::from_utf8(disk.0[&path].clone()).unwrap();
        assert!(text.contains(from), "{from}");
        disk.0.insert(path, text.replacen(from, to, 1).into_bytes());
        let told = match disk.load() {
            Ok(config) => texts(&config.warnings).join("\n"),
            Err(faults) => texts(&faults.faults).join("\n"),
        };
        assert!(told.contains(expected), "{expected} in {told}");
    }
}

#[test]
fn work_orders_are_for_gateways_that_know_them_and_states_mean_one_thing() {
    let usual = Disk::shipped().load().unwrap();
    assert!(!usual.gateways[0].work_orders);
    assert_eq!(usual.radio.work_states[&0x10], Key::Decline);
    assert_eq!(usual.radio.work_states.len(), 5);

    let commented = "# work_states = { accept = 0x20, decline = 0x10";
    let states = |to: &str| {
        let mut disk = Disk::shipped();
        disk.edit(MAIN, commented, to);
        disk.edit(MAIN, "# work_orders = true", "work_orders = true");
        disk.load()
    };
    let set = states("work_states = { accept = 0x31, decline = 0x10").unwrap();
    assert!(set.gateways[0].work_orders);
    assert_eq!(set.radio.work_states[&0x31], Key::Accept);
    for (to, expected) in [
        (
            "work_states = { accept = 0x10, decline = 0x10",
            "0x10 means Accept already",
        ),
        ("work_states = { accept = 1, decline = 0x10", "accept"),
        (
            "work_states = { accepted = 0x31, decline = 0x10",
            "accepted",
        ),
    ] {
        let faults = texts(&states(to).unwrap_err().faults).join("\n");
        assert!(faults.contains(expected), "{expected} in {faults}");
    }

    let mut other = with_homebrew();
    other.edit(MAIN, "port = 62_031", "work_orders = true\nport = 62_031");
    let faults = texts(&other.load().unwrap_err().faults).join("\n");
    assert!(faults.contains("work_orders"), "{faults}");
}

#[test]
fn a_receiver_is_in_the_vehicle_of_a_known_terminal() {
    let gps = |id: &str| {
        let mut disk = Disk::shipped();
        let receiver = format!(
            "[[gps]]\nname = \"gps-1\"\nserial = \"/dev/ttyUSB1\"\n\
             radio_id = {id}\norigin = \"sample\"\n\n[console]\n"
        );
        disk.edit(MAIN, "[console]\n", &receiver);
        disk.load()
    };
    assert_eq!(gps("3_100_001").unwrap().gateways.len(), 2);
    let faults = gps("3_100_999").unwrap_err().faults;
    let [fault] = &faults[..] else {
        panic!("{:?}", texts(&faults))
    };
    let told = texts(&faults).join("");
    assert!(told.starts_with("huangjiang.toml:"), "{told}");
    assert!(
        told.contains("unknown terminal of a receiver `3100999`"),
        "{told}"
    );
    assert_eq!(fault.key, "gps[0].radio_id", "{told}");
}

#[test]
fn the_commented_serial_gateway_is_a_good_one() {
    let config = with_serial().load().unwrap();
    let [_, gateway] = &config.gateways[..] else {
        panic!("{:?}", config.gateways)
    };
    let port = gateway.serial.as_ref().unwrap();
    assert_eq!((port.path.as_str(), port.baud), ("/dev/ttyUSB0", 115_200));
    assert_eq!((gateway.links.len(), gateway.ports().count()), (0, 1));
    let tries = (port.ack_ms, port.tries, port.quiet_s);
    assert_eq!(tries, (500, 3, 60));
}

#[test]
fn a_serial_gateway_may_be_a_tetra_terminal() {
    let edited = |from: &str, to: &str| {
        let mut disk = with_serial();
        disk.edit(MAIN, "\"hrnp\"", "\"pei\"");
        disk.edit(MAIN, from, to);
        disk.load()
    };
    let flag = "broadcast_on_first = false ";
    let setup = |to: &str| {
        let config = edited(flag, to).unwrap();
        match config.gateways[1].serial.clone().unwrap().speaks {
            Speaks::Pei(setup) => setup,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(setup("# "), ["E0", "+CTSDS=12,0,0,0,1"]);
    let own = setup("setup = [\"ATZ\", \"AT+CTSP=1,3,130\"] # ");
    assert_eq!(own, ["Z", "+CTSP=1,3,130"]);
    for (to, expected) in [
        ("setup = [\"AT\\rZ\"] # ", "printable characters"),
        ("broadcast_on_first = true # ", "broadcast_on_first"),
    ] {
        let told = match edited(flag, to) {
            Ok(config) => texts(&config.warnings).join("\n"),
            Err(faults) => texts(&faults.faults).join("\n"),
        };
        assert!(told.contains(expected), "{to}: {told}");
    }
}

#[test]
fn a_receiver_is_a_port_of_its_own() {
    let with = |serial: &str| {
        let mut disk = with_serial();
        let gps = format!(
            "[[gps]]\nname = \"gps-1\"\nserial = \"{serial}\"\nradio_id = 3_100_001\n\
             origin = \"sample\"\n\n[console]"
        );
        disk.edit(MAIN, "[console]", &gps);
        disk.load()
    };
    let config = with("/dev/ttyUSB1").unwrap();
    let port = config.gateways[2].serial.as_ref().unwrap();
    assert_eq!((port.baud, &port.speaks), (4_800, &Speaks::Nmea(3_100_001)));
    let told = texts(&with("/dev/ttyUSB0").unwrap_err().faults).join("\n");
    assert!(told.contains("is taken by another gateway"), "{told}");
}

#[test]
fn a_serial_gateway_is_told_what_is_wrong_with_it() {
    let faults = |from: &str, to: &str| {
        let mut disk = with_serial();
        disk.edit(MAIN, from, to);
        let config = disk.load();
        match config {
            Ok(config) => texts(&config.warnings).join("\n"),
            Err(faults) => texts(&faults.faults).join("\n"),
        }
    };
    for (from, to, expected) in [
        ("\"hrnp\"", "\"hrmp\"", "`hrmp`"),
        (
            "baud = 115_200",
            "baud = 300",
            "gateway[1].baud: 300 is not in",
        ),
        (
            "serial = \"/dev/ttyUSB0\"\n",
            "",
            "the key `serial` is missing",
        ),
        ("quiet_s = 60", "host = \"127.0.0.1\"", "gateway[1].host"),
        (
            "ack_ms = 500",
            "ack_ms = 1000",
            "the engine tries again before the link gives up",
        ),
    ] {
        let told = faults(from, to);
        assert!(told.contains(expected), "{to}: {told}");
    }
}

#[test]
fn plans_keys_and_ports() {
    const T: &str = "huangjiang.toml:";
    check(
        &[(MAIN, "needs = [{ sworn = 1 }, { count = 1 }]", "needs = []")],
        &[(T, "plan[0].needs: at least one is needed")],
    );
    check(
        &[(MAIN, "{ count = 1 }]", "{ count = 8 }]")],
        &[(T, "asks for 9 units; the most is 8")],
    );
    check(
        &[(
            MAIN,
            "category = [\"noise\", \"help\"]",
            "category = [\"noise\", \"traffic_jam\"]",
        )],
        &[(
            T,
            "plan[10]: covers a category and grade that `plan[9]` covers too",
        )],
    );
    check(
        &[(MAIN, r#"decline = ["2","#, r#"decline = ["1","#)],
        &[(T, "key text `1` stands twice")],
    );
    check(
        &[(MAIN, r#"clear = ["5", "#, r#"clear = ["5 5", "#)],
        &[(T, "and no space")],
    );
    check(
        &[(MAIN, "port = 30008", "port = 30007")],
        &[(T, "port 30007 is taken by gateway[0].links[4].port")],
    );
    check(
        &[(MAIN, "slot = 2, port = 30008", "slot = 1, port = 30008")],
        &[
            ("huangjiang.toml:", "slot 1 has two links"),
            ("huangjiang/terminals.csv:3:", "has no TMP link on slot 2"),
        ],
    );
    check(
        &[(MAIN, "127.0.0.1:7111", "127.0.0.1:7110")],
        &[(T, "taken by console.listen")],
    );
    check(
        &[(MAIN, "127.0.0.1:7110", "0.0.0.0:7110")],
        &[(T, "set allow_plaintext = true")],
    );
    check(
        &[
            (MAIN, "127.0.0.1:7110", "0.0.0.0:7110"),
            (MAIN, "allow_plaintext = false", "allow_plaintext = true"),
        ],
        &[(T, "in plain text, as allowed")],
    );
    check(
        &[(MAIN, "127.0.0.1:7111", "10.0.0.1:7111")],
        &[(T, "ask nobody who they are")],
    );
    check(
        &[(MAIN, "\"127.0.0.1\"", "\"gateway.local\"")],
        &[(T, "gateway[0].host: `gateway.local` is not such an address")],
    );
    check(
        &[(MAIN, "10.250.0.1", "10.47.77.97")],
        &[("huangjiang/terminals.csv:2:", "address of the dispatcher")],
    );
}

#[test]
fn outlines_and_places() {
    const T: &str = "huangjiang.toml:";
    check(
        &[(MAIN, "outline_area_km2 = 93.3", "outline_area_km2 = 73.5")],
        &[(
            T,
            "its area is 92.9 km2, +26.4 % against the stated 73.5 km2",
        )],
    );
    check(
        &[(
            MAIN,
            "[113.9275, 22.8003, 114.0558, 22.9387]",
            "[113.9325, 22.7976, 114.0609, 22.936]",
        )],
        &[(T, "is it in another datum?")],
    );
    check(
        &[(
            "huangjiang/places.csv",
            "22.9180,114.01048,wgs84",
            "22.9180,113.01048,wgs84",
        )],
        &[("huangjiang/places.csv:2:", "place `real-01`")],
    );
    check(
        &[(
            "huangjiang/places.csv",
            "22.9180,114.01048,wgs84",
            "22.9180,114.01048,beijing54",
        )],
        &[(
            "huangjiang/places.csv:2:",
            "unknown datum `beijing54` [known: wgs84, gcj02, bd09]",
        )],
    );
    check(
        &[("huangjiang/units.csv", "grid-005", "real-11")],
        &[(
            "huangjiang/units.csv:2:",
            "`real-11` lies outside the outline and is not used",
        )],
    );
}

#[test]
fn rosters() {
    const R: &str = "huangjiang/roster.csv";
    check(
        &[(R, "P0002 F0002", "P0001 F0002")],
        &[
            (
                "huangjiang/roster.csv:3:",
                "`P0001` stands twice in shift `early` of group `A`",
            ),
            (
                "huangjiang/roster.csv:3:",
                "`P0001` stands twice in shift `late` of group `A`",
            ),
            (
                "huangjiang/roster.csv:3:",
                "`P0001` stands twice in shift `night` of group `A`",
            ),
        ],
    );
    check(
        &[(
            R,
            "A,*,铁骑01,P0001 F0001,3100001",
            "A,night,铁骑01,P0001 F0001,3100006",
        )],
        &[(
            "huangjiang/roster.csv:3:",
            "`3100006` stands twice in shift `night` of group `A`",
        )],
    );
    check(
        &[(R, "A,*,铁骑02", "A,*,铁骑01")],
        &[
            (
                "huangjiang/roster.csv:5:",
                "unit: `铁骑01` stands twice in shift `early`",
            ),
            (
                "huangjiang/roster.csv:5:",
                "`铁骑01` stands twice in shift `late`",
            ),
            (
                "huangjiang/roster.csv:5:",
                "`铁骑01` stands twice in shift `night`",
            ),
        ],
    );
    check(
        &[(
            MAIN,
            "officer_led_motorcycles_max = 3",
            "officer_led_motorcycles_max = 2",
        )],
        &[(R, "has 3 officer-led motorcycle pairs"); 12],
    );
    check(
        &[(R, "A,*,铁骑01", "A,dawn,铁骑01")],
        &[(
            "huangjiang/roster.csv:2:",
            "unknown shift `dawn` [known: early, late, night]",
        )],
    );
    check(
        &[(
            MAIN,
            r#""late", "night", "night""#,
            r#""late", "rest", "rest""#,
        )],
        &[(
            R,
            "nobody is on duty in 64 hours of the cycle, first 2026-01-01T00:00:00",
        )],
    );
    check(
        &[(
            MAIN,
            r#"[{ skills = ["order"], sworn = 1 }]"#,
            "[{ sworn = 5 }]",
        )],
        &[(R, "can fill a slot of the plan of `domestic`, grade I"); 12],
    );
    check(
        &[(
            MAIN,
            "cycle_start = \"2026-01-01\"",
            "cycle_start = \"2026-13-01\"",
        )],
        &[("huangjiang.toml:", "`2026-13-01` is not a date")],
    );
}

#[test]
fn tables_that_are_not_tables() {
    let with = |file: &str, bytes: &[u8], part: &str| {
        let mut disk = Disk::shipped();
        disk.0.insert(file.into(), bytes.to_vec());
        let found = texts(&disk.load().unwrap_err().faults);
        assert!(found.iter().any(|t| t.contains(part)), "{part}: {found:#?}");
    };
    const C: &str = "huangjiang/communities.csv";
    with(C, b"", "is empty");
    with(C, b"\xef\xbb\xbf \r\n", "is empty");
    with(C, b"key,name,lat,lon,datum,origin\n", "has no rows");
    with(C, b"key,name,lat,lon,datum\n", "column `origin` is missing");
    with(
        C,
        b"key,name,lat,lon,datun,origin\n",
        "unknown column `datun` [did you mean `datum`?",
    );
    with(C, b"key,key,lat,lon,datum,origin\n", "`key` stands twice");
    with(
        C,
        b"key,name,lat,lon,datum,origin\na,b\n",
        "2 fields, the header 6",
    );
    with(
        C,
        b"key,name,lat,lon,datum,origin\na,\xc9\xe7,1,1,wgs84,real\n",
        ":2:3: is not UTF-8",
    );
    with(
        C,
        &vec![b','; load::TABLE_BYTES_MAX + 1],
        "is larger than 32768 KiB",
    );
    with(
        MAIN,
        &vec![b' '; load::MAIN_BYTES_MAX + 1],
        "is larger than 1024 KiB",
    );
    with(MAIN, b"", "huangjiang.toml: is empty");
    with(MAIN, b"mode = \n[town\nname = 3", "huangjiang.toml:1:");
    with(
        "huangjiang/outline_wgs84.geojson",
        b"{",
        "failed to read the outline",
    );

    let mut disk = Disk::shipped();
    disk.0.remove(Path::new(C));
    let found = texts(&disk.load().unwrap_err().faults);
    assert!(
        found
            .iter()
            .any(|t| t.contains("failed to read huangjiang/communities.csv"))
    );
    assert!(Config::load(Path::new("/nowhere/at all.toml")).is_err());
}

#[test]
fn a_mark_and_quotes_and_other_line_ends_are_fine() {
    let mut disk = Disk::shipped();
    for bytes in disk.0.values_mut() {
        let text = String::from_utf8(bytes.clone())
            .unwrap()
            .replace('\n', "\r\n");
        *bytes = format!("\u{feff}{text}").into_bytes();
    }
    disk.edit(
        "huangjiang/communities.csv",
        "样例社区一",
        "\"样例,社区\"\"一\"\"\"",
    );
    let config = disk
        .load()
        .unwrap_or_else(|f| panic!("{:#?}", texts(&f.faults)));
    assert_eq!(config.communities[0].name, "样例,社区\"一\"");
    assert_eq!(config.warnings[0].line, 6);
    assert_eq!(config.warnings[0].column, 21);
}

#[test]
fn all_at_once_and_in_order() {
    check(
        &[
            (MAIN, "top_k = 8", "top_k = 0"),
            (MAIN, "attempts = 3", "attempts = 17"),
            (MAIN, "chain = \"blake3\"", "chain = \"md5\""),
            ("huangjiang/officers.csv", ",true,", ",yes,"),
            ("huangjiang/places.csv", "114.01048", "east"),
            ("huangjiang/terminals.csv", ",10,", ",256,"),
            ("huangjiang/units.csv", "breath_test", "breathing"),
        ],
        &[
            ("huangjiang.toml:", "ranking.top_k: 0 is not in 1 to 16"),
            ("huangjiang.toml:", "ladder.attempts"),
            (
                "huangjiang.toml:",
                "unknown chain `md5` [known: blake3, sm3]",
            ),
            ("huangjiang/officers.csv:2:", "unknown sworn `yes`"),
            ("huangjiang/places.csv:2:", "`east` is not a number"),
            (
                "huangjiang/terminals.csv:2:9: subnet",
                "256 is not in 0 to 255",
            ),
            ("huangjiang/units.csv:3:", "unknown skill `breathing`"),
        ],
    );
}

#[test]
fn the_hash_covers_every_file() {
    let whole = Disk::shipped().load().unwrap().policy.hash;
    for (file, from, to) in [
        (MAIN, "# Huangjiang", "# huangjiang"),
        ("huangjiang/officers.csv", "样例警员001", "样例警员一"),
        ("huangjiang/outline_wgs84.geojson", "poi86.com", "poi86.org"),
    ] {
        let mut disk = Disk::shipped();
        disk.edit(file, from, to);
        assert_ne!(disk.load().unwrap().policy.hash, whole, "{file}");
    }
    assert_eq!(Disk::shipped().load().unwrap().policy.hash, whole);
}

#[test]
fn broken_bytes_never_panic() {
    let shipped = Disk::shipped();
    let mut seed = 1_u64;
    let mut next = |n: usize| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % n
    };
    let names: Vec<PathBuf> = shipped.0.keys().cloned().collect();
    for round in 0..120 {
        let mut disk = shipped.clone();
        let name = if round % 2 == 0 {
            PathBuf::from(MAIN)
        } else {
            names[next(names.len())].clone()
        };
        let bytes = disk.0.get_mut(&name).unwrap();
        let at = next(bytes.len());
        match round % 3 {
            0 => bytes.truncate(at),
            1 => bytes[at] = u8::try_from(next(256)).unwrap(),
            _ => {
                let to = (at + next(200)).min(bytes.len());
                bytes.drain(at..to);
            }
        }
        let _ = disk.load();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_is_a_fault_and_no_panic(text in "\\PC{0,200}|([a-z\\[\\]=\"{},.\n 0-9]{0,200})") {
        let mut disk = Disk::shipped();
        disk.0.insert(MAIN.into(), text.clone().into_bytes());
        prop_assert!(disk.load().is_err());
        disk = Disk::shipped();
        disk.0.insert("huangjiang/roster.csv".into(), text.into_bytes());
        prop_assert!(disk.load().is_err());
    }
}
