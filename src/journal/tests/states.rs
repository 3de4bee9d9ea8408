//! Every state a power cut may leave, one by one, where `crash` draws some by seed.
//!
//! A run is cut before each of its syncs. What was written since the sync before is a set of
//! sectors, each of which the disk has or has not: all of these sets are tried, whatever the order
//! of the writes. Of the last three records each sector also stops at every byte.

use super::crash::check;
use super::*;
use crate::journal::sim_disk::SECTOR_BYTES;

/// Sectors in flight whose sets are all tried; a longer write has its first and last ones varied.
const MAX_VARIED: usize = 6;

/// A run that the power left at a call: what is durable for certain, and what may be.
struct Cut {
    acked: usize,
    /// The disk without any of it.
    without: SimDisk,
    /// The file that was written, and where its sectors differ.
    flight: Option<Flight>,
    /// The disk with all of it.
    with: SimDisk,
}

struct Flight {
    name: String,
    old: Vec<u8>,
    new: Vec<u8>,
    sectors: Vec<usize>,
}

fn cut_at(batches: &[Batch], call: u64) -> Cut {
    let mut disk = SimDisk::new();
    disk.fail_at(call, Fault::PowerCut);
    let acked = run(&mut disk, batches);
    let (mut without, with) = (disk.crash(0), disk.crash(1));
    let flight = flight(&mut without, &with);
    Cut {
        acked,
        without,
        flight,
        with,
    }
}

/// What differs between the two; the journal has one file in flight at a time.
fn flight(without: &mut SimDisk, with: &SimDisk) -> Option<Flight> {
    let differs = |entry: &Entry| without_contents(with, &entry.name) != Some(entry.len);
    let names: Vec<_> = without.list().unwrap();
    assert!(names.iter().filter(|entry| differs(entry)).count() <= 1);
    names.into_iter().find_map(|entry| {
        let old = without.contents(&entry.name)?.to_vec();
        let mut new = with.contents(&entry.name)?.to_vec();
        new.resize(new.len().max(old.len()), 0);
        let sectors = (0..new.len().div_ceil(SECTOR_BYTES))
            .filter(|number| sector(&old, *number) != sector(&new, *number));
        let sectors: Vec<_> = sectors.collect();
        let name = entry.name;
        (!sectors.is_empty()).then_some(Flight {
            name,
            old,
            new,
            sectors,
        })
    })
}

fn without_contents(disk: &SimDisk, name: &str) -> Option<u64> {
    disk.contents(name).map(|bytes| bytes.len() as u64)
}

fn sector(bytes: &[u8], number: usize) -> &[u8] {
    let from = (number * SECTOR_BYTES).min(bytes.len());
    &bytes[from..(from + SECTOR_BYTES).min(bytes.len())]
}

impl Flight {
    /// Which sectors the sets are made of.
    fn varied(&self) -> Vec<usize> {
        let mut varied = self.sectors.clone();
        if varied.len() > MAX_VARIED {
            varied.drain(MAX_VARIED / 2..varied.len() - MAX_VARIED / 2);
        }
        varied
    }

    /// The file with the sectors of a set as they were to be, those between the varied ones too.
    fn state(&self, varied: &[usize], set: usize) -> Vec<u8> {
        let mut bytes = self.new.clone();
        for (bit, number) in varied.iter().enumerate() {
            if set & (1 << bit) == 0 {
                self.keep(&mut bytes, number * SECTOR_BYTES, SECTOR_BYTES);
            }
        }
        bytes
    }

    /// Puts `count` bytes back to what they were.
    fn keep(&self, bytes: &mut [u8], from: usize, count: usize) {
        for at in from..(from + count).min(bytes.len()) {
            bytes[at] = self.old.get(at).copied().unwrap_or(0);
        }
    }
}

/// A start over `disk` recovers a prefix with all that was acknowledged, and can go on.
fn starts(what: &str, disk: SimDisk, acked: usize, batches: &[Batch]) {
    let mut disk = disk;
    let (recovered, recovery) = replay(&mut disk);
    check(what, batches, acked, &recovered);
    assert_eq!(recovery.damage, None, "{what}");
    assert!(verified(&mut disk).is_intact(), "{what}: cut");
}

#[test]
fn every_set_of_sectors_at_every_sync_recovers() {
    let batches = script(16, 10);
    let mut states = 0;
    for call in 1..=written(&batches).calls() {
        let cut = cut_at(&batches, call);
        starts(
            &format!("none at {call}"),
            cut.without.clone(),
            cut.acked,
            &batches,
        );
        starts(&format!("all at {call}"), cut.with, cut.acked, &batches);
        states += 2;
        let Some(flight) = cut.flight else { continue };
        let varied = flight.varied();
        for set in 0..1 << varied.len() {
            let mut disk = cut.without.clone();
            disk.plant(&flight.name, flight.state(&varied, set));
            let what = format!("sectors {set:b} at call {call}");
            starts(&what, disk, cut.acked, &batches);
            states += 1;
        }
    }
    assert!(states > 500, "{states} states");
}

/// The last three records, as batches of their own and as one: each byte of them is where the
/// write stops, in order and with any of the other sectors there or not.
#[test]
fn the_last_three_records_stop_at_every_byte_in_every_order() {
    let last = [vec![7; 40], vec![8; 700], vec![9; 90]];
    let apart = last.iter().map(|record| vec![record.clone()]).collect();
    for tail in [apart, vec![last.to_vec()]] {
        let mut batches: Vec<Batch> = script(14, 5);
        batches.extend(tail);
        let from = batches.len()
            - if batches.last().unwrap().len() == 3 {
                1
            } else {
                3
            };
        let mut bytes_cut = 0;
        for call in 1..=written(&batches).calls() {
            let cut = cut_at(&batches, call);
            if cut.acked >= from {
                bytes_cut += at_every_byte(&cut, call, &batches);
            }
        }
        let least: usize = last.iter().map(|r| r.len() + RECORD_OVERHEAD_BYTES).sum();
        assert!(bytes_cut >= least, "{bytes_cut} of {least} bytes");
    }
}

/// How many bytes it was cut at.
fn at_every_byte(cut: &Cut, call: u64, batches: &[Batch]) -> usize {
    let Some(flight) = &cut.flight else { return 0 };
    let varied = flight.varied();
    let mut bytes_cut = 0;
    for number in &varied {
        let others: Vec<_> = varied.iter().copied().filter(|one| one != number).collect();
        let start = number * SECTOR_BYTES;
        for byte in 0..SECTOR_BYTES {
            // Only where the write changes something: the rest of the sector is as before.
            let at = start + byte;
            if flight.old.get(at) == flight.new.get(at) {
                continue;
            }
            bytes_cut += 1;
            for set in 0..1 << others.len() {
                for ends in [true, false] {
                    let mut bytes = flight.state(&others, set);
                    match ends {
                        true => flight.keep(&mut bytes, at, SECTOR_BYTES - byte),
                        false => flight.keep(&mut bytes, start, byte),
                    }
                    let mut disk = cut.without.clone();
                    disk.plant(&flight.name, bytes);
                    let what = format!("call {call}, byte {at}, others {set:b}, {ends}");
                    starts(&what, disk, cut.acked, batches);
                }
            }
        }
    }
    bytes_cut
}
