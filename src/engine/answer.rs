//! Answers given to commands, so that a retry on another connection or after a restart gets the
//! same one. A key belongs to a user and a method.
//!
//! A hundred thousand are kept, in both engines, so they are kept short: names are hashed, and the
//! first 128 bits of a BLAKE3 hash stand for them.

use super::id::EngineTime;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteArray;
use smol_str::SmolStr;
use std::collections::{BTreeMap, VecDeque};

/// Names in 16 bytes, in one piece: formats write and read an array byte by byte.
type Short = ByteArray<16>;

/// Whose key it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyOf<'a> {
    /// The user.
    pub user: &'a str,
    /// The method.
    pub method: &'a str,
    /// The key.
    pub key: &'a str,
}

impl KeyOf<'_> {
    fn short(self) -> Short {
        short([self.user, self.method, self.key].map(str::as_bytes))
    }

    /// The command itself, whoever gave it.
    fn command(self, digest: Short) -> Short {
        short([&*digest, self.method.as_bytes(), self.key.as_bytes()])
    }
}

/// Each part with its length before it, so that no two lists are alike.
fn short(parts: [&[u8]; 3]) -> Short {
    let mut bytes = Vec::with_capacity(128);
    for part in parts {
        bytes.extend((part.len() as u64).to_le_bytes());
        bytes.extend(part);
    }
    let hash = blake3::hash(&bytes);
    Short::new(*hash.as_bytes().first_chunk().unwrap_or(&[0; 16]))
}

/// An answer given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Answer {
    /// Of the parameters it answered.
    digest: Short,
    /// Of the command, whoever gave it.
    command: Short,
    /// As sent; most are a few words, and stand in place.
    text: SmolStr,
}

/// What a key is worth now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup<'a> {
    /// Not used yet.
    New,
    /// Used with these parameters: here is the answer.
    Same(&'a str),
    /// Used with other parameters.
    Other,
    /// Another user gave this very command under this key: it was overheard.
    Foreign,
}

/// Answers of the last 24 hours.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers {
    #[serde(with = "super::pairs")]
    by_key: BTreeMap<Short, Answer>,
    order: VecDeque<(EngineTime, Short)>,
    /// How many answers kept are of this command.
    #[serde(with = "super::pairs")]
    commands: BTreeMap<Short, u32>,
}

impl Answers {
    /// Most answers kept.
    pub const MAX: usize = 100_000;
    /// How long one is kept, milliseconds.
    pub const KEEP_MS: u64 = 24 * 3_600_000;

    /// What a key is worth with parameters of this digest.
    #[must_use]
    pub fn lookup(&self, key: KeyOf<'_>, digest: [u8; 16]) -> Lookup<'_> {
        let digest = Short::new(digest);
        match self.by_key.get(&key.short()) {
            None if self.commands.contains_key(&key.command(digest)) => Lookup::Foreign,
            None => Lookup::New,
            Some(answer) if answer.digest == digest => Lookup::Same(answer.text.as_str()),
            Some(_) => Lookup::Other,
        }
    }

    /// Keeps an answer and forgets those that are too old or too many.
    pub(super) fn keep(&mut self, at: EngineTime, key: KeyOf<'_>, digest: [u8; 16], text: &str) {
        let digest = Short::new(digest);
        let (short, command) = (key.short(), key.command(digest));
        *self.commands.entry(command).or_default() += 1;
        let answer = Answer {
            digest,
            command,
            text: text.into(),
        };
        match self.by_key.insert(short, answer) {
            None => self.order.push_back((at, short)),
            Some(old) => self.forget(old.command),
        }
        while let Some((kept_at, _)) = self.order.front()
            && (self.order.len() > Self::MAX || at.since_ms(*kept_at) > Self::KEEP_MS)
        {
            if let Some((_, short)) = self.order.pop_front()
                && let Some(old) = self.by_key.remove(&short)
            {
                self.forget(old.command);
            }
        }
    }

    fn forget(&mut self, command: Short) {
        if let Some(count) = self.commands.get_mut(&command) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.commands.remove(&command);
            }
        }
    }
}
