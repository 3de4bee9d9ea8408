//! What goes between the daemon and the desks, and what comes of it.

use super::*;

impl Town {
    /// Bytes come to a console.
    pub(super) fn tell(
        &mut self,
        console: ConsoleId,
        bytes: Bytes,
        news: &mut VecDeque<News>,
    ) -> Result<(), Broken> {
        let found = self
            .desks
            .iter()
            .position(|desk| desk.console == Some(console));
        let Some(place) = found else { return Ok(()) };
        let Some(desk) = self.desks.get_mut(place) else {
            return Ok(());
        };
        let waits = desk.slow_until > self.now_ms || !desk.untaken.is_empty();
        if waits || desk.dead_until > self.now_ms {
            desk.untaken.push_back(bytes);
            return Ok(());
        }
        news.push_back(News::Written(console, bytes.len()));
        self.hear(place, &bytes)
    }

    pub(super) fn hear(&mut self, place: usize, bytes: &Bytes) -> Result<(), Broken> {
        let now_ms = self.now_ms;
        let mut replies = Vec::new();
        for line in bytes
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            let Some(desk) = self.desks.get_mut(place) else {
                return Ok(());
            };
            let (told, reply) = desk
                .hear(now_ms, line)
                .map_err(|reason| Broken::new("a console was told what is no answer", reason))?;
            replies.extend(reply);
            if let Some(told) = told {
                self.take(place, told)?;
            }
        }
        // Its answer goes with what it says next, at the latest.
        if let Some(desk) = self.desks.get_mut(place) {
            desk.reply.extend(replies);
        }
        Ok(())
    }

    pub(super) fn take(&mut self, place: usize, told: Told<'_>) -> Result<(), Broken> {
        match told {
            Told::Answer(asked, answer) => {
                let user = self.desks.get(place).map_or("", |desk| desk.user);
                if self.auditor.knows(user, &asked) && self.plan.faults.contains(&Fault::Repeat) {
                    self.fired.note(Fault::Repeat);
                }
                self.auditor.answered(user, &asked, answer)
            }
            Told::Refused(asked, problem) => self.refused(place, asked, problem),
            Told::Anew {
                epoch,
                seq,
                from_memory,
            } => {
                self.auditor.anew(place, (epoch, seq), from_memory);
                Ok(())
            }
            Told::Delta(delta) => self.auditor.delta(place, &delta),
            Told::Page(page) => self.auditor.page(place, &page),
            Told::Degraded => {
                self.warned += 1;
                Ok(())
            }
        }
    }

    /// Only reports must be taken in the end; whatever else may have become wrong meanwhile.
    pub(super) fn refused(
        &mut self,
        place: usize,
        asked: Asked,
        problem: String,
    ) -> Result<(), Broken> {
        let at_ms = self.now_ms + 5_000;
        let Some(desk) = self.desks.get_mut(place) else {
            return Ok(());
        };
        // Read-only it does not repeat what may not be durable.
        let later = problem.contains("until a restart") || problem.contains("under the same key");
        if later {
            desk.retry(at_ms, asked);
        } else if self.auditor.knows(desk.user, &asked) {
            return Err(Broken::new(
                "an answered key was refused",
                (asked.key, problem),
            ));
        } else if asked.method == "incident.report" {
            return Err(Broken::new("a report was refused", problem));
        }
        Ok(())
    }

    /// A desk's connection is gone.
    pub(super) fn lose(&mut self, place: usize) {
        let now_ms = self.now_ms;
        if let Some(desk) = self.desks.get_mut(place) {
            desk.lost(now_ms);
        }
        self.auditor.gone(place);
    }

    /// A desk says what it has to say, connects first where it must, and takes what it let wait.
    pub(super) fn speak(&mut self, place: usize) -> Result<(), Broken> {
        let now_ms = self.now_ms;
        let Some(desk) = self.desks.get_mut(place) else {
            return Ok(());
        };
        if desk.dead_until > now_ms || self.process.is_none() {
            return Ok(());
        }
        if desk.dead_until > 0 {
            desk.dead_until = 0;
            return self.revive(place);
        }
        let Some(console) = desk.console else {
            return self.connect(place);
        };
        let mut taken = 0;
        if desk.slow_until <= now_ms {
            let untaken = std::mem::take(&mut desk.untaken);
            for bytes in untaken {
                taken += bytes.len();
                self.hear(place, &bytes)?;
            }
        }
        if taken > 0 {
            let bytes = taken;
            self.give(Input::ConsoleWritten { console, bytes })?;
        }
        let Some(desk) = self.desks.get_mut(place) else {
            return Ok(());
        };
        let mut bytes = std::mem::take(&mut desk.reply);
        if desk.logged_in {
            bytes.extend(desk.speak(now_ms));
        }
        let bytes = &bytes;
        self.give(Input::ConsoleBytes { console, bytes })
    }

    pub(super) fn connect(&mut self, place: usize) -> Result<(), Broken> {
        self.consoles += 1;
        let console = ConsoleId(self.consoles);
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
        let Some(desk) = self.desks.get_mut(place) else {
            return Ok(());
        };
        desk.console = Some(console);
        let bytes = &desk.greet();
        self.give(Input::ConsoleOpened { console, peer })?;
        self.give(Input::ConsoleBytes { console, bytes })
    }

    /// A cable is back. The daemon must have noticed that it was pulled.
    pub(super) fn revive(&mut self, place: usize) -> Result<(), Broken> {
        let still = self.desks.get(place).and_then(|desk| desk.console);
        match still {
            Some(console) => Err(Broken::new("a dead console was not noticed", console.0)),
            None => self.connect(place),
        }
    }

    /// Somebody calls.
    pub(super) fn report(&mut self) {
        let places: Vec<_> = self.config.usable_places().collect();
        let at = usize::try_from(self.chance.below(places.len() as u64)).unwrap_or(0);
        let place = places
            .get(at)
            .map_or("somewhere", |place| place.name.as_str());
        let categories: Vec<_> = self.config.policy.categories.values().collect();
        let at = usize::try_from(self.chance.below(categories.len() as u64)).unwrap_or(0);
        let category = categories.get(at).map(|category| category.key.as_str());
        /// Not all calls come from known places.
        const REACH_CM: u32 = 200_000;
        let (x_cm, y_cm) = (self.chance.within(REACH_CM), self.chance.within(REACH_CM));
        let at = self.config.plane.unproject(Point { x_cm, y_cm });
        let position = json!({ "lat": at.lat(), "lon": at.lon(), "datum": "wgs84" });
        let params = json!({
            "place": place, "category": category, "caller": self.tickets.to_string(),
            "position": position,
        });
        let now_ms = self.now_ms;
        if let Some(desk) = self.desks.first_mut() {
            desk.plan(now_ms, "incident.report", params);
        }
    }
}
