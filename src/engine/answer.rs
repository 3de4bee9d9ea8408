//! Answers given to commands, so that a retry on another connection or after a restart gets the
//! same one. A key belongs to a user and a method.

use super::id::EngineTime;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// Whose key it is: user, method, key.
pub type KeyOf = (String, String, String);

/// An answer given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Of the parameters it answered.
    pub digest: [u8; 16],
    /// As sent.
    pub text: String,
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
    /// Another user gave this very command under this key.
    Foreign,
}

/// Answers of the last 24 hours.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers {
    by_key: BTreeMap<KeyOf, Answer>,
    order: VecDeque<(EngineTime, KeyOf)>,
    /// How many answers kept have this digest: it tells nearly always that nobody asked the same.
    by_digest: BTreeMap<[u8; 16], u32>,
}

impl Answers {
    /// Most answers kept.
    pub const MAX: usize = 100_000;
    /// How long one is kept, milliseconds.
    pub const KEEP_MS: u64 = 24 * 3_600_000;

    /// What `key` is worth with parameters of this digest.
    #[must_use]
    pub fn lookup(&self, key: &KeyOf, digest: [u8; 16]) -> Lookup<'_> {
        match self.by_key.get(key) {
            None if self.is_foreign(key, digest) => Lookup::Foreign,
            None => Lookup::New,
            Some(answer) if answer.digest == digest => Lookup::Same(&answer.text),
            Some(_) => Lookup::Other,
        }
    }

    /// Whether another user gave the same command with the same key: it was overheard.
    fn is_foreign(&self, (_, method, key): &KeyOf, digest: [u8; 16]) -> bool {
        self.by_digest.contains_key(&digest)
            && self.by_key.iter().any(|((_, other, theirs), answer)| {
                answer.digest == digest && other == method && theirs == key
            })
    }

    /// Keeps an answer and forgets those that are too old or too many.
    pub(super) fn keep(&mut self, at: EngineTime, key: KeyOf, answer: Answer) {
        *self.by_digest.entry(answer.digest).or_default() += 1;
        match self.by_key.insert(key.clone(), answer) {
            None => self.order.push_back((at, key)),
            Some(old) => self.forget(old.digest),
        }
        while let Some((kept_at, _)) = self.order.front()
            && (self.order.len() > Self::MAX || at.since_ms(*kept_at) > Self::KEEP_MS)
        {
            if let Some((_, key)) = self.order.pop_front()
                && let Some(old) = self.by_key.remove(&key)
            {
                self.forget(old.digest);
            }
        }
    }

    fn forget(&mut self, digest: [u8; 16]) {
        if let Some(count) = self.by_digest.get_mut(&digest) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.by_digest.remove(&digest);
            }
        }
    }
}
