//! Compressed segments: the same journal, whatever happens on the way and to them.

use super::*;

/// A journal and how many segments were compressed, all that can be.
fn cooled(batches: &[Batch]) -> (SimDisk, u32) {
    let mut disk = written(batches);
    let mut count = 0;
    while cool(&mut disk, u64::MAX).unwrap().is_some() {
        count += 1;
    }
    (disk, count)
}

#[test]
fn a_compressed_journal_is_the_same_journal() {
    let batches = script(51, 60);
    let warm = written(&batches);
    let (mut disk, count) = cooled(&batches);
    let report = verified(&mut disk);
    assert_eq!(report, verified(&mut warm.clone()));
    assert_eq!(u64::from(count), report.segments - 1, "all but the last");
    for index in 1..=count {
        assert!(disk.contents(&segment_name(index)).is_none());
        let (cold, raw) = (cold_name(index), segment_name(index));
        assert!(disk.contents(&cold).unwrap().len() < warm.contents(&raw).unwrap().len());
    }
    let middle = |disk: &SimDisk| {
        let mut seen = Vec::new();
        read(&mut disk.clone(), 20, 90, |r| {
            seen.push((r.seq, r.payload.to_vec()))
        })
        .unwrap();
        seen
    };
    assert_eq!(middle(&disk), middle(&warm));
    let more = script(52, 20);
    assert_eq!(run(&mut disk, &more), more.len());
    assert_eq!(replay(&mut disk).0, [batches, more].concat());
}

#[test]
fn only_what_lies_behind_is_compressed() {
    let batches = script(53, 60);
    let disk = written(&batches);
    let mut ends = Vec::new();
    for index in 2.. {
        let Some(bytes) = disk.contents(&segment_name(index)) else {
            break;
        };
        let Ok(header) = segment::Header::decode(bytes.first_chunk().unwrap()) else {
            break;
        };
        ends.push(header.first_seq - 1);
    }
    for (wanted, end) in ends.iter().enumerate() {
        for (behind, count) in [(end - 1, wanted), (*end, wanted + 1)] {
            let mut disk = disk.clone();
            let cooled = std::iter::from_fn(|| cool(&mut disk, behind).unwrap());
            assert_eq!(cooled.count(), count, "behind {behind}");
        }
    }
}

#[test]
fn a_power_cut_or_a_full_disk_on_the_way_loses_nothing() {
    let batches = script(54, 40);
    let disk = written(&batches).crash(1);
    let mut whole = disk.kill();
    let before = whole.calls();
    while cool(&mut whole, u64::MAX).unwrap().is_some() {}
    let calls = whole.calls() - before;
    assert!(calls > 20, "{calls}");
    for fault in [Fault::PowerCut, Fault::Io, Fault::Full] {
        for call in 1..=calls {
            let mut cut = disk.kill();
            cut.fail_at(call, fault);
            while let Ok(Some(_)) = cool(&mut cut, u64::MAX) {}
            for seed in 0..6 {
                let what = format!("{fault:?} at {call}, seed {seed}");
                let mut after = cut.crash(seed);
                assert!(verified(&mut after).is_intact(), "{what}");
                assert_eq!(replay(&mut after.clone()).0, batches, "{what}");
                while cool(&mut after, u64::MAX).unwrap().is_some() {}
                assert_eq!(after.contents(&segment_name(1)), None, "{what}");
                assert_eq!(replay(&mut after).0, batches, "{what}");
            }
        }
    }
}

#[test]
fn every_byte_of_a_compressed_segment_counts() {
    let batches = script(55, 24);
    let (disk, count) = cooled(&batches);
    let name = cold_name(count);
    let len = disk.contents(&name).unwrap().len();
    for at in 0..len {
        let mut rotten = disk.clone();
        rotten.flip(&name, at as u64, 1 << (at * 5 % 8));
        let report = verify(&mut rotten, |_, _| ());
        let is_told = report.map_or(true, |report| !report.is_intact());
        assert!(is_told, "byte {at} of {len}");
    }
    for cut in [0, 10, 144, 150, len - 1] {
        let mut short = disk.clone();
        short.plant(&name, disk.contents(&name).unwrap()[..cut].to_vec());
        let damage = replay(&mut short).1.damage.unwrap();
        assert_eq!(
            (damage.segment, damage.kind),
            (count, DamageKind::BadCold),
            "{cut}"
        );
    }
    let mut missing = disk.clone();
    missing.remove(&name).unwrap();
    let kind = replay(&mut missing).1.damage.unwrap().kind;
    assert_eq!(kind, DamageKind::MissingSegment);
}

#[test]
fn a_segment_compressed_while_it_is_read_is_read_all_the_same() {
    let batches = script(56, 40);
    let disk = written(&batches);
    let found = scan::survey(&mut disk.clone()).unwrap();
    let (cold, _) = cooled(&batches);
    let (mut raw, mut packed) = (Vec::new(), Vec::new());
    assert!(scan::read_segment(&mut disk.clone(), &found[0], &mut raw).unwrap());
    assert!(scan::read_segment(&mut cold.clone(), &found[0], &mut packed).unwrap());
    assert_eq!(raw, packed);
}

#[test]
fn a_newer_form_is_refused_and_left_alone() {
    let (disk, _) = cooled(&script(57, 24));
    let mut newer = disk.clone();
    let mut bytes = disk.contents(&cold_name(1)).unwrap().to_vec();
    bytes[4] = 2;
    newer.plant(&cold_name(1), bytes.clone());
    let error = Journal::open(&mut newer, &options(), |_| ()).unwrap_err();
    assert!(error.to_string().contains("version 2 is newer"), "{error}");
    assert_eq!(newer.contents(&cold_name(1)), Some(bytes.as_slice()));
}
