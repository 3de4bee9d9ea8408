//! A data directory with years behind it: what a daemon journalled, written again in small
//! segments under an older wall clock, the parts of the story days apart.

use super::{PASSWORD, report, sample, users};
use serde_json::json;
use std::path::Path;
use tieqi::cli::client::Client;
use tieqi::config::Config;
use tieqi::engine::event::Event;
use tieqi::journal::{self, ChainPoint, FileDisk, Journal, Kind, Options};
use tieqi::shell::Server;

/// Wall time the story begins at, UTC ms since 1970.
pub(crate) const BEGAN_MS: i64 = 1_600_000_000_000;
/// Incidents from 1 on that are cancelled, and forgotten when the next ones come.
pub(crate) const FORGOTTEN: u32 = 12;
/// The last one that is cancelled.
pub(crate) const CANCELLED: u32 = 18;
/// The last one.
pub(crate) const REPORTED: u32 = 24;
/// Between the first ones and those after them.
const PAUSE_MS: u64 = 3 * 24 * 3_600_000;
const SEGMENT_BYTES: usize = 16 << 10;

/// Writes it into the new directory `to`; the last record.
pub(crate) fn write(to: &Path) -> ChainPoint {
    let dir = tempfile::tempdir().unwrap();
    tell(sample(), dir.path());
    std::fs::create_dir_all(to).unwrap();
    let options = Options {
        segment_bytes: SEGMENT_BYTES,
        ..Options::at(BEGAN_MS)
    };
    let (mut journal, _) = Journal::open(FileDisk::lock(to).unwrap(), &options, |_| ()).unwrap();
    let mut pause_ms = 0;
    let mut disk = FileDisk::read_only(dir.path());
    journal::read(&mut disk, 1, u64::MAX, |record| {
        if record.kind != Kind::EVENT {
            return;
        }
        let event = postcard::from_bytes::<Event>(record.payload).unwrap();
        if let Event::IncidentReported { incident, .. } = event
            && incident.0 > FORGOTTEN
        {
            pause_ms = PAUSE_MS;
        }
        let time_ms = record.time_ms + pause_ms;
        journal.push(Kind::EVENT, time_ms, record.payload).unwrap();
        if record.last {
            journal.commit().unwrap();
        }
    })
    .unwrap();
    let tip = journal.tip();
    let mut disk = journal.into_disk();
    // One compressed, the others not.
    journal::cool(&mut disk, tip.seq).unwrap().unwrap();
    tip
}

/// A daemon that is told the story.
fn tell(mut config: Config, dir: &Path) {
    // Who is on duty, and so how long the journal is, depends on the hour otherwise.
    config.roster.sign_on_at_start = false;
    let server = Server::start(config, users(), dir).unwrap();
    let mut console = Client::login(server.console, "desk", PASSWORD).unwrap();
    for number in 1..=REPORTED {
        let call = report(&number.to_string());
        let told = console.call("incident.report", &call).unwrap();
        assert_eq!(told.get("incident"), Some(&json!(number)));
        // What stays fills more than a segment, so that it begins before the last one.
        let stays = number > CANCELLED;
        for note in 0..3 {
            let text = "后座无人, 车门未锁, 已拍照".repeat(if stays { 16 } else { 8 });
            let note =
                json!({ "key": format!("{number}-{note}"), "incident": number, "text": text });
            console.call("incident.note", &note).unwrap();
        }
        if !stays {
            let key = format!("cancel-{number}");
            let cancel = json!({ "key": key, "incident": number, "reason": "误报" });
            console.call("incident.cancel", &cancel).unwrap();
        }
    }
    drop(console);
    server.stop();
}
