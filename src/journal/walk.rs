//! The judgement over a segment: what is whole, what is torn, what is damaged, what is stray.
//!
//! A spare is made only when the segment before it holds a durable batch. So a gap in the
//! numbers, a second blank segment, or a bad first batch with any file behind it is damage.
//! Whatever is wrong where the chain demonstrably goes on right behind is stray. Nothing here
//! touches the disk.

use super::chain::{Digest, HashKind, WallLabel};
use super::finding::{Damage, DamageKind, ScanError, Stray, Torn};
use super::limits::MIN_SEGMENT_BYTES;
use super::record::{HEAD_BYTES, Kind, Record, Stored, opened_wall_ms, repaired};
use super::scan::{Found, Plan, Scan, Spare, Step, Tail};
use super::search::{Behind, is_blank, later_batch, later_record, sound_record, written_end};
use super::segment::{FIRST_RECORD_AT, HEADER_BYTES, Header, NoHeader};

/// A walk on its way.
pub(super) struct Walk<'p, 's> {
    pub(super) plan: &'p Plan,
    pub(super) step: &'s mut dyn FnMut(Step<'_>),
    pub(super) scan: Scan,
    /// Index the next segment must have.
    pub(super) next_index: u32,
}

/// A segment being walked.
struct Place<'b> {
    index: u32,
    header: Option<Header>,
    hash: HashKind,
    /// Length of the file.
    len: usize,
    /// What is written of it: behind this there are zeros only.
    bytes: &'b [u8],
    /// The next segment's header, if it is used.
    next: Option<Header>,
    /// Whether a later segment is used: then this one is final, nothing in it is torn.
    is_final: bool,
    /// Whether any file is behind: then its first batch was durable once.
    has_next: bool,
}

impl Place<'_> {
    /// Whether the file is as long as its header says.
    fn is_sized(&self) -> bool {
        self.header
            .is_none_or(|header| header.size == self.len as u64)
    }
}

/// A batch as it lies on the disk.
enum Lying {
    /// Whole and in the chain; the next one starts at `end`.
    Whole { end: usize, digest: Digest },
    /// Nothing but zeros from here on.
    End,
    /// Not a whole batch.
    Bad(DamageKind),
}

impl Walk<'_, '_> {
    /// Whether there is nothing more to walk for.
    pub(super) fn is_over(&self) -> bool {
        let damaged = !self.plan.past_damage && !self.scan.damage.is_empty();
        damaged
            || self
                .plan
                .until_seq
                .is_some_and(|seq| self.scan.last_seq >= seq)
    }

    fn next_seq(&self) -> u64 {
        self.scan.last_seq + 1
    }

    /// Whether the next batch is one the caller's snapshot has: it was durable, so no tear.
    fn is_vouched_for(&self) -> bool {
        self.plan.after_digest.is_some() && self.plan.after_seq >= self.next_seq()
    }

    fn damage(&mut self, segment: u32, offset: usize, kind: DamageKind, resumes_at: Option<u64>) {
        let (offset, seq) = (offset as u64, self.next_seq());
        self.scan.damage.push(Damage {
            segment,
            offset,
            seq,
            resumes_at,
            kind,
        });
        self.scan.digest = None;
    }

    /// Walks a segment of which `bytes` are written; `behind` are the files after it.
    pub(super) fn segment(
        &mut self,
        at: &Found,
        bytes: &[u8],
        behind: &[Found],
    ) -> Result<(), ScanError> {
        if at.index != self.next_index {
            let resumes_at = at.header.ok().map(|header| header.first_seq);
            self.damage(self.next_index, 0, DamageKind::MissingSegment, resumes_at);
            if self.is_over() {
                return Ok(());
            }
        }
        self.next_index = at.index.saturating_add(1);
        if at.len < MIN_SEGMENT_BYTES {
            // Files take their name at full length only.
            self.damage(at.index, at.len, DamageKind::WrongLength, None);
            return Ok(());
        }
        let place = Place {
            index: at.index,
            header: at.header.ok(),
            hash: at.header.map_or(self.last_hash(), |header| header.hash),
            len: at.len,
            bytes,
            next: behind.first().and_then(|next| next.header.ok()),
            is_final: behind
                .iter()
                .any(|later| later.header != Err(NoHeader::Blank)),
            has_next: !behind.is_empty(),
        };
        match place.header {
            Some(header) => self.used(&place, &header),
            None if is_blank(bytes) && place.has_next => {
                self.damage(at.index, 0, DamageKind::BlankSegment, None);
                Ok(())
            }
            None if is_blank(bytes) => {
                self.spare(&place);
                Ok(())
            }
            None => self.headless(&place),
        }
    }

    /// A compressed segment that is not what was written.
    pub(super) fn cold_damaged(&mut self, at: &Found, next: Option<&Found>) {
        let next = next.and_then(|next| next.header.ok());
        let resumes_at = next.map(|header| header.first_seq);
        if at.index == self.next_index {
            self.damage(at.index, 0, DamageKind::BadCold, resumes_at);
        } else {
            self.damage(self.next_index, 0, DamageKind::MissingSegment, resumes_at);
        }
        self.next_index = at.index.saturating_add(1);
    }

    /// What came before the first segment is gone; from it on the records may be sound.
    pub(super) fn baseless(&mut self, segment: u32, first: Option<&Found>) {
        let header = first.and_then(|first| first.header.ok());
        let resumes_at = header.map(|header| header.first_seq);
        self.damage(segment, 0, DamageKind::NoBase, resumes_at);
        self.next_index = segment;
    }

    /// There is a base, and not the segment it was made for.
    pub(super) fn ends_at_base(&mut self) {
        self.damage(self.next_index, 0, DamageKind::MissingSegment, None);
    }

    fn last_hash(&self) -> HashKind {
        self.scan
            .tail
            .map(|tail| tail.header.hash)
            .unwrap_or_default()
    }

    fn spare(&mut self, place: &Place<'_>) {
        let spare = Spare {
            index: place.index,
            len: place.len as u64,
        };
        self.scan.spare.get_or_insert(spare);
    }

    /// A segment that holds something, but no sound header.
    fn headless(&mut self, place: &Place<'_>) -> Result<(), ScanError> {
        let later = later_record(place.bytes, FIRST_RECORD_AT, self.next_seq());
        if !place.has_next && later == Behind::Nothing && !self.is_vouched_for() {
            self.cut_whole(place);
            return Ok(());
        }
        let resume = later_batch(place.bytes, FIRST_RECORD_AT, self.scan.last_seq);
        self.damage(
            place.index,
            0,
            DamageKind::BadHeader,
            resume.seq().or(later.seq()),
        );
        match resume {
            Behind::Later { at, .. } if !self.is_over() => {
                let digest = self.resume(place, at);
                self.batches(place, at, digest)
            }
            _ => Ok(()),
        }
    }

    /// No whole batch was ever in this segment: it is blank again once the bytes are cut.
    fn cut_whole(&mut self, place: &Place<'_>) {
        let bytes = written_end(place.bytes) as u64;
        self.scan.torn.push(Torn {
            segment: place.index,
            offset: 0,
            bytes,
        });
        self.spare(place);
    }

    /// A segment with a sound header.
    fn used(&mut self, place: &Place<'_>, header: &Header) -> Result<(), ScanError> {
        let continues = match self.scan.digest {
            Some(digest) => header.prev == digest && header.first_seq == self.next_seq(),
            None => header.first_seq >= self.next_seq(),
        };
        if header.index != place.index || !continues {
            self.damage(
                place.index,
                0,
                DamageKind::ChainBroken,
                Some(header.first_seq),
            );
            let foreign = header.index != place.index || header.first_seq < self.next_seq();
            if foreign || self.is_over() {
                return Ok(());
            }
        }
        let padding = place
            .bytes
            .get(HEADER_BYTES..FIRST_RECORD_AT)
            .unwrap_or_default();
        if !is_blank(padding) {
            self.stray(place, HEADER_BYTES, HEADER_BYTES + written_end(padding));
        }
        if self.scan.digest.is_none() {
            self.scan.last_seq = header.first_seq - 1;
        }
        let label = WallLabel {
            time_ms: header.time_ms,
            wall_ms: header.wall_ms,
        };
        self.scan.label = Some(label);
        let whole_before = self.scan.batches;
        self.batches(place, FIRST_RECORD_AT, header.digest())?;
        self.scan.segments += u64::from(self.scan.batches > whole_before);
        if !place.is_sized() && !self.is_over() {
            self.damage(place.index, place.len, DamageKind::WrongLength, None);
        }
        Ok(())
    }

    fn stray(&mut self, place: &Place<'_>, from: usize, to: usize) {
        let bytes = to.saturating_sub(from) as u64;
        self.scan.stray.push(Stray {
            segment: place.index,
            offset: from as u64,
            bytes,
        });
    }

    /// The batches of a segment from `at` on, as the continuation of `digest`.
    fn batches(
        &mut self,
        place: &Place<'_>,
        mut at: usize,
        mut digest: Digest,
    ) -> Result<(), ScanError> {
        while !self.is_over() {
            match lying(place, at, self.next_seq(), digest) {
                Lying::Whole { end, digest: after } => {
                    self.hand_out(place, at, end, after)?;
                    (at, digest) = (end, after);
                }
                Lying::End if at > FIRST_RECORD_AT => break,
                // A header alone: the first batch is not there.
                Lying::End if place.has_next || !place.is_sized() => {
                    self.damage(place.index, at, DamageKind::BadRecord, None);
                    break;
                }
                Lying::End => {
                    self.cut_whole(place);
                    break;
                }
                Lying::Bad(kind) => match self.judge(place, at, digest, kind) {
                    Some(resume_at) => {
                        digest = self.resume(place, resume_at);
                        at = resume_at;
                    }
                    None => break,
                },
            }
        }
        Ok(())
    }

    /// Decides what the bytes at `at` are; where to go on in this segment, if anywhere.
    fn judge(
        &mut self,
        place: &Place<'_>,
        at: usize,
        digest: Digest,
        kind: DamageKind,
    ) -> Option<usize> {
        let next_seq = self.next_seq();
        let continues = |next: Header| next.prev == digest && next.first_seq == next_seq;
        if place.next.is_some_and(continues) {
            self.stray(place, at, written_end(place.bytes));
            return None;
        }
        let later = later_record(place.bytes, at, next_seq);
        let is_first = at == FIRST_RECORD_AT;
        let may_be_torn = kind == DamageKind::BadRecord
            && !self.is_vouched_for()
            && !place.is_final
            && place.is_sized()
            && !(is_first && place.has_next);
        if may_be_torn && later == Behind::Nothing {
            if is_first {
                self.cut_whole(place);
            } else {
                let bytes = (written_end(place.bytes) - at) as u64;
                self.scan.torn.push(Torn {
                    segment: place.index,
                    offset: at as u64,
                    bytes,
                });
            }
            return None;
        }
        if let Some(resume) = self.behind_snapshot(place, at, kind) {
            return resume;
        }
        let next_seq = place.next.map(|next| next.first_seq);
        self.damage(place.index, at, kind, later.seq().or(next_seq));
        match later_batch(place.bytes, at + 1, self.scan.last_seq) {
            Behind::Later { at, .. } if !self.is_over() => Some(at),
            _ => None,
        }
    }

    /// Damage up to the snapshot the caller starts from is covered by it, if the chain goes on
    /// right behind: in this segment (`Some(Some(offset))`) or with the next (`Some(None)`).
    #[expect(clippy::option_option, reason = "judge returns the inner one as it is")]
    fn behind_snapshot(
        &mut self,
        place: &Place<'_>,
        at: usize,
        kind: DamageKind,
    ) -> Option<Option<usize>> {
        let digest = self
            .plan
            .after_digest
            .filter(|_| self.plan.after_seq >= self.next_seq())?;
        let seq = self.plan.after_seq + 1;
        let resume = match later_batch(place.bytes, at + 1, self.plan.after_seq) {
            Behind::Later { at, .. } => {
                let record = place.bytes.get(at..).and_then(Stored::split)?;
                (record.head.prev == digest && record.head.seq == seq).then_some(Some(at))
            }
            _ => match place.next {
                Some(next) => (next.prev == digest && next.first_seq == seq).then_some(None),
                None => self.snapshot_record(place, at, digest).map(Some),
            },
        }?;
        let (segment, offset) = (place.index, at as u64);
        let from = self.next_seq();
        self.scan.covered.push(Damage {
            segment,
            offset,
            seq: from,
            resumes_at: Some(seq),
            kind,
        });
        self.scan.last_seq = self.plan.after_seq;
        self.scan.digest = Some(digest);
        Some(resume)
    }

    /// Nothing follows the snapshot's record: it must be there itself, to be written behind. Where
    /// it ends.
    fn snapshot_record(&mut self, place: &Place<'_>, at: usize, digest: Digest) -> Option<usize> {
        let seq = self.plan.after_seq;
        let Behind::Later { at, .. } = sound_record(place.bytes, at + 1, seq) else {
            return None;
        };
        let record = place.bytes.get(at..).and_then(Stored::split)?;
        if place.hash.digest(record.body) != digest || !record.head.last {
            return None;
        }
        let end = at + record.size();
        self.scan.time_ms = record.head.time_ms;
        self.scan.tail = Some(Tail {
            header: place.header?,
            last_batch_at: at,
            end,
        });
        Some(end)
    }

    /// Takes the record at `at` as the next one, whatever came before; the digest it continues.
    fn resume(&mut self, place: &Place<'_>, at: usize) -> Digest {
        let record = place.bytes.get(at..).and_then(Stored::split);
        if let Some(record) = record {
            self.scan.last_seq = record.head.seq - 1;
        }
        record.map_or_else(Digest::default, |record| record.head.prev)
    }

    /// Hands out the records of the whole batch between two offsets.
    fn hand_out(
        &mut self,
        place: &Place<'_>,
        at: usize,
        end: usize,
        digest: Digest,
    ) -> Result<(), ScanError> {
        let before = self.scan.last_seq;
        let mut rest = place.bytes.get(at..end).unwrap_or_default();
        while let Some(record) = Stored::split(rest) {
            rest = rest.get(record.size()..).unwrap_or_default();
            self.record(&record);
        }
        self.scan.batches += 1;
        self.scan.bytes += (end - at) as u64;
        self.scan.digest = Some(digest);
        if let Some(header) = place.header {
            let last_batch_at = if at == FIRST_RECORD_AT { 0 } else { at };
            self.scan.tail = Some(Tail {
                header,
                last_batch_at,
                end,
            });
        }
        let after_seq = self.plan.after_seq;
        let Some(expected) = self.plan.after_digest else {
            return Ok(());
        };
        let passed = before < after_seq && after_seq <= self.scan.last_seq;
        if passed && (self.scan.last_seq != after_seq || digest != expected) {
            return Err(ScanError::Forked { after_seq });
        }
        Ok(())
    }

    fn record(&mut self, stored: &Stored<'_>) {
        let head = stored.head;
        if head.kind == Kind::OPENED {
            let wall_ms = opened_wall_ms(stored.payload);
            let label = wall_ms.map(|wall_ms| WallLabel {
                time_ms: head.time_ms,
                wall_ms,
            });
            self.scan.label = label.or(self.scan.label);
        }
        if head.kind == Kind::REPAIRED {
            let repaired = repaired(head.seq, stored.payload);
            self.scan.repaired.extend(repaired);
        }
        self.scan.records += 1;
        self.scan.last_seq = head.seq;
        self.scan.time_ms = head.time_ms;
        let until = self.plan.until_seq.unwrap_or(u64::MAX);
        if head.seq > self.plan.after_seq && head.batch <= until {
            (self.step)(Step::Record(Record {
                seq: head.seq,
                batch: head.batch,
                time_ms: head.time_ms,
                wall_ms: self.scan.label.unwrap_or_default().at(head.time_ms),
                kind: head.kind,
                last: head.last,
                payload: stored.payload,
            }));
        }
    }
}

/// How the batch that should start at `at` with the record `first` lies there.
fn lying(place: &Place<'_>, at: usize, first: u64, mut digest: Digest) -> Lying {
    let mut rest = place.bytes.get(at..).unwrap_or_default();
    let head = rest.get(..HEAD_BYTES).unwrap_or(rest);
    if is_blank(head) {
        return if is_blank(rest) {
            Lying::End
        } else {
            Lying::Bad(DamageKind::BadRecord)
        };
    }
    for seq in first.. {
        let Some(record) = Stored::parse(rest) else {
            break;
        };
        let head = record.head;
        if head.seq != seq || head.batch != first || head.prev != digest {
            return Lying::Bad(DamageKind::ChainBroken);
        }
        digest = place.hash.digest(record.body);
        rest = rest.get(record.size()..).unwrap_or_default();
        if head.last {
            return Lying::Whole {
                end: place.bytes.len() - rest.len(),
                digest,
            };
        }
    }
    Lying::Bad(DamageKind::BadRecord)
}
