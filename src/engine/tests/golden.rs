//! Frozen bytes: what an engine once wrote must read the same for ever, on every machine.

use super::script::play;
use crate::engine::alarm::{About, AlarmKind};
use crate::engine::assignment::{Rung, Source};
use crate::engine::claim::{Desk, Freed};
use crate::engine::event::{By, Event, LinkName, Offer, Peer, RecallCause};
use crate::engine::id::{
    AlarmId, AssignmentId, CategoryCode, EngineTime, IncidentId, MessageNo, Point, ProposalId,
    RadioId, TaskId, UnitId,
};
use crate::engine::image::IMAGE_FORMAT;
use crate::engine::incident::{Classification, Report, Source as Line};
use crate::engine::message::{Body, Talkgroup};
use crate::engine::policy::{Grade, Limits, Need, Skills, UnitKind};
use crate::engine::position::Doubt;
use crate::engine::proposal::Over;
use crate::engine::ranking::{Candidate, PassedOver, Ranking, Reason, Why};
use crate::engine::task::TaskKind;
use crate::engine::unit::{CrewMember, Duty};
use std::collections::{BTreeMap, BTreeSet};

/// Bytes as written by the first version that wrote them.
const FROZEN: &str = include_str!("../../../fixtures/journal/events_v1.hex");

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2);
    let pairs = pairs.map(|pair| std::str::from_utf8(pair).unwrap());
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect()
}

/// The variant's name. There is no `_` here on purpose: a new variant must come with an example.
pub(super) fn name(event: &Event) -> &'static str {
    macro_rules! names {
        ($($variant:ident)*) => {
            match event {
                $(Event::$variant { .. } => stringify!($variant),)*
                Event::Call(event) => super::golden_case::call_name(event),
                Event::Case(event) => super::golden_case::case_name(event),
                Event::Suspect(event) => super::golden_case::suspect_name(event),
            }
        };
    }
    names! {
        PolicyPublished UnitRegistered UnitSignedOn UnitCrewEdited UnitSignedOff UnitTakenOut
        UnitReturned TerminalRegistered TerminalLost StrangerHeard PositionsNoted FixDoubted
        IncidentReported IncidentConfirmed IncidentRelocated IncidentNoted IncidentReviewed
        IncidentCancelled IncidentResolved IncidentClosed UnitsRanked AssignmentStacked
        AssignmentOffered AssignmentRetried AssignmentAdvanced AssignmentOverdue
        AssignmentDeclined AssignmentExpired AssignmentRecalled MessageQueued MessageRetried
        MessageDelivered MessageFailed TextReceived AlarmRaised AlarmRepeated AlarmAcked
        CommandAnswered GatewayLinked TalkgroupMessaged
        EmergencyRaised EmergencyRepeated EmergencyCancelled TaskOpened TaskDone
        SafetyScheduled SafetyAsked SafetyAnswered
        ProposalMade ProposalOverdue ProposalEnded RankingOverridden
        IncidentClaimed ClaimQuestioned ClaimReleased ProposalDeclined
    }
}

fn lines() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = FROZEN.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(' '))
}

#[test]
fn frozen_events_read_and_write_the_same() {
    for (label, text) in lines() {
        let bytes = unhex(text);
        let event: Event = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(name(&event), label);
        assert_eq!(
            hex(&postcard::to_allocvec(&event).unwrap()),
            text,
            "{label}"
        );
    }
}

/// What the frozen bytes mean stays the same too, and every variant has an example.
#[test]
fn every_event_is_frozen() {
    let frozen: Vec<(&str, &str)> = lines().collect();
    let mut numbers = BTreeSet::new();
    // Of the variants that hold an event of their own.
    let mut inner: BTreeMap<u8, BTreeSet<u8>> = BTreeMap::new();
    let mut missing = String::new();
    for event in examples() {
        let bytes = postcard::to_allocvec(&event).unwrap();
        numbers.insert(bytes[0]);
        if matches!(event, Event::Call(_) | Event::Case(_) | Event::Suspect(_)) {
            inner.entry(bytes[0]).or_default().insert(bytes[1]);
        }
        let text = hex(&bytes);
        if !frozen.contains(&(name(&event), &text)) {
            missing.push_str(&format!("{} {text}\n", name(&event)));
        }
    }
    assert!(missing.is_empty(), "not frozen; append:\n{missing}");
    let count = u8::try_from(numbers.len()).unwrap();
    assert_eq!(numbers, (0..count).collect(), "a variant has no example");
    assert!(postcard::from_bytes::<Event>(&[count, 0, 0, 0, 0]).is_err());
    for (number, inner) in inner {
        let count = u8::try_from(inner.len()).unwrap();
        assert_eq!(inner, (0..count).collect(), "a variant has no example");
        assert!(postcard::from_bytes::<Event>(&[number, count, 0, 0, 0]).is_err());
    }
}

const UNIT: UnitId = UnitId(300);
const INCIDENT: IncidentId = IncidentId(1042);
const ASSIGNMENT: AssignmentId = AssignmentId(70_000);
const MESSAGE: MessageNo = MessageNo(0x0FFF_FFFF);
const RADIO: RadioId = RadioId(0xFF_FFFF);
const AT: EngineTime = EngineTime(86_400_123);
const PLACE: Point = Point {
    x_cm: -123_456,
    y_cm: 789_012,
};

fn user() -> By {
    By::User(String::from("张三"))
}

fn duty() -> Duty {
    Duty {
        crew: vec![
            CrewMember {
                officer: String::from("044001"),
                sworn: true,
            },
            CrewMember {
                officer: String::from("F0102"),
                sworn: false,
            },
        ],
        vehicle: String::from("粤S1234警"),
        terminals: vec![RADIO, RadioId(1001)],
        skills: Skills(5),
        area: String::from("黄江"),
        until_ms: Some(-1),
    }
}

fn report(source: Line) -> Report {
    Report {
        source,
        by: String::from("taker"),
        place: String::from("黄江大道"),
        point: Some(PLACE),
        caller: String::from("13800000000"),
        text: String::from("两车相撞"),
        occurred_at_ms: Some(1_700_000_000_000),
        classification: Classification {
            category: Some(CategoryCode(301)),
            grade: Grade::Two,
        },
    }
}

fn ranking() -> Ranking {
    let reasons = [Reason::StraightLine, Reason::StaleFix, Reason::VoiceOnly].into();
    let why = [
        Why::Committed,
        Why::OutOfService,
        Why::LacksSkill,
        Why::LacksSworn,
        Why::Held,
        Why::Taken,
        Why::NoPosition,
    ];
    Ranking {
        as_of: 5_000_000_000,
        need: Need {
            skills: Skills(1),
            sworn: 2,
        },
        candidates: vec![Candidate {
            unit: UNIT,
            travel_ms: 61_000,
            distance_m: 610,
            point: PLACE,
            fix_age_ms: 4_321,
            reasons,
        }],
        passed_over: why
            .map(|why| PassedOver {
                unit: UnitId(2),
                travel_ms: 9,
                why,
            })
            .to_vec(),
    }
}

fn examples() -> Vec<Event> {
    let mut all = duty_examples();
    all.extend(incident_examples());
    all.extend(ladder_examples());
    all.extend(recall_examples());
    all.extend(other_examples());
    all.extend(desk_examples());
    all.extend(super::golden_case::examples());
    all
}

fn duty_examples() -> Vec<Event> {
    let (unit, radio, by) = (UNIT, RADIO, By::Roster);
    let mut all = vec![
        Event::PolicyPublished { hash: [0xA5; 32] },
        Event::UnitSignedOn {
            unit,
            duty: duty(),
            by: by.clone(),
        },
        Event::UnitCrewEdited {
            unit,
            duty: duty(),
            by: user(),
        },
        Event::UnitSignedOff {
            unit,
            by: by.clone(),
        },
        Event::UnitTakenOut {
            unit,
            reason: String::from("修车"),
            by: user(),
        },
        Event::UnitReturned {
            unit,
            by: By::Radio(RADIO),
        },
        Event::TerminalRegistered {
            radio,
            gateway: String::from("gw1"),
            slot: 2,
        },
        Event::TerminalLost { radio },
        Event::StrangerHeard { radio },
        Event::PositionsNoted {
            fixes: vec![(radio, PLACE, AT)],
        },
    ];
    all.extend(UnitKind::ALL.map(|kind| Event::UnitRegistered {
        unit,
        call_sign: String::from("铁骑01"),
        kind,
    }));
    let doubts = [Doubt::Future, Doubt::Stale, Doubt::Jump, Doubt::OutOfPlane];
    all.extend(doubts.map(|doubt| Event::FixDoubted {
        radio,
        point: PLACE,
        doubt,
    }));
    all
}

const LINES: [Line; 13] = [
    Line::Police110,
    Line::Traffic122,
    Line::Sms12110,
    Line::Web,
    Line::AlarmPanel,
    Line::GridWorker,
    Line::RadioEmergency,
    Line::City110,
    Line::Hotline12345,
    Line::Fire119,
    Line::Ambulance120,
    Line::Neighbour,
    Line::Patrol,
];

fn incident_examples() -> Vec<Event> {
    let (incident, review_at) = (INCIDENT, AT);
    let mut all = vec![
        Event::IncidentRelocated {
            incident,
            place: String::from("宝山路"),
            point: None,
            by: user(),
        },
        Event::IncidentNoted {
            incident,
            text: String::from("补充"),
            by: String::from("desk"),
        },
        Event::IncidentReviewed {
            incident,
            review_at,
        },
        Event::IncidentCancelled {
            incident,
            reason: String::from("误报"),
            by: user(),
        },
        Event::IncidentResolved {
            incident,
            by: By::Engine,
        },
        Event::IncidentClosed {
            incident,
            by: user(),
        },
        Event::UnitsRanked {
            incident,
            ranking: ranking(),
        },
    ];
    all.extend(LINES.map(|line| Event::IncidentReported {
        incident,
        report: report(line),
        review_at,
    }));
    all.extend(Grade::ALL.map(|grade| Event::IncidentConfirmed {
        incident,
        classification: Classification {
            category: None,
            grade,
        },
        needs: vec![
            Need::default(),
            Need {
                skills: Skills(1 << 31),
                sworn: 1,
            },
        ],
        limits: Limits {
            accept_ms: 1,
            roll_ms: 2,
            arrive_ms: 300,
            on_scene_ms: u32::MAX,
        },
        review_at,
        by: By::Engine,
    }));
    all
}

fn ladder_examples() -> Vec<Event> {
    let (assignment, incident, unit, message) = (ASSIGNMENT, INCIDENT, UNIT, MESSAGE);
    let (deadline, held_until) = (AT, EngineTime(u64::MAX));
    let offer = |terminal| Offer {
        terminal,
        distance_m: Some(1_500),
        deadline,
    };
    let mut all = vec![
        Event::AssignmentStacked {
            assignment,
            incident,
            unit,
            deadline,
            by: user(),
        },
        Event::AssignmentRetried {
            assignment,
            attempt: 16,
            terminal: RADIO,
            deadline,
        },
        Event::AssignmentOverdue {
            assignment,
            deadline,
        },
        Event::AssignmentDeclined {
            assignment,
            held_until,
            by: By::Radio(RADIO),
        },
        Event::AssignmentExpired {
            assignment,
            held_until,
        },
    ];
    all.extend(
        [Some(RADIO), None].map(|terminal| Event::AssignmentOffered {
            assignment,
            incident,
            slot: 31,
            unit,
            message,
            offer: offer(terminal),
            by: By::Engine,
        }),
    );
    let sources = [
        Source::Radio,
        Source::Voice,
        Source::Console,
        Source::Inferred,
    ];
    for (rung, source) in Rung::ALL.into_iter().zip(sources.into_iter().cycle()) {
        let by = By::Engine;
        all.push(Event::AssignmentAdvanced {
            assignment,
            rung,
            source,
            by,
            deadline,
        });
    }
    all
}

fn recall_examples() -> Vec<Event> {
    let causes = [
        RecallCause::Desk(String::from("就近")),
        RecallCause::IncidentEnded,
        RecallCause::Surplus,
        RecallCause::UnitLeft,
    ];
    causes
        .map(|cause| Event::AssignmentRecalled {
            assignment: ASSIGNMENT,
            cause,
            held_until: EngineTime(u64::MAX),
            by: user(),
        })
        .to_vec()
}

fn other_examples() -> Vec<Event> {
    let (message, unit, radio, deadline, alarm) = (MESSAGE, UNIT, RADIO, AT, AlarmId(9));
    let mut all = vec![
        Event::MessageRetried {
            message,
            attempt: 2,
            deadline,
        },
        Event::MessageDelivered { message },
        Event::MessageFailed { message },
        Event::TextReceived {
            radio,
            unit: Some(unit),
            text: String::from("收到"),
        },
        Event::AlarmRepeated { alarm },
        Event::AlarmAcked {
            alarm,
            by: String::from("desk"),
        },
        Event::CommandAnswered {
            user: String::from("desk"),
            method: String::from("incident.report"),
            key: String::from("k-1"),
            digest: [0x5A; 16],
            answer: String::from("{\"incident\":1042}"),
        },
        Event::GatewayLinked {
            link: LinkName {
                gateway: String::from("gw1"),
                service: String::from("TMP"),
                slot: 2,
            },
            peer: Peer {
                address: String::from("192.0.2.7:30007"),
                device_id: Some(99_999),
                channel: Some(2),
            },
        },
        Event::TalkgroupMessaged {
            message,
            talkgroup: Talkgroup(10_000),
            text: String::from("注意安全"),
            by: user(),
        },
    ];
    let bodies = [
        Body::Text(String::from("注意安全")),
        Body::Recalled(INCIDENT),
    ];
    all.extend(bodies.map(|body| Event::MessageQueued {
        message,
        unit,
        radio,
        body,
        deadline,
        by: user(),
    }));
    let kinds = [
        AlarmKind::NeedHelp,
        AlarmKind::NotDelivered,
        AlarmKind::NotAccepted,
        AlarmKind::NotRolling,
        AlarmKind::NotArrived,
        AlarmKind::OnSceneLong,
        AlarmKind::StackedLong,
        AlarmKind::VoiceOnly,
        AlarmKind::NoUnit,
        AlarmKind::NoPlace,
        AlarmKind::Unclassified,
        AlarmKind::LateReply,
        AlarmKind::ClearToConfirm,
        AlarmKind::MessageFailed,
        AlarmKind::Stranger,
        AlarmKind::ProposalUnanswered,
        AlarmKind::DeskGone,
    ];
    let about = About {
        incident: Some(INCIDENT),
        assignment: Some(ASSIGNMENT),
        unit: Some(UNIT),
        radio: None,
    };
    all.extend(kinds.map(|kind| Event::AlarmRaised { alarm, kind, about }));
    all.extend(emergencies(about));
    all.extend(safety(about));
    all
}

fn safety(about: About) -> Vec<Event> {
    let (assignment, radio) = (ASSIGNMENT, RADIO);
    vec![
        Event::SafetyScheduled { assignment, at: AT },
        Event::SafetyAsked {
            assignment,
            radio,
            deadline: AT,
        },
        Event::SafetyAnswered {
            assignment,
            next: Some(AT),
        },
        Event::AlarmRaised {
            alarm: AlarmId(9),
            kind: AlarmKind::SafetyUnanswered,
            about,
        },
        Event::MessageQueued {
            message: MESSAGE,
            unit: UNIT,
            radio,
            body: Body::Safety(INCIDENT),
            deadline: AT,
            by: By::Engine,
        },
    ]
}

fn emergencies(about: About) -> Vec<Event> {
    let (incident, radio, task) = (INCIDENT, RADIO, TaskId(77_000));
    let in_emergency = PassedOver {
        unit: UNIT,
        travel_ms: 1,
        why: Why::Emergency,
    };
    let ranking = Ranking {
        passed_over: vec![in_emergency],
        ..ranking()
    };
    vec![
        Event::EmergencyRaised {
            incident,
            radio,
            unit: Some(UNIT),
        },
        Event::EmergencyRepeated { incident, radio },
        Event::EmergencyCancelled { incident, radio },
        Event::TaskOpened {
            task,
            kind: TaskKind::Voice,
            about,
        },
        Event::TaskDone { task, by: user() },
        Event::UnitsRanked { incident, ranking },
    ]
}

fn desk_examples() -> Vec<Event> {
    let (proposal, incident, deadline) = (ProposalId(130), INCIDENT, AT);
    let desk = || Desk {
        user: String::from("张三"),
        console: 300,
    };
    let mut all = vec![
        Event::ProposalMade {
            proposal,
            incident,
            slot: 7,
            ranking: ranking(),
            deadline,
        },
        Event::ProposalOverdue { proposal, deadline },
        Event::RankingOverridden {
            assignment: ASSIGNMENT,
            shown: ranking(),
            by: user(),
        },
        Event::ClaimQuestioned {
            incident,
            renew_by: AT,
        },
    ];
    all.extend([None, Some(desk())].map(|from| Event::IncidentClaimed {
        incident,
        desk: desk(),
        from,
    }));
    let over = [
        Over::Answered,
        Over::UnitGone,
        Over::SlotFilled,
        Over::IncidentEnded,
    ];
    all.extend(over.map(|why| Event::ProposalEnded { proposal, why }));
    all.push(Event::ProposalDeclined {
        proposal,
        held_until: AT,
        reason: "车辆检修".into(),
        by: By::User("zhang".into()),
    });
    let freed = [Freed::Released, Freed::DeskGone, Freed::NotRenewed];
    all.extend(freed.map(|why| Event::ClaimReleased { incident, why }));
    all
}

/// A shift as a table; its log hashes the same in debug and release, on every machine.
const SHIFT: &str = "
    0.0    unit     铁骑01 motorcycle sworn=1     at 100,0  terminal 1001
    0.0    unit     铁骑02 motorcycle sworn=1 aid at 0,400  terminal 1002,1098
    0.0    unit     警车03 car        sworn=2     at -900,5 terminal 1003
    0.0    unit     步巡04 foot                   at 10,10  terminal 1004 silent
    1.0    report   injury  at 5,5   line 122
    2.0    report   theft   at 90,0  line 110
    2.5    report   -       at 70,70 line 122
    3.0    report   fight   at -5,0  line 110
    3.1    key      1001 9
    4.0    delivered 铁骑02
    4.5    fix      1003 at 50000,0 is Doubted(Jump)
    5.0    tick
    9.0    key      1002 1
    9.5    tick
    12.0   key      1003 2
    33.0   tick
    40.0   confirm  #3 traffic grade IV
    41.0   off      1001
    60.0   tick
    75.0   key      1002 4#1
    80.0   key      6666 hello
    90.0   text     铁骑02 return
    90.5   msg      delivered 1002
    99.0   key      1002 5
    99.5   place    #2 at -20,-20
    120.0  tick
    150.0  restart
    151.0  on       1001
    300.0  tick
    700.0  cancel   #4
    900.0  tick
    2400.0 tick
    2400.0 resolve  #2
    2500.0 close    #2
";

#[test]
fn a_shift_hashes_the_same_everywhere() {
    let mut hash = blake3::Hasher::new();
    let shift = play(SHIFT);
    for record in &shift.log {
        hash.update(&postcard::to_allocvec(record).unwrap());
    }
    let kinds: BTreeSet<&str> = shift.log.iter().map(|(_, event)| name(event)).collect();
    assert!(
        kinds.len() >= 24,
        "a shift should be full of events: {kinds:?}"
    );
    assert_eq!(
        (shift.log.len(), hash.finalize().to_hex().as_str()),
        (
            144,
            "67f6ef0272ab40603ca9d2dbe9378480360f2a2f92e2d0313dd65acdb2a89e2d"
        )
    );
}

/// What a snapshot holds of that shift. When this fails, the layout of the state or what events
/// make of it changed: raise `IMAGE_FORMAT`, so that old snapshots are left alone, and then put the
/// new figures here.
#[test]
fn the_image_of_a_shift_is_frozen_with_its_format() {
    let shift = play(SHIFT);
    let image = postcard::to_allocvec(&shift.engine.image()).unwrap();
    assert_eq!(
        (
            IMAGE_FORMAT,
            image.len(),
            blake3::hash(&image).to_hex().as_str()
        ),
        (
            4,
            1663,
            "49882015aa860d30fc846ed0d97937a4c5daecbe1814e95a41e68df79d238802"
        )
    );
}
