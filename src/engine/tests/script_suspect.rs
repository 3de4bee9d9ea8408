//! The words of suspect terminals ([`super::script`]).
//!
//! ```text
//! 1.0   heard    1001 gw2:1             // it spoke of its own accord, there
//! 1.0   numbered 1001 7 is New          // the number of a text; New, Again or Old
//! 1.0   trust    1001
//! 1.0   bar      1001
//! 1.0   suspect  1001 TwoPlaces x2 barred by desk
//! 1.0   believed 1001
//! ```

use super::script::{Script, after};
use crate::engine::command::Command;
use crate::engine::id::RadioId;

/// `gw2:1`: gateway and slot.
pub(super) fn via_of<'a>(words: &[&'a str]) -> (&'a str, u8) {
    place_of(after(words, "via").unwrap_or("gw:1"))
}

fn place_of(word: &str) -> (&str, u8) {
    let (gateway, slot) = word.split_once(':').unwrap();
    (gateway, slot.parse().unwrap())
}

fn radio(words: &[&str]) -> RadioId {
    RadioId(words[0].parse().unwrap())
}

impl Script {
    /// Whether `verb` was about evidence.
    pub(super) fn evidence(&mut self, verb: &str, words: &[&str]) -> bool {
        match verb {
            "heard" => {
                let (id, via, now) = (radio(words), place_of(words[1]), self.world.now);
                let heard = self.world.tell(|engine| engine.hear(now, id, via));
                self.batch = heard.1;
            }
            "numbered" => {
                let (id, now) = (radio(words), self.world.now);
                let number = words[1].parse().unwrap();
                let (seen, batch) = self.world.tell(|engine| engine.number(now, id, number));
                self.batch = batch;
                assert_eq!(
                    after(words, "is").unwrap(),
                    format!("{seen:?}"),
                    "{}",
                    self.line
                );
            }
            "renumbered" => self.batch = self.world.tell(|it| it.renumber(radio(words))).1,
            _ => return false,
        }
        true
    }

    pub(super) fn trust_command(verb: &str, words: &[&str]) -> Command {
        Command::Trust {
            radio: radio(words),
            trusted: verb == "trust",
            by: String::from("desk"),
        }
    }

    /// `suspect 1001 Cause [xN] [barred]` and `believed 1001`.
    pub(super) fn suspicion(&self, verb: &str, words: &[&str]) {
        let found = self.world.engine.state().suspects.get(&radio(words));
        assert_eq!(
            found.is_some(),
            verb == "suspect",
            "{}: {found:?}",
            self.line
        );
        let Some(suspect) = found else { return };
        assert_eq!(format!("{:?}", suspect.cause), words[1], "{}", self.line);
        let count = words.iter().find_map(|word| word.strip_prefix('x'));
        let count = count.map(|count| count.parse().unwrap());
        assert_eq!(
            count.unwrap_or(suspect.ignored),
            suspect.ignored,
            "{}",
            self.line
        );
        let barred = words.contains(&"barred").then(|| String::from("desk"));
        assert_eq!(suspect.barred_by, barred, "{}", self.line);
    }
}
