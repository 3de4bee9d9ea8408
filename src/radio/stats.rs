//! What the simulated radios counted. The demo's report holds it against the journal: the daemon's
//! word and the radios' word are two witnesses.

use crate::engine::policy::Key;
use serde::Serialize;
use std::fmt;

/// Counters since the start; `handhelds`, `registered` and `links_up` are as of now.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Handhelds switched on.
    pub handhelds: u64,
    /// Of these, answered as registered.
    pub registered: u64,
    /// Registrations answered as taken, renewals too.
    pub registrations: u64,
    /// Links that carry messages.
    pub links_up: u64,
    /// Private texts that came for a handheld that is on, repeated ones too.
    pub texts: u64,
    /// Offers shown to an officer for the first time.
    pub offers: u64,
    /// Work orders that came, repeated ones and those taken back too.
    pub work_orders: u64,
    /// States of work orders that the daemon acknowledged.
    pub work_order_reports: u64,
    /// Recalls shown to an officer for the first time.
    pub recalls: u64,
    /// Texts shown already: acknowledged again, not answered again.
    pub repeated: u64,
    /// Acks of delivery (A2 with result 0) handed to a link.
    pub delivered: u64,
    /// Answers "not delivered" (A2 with result 8) handed to a link.
    pub undelivered: u64,
    /// Texts lost on the air, and acks of delivery lost there.
    pub lost_on_air: u64,
    /// Status keys pressed.
    pub keys: Keys,
    /// Offers said yes to long after they were asked.
    pub late_answers: u64,
    /// Offers declined.
    pub declines: u64,
    /// Offers nobody will answer.
    pub ignored: u64,
    /// Offers whose place the town does not know.
    pub unknown_places: u64,
    /// Texts to a group.
    pub group_texts: u64,
    /// Texts to a group that came from the daemon.
    pub group_texts_heard: u64,
    /// Texts of officers given up because no ack came.
    pub unacknowledged: u64,
    /// Emergency buttons pressed, each press.
    pub emergencies: u64,
    /// Position reports handed to a link.
    pub positions: u64,
    /// Messages dropped because too many waited for a link.
    pub overflows: u64,
    /// Messages a link gave up, and links connected anew because of it.
    pub unsent: u64,
    /// Links connected anew because nobody acknowledged any more.
    pub reconnects: u64,
    /// Datagrams handed to the sockets.
    pub frames_sent: u64,
    /// Datagrams that came from the sockets, those lost on purpose too.
    pub frames_received: u64,
    /// Datagrams dropped on purpose, both ways.
    pub frames_lost: u64,
    /// Datagrams and messages that were not understood.
    pub refused: u64,
}

/// Status keys by kind.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Keys {
    /// 签收.
    pub accept: u64,
    /// 退单.
    pub decline: u64,
    /// 出警.
    pub rolling: u64,
    /// 到达现场.
    pub on_scene: u64,
    /// 处置完毕.
    pub clear: u64,
    /// 请求支援.
    pub need_help: u64,
}

impl Keys {
    /// All presses.
    #[must_use]
    pub fn total(&self) -> u64 {
        let Self {
            accept,
            decline,
            rolling,
            on_scene,
            clear,
            need_help,
        } = self;
        accept + decline + rolling + on_scene + clear + need_help
    }
}

impl Keys {
    pub(super) fn count(&mut self, key: Key) {
        *match key {
            Key::Accept => &mut self.accept,
            Key::Decline => &mut self.decline,
            Key::Rolling => &mut self.rolling,
            Key::OnScene => &mut self.on_scene,
            Key::Clear => &mut self.clear,
            Key::NeedHelp | Key::HelpOver => &mut self.need_help,
        } += 1;
    }
}

impl fmt::Display for Stats {
    /// One line for a person who watches.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = &self.keys;
        write!(
            f,
            "links {} registered {}/{} offers {} delivered {} accept {} decline {} rolling {} \
             on scene {} clear {} recalls {} positions {} frames {}+{} lost {}",
            self.links_up,
            self.registered,
            self.handhelds,
            self.offers,
            self.delivered,
            keys.accept,
            keys.decline,
            keys.rolling,
            keys.on_scene,
            keys.clear,
            self.recalls,
            self.positions,
            self.frames_sent,
            self.frames_received,
            self.frames_lost,
        )
    }
}
