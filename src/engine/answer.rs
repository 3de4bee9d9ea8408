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
}

/// Answers of the last 24 hours.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers {
    by_key: BTreeMap<KeyOf, Answer>,
    order: VecDeque<(EngineTime, KeyOf)>,
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
            None => Lookup::New,
            Some(answer) if answer.digest == digest => Lookup::Same(&answer.text),
            Some(_) => Lookup::Other,
        }
    }

    /// Keeps an answer and forgets those that are too old or too many.
    pub(super) fn keep(&mut self, at: EngineTime, key: KeyOf, answer: Answer) {
        if self.by_key.insert(key.clone(), answer).is_none() {
            self.order.push_back((at, key));
        }
        while let Some((kept_at, _)) = self.order.front()
            && (self.order.len() > Self::MAX || at.since_ms(*kept_at) > Self::KEEP_MS)
        {
            if let Some((_, key)) = self.order.pop_front() {
                self.by_key.remove(&key);
            }
        }
    }
}
