//! Positions: each terminal's newest waits for its turn, goes into the engine, and from time to
//! time into the journal. They are evidence: those that come too fast overwrite each other.

use super::output::{LinkId, Outbox};
use super::{Daemon, Now};
use crate::engine::command::Command;
use crate::engine::id::RadioId;
use crate::engine::position::{Fix, Observed};
use std::ops::Bound;

/// A fix, and the link and slot it came through.
pub(super) type HeardFix = (Fix, (LinkId, u8));

impl Daemon {
    /// Takes some of the positions that wait, every terminal in its turn.
    pub(super) fn observe_some(&mut self, now: Now, out: &mut dyn Outbox) {
        for _ in 0..Self::POSITIONS_TURN {
            let behind = (Bound::Excluded(self.observed), Bound::Unbounded);
            let next = self.positions.range(behind).next();
            let Some(radio) = next.or(self.positions.first_key_value()).map(|(id, _)| *id) else {
                return;
            };
            self.observed = radio;
            if let Some(heard) = self.positions.remove(&radio) {
                self.observe(now, radio, heard, out);
            }
        }
    }

    /// Hands the engine a fix and the link and slot it came through.
    pub(super) fn observe(
        &mut self,
        now: Now,
        radio: RadioId,
        (fix, (link, slot)): HeardFix,
        out: &mut dyn Outbox,
    ) {
        let via = self.gateways.name_of(link).map(|gateway| (gateway, slot));
        let (observed, doubt) = self.engine.observe(now.at, radio, fix, via);
        self.counts.positions += 1;
        match observed {
            Observed::Taken => {
                let unit = self.engine.state().holder(radio).map(|unit| unit.id);
                self.moved.extend(unit);
            }
            Observed::Doubted(_) => self.counts.positions_doubted += 1,
            Observed::Stranger => {
                self.execute(now, &Command::RecordRegistration { radio, via: None }, out);
            }
        }
        if let Some(event) = doubt
            && self.degraded.is_none()
        {
            self.engine.apply(now.at, &event);
            self.commit(now, vec![event], None, out);
        }
    }

    /// Journals the terminals that moved, a piece at a time and with rests between them: each piece
    /// takes the loop and the disk, and a whole county in one go would hold up the calls that come
    /// meanwhile.
    pub(super) fn note_positions(&mut self, now: Now, out: &mut dyn Outbox) {
        if self.degraded.is_some() {
            self.noting = None;
            return;
        }
        let due = now.at.since_ms(self.noted_at) >= Self::NOTE_EVERY_MS;
        if self.noting.is_none() && due && !self.engine.positions().is_still() {
            self.noted_at = now.at;
            self.noting = Some((RadioId(0), now.at));
        }
        let Some((behind, _)) = self.noting.filter(|(_, next)| *next <= now.at) else {
            return;
        };
        let next = now.at.plus_ms(Self::NOTE_REST_MS);
        let done = self.engine.positions().end_of_piece(behind);
        self.noting = done.map(|done| (done, next));
        if done.is_some() {
            self.execute(now, &Command::NotePositions { behind }, out);
        }
    }
}
