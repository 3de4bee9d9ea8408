//! The rankings the desks were shown of late, so that a choice against one is recorded with it.
//!
//! They are answers to reads and not journalled; whoever chooses from an older one is taken to have
//! chosen against the ranking of that moment.

use crate::engine::id::IncidentId;
use crate::engine::ranking::Ranking;
use std::collections::VecDeque;

/// Rankings shown, the oldest first.
#[derive(Debug, Default)]
pub struct Shown {
    rankings: VecDeque<(IncidentId, Ranking)>,
}

impl Shown {
    /// Most remembered, each about 1 KiB.
    pub const MAX: usize = 256;

    /// Remembers one that is shown now.
    pub fn note(&mut self, incident: IncidentId, ranking: Ranking) {
        if self.find(incident, ranking.as_of).is_some() {
            return;
        }
        if self.rankings.len() >= Self::MAX {
            self.rankings.pop_front();
        }
        self.rankings.push_back((incident, ranking));
    }

    /// The ranking of this id shown for an incident, if it is remembered.
    #[must_use]
    pub fn find(&self, incident: IncidentId, id: u64) -> Option<&Ranking> {
        let mut newest = self.rankings.iter().rev();
        let found = newest.find(|(of, ranking)| *of == incident && ranking.as_of == id);
        found.map(|(_, ranking)| ranking)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_make_room() {
        let mut shown = Shown::default();
        for as_of in 0..=Shown::MAX as u64 {
            let ranking = Ranking {
                as_of,
                need: Default::default(),
                candidates: Vec::new(),
                passed_over: Vec::new(),
            };
            shown.note(IncidentId(1), ranking.clone());
            shown.note(IncidentId(1), ranking);
        }
        assert_eq!(shown.rankings.len(), Shown::MAX);
        assert!(shown.find(IncidentId(1), 0).is_none());
        assert!(shown.find(IncidentId(1), Shown::MAX as u64).is_some());
        assert!(shown.find(IncidentId(2), 1).is_none());
    }
}
