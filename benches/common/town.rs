//! A town of any size: the sample config with its register replaced by units on a lattice.

use jiff::civil::date;
use std::sync::Arc;
use tieqi::config::{Config, Gateway, GatewayLink, Officer, Origin, Service, Terminal, UnitEntry};
use tieqi::engine::id::{Point, RadioId};
use tieqi::engine::policy::{Limits, Skills, UnitKind};
use tieqi_protocols::gps::{Angle, Date, Gps, Time};

/// Radio id of the first unit.
pub(crate) const FIRST_RADIO: u32 = 1_000_001;

/// Call sign of a unit, counted from 0.
pub(crate) fn call_sign(unit: u32) -> String {
    format!("B{unit:06}")
}

/// Service number of its one officer.
pub(crate) fn officer(unit: u32) -> String {
    format!("P{unit:06}")
}

/// Where a unit stands, WGS-84 in 1e-7 degrees: a lattice of about 28 km by 28 km.
pub(crate) fn place_e7(unit: u32) -> (i32, i32) {
    let (row, column) = ((unit / 142) as i32, (unit % 142) as i32);
    (227_500_000 + row * 18_000, 1_138_700_000 + column * 20_000)
}

/// The fix of a unit so far north of its place, 1e-7 degrees, standing, at a wall time.
pub(crate) fn fix(unit: u32, north_e7: i32, wall_ms: i64) -> anyhow::Result<Gps> {
    let (lat_e7, lon_e7) = place_e7(unit);
    let at = jiff::Timestamp::from_millisecond(wall_ms)?.to_zoned(jiff::tz::TimeZone::UTC);
    Ok(Gps {
        valid: true,
        time: Some(Time {
            hour: at.hour() as u8,
            minute: at.minute() as u8,
            second: at.second() as u8,
        }),
        date: Some(Date {
            year: at.year() as u16,
            month: at.month() as u8,
            day: at.day() as u8,
        }),
        latitude: Some(Angle::from_degrees_e7(lat_e7 + north_e7)),
        longitude: Some(Angle::from_degrees_e7(lon_e7)),
        speed_dkn: Some(0),
        course_deg: Some(0),
    })
}

/// The config: every socket takes a free port, people have an hour for everything.
pub(crate) fn config(units: u32) -> anyhow::Result<Config> {
    let mut config = Config::sample()?;
    config.console.listen.set_port(0);
    config.http.listen.set_port(0);
    config.roster.sign_on_at_start = false;
    config.roster.entries.clear();
    config.roster.cycle_start = date(2026, 1, 1);
    let link = |service| GatewayLink {
        service,
        slot: 1,
        port: 0,
    };
    let links = [Service::Rrs, Service::Lp, Service::Tmp].map(link).to_vec();
    let gateway = Gateway {
        links,
        ..config.gateways[0].clone()
    };
    config.gateways = vec![gateway];
    let hour = 3_600_000;
    let limits = Limits {
        accept_ms: hour,
        roll_ms: hour,
        arrive_ms: hour,
        on_scene_ms: hour,
    };
    let policy = &mut config.policy;
    policy
        .plans
        .values_mut()
        .for_each(|plan| plan.limits = limits);
    policy.ladder.deliver_ms = 10_000;
    policy.max_open_incidents = 40_000;
    let kind = UnitKind::Motorcycle;
    let register = (0..units).map(|unit| (call_sign(unit).into(), kind));
    policy.register = register.collect();
    let radios = (0..units).map(|unit| RadioId(FIRST_RADIO + unit));
    policy.terminals = Arc::new(radios.collect());
    config.register.clear();
    config.terminals.clear();
    config.officers.clear();
    for unit in 0..units {
        let radio = RadioId(FIRST_RADIO + unit);
        config.register.push(UnitEntry {
            call_sign: call_sign(unit).into(),
            kind,
            squad: "".into(),
            post: "".into(),
            home: Point::default(),
            skills: Skills(0x7F),
            terminals: vec![radio],
            origin: Origin::Simulated,
        });
        let terminal = Terminal {
            subnet: 10,
            model: "".into(),
            gateway: 0,
            slot: 1,
            origin: Origin::Simulated,
        };
        config.terminals.insert(radio, terminal);
        let officer_row = Officer {
            name: "".into(),
            sworn: true,
            squad: "".into(),
            group: None,
            skills: Skills(0x7F),
            origin: Origin::Simulated,
        };
        config.officers.insert(officer(unit), officer_row);
    }
    Ok(config)
}
