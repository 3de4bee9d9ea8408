//! Programs of others that speak Homebrew, on loopback: see docs/interop.md. They are not fetched;
//! `make peers-extra` says which it was not given.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "helpers of tests fail the test; what was said is printed"
)]

mod common;

use common::air::{GOOD, REPEATER, config, free_port, one_call};
use common::cable::{Cable, Carried};
use common::site::{AsHost, AsModem, Ports, Site, Speech};
use common::{Town, until};
use std::env;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;
use tieqi::config::{Config, GatewayRole};
use tieqi_protocols::dmr::header::Kind;
use tieqi_protocols::dmr::slot_type::DataType;
use tieqi_protocols::dmr::{Address, Burst, DataHeader, Pdu};
use tieqi_protocols::homebrew::{Content, Dmrd, Packet};
use tieqi_protocols::link::homebrew::NumberPlan;

/// The repeater our radios are behind, and the one the other program plays for our master.
const RADIOS: u32 = REPEATER + 1;
const THEIRS: u32 = REPEATER + 2;
/// The links of hblink3's cable.
const DESK_TO_THEM: usize = 0;
const RADIOS_TO_THEM: usize = 1;
const THEM_TO_US: usize = 2;
/// The links of the cable of a site.
const SITE_TO_US: usize = 0;
const RADIOS_TO_SITE: usize = 1;

/// A program of others, ended with the test.
struct Program {
    child: Child,
    dir: TempDir,
}

impl Program {
    /// hblink3 with a master that repeats what one client says to the others, on `port`, and a
    /// client of the master on `to`.
    fn hblink3(port: u16, to: u16) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let words = String::from_utf8_lossy(GOOD);
        let (home, own) = (dir.path().display(), free_port());
        let rules = "USE_ACL: True\nSUB_ACL: DENY:1\nTGID_TS1_ACL: PERMIT:ALL\n\
                     TGID_TS2_ACL: PERMIT:ALL";
        let config = format!(
            "[GLOBAL]\nPATH: {home}\nPING_TIME: 1\nMAX_MISSED: 5\nREG_ACL: PERMIT:ALL\n{rules}\n\
             [REPORTS]\nREPORT: False\nREPORT_INTERVAL: 60\nREPORT_PORT: 0\nREPORT_CLIENTS: *\n\
             [LOGGER]\nLOG_FILE: {home}/log\nLOG_HANDLERS: file-timed\nLOG_LEVEL: DEBUG\n\
             LOG_NAME: HBlink\n\
             [ALIASES]\nTRY_DOWNLOAD: False\nPATH: {home}/\nPEER_FILE: none\n\
             SUBSCRIBER_FILE: none\nTGID_FILE: none\nPEER_URL: none\nSUBSCRIBER_URL: none\n\
             STALE_DAYS: 7\n\
             [MASTER]\nMODE: MASTER\nENABLED: True\nREPEAT: True\nMAX_PEERS: 4\nIP: 127.0.0.1\n\
             PORT: {port}\nPASSPHRASE: {words}\nGROUP_HANGTIME: 5\nREG_ACL: PERMIT:ALL\n{rules}\n\
             [CLIENT]\nMODE: PEER\nENABLED: True\nLOOSE: False\nIP: 127.0.0.1\nPORT: {own}\n\
             MASTER_IP: 127.0.0.1\nMASTER_PORT: {to}\nPASSPHRASE: {words}\nCALLSIGN: HBLINK\n\
             RADIO_ID: {THEIRS}\nRX_FREQ: 449000000\nTX_FREQ: 444000000\nTX_POWER: 25\n\
             COLORCODE: 1\nSLOTS: 1\nLATITUDE: 22.9180\nLONGITUDE: 114.0104\nHEIGHT: 75\n\
             LOCATION: Huangjiang\nDESCRIPTION: none\nURL: none\nSOFTWARE_ID: none\n\
             PACKAGE_ID: none\nGROUP_HANGTIME: 5\nOPTIONS:\n{rules}\n"
        );
        let file = dir.path().join("hblink.cfg");
        fs::write(&file, config).unwrap();
        let mut command = Command::new(env::var("PEERS_PYTHON").unwrap());
        let script = given("HBLINK3").join("hblink.py");
        command.arg("-B").arg(script).arg("-c").arg(file);
        Self::run(command, dir)
    }

    /// DMRGateway with the master on `to` as its one network, all private traffic both ways.
    fn dmrgateway(to: u16, site: Ports) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (host, own) = (site.local, site.program);
        let words = String::from_utf8_lossy(GOOD);
        let home = dir.path().display();
        let config = format!(
            "[General]\nTimeout=10\nRptAddress=127.0.0.1\nRptPort={host}\n\
             LocalAddress=127.0.0.1\nLocalPort={own}\nRuleTrace=1\nDaemon=0\nDebug=0\n\
             [Log]\nDisplayLevel=1\nFileLevel=0\nFilePath={home}\nFileRoot=log\n\
             [Voice]\nEnabled=0\n\
             [Info]\nLatitude=22.9180\nLongitude=114.0104\nHeight=75\nLocation=Huangjiang\n\
             Description=none\nURL=none\n\
             [XLX Network]\nEnabled=0\n\
             [DMR Network 1]\nEnabled=1\nName=tieqi\nAddress=127.0.0.1\nPort={to}\n\
             PassAllPC=1\nPassAllPC=2\nPassword={words}\nLocation=1\nDebug=0\n"
        );
        let file = dir.path().join("DMRGateway.ini");
        fs::write(&file, config).unwrap();
        let mut command = Command::new(given("DMRGATEWAY").join("DMRGateway"));
        command.arg(file);
        Self::run(command, dir)
    }

    /// MMDVMHost as a hotspot: DMR on slot 2 and nothing else, the master on `to`.
    fn mmdvmhost(to: u16, site: Ports) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (modem, own, network) = (site.local, site.program, free_port());
        let words = String::from_utf8_lossy(GOOD);
        let home = dir.path().display();
        let off = [
            "CW Id",
            "Transparent Data",
            "D-Star",
            "System Fusion",
            "P25",
            "NXDN",
            "M17",
            "POCSAG",
            "FM",
            "AX.25",
            "D-Star Network",
            "System Fusion Network",
            "P25 Network",
            "NXDN Network",
            "M17 Network",
            "POCSAG Network",
            "FM Network",
            "AX.25 Network",
            "Lock File",
            "Remote Control",
        ];
        let off = off
            .map(|section| format!("[{section}]\nEnable=0\n"))
            .concat();
        let config = format!(
            "[General]\nCallsign=TIEQI\nId={REPEATER}\nTimeout=180\nDuplex=0\nRFModeHang=10\n\
             NetModeHang=10\nDisplay=None\nDaemon=0\n\
             [Info]\nRXFrequency=449000000\nTXFrequency=449000000\nPower=1\n\
             [Log]\nDisplayLevel=1\nFileLevel=0\nFilePath={home}\nFileRoot=log\n\
             [DMR Id Lookup]\nFile=none\nTime=0\n\
             [NXDN Id Lookup]\nFile=none\nTime=0\n\
             [Modem]\nProtocol=udp\nModemAddress=127.0.0.1\nModemPort={modem}\n\
             LocalAddress=127.0.0.1\nLocalPort={own}\nTXDelay=100\nTrace=0\nDebug=0\n\
             [DMR]\nEnable=1\nBeacons=0\nColorCode=1\nSelfOnly=0\nCallHang=0\nTXHang=4\n\
             [DMR Network]\nEnable=1\nType=Direct\nLocalAddress=127.0.0.1\n\
             LocalPort={network}\nRemoteAddress=127.0.0.1\nRemotePort={to}\nPassword={words}\n\
             Jitter=360\nSlot1=1\nSlot2=1\nDebug=0\n{off}"
        );
        let file = dir.path().join("MMDVM.ini");
        fs::write(&file, config).unwrap();
        let mut command = Command::new(given("MMDVMHOST").join("MMDVMHost"));
        command.arg(file);
        Self::run(command, dir)
    }

    fn run(mut command: Command, dir: TempDir) -> Self {
        let said = File::create(dir.path().join("said")).unwrap();
        command.stdin(Stdio::null());
        command.stdout(said.try_clone().unwrap()).stderr(said);
        let child = command.spawn().unwrap();
        Self { child, dir }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            for file in ["said", "log"] {
                let said = fs::read_to_string(self.dir.path().join(file));
                println!("{file}:\n{}", said.unwrap_or_default());
            }
        }
    }
}

/// Where a program was checked out.
fn given(name: &str) -> PathBuf {
    let dir = env::var(name).unwrap_or_default();
    assert!(
        !dir.is_empty(),
        "{name} is not given: see `make peers-extra`"
    );
    PathBuf::from(dir).canonicalize().unwrap()
}

fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// The same town whose one Homebrew gateway is this repeater, on this port.
fn at(config: &Config, repeater: u32, port: u16, role: GatewayRole) -> Config {
    let mut config = config.clone();
    config.gateways.truncate(1);
    let gateway = &mut config.gateways[0];
    gateway.role = role;
    let air = gateway.air.as_mut().unwrap();
    (air.port, air.repeaters) = (port, vec![repeater]);
    config
}

/// A gateway without terminals that the other program logs in to.
fn add_master(config: &mut Config, port: u16) {
    let mut second = at(config, THEIRS, port, GatewayRole::Listen)
        .gateways
        .remove(0);
    second.name = String::from("theirs");
    second.air.as_mut().unwrap().plan = NumberPlan::default();
    config.gateways.push(second);
}

fn packets(cable: &Cable, link: usize, to_link: bool) -> Vec<Carried> {
    let mut carried = cable.carried();
    carried.retain(|one| (one.link, one.to_link) == (link, to_link));
    carried
}

/// The burst a datagram carries.
fn dmrd(carried: &Carried) -> Option<Dmrd> {
    match Packet::parse(&carried.bytes) {
        Ok(Packet::Dmrd(dmrd)) => Some(dmrd),
        _ => None,
    }
}

/// The header a burst carries, if it carries one.
fn header(dmrd: &Dmrd) -> Option<DataHeader> {
    let burst = Burst::parse(&dmrd.burst).ok()?;
    match Pdu::parse(burst.slot.data_type, &burst.octets().ok()?) {
        Ok(Some(Pdu::Header(header))) => Some(header),
        _ => None,
    }
}

/// Whether one of these is a radio's answer to a text of that number.
fn has_response(carried: &[Carried], to: Address) -> bool {
    let mut headers = carried.iter().filter_map(|one| header(&dmrd(one)?));
    headers.any(|header| {
        let is_response = matches!(header.kind, Kind::Response { .. });
        is_response && header.destination == to
    })
}

/// What a burst is, in words.
fn name(dmrd: &Dmrd) -> &'static str {
    match (header(dmrd), dmrd.content) {
        (Some(header), _) => header.kind.name(),
        (None, Content::Data(code)) => DataType::from_code(code).map_or("reserved", DataType::name),
        (None, _) => "voice",
    }
}

/// Prints what went over the cable from first to last; bursts of one kind in a row are one line. A
/// modem's line does not say who sends to whom.
fn print(cable: &Cable, names: &[(&str, &str)]) {
    let mut last = (String::new(), 0_usize);
    for one in cable.carried() {
        let (caller, link) = names[one.link];
        let (from, to) = if one.to_link {
            (caller, link)
        } else {
            (link, caller)
        };
        let what = match (dmrd(&one), Packet::parse(&one.bytes)) {
            (Some(dmrd), _) => {
                let Dmrd {
                    source,
                    destination,
                    ..
                } = dmrd;
                match source {
                    Address::ALL => format!("burst: {}", name(&dmrd)),
                    _ => format!("DMRD {source} to {destination}: {}", name(&dmrd)),
                }
            }
            (None, Ok(packet)) => String::from_utf8_lossy(packet.word()).into_owned(),
            (None, Err(error)) => format!("{error}"),
        };
        let line = format!("{from} -> {to}: {what}");
        if line == last.0 {
            last.1 += 1;
            continue;
        }
        if last.1 > 1 {
            println!("        … {} times", last.1);
        }
        println!("{:7.3} {line}", one.at.as_secs_f64());
        last = (line, 1);
    }
}

#[test]
#[ignore = "make peers-extra HBLINK3=DIR"]
fn a_text_to_a_radio_behind_hblink3_and_its_client_at_our_master() {
    let (theirs, ours) = (free_port(), free_port());
    let cable = Cable::to(&[theirs, theirs, ours].map(loopback));
    let program = Program::hblink3(theirs, cable.ports[THEM_TO_US]);

    // Both the daemon and the radios log in to hblink3, as two repeaters of its network.
    let port = cable.ports[DESK_TO_THEM];
    let mut desk = config(GatewayRole::Connect, port);
    let port = cable.ports[RADIOS_TO_THEM];
    let radios = at(&desk, RADIOS, port, GatewayRole::Listen);
    add_master(&mut desk, ours);
    let number = desk.gateways[0].air.as_ref().unwrap().desk;
    let town = Town::start_with(desk);
    let story = one_call(&town, &radios);

    // The daemon says that the text was delivered because a radio's response said so.
    let answered = |link, to_link| has_response(&packets(&cable, link, to_link), number);
    assert!(answered(RADIOS_TO_THEM, true));
    assert!(answered(DESK_TO_THEM, false));

    // Its client side is logged in to us, and we answer its pings.
    let console = town.console("boss");
    let pong = Packet::Pong { repeater: THEIRS }.to_bytes();
    until("hblink3's client to be answered", &console, || {
        let said = packets(&cable, THEM_TO_US, false);
        let pongs = said.iter().filter(|one| one.bytes == pong);
        (pongs.count() >= 2).then_some(())
    });
    let names = [
        ("daemon", "hblink3"),
        ("radios", "hblink3"),
        ("hblink3", "daemon"),
    ];
    print(&cable, &names);
    println!("{}", story["assignments"][0]["stamps"]);
    drop(program);
}

/// A whole call to a radio of a site whose program logs in to our master.
fn call_over_a_site(
    slot: u8,
    speech: impl Speech,
    start: fn(u16, Ports) -> Program,
    names: &[(&str, &str)],
) {
    let [ours, radios, local, program] = [(); 4].map(|()| free_port());
    let site = Ports {
        radios,
        local,
        program,
    };
    let cable = Cable::to(&[ours, site.radios].map(loopback));
    let mut desk = config(GatewayRole::Listen, ours);
    let air = desk.gateways[0].air.as_mut().unwrap();
    air.slot = slot;
    let number = air.desk;
    let port = cable.ports[RADIOS_TO_SITE];
    let radios = at(&desk, REPEATER, port, GatewayRole::Listen);
    let town = Town::start_with(desk);
    let running = Site::start(REPEATER, site, speech);
    let program = start(cable.ports[SITE_TO_US], site);

    // Both wait ten seconds for nothing before they log in.
    let console = town.console("boss");
    until("the login", &console, || {
        let said = packets(&cable, SITE_TO_US, false);
        let is_ack = |one: &&Carried| matches!(Packet::parse(&one.bytes), Ok(Packet::Ack { .. }));
        (said.iter().filter(is_ack).count() >= 3).then_some(())
    });
    let story = one_call(&town, &radios);

    let answered = |link| has_response(&packets(&cable, link, true), number);
    assert!(answered(RADIOS_TO_SITE) && answered(SITE_TO_US));
    print(&cable, names);
    println!("{}", story["assignments"][0]["stamps"]);
    drop((program, running));
}

#[test]
#[ignore = "make peers-extra DMRGATEWAY=DIR"]
fn a_text_to_a_radio_behind_dmrgateway_that_logs_in_to_our_master() {
    let speech = AsHost { repeater: REPEATER };
    let names = [("DMRGateway", "daemon"), ("radios", "host")];
    call_over_a_site(1, speech, Program::dmrgateway, &names);
}

#[test]
#[ignore = "make peers-extra MMDVMHOST=DIR"]
fn a_text_to_a_radio_behind_mmdvmhost_that_logs_in_to_our_master() {
    let names = [("MMDVMHost", "daemon"), ("radios", "modem")];
    call_over_a_site(2, AsModem::default(), Program::mmdvmhost, &names);
}
