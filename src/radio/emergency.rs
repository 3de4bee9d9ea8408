//! Somebody in trouble: the emergency button of one handheld, pressed and pressed again.

use super::carrier::Outgoing;
use super::world::{Now, Task, World};
use crate::config::Service;
use tieqi_protocols::gps::GpsField;
use tieqi_protocols::lp::Lp;
use tieqi_protocols::message::Message;

impl World {
    /// Presses of one emergency, and between two of them, wall milliseconds.
    const PRESSES: u32 = 3;
    const PRESS_AGAIN_MS: u64 = 700;
    /// Before somebody is looked for again when nobody is on the air yet, wall milliseconds.
    const NOBODY_MS: u64 = 200;
    /// Kind of the emergency in the frame; no public list says what the numbers mean.
    const KIND: u8 = 1;

    /// Presses a handheld's button: of somebody at work, or of anybody on the air.
    pub(super) fn emergency(&mut self, now: Now) {
        let handhelds = self.muster.handhelds.iter().enumerate();
        let registered: Vec<_> = handhelds.filter(|(_, radio)| radio.registered).collect();
        let at_work = |crew| {
            let crew = self.muster.crews.get::<usize>(crew);
            crew.is_some_and(|crew| crew.is_working())
        };
        let busy = registered.iter().filter(|(_, radio)| at_work(radio.crew));
        let mut choice: Vec<usize> = busy.map(|(place, _)| *place).collect();
        if choice.is_empty() {
            choice.extend(registered.iter().map(|(place, _)| *place));
        }
        let lot = self.trouble.below(choice.len().max(1) as u64) as usize;
        match choice.get(lot) {
            Some(handheld) => self.press_emergency(now, *handheld, Self::PRESSES),
            None => self.agenda.note(now.ms + Self::NOBODY_MS, Task::Emergency),
        }
    }

    pub(super) fn press_emergency(&mut self, now: Now, handheld: usize, left: u32) {
        let Some(left) = left.checked_sub(1) else {
            return;
        };
        let Some(radio) = self.muster.handhelds.get(handheld) else {
            return;
        };
        let Some(crew) = self.muster.crews.get(radio.crew) else {
            return;
        };
        let fix = self.ground.fix(now.ms, now.wall_ms, &crew.leg).to_field();
        let pressed = Message::Lp(Lp::Emergency {
            radio: radio.radio,
            kind: Self::KIND,
            gps: GpsField(&fix),
        });
        let link = radio.link(Service::Lp);
        self.stats.emergencies += 1;
        self.push(link, Outgoing::Message(pressed.to_bytes(false)));
        let at_ms = now.ms + Self::PRESS_AGAIN_MS;
        self.agenda.note(at_ms, Task::Press { handheld, left });
    }
}
