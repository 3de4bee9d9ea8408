//! What an officer makes of a text on the handheld: an offer, a recall, or words to read.
//!
//! Written from the texts alone; it shares no code with the daemon that words them.
//! ```text
//! #12 II级 交通事故 嘉荣广场 1.2公里        撤销 #12
//! number grade category place distance     recall number
//! #13 紧急 求助 铁骑01 近嘉荣广场 350米
//! ```

use crate::engine::policy::{Grade, Key};
use std::collections::BTreeMap;
use tieqi_protocols::work_order::WorkState;

/// A text as understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notice {
    /// Go there.
    Offer {
        /// The incident's.
        number: u32,
        /// How grave.
        grade: Grade,
        /// How far, if the text says so, metres.
        distance_m: Option<u32>,
    },
    /// Do not go there any more.
    Recall {
        /// The incident's.
        number: u32,
    },
    /// Is all well?
    Safety,
    /// Words.
    Other,
}

impl Notice {
    pub(super) fn read(text: &str) -> Self {
        let text = text.trim();
        if let Some(rest) = text.strip_prefix("撤销") {
            return match numbered(rest.trim_start()) {
                Some((number, "")) => Self::Recall { number },
                _ => Self::Other,
            };
        }
        if text.starts_with("安全确认") {
            return Self::Safety;
        }
        let Some((number, rest)) = numbered(text) else {
            return Self::Other;
        };
        let mut words = rest.split_whitespace();
        let Some(grade) = words.next().and_then(grade) else {
            return Self::Other;
        };
        let distance_m = words.last().and_then(distance);
        Self::Offer {
            number,
            grade,
            distance_m,
        }
    }
}

/// `#12` and what follows.
fn numbered(text: &str) -> Option<(u32, &str)> {
    let rest = text.strip_prefix('#')?;
    let end = rest
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(rest.len());
    let (digits, rest) = rest.split_at(end);
    Some((digits.parse().ok()?, rest))
}

fn grade(word: &str) -> Option<Grade> {
    if word == "紧急" {
        return Some(Grade::One);
    }
    let numeral = word.strip_suffix('级')?;
    Grade::ALL
        .into_iter()
        .find(|grade| grade.numeral() == numeral)
}

/// `350米` or `1.2公里`, in metres.
fn distance(word: &str) -> Option<u32> {
    if let Some(metres) = word.strip_suffix('米') {
        return metres.parse().ok();
    }
    let word = word.strip_suffix("公里")?;
    let (whole, tenth) = word.split_once('.').unwrap_or((word, "0"));
    let (whole, tenth): (u32, u32) = (whole.parse().ok()?, tenth.parse().ok()?);
    (tenth < 10)
        .then(|| whole.checked_mul(1000)?.checked_add(tenth * 100))
        .flatten()
}

/// The shortest text of each status key, which is what an officer bothers to press, and the state
/// of a work order that means the same.
#[derive(Debug, Clone)]
pub(super) struct KeyTexts {
    shortest: BTreeMap<Key, String>,
    states: BTreeMap<Key, WorkState>,
}

impl KeyTexts {
    pub(super) fn new(texts: &BTreeMap<String, Key>, states: &BTreeMap<u16, Key>) -> Self {
        let mut shortest: BTreeMap<Key, String> = BTreeMap::new();
        for (text, key) in texts {
            let known = shortest.get(key);
            if known.is_none_or(|known| text.chars().count() < known.chars().count()) {
                shortest.insert(*key, text.clone());
            }
        }
        let states = states.iter().map(|(state, key)| (*key, WorkState(*state)));
        Self {
            shortest,
            states: states.collect(),
        }
    }

    /// `1 12`; none when the config has no text for that key.
    pub(super) fn words(&self, key: Key, number: u32) -> Option<String> {
        Some(format!("{} {number}", self.shortest.get(&key)?))
    }

    /// None when no state means that key.
    pub(super) fn state(&self, key: Key) -> Option<WorkState> {
        self.states.get(&key).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(number: u32, grade: Grade, distance_m: Option<u32>) -> Notice {
        Notice::Offer {
            number,
            grade,
            distance_m,
        }
    }

    #[test]
    fn texts_as_they_come() {
        use Grade::{Four, One, Two};
        let table = [
            (
                "#12 II级 交通事故 黄江大道17号 1.2公里",
                offer(12, Two, Some(1200)),
            ),
            ("#7 I级 抢劫抢夺 嘉荣广场 350米", offer(7, One, Some(350))),
            ("  #7 IV级 噪音扰民 某处 0米 ", offer(7, Four, Some(0))),
            ("#7 IV级 噪音扰民 某处", offer(7, Four, None)),
            ("#7 IV级", offer(7, Four, None)),
            (
                "#13 紧急 求助 铁骑01 近嘉荣广场 350米",
                offer(13, One, Some(350)),
            ),
            ("安全确认 #12：请回复", Notice::Safety),
            ("撤销 #12", Notice::Recall { number: 12 }),
            ("撤销#12", Notice::Recall { number: 12 }),
            ("撤销 #12 请回", Notice::Other),
            ("撤销", Notice::Other),
            ("#12", Notice::Other),
            ("#12 请注意安全", Notice::Other),
            ("# II级 x", Notice::Other),
            ("#99999999999 II级 x", Notice::Other),
            ("#1 V级 x", Notice::Other),
            ("#1 II级 x 4294967295.9公里", offer(1, Two, None)),
            ("#1 II级 x 1.25公里", offer(1, Two, None)),
            ("各单位注意", Notice::Other),
            ("", Notice::Other),
        ];
        for (text, expected) in table {
            assert_eq!(Notice::read(text), expected, "{text}");
        }
    }

    #[test]
    fn the_shortest_key_wins() {
        let configured = [
            ("1", Key::Accept),
            ("收到", Key::Accept),
            ("支援", Key::NeedHelp),
        ];
        let configured = configured.map(|(text, key)| (text.to_owned(), key));
        let states = BTreeMap::from([(0x20, Key::Accept)]);
        let keys = KeyTexts::new(&configured.into_iter().collect(), &states);
        assert_eq!(keys.words(Key::Accept, 12).as_deref(), Some("1 12"));
        assert_eq!(keys.words(Key::NeedHelp, 3).as_deref(), Some("支援 3"));
        assert_eq!(keys.words(Key::Clear, 3), None);
        assert_eq!(keys.state(Key::Accept), Some(WorkState(0x20)));
        assert_eq!(keys.state(Key::Clear), None);
    }
}
