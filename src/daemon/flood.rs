//! Floods of calls (电话轰炸): one number of which many calls wait at once is told once, by name.
//! Its calls are shown under the first of them; none is dropped or put off, and who judges them is
//! a person.

use super::effect::Held;
use super::notice::Flood;
use super::output::Outbox;
use super::rpc;
use super::{Daemon, Now};

impl Daemon {
    /// Tells numbers that flood and were not told since all their calls were seen to.
    pub(super) fn tell_floods(&mut self, now: Now, out: &mut dyn Outbox) {
        let engine = &self.engine;
        self.floods
            .retain(|caller| engine.waiting_of_caller(caller) > 0);
        let new: Vec<String> = engine
            .flooding()
            .difference(&self.floods)
            .cloned()
            .collect();
        for caller in new {
            let waiting = self.engine.waiting_of_caller(&caller);
            tracing::warn!(caller, waiting, "one number floods the lines");
            let flood = Flood {
                caller: &caller,
                waiting,
            };
            let line = rpc::notice("board.flood", &flood);
            for console in self.logged_in() {
                let line = line.clone();
                self.hold(now, Held::Line { console, line }, out);
            }
            self.counts.floods += 1;
            self.floods.insert(caller);
        }
    }
}
