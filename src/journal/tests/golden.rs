//! Frozen bytes: what a released program wrote stays readable. Nobody edits this test or its
//! fixtures; a new format version adds new ones.

use super::*;

const BLAKE3: &str = include_str!("../../../fixtures/journal/segment-v1-blake3.hex");
const SM3: &str = include_str!("../../../fixtures/journal/segment-v1-sm3.hex");

/// The segment of this test: an opening, a batch of two records, one of an empty record.
fn segment(hash: HashKind) -> SimDisk {
    let mut disk = SimDisk::new();
    let options = Options { hash, ..options() };
    let (mut journal, _) = Journal::open(&mut disk, &options, |_| ()).unwrap();
    journal
        .push(Kind::EVENT, 1_500, "朝阳路与东环路口".as_bytes())
        .unwrap();
    journal.push(Kind(9), 1_501, &[0xff; 5]).unwrap();
    journal.commit().unwrap();
    journal.push(Kind::EVENT, 86_400_000, b"").unwrap();
    journal.commit().unwrap();
    disk
}

/// Lines of "offset: hex", zeros left out; a line that starts with # is a comment.
fn hex(bytes: &[u8]) -> String {
    let mut out = String::new();
    for (at, line) in bytes.chunks(32).enumerate() {
        if line.iter().any(|byte| *byte != 0) {
            let digits: String = line.iter().map(|byte| format!("{byte:02x}")).collect();
            out.push_str(&format!("{:04x}: {digits}\n", at * 32));
        }
    }
    out
}

fn bytes(hex: &str) -> Vec<u8> {
    let mut bytes = vec![0; MIN_SEGMENT_BYTES];
    for line in hex.lines().filter(|line| !line.starts_with('#')) {
        let (at, digits) = line.split_once(": ").unwrap();
        let at = usize::from_str_radix(at, 16).unwrap();
        for (offset, pair) in digits.as_bytes().chunks(2).enumerate() {
            let pair = std::str::from_utf8(pair).unwrap();
            bytes[at + offset] = u8::from_str_radix(pair, 16).unwrap();
        }
    }
    bytes
}

#[test]
fn what_is_written_is_frozen() {
    for (hash, fixture) in [(HashKind::Blake3, BLAKE3), (HashKind::Sm3, SM3)] {
        let disk = segment(hash);
        let written = hex(disk.contents(&segment_name(1)).unwrap());
        let frozen: String = fixture
            .lines()
            .filter(|l| !l.starts_with('#'))
            .fold(String::new(), |out, line| out + line + "\n");
        assert_eq!(written, frozen, "{hash:?} writes\n{written}");
    }
}

#[test]
fn what_was_written_stays_readable() {
    for fixture in [BLAKE3, SM3] {
        let mut disk = SimDisk::new();
        disk.plant(&segment_name(1), bytes(fixture));
        let mut records = Vec::new();
        let report = read(&mut disk, 1, 9, |r| {
            records.push((
                r.seq,
                r.batch,
                r.time_ms,
                r.wall_ms - WALL_MS,
                r.kind,
                r.last,
                r.payload.to_vec(),
            ));
        })
        .unwrap();
        assert!(report.is_intact(), "{report:?}");
        let text = "朝阳路与东环路口".as_bytes().to_vec();
        let opened = WALL_MS.to_le_bytes().to_vec();
        assert_eq!(
            records,
            [
                (1, 1, 0, 0, Kind::OPENED, true, opened),
                (2, 2, 1_500, 1_500, Kind::EVENT, false, text),
                (3, 2, 1_501, 1_501, Kind(9), true, vec![0xff; 5]),
                (4, 4, 86_400_000, 86_400_000, Kind::EVENT, true, vec![]),
            ]
        );
    }
}
