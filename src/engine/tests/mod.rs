//! Tests of the whole engine: lifecycle matrices, scenario tables, properties, frozen bytes.

mod audit;
mod bounds;
mod expect;
mod golden;
mod golden_case;

mod lifecycle;
mod property;
mod ranking;

mod scenario_call;
mod scenario_case;
mod scenario_claim;
mod scenario_duty;
mod scenario_emergency;
mod scenario_incident;
mod scenario_ladder;
mod scenario_queue;
mod scenario_recommend;
mod scenario_suspect;
mod script;
mod script_case;
mod script_suspect;

use super::id::{CategoryCode, RadioId};
use super::policy::{
    Category, Grade, Key, Ladder, Limits, Mode, Need, Plan, Policy, Skills, UnitKind,
};
use super::safety::SafetyChecks;
use super::suspect::Suspicion;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Skill bit of the tests: first aid.
const FIRST_AID: Skills = Skills(1);

/// A plan of these needs with short, round limits.
fn plan(needs: &[Need]) -> Plan {
    Plan {
        needs: needs.to_vec(),
        limits: Limits {
            accept_ms: 30_000,
            roll_ms: 60_000,
            arrive_ms: 600_000,
            on_scene_ms: 1_800_000,
        },
        feedback_ms: 0,
    }
}

/// The categories of the tests: key, grade, needs.
fn categories() -> Vec<(&'static str, Grade, Vec<Need>)> {
    let any = Need::default();
    let sworn = Need { sworn: 1, ..any };
    let aid = Need {
        skills: FIRST_AID,
        sworn: 0,
    };
    vec![
        ("traffic", Grade::Three, vec![any]),
        ("noise", Grade::Four, vec![any]),
        ("theft", Grade::Two, vec![sworn]),
        ("injury", Grade::Two, vec![aid, sworn, aid]),
        ("fight", Grade::One, vec![sworn, any]),
        ("march", Grade::Three, vec![any, any, any, any]),
    ]
}

/// A policy small enough to work out by hand. Category codes count from 1 in the order above.
fn policy(register: Vec<(String, UnitKind)>, terminals: &[u32]) -> Policy {
    let any = Need::default();
    let mut known = BTreeMap::new();
    let mut plans = BTreeMap::new();
    for (code, (key, grade, needs)) in (1u16..).zip(categories()) {
        let category = Category {
            key: key.to_owned(),
            name: key.to_owned(),
            grade,
        };
        known.insert(CategoryCode(code), category);
        for grade in Grade::ALL {
            let mut plan = plan(&needs);
            // Only this category has a limit for the form.
            plan.feedback_ms = if key == "march" { 3_600_000 } else { 0 };
            plans.insert((CategoryCode(code), grade), plan);
        }
    }
    let keys = [
        ("1", Key::Accept),
        ("2", Key::Decline),
        ("3", Key::Rolling),
        ("4", Key::OnScene),
        ("5", Key::Clear),
        ("9", Key::NeedHelp),
        ("90", Key::HelpOver),
        ("签收", Key::Accept),
    ];
    let shared = |(call_sign, kind): (String, UnitKind)| (call_sign.into(), kind);
    Policy {
        hash: [7; 32],
        mode: Mode::Auto,
        skill_names: BTreeMap::new(),
        categories: known,
        plans,
        default_plans: [&[any, any][..], &[any], &[any], &[any]].map(plan),
        emergency: plan(&[any, any]),
        register: register.into_iter().map(shared).collect(),
        terminals: Arc::new(terminals.iter().map(|id| RadioId(*id)).collect()),
        speed_cm_s: [1_000, 1_250, 500, 125],
        plausible_cm_s: 6_000,
        suspicion: Suspicion::default(),
        stale_fix_ms: 120_000,
        age_step_ms: [600_000, 1_200_000],
        safety: SafetyChecks {
            en_route_ms: None,
            on_scene_ms: Some([300_000, 900_000, 3_000_000, 3_000_000]),
            answer_ms: 60_000,
        },
        ladder: Ladder {
            send_ms: 2_000,
            deliver_ms: 2_000,
            attempts: 3,
            reoffer_ms: 120_000,
            stacked_ms: 300_000,
            unclassified_ms: 30_000,
            waiting_ms: [10_000, 30_000, 60_000, 120_000],
            proposal_ms: [8_000, 20_000, 40_000, 80_000],
        },
        answer_ms: 15_000,
        keys: keys.map(|(text, key)| (text.to_owned(), key)).into(),
        top_k: 3,
        max_open_incidents: 20,
    }
}
