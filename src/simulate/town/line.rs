//! The serial line to a gateway: bytes in order, but somebody pulls it, and at times it is noisy.

use super::*;
use crate::daemon::gateway::Serial;
use tieqi_protocols::Parsed;
use tieqi_protocols::hrnp::{Hrnp, Opcode};

/// How long bytes are on the line, ms; always the same, so none overtakes another.
const LINE_MS: u64 = 2;
/// A daemon whose line came back must talk with the gateway within this, ms.
const TALK_MS: u64 = 30_000;
/// Of the frames on a noisy line, the share that is garbled.
const SHARE: f64 = 0.25;

/// A serial line.
pub(super) struct Line {
    /// Its link.
    pub(super) link: usize,
    plugged: bool,
    /// Counts pulls: what was on its way then is lost.
    pulls: u64,
    noisy_until: u64,
    /// It was opened, and the daemon has not exchanged a message on it since.
    silent: bool,
    chance: Chance,
}

impl Line {
    pub(super) fn new(link: usize, seed: u64) -> Self {
        /// Radios, faults, network, desks and town have others.
        const STREAM: u64 = 6 << 32;
        Self {
            link,
            plugged: false,
            pulls: 0,
            noisy_until: 0,
            silent: false,
            chance: Chance::stream(seed, STREAM),
        }
    }

    /// Nobody disturbs it from here on.
    pub(super) fn calm(&mut self) {
        self.noisy_until = 0;
    }

    /// One bit turned, the end cut off, or noise in front.
    fn garble(&mut self, bytes: &Bytes) -> Bytes {
        let mut bytes = bytes.to_vec();
        let place = usize::try_from(self.chance.below(bytes.len() as u64)).unwrap_or(0);
        match self.chance.below(3) {
            0 => bytes.truncate(place),
            1 => {
                let noise = self.chance.draw().to_le_bytes();
                bytes.splice(0..0, noise);
            }
            _ => {
                if let Some(byte) = bytes.get_mut(place) {
                    *byte ^= 1 << self.chance.below(8);
                }
            }
        }
        bytes.into()
    }
}

impl Town {
    /// Bytes go onto the line.
    pub(super) fn wire(&mut self, way: Way, bytes: &Bytes) {
        self.figures.datagrams += 1;
        if !self.line.plugged {
            return;
        }
        let talks = |frame: &Hrnp<'_>| matches!(frame.opcode, Opcode::Data | Opcode::DataAck);
        if way == Way::Out
            && let Ok(Parsed::Complete(frame, _)) = Hrnp::parse(bytes)
            && talks(&frame)
        {
            self.line.silent = false;
        }
        let noisy = self.line.noisy_until > self.now_ms && self.line.chance.hits(SHARE);
        let frame = bytes.clone();
        let bytes = match noisy {
            true => {
                self.fired.note(Fault::LineNoise);
                self.line.garble(bytes)
            }
            false => bytes.clone(),
        };
        let pulls = self.line.pulls;
        let job = Job::Bytes {
            way,
            frame,
            bytes,
            pulls,
        };
        self.later(LINE_MS, job);
    }

    /// What is left of a frame comes off the line, unless that was pulled meanwhile.
    pub(super) fn come(
        &mut self,
        way: Way,
        (frame, bytes): (&Bytes, &Bytes),
        pulls: u64,
    ) -> Result<(), Broken> {
        if pulls != self.line.pulls || bytes.is_empty() {
            return Ok(());
        }
        match way {
            Way::In => {
                self.audit(frame);
                self.serial(Serial::Bytes(bytes))
            }
            Way::Out => {
                let (wall_ms, link) = (self.true_wall_ms(), self.line.link);
                self.world
                    .handle_bytes(self.now_ms, wall_ms, link, None, bytes);
                Ok(())
            }
        }
    }

    /// Somebody pulls the line, for a while.
    pub(super) fn pull(&mut self) -> Result<(), Broken> {
        if self.process.is_none() || !self.line.plugged {
            self.later(5_000, Job::Fault(Fault::Unplugged));
            return Ok(());
        }
        self.fired.note(Fault::Unplugged);
        self.line.plugged = false;
        self.line.pulls += 1;
        let (wall_ms, link) = (self.true_wall_ms(), self.line.link);
        self.world.plug(self.now_ms, wall_ms, link, false);
        let out_ms = 2_000 + self.line.chance.below(58_000);
        self.later(out_ms, Job::Plug);
        self.serial(Serial::Lost)
    }

    /// The line is put in.
    pub(super) fn plug(&mut self) -> Result<(), Broken> {
        self.line.plugged = true;
        let (wall_ms, link) = (self.true_wall_ms(), self.line.link);
        self.world.plug(self.now_ms, wall_ms, link, true);
        self.open_line()
    }

    /// The daemon finds the line.
    pub(super) fn open_line(&mut self) -> Result<(), Broken> {
        if self.process.is_none() || !self.line.plugged {
            return Ok(());
        }
        self.line.silent = true;
        let (life, pulls) = (self.life, self.line.pulls);
        self.later(TALK_MS, Job::Talks { life, pulls });
        self.serial(Serial::Opened)
    }

    /// A line that was there, and quiet, for long enough must be talked on.
    pub(super) fn talks(&mut self, life: u64, pulls: u64) -> Result<(), Broken> {
        let same = life == self.life && pulls == self.line.pulls && self.process.is_some();
        if !same || !self.line.silent {
            return Ok(());
        }
        if self.line.noisy_until + TALK_MS > self.now_ms {
            self.later(TALK_MS, Job::Talks { life, pulls });
            return Ok(());
        }
        Err(Broken::new(
            "a line that came back stays silent",
            self.now_ms,
        ))
    }

    /// It is noisy for a while.
    pub(super) fn disturb(&mut self) {
        self.line.noisy_until = self.now_ms + 10_000 + self.line.chance.below(50_000);
    }

    fn serial(&mut self, what: Serial<'_>) -> Result<(), Broken> {
        let link = LinkId(self.line.link);
        self.give(Input::Serial { link, what })
    }
}
