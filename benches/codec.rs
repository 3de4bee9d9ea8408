//! Codec: what one frame costs to read and to write, against a sum over the same bytes.
//!
//! The frames are captured ones (fixtures/radio): a subscribed position with RSSI (D004) and a
//! private text. A position is read to 1e-7 degrees, its time and its RSSI; a text to its words as
//! a `String`. The sum is the least that anything which looks at each byte must do. Hold: 300 ns
//! for a position. Its reading allocates nothing by construction, which no counter here checks (a
//! counting allocator is unsafe code, and the workspace forbids that): parsed messages borrow the
//! frame and hold neither boxes nor vectors.
//!
//! Two DMR bursts likewise: one of a control block (sync, Golay, BPTC, CRC-CCITT), whole and with
//! three wrong bits, and one of a rate 3/4 block (Viterbi, CRC-9). Hold: 3 us and 20 us. They are
//! values of fixed size throughout: no allocation either.
//!
//! `cargo bench --bench codec` writes target/codec.json; `-- --quick` is a smoke.

mod common;

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use common::{ROUNDS, is_quick, median, publish, round2};
use serde_json::{Map, Value, json};
use std::hint::black_box;
use std::time::Instant;
use tieqi_protocols::Parsed;
use tieqi_protocols::dmr::block::{Block, Rate};
use tieqi_protocols::dmr::slot_type::{DataType, SlotType};
use tieqi_protocols::dmr::sync::SyncWord;
use tieqi_protocols::dmr::{Burst, Csbk};
use tieqi_protocols::hdap::Hdap;
use tieqi_protocols::lp::Lp;
use tieqi_protocols::message::Message;
use tieqi_protocols::tmp::Body;

/// Calls timed as one: a single one is near the clock's own cost.
const BATCH: u32 = 1_000;

const CAPTURES: &str = include_str!("../fixtures/radio/hytera_hdap.json");
const BURSTS: &str = include_str!("../fixtures/radio/dmr_bursts.json");
const CONTROL: &str = "test_bptc_196_96:102";
const CONFIRMED: &str = "test_burst:133";
const POSITION: &str = "test_location_protocol:20";
const TEXT: &str = "test_tmp:12";

/// What an edge makes of a position: 1e-7 degrees north and east, milliseconds since 1970, dBm.
type Position = (i32, i32, Option<i64>, Option<i16>);

/// One thing that is timed, and the nanoseconds of each batch of the current round.
struct Job<'a> {
    name: &'static str,
    run: Box<dyn Fn() + 'a>,
    batches: Vec<f64>,
    rounds: Vec<f64>,
}

impl<'a> Job<'a> {
    /// A batch is one virtual call: the loop is inside it.
    fn new<T>(name: &'static str, call: impl Fn() -> T + 'a) -> Self {
        let run = Box::new(move || {
            for _ in 0..BATCH {
                black_box(call());
            }
        });
        Self {
            name,
            run,
            batches: Vec::new(),
            rounds: Vec::new(),
        }
    }

    fn batch(&mut self) {
        let start = Instant::now();
        (self.run)();
        let spent = start.elapsed().as_nanos() as f64;
        self.batches.push(spent / f64::from(BATCH));
    }
}

fn main() -> anyhow::Result<()> {
    let batches = if is_quick() { 2 } else { 200 };
    let position = captured(CAPTURES, POSITION)?;
    let text = captured(CAPTURES, TEXT)?;
    let control = captured(BURSTS, CONTROL)?;
    let confirmed = captured(BURSTS, CONFIRMED)?;
    let mut wrong = control.clone();
    // Three bits of the information and one of the slot type.
    let spread = wrong.iter_mut().step_by(10);
    spread.for_each(|byte| *byte ^= 0x10);
    // A184030061221N4724.0158E00731.1073, -58 dBm.
    let place = (474_002_633, 75_184_550, Some(1_638_816_030_000), Some(-58));
    ensure!(read_position(&position)? == place, "another place");
    ensure!(read_text(&text)? == "OLIVER TEST", "other words");
    let (position_message, text_message) = (message(&position)?, message(&text)?);
    ensure!(emit(&position_message) == position, "another position");
    ensure!(emit(&text_message) == text, "another text");
    let csbk = read_control(&control)?;
    ensure!(read_control(&wrong)? == csbk, "another control block");
    let block = read_block(&confirmed)?;
    ensure!(emit_control(&csbk)?.as_slice() == control, "another burst");
    ensure!(emit_block(&block)?.as_slice() == confirmed, "another burst");

    let mut jobs = [
        Job::new("position_sum", || sum(black_box(&position))),
        Job::new("position_decode", || read_position(black_box(&position))),
        Job::new("position_emit", || emit(black_box(&position_message))),
        Job::new("text_sum", || sum(black_box(&text))),
        Job::new("text_decode", || read_text(black_box(&text))),
        Job::new("text_emit", || emit(black_box(&text_message))),
        Job::new("burst_sum", || sum(black_box(&control))),
        Job::new("burst_decode", || read_control(black_box(&control))),
        Job::new("burst_mend", || read_control(black_box(&wrong))),
        Job::new("burst_emit", || emit_control(black_box(&csbk))),
        Job::new("viterbi_decode", || read_block(black_box(&confirmed))),
        Job::new("trellis_emit", || emit_block(black_box(&block))),
    ];
    // The first round warms up.
    for round in 0..=ROUNDS {
        for _ in 0..batches {
            jobs.iter_mut().for_each(Job::batch);
        }
        for job in &mut jobs {
            let middle = median(job.batches.drain(..));
            if round > 0 {
                job.rounds.push(middle);
            }
        }
    }
    let figure = |job: &Job<'_>| {
        let ns = round2(median(job.rounds.iter().copied()));
        (job.name.to_owned(), json!(ns))
    };
    let figures: Map<String, Value> = jobs.iter().map(figure).collect();
    let result = json!({
        "rounds": ROUNDS,
        "calls": ROUNDS * batches * BATCH as usize,
        "position_bytes": position.len(),
        "text_bytes": text.len(),
        "burst_bytes": control.len(),
        "ns": figures,
    });
    publish("codec", &result)
}

/// The captured bytes of that name.
fn captured(fixture: &str, name: &'static str) -> anyhow::Result<Vec<u8>> {
    let frames: Vec<Value> = serde_json::from_str(fixture)?;
    let found = frames.iter().find(|frame| frame["name"] == name);
    let digits = found.and_then(|frame| frame["hex"].as_str());
    let digits = digits.context(name)?.as_bytes();
    let byte = |pair: &[u8]| Ok(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?);
    digits.chunks(2).map(byte).collect()
}

fn sum(frame: &[u8]) -> u8 {
    frame.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

fn message(frame: &[u8]) -> anyhow::Result<Message<'_>> {
    match Hdap::parse(frame)? {
        Parsed::Complete(frame, _) => Ok(Message::from_hdap(&frame)?),
        Parsed::Incomplete(missing) => bail!("{missing} bytes are missing"),
    }
}

fn read_position(frame: &[u8]) -> anyhow::Result<Position> {
    let Message::Lp(Lp::Report(report)) = message(frame)? else {
        bail!("not a position");
    };
    let gps = report.gps.read()?;
    let (latitude, longitude) = gps.place().context("no place")?;
    let (north, east) = (latitude.degrees_e7(), longitude.degrees_e7());
    Ok((north, east, gps.taken_utc_ms(), report.rssi_dbm))
}

fn read_text(frame: &[u8]) -> anyhow::Result<String> {
    let Message::Tmp(tmp) = message(frame)? else {
        bail!("not a text message");
    };
    match tmp.body {
        Body::Private { text, .. } | Body::Group { text, .. } => Ok(text.chars().collect()),
        Body::PrivateAck { .. } | Body::GroupAck { .. } => bail!("not a text"),
    }
}

fn emit(message: &Message<'_>) -> Bytes {
    message.to_bytes(false)
}

/// What both captured bursts have.
fn slot(data_type: DataType) -> SlotType {
    let colour_code = 5;
    SlotType {
        colour_code,
        data_type,
    }
}

fn read_control(bytes: &[u8]) -> anyhow::Result<Csbk> {
    let burst = Burst::parse(bytes)?;
    ensure!(burst.slot == slot(DataType::Csbk), "another slot type");
    Ok(Csbk::parse(&burst.octets()?)?)
}

fn emit_control(csbk: &Csbk) -> anyhow::Result<[u8; Burst::LEN]> {
    let burst = Burst::new(SyncWord::BsData, slot(DataType::Csbk), &csbk.to_bytes());
    Ok(burst.context("not twelve bytes")?.to_bytes())
}

fn read_block(bytes: &[u8]) -> anyhow::Result<Block> {
    let burst = Burst::parse(bytes)?;
    ensure!(
        burst.slot == slot(DataType::ThreeQuarter),
        "another slot type"
    );
    Ok(Block::parse(Rate::ThreeQuarter, true, &burst.octets()?)?)
}

fn emit_block(block: &Block) -> anyhow::Result<[u8; Burst::LEN]> {
    let slot = slot(DataType::ThreeQuarter);
    let burst = Burst::new(SyncWord::BsData, slot, &block.octets());
    Ok(burst.context("not 18 bytes")?.to_bytes())
}
