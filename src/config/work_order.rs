//! What the states of a work order (工单) mean: the numbers are the operator's, set in the terminals.

use super::node::Node;
use crate::engine::policy::Key;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// States a terminal may report: beyond "new" and "delete", which only a desk sets.
const STATES: RangeInclusive<i64> = 0x02..=0xFFFF;
/// The only public source has 0x10 as "decline" and 0x20 to 0x24 as the operator's own; that these
/// mean accept, rolling, on scene and clear in this order is assumed.
const USUAL: [(&str, Key, u16); 5] = [
    ("accept", Key::Accept, 0x20),
    ("decline", Key::Decline, 0x10),
    ("rolling", Key::Rolling, 0x21),
    ("on_scene", Key::OnScene, 0x22),
    ("clear", Key::Clear, 0x23),
];

/// `radio.work_states`, which may be left out, whole or in part.
pub(super) fn states(radio: &Node<'_>) -> BTreeMap<u16, Key> {
    let node = radio.section_opt("work_states");
    let mut out = BTreeMap::new();
    for (name, key, usual) in USUAL {
        let number = node.as_ref().map_or(i64::from(usual), |node| {
            node.int_or(name, STATES, i64::from(usual))
        });
        let state = u16::try_from(number).unwrap_or(usual);
        if let (Some(other), Some(node)) = (out.insert(state, key), &node) {
            let text = format!("state {state:#04x} means {other:?} already");
            node.report.fault(&node.spot(name), text);
        }
    }
    out
}
