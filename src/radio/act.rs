//! What officers do when it is time: read, press keys, drive, work, patrol.

use super::carrier::Outgoing;
use super::crew::{Job, Step};
use super::ground::Leg;
use super::handheld::Says;
use super::hear::Arrived;
use super::notice::Notice;
use super::world::{Now, Task, World};
use crate::config::Service;
use crate::engine::policy::{Grade, Key};
use tieqi_protocols::radio_ip::RadioIp;

/// The group of the whole shift, as in the public captures.
const GROUP: RadioIp = RadioIp {
    subnet: 0,
    id: 10_000,
};
/// What is told to it. It must not read like a status key.
const GROUP_WORDS: &str = "现场正在处置";
/// What an officer who is well writes back.
const SAFE_WORDS: &str = "安全";

impl World {
    /// A patrol goes this far from home at most, centimetres.
    const PATROL_CM: u64 = 40_000;
    /// Between two ways of a patrol, on the average; simulated milliseconds.
    const REST_MS: u64 = 120_000;
    /// A place nobody knows, whose distance the text does not tell, is this far; metres.
    const SOMEWHERE_M: u32 = 1_000;

    pub(super) fn perform(&mut self, now: Now, task: Task) {
        match task {
            Task::Register { handheld, plan } => self.register(now, handheld, plan),
            Task::Report { handheld, plan } => self.report_again(now, handheld, plan),
            Task::Arrive(text) => self.arrive(now, &text),
            Task::Retry {
                handheld,
                request_id,
            } => self.retry(now, handheld, request_id),
            Task::Emergency => self.emergency(now),
            Task::Press { handheld, left } => self.press_emergency(now, handheld, left),
            Task::Crew { crew, plan, step } => self.step(now, crew, plan, step),
            Task::LateYes(job) => {
                self.stats.late_answers += 1;
                self.press(now, &job, Key::Accept);
            }
        }
    }

    /// An officer reads a text for the first time.
    pub(super) fn show(&mut self, now: Now, handheld: usize, text: &Arrived) {
        let Some(place) = self.handheld(handheld).map(|radio| radio.crew) else {
            return;
        };
        let Some(crew) = self.muster.crews.get_mut(place) else {
            return;
        };
        match Notice::read(&text.words) {
            Notice::Other => {}
            Notice::Safety => {
                let (desk, flag) = (text.source, text.flag);
                let says = Says::Words(SAFE_WORDS.to_owned());
                let radio = self.handheld(handheld);
                let taken = radio.is_some_and(|radio| radio.write(desk, flag, says));
                self.stats.overflows += u64::from(!taken);
                self.write_next(now, handheld);
            }
            Notice::Recall { number } => {
                self.stats.recalls += 1;
                if crew.recall(number) {
                    self.patrol(now, place);
                }
            }
            Notice::Offer { number, .. } if crew.knows(number) => self.stats.repeated += 1,
            Notice::Offer {
                number,
                grade,
                distance_m,
            } => {
                self.stats.offers += 1;
                let job = Job {
                    number,
                    grade,
                    place: self.ground.place_in(&text.words),
                    distance_m,
                    handheld,
                    desk: text.source,
                    flag: text.flag,
                    by_order: text.by_order,
                };
                self.consider(now, place, job);
            }
        }
    }

    /// The next officer who is asked says yes only after so many simulated milliseconds, whatever
    /// became of the offer meanwhile, and does nothing about it.
    pub fn dawdle(&mut self, simulated_ms: u64) {
        self.dawdle_ms = Some(simulated_ms);
    }

    /// Makes up an officer's mind; the key comes later.
    fn consider(&mut self, now: Now, place: usize, job: Job) {
        let (rates, key_ms) = (self.options.rates, u64::from(self.options.key_s) * 1000);
        let Some(crew) = self.muster.crews.get_mut(place) else {
            return;
        };
        let (ignores, declines) = (
            crew.chance.hits(rates.ignore),
            crew.chance.hits(rates.decline),
        );
        let wait_ms = crew.chance.around(key_ms);
        if let Some(late_ms) = self.dawdle_ms.take() {
            let at_ms = now.ms + self.pace.wall_ms(late_ms);
            return self.agenda.note(at_ms, Task::LateYes(job));
        }
        if ignores {
            self.stats.ignored += 1;
            return;
        }
        let plan = crew.consider(job);
        let step = if declines {
            Step::Decline
        } else {
            Step::Accept
        };
        self.plan(now, place, plan, wait_ms, step);
    }

    /// Plans a step after so many simulated milliseconds.
    fn plan(&mut self, now: Now, crew: usize, plan: u32, simulated_ms: u64, step: Step) {
        let at_ms = now.ms + self.pace.wall_ms(simulated_ms);
        self.agenda.note(at_ms, Task::Crew { crew, plan, step });
    }

    fn step(&mut self, now: Now, place: usize, plan: u32, step: Step) {
        let Some(crew) = self.muster.crews.get_mut(place) else {
            return;
        };
        match step {
            Step::Patrol => {
                if crew.patrols(plan) {
                    self.patrol(now, place);
                }
            }
            Step::Accept | Step::Decline => {
                if let Some(job) = crew.answer(plan) {
                    self.answer_offer(now, place, job, step);
                }
            }
            Step::Roll | Step::Arrive | Step::Help | Step::Clear => {
                if let Some(job) = crew.working(plan) {
                    self.work(now, place, plan, job, step);
                }
            }
        }
    }

    fn answer_offer(&mut self, now: Now, place: usize, job: Job, step: Step) {
        if step == Step::Decline {
            self.stats.declines += 1;
            return self.press(now, &job, Key::Decline);
        }
        self.press(now, &job, Key::Accept);
        let roll_ms = u64::from(self.options.roll_s) * 1000;
        if let Some(crew) = self.muster.crews.get_mut(place) {
            let plan = crew.take_on(job);
            let wait_ms = crew.chance.around(roll_ms);
            self.plan(now, place, plan, wait_ms, Step::Roll);
        }
    }

    fn work(&mut self, now: Now, place: usize, plan: u32, job: Job, step: Step) {
        match step {
            Step::Roll => {
                self.press(now, &job, Key::Rolling);
                if let Some(at_ms) = self.drive(now, place, job) {
                    let crew = place;
                    let step = Step::Arrive;
                    self.agenda.note(at_ms, Task::Crew { crew, plan, step });
                }
            }
            Step::Arrive => {
                self.press(now, &job, Key::OnScene);
                self.stay(now, place, plan, job);
            }
            Step::Help => self.press(now, &job, Key::NeedHelp),
            _ => {
                self.press(now, &job, Key::Clear);
                if let Some(crew) = self.muster.crews.get_mut(place) {
                    crew.finish();
                }
                self.patrol(now, place);
            }
        }
    }

    /// Drives to the scene; gives the time of arrival.
    fn drive(&mut self, now: Now, place: usize, job: Job) -> Option<u64> {
        let crew = self.muster.crews.get_mut(place)?;
        let from = crew.leg.place_at(now.ms);
        let to = job.place.unwrap_or_else(|| {
            self.stats.unknown_places += 1;
            let metres = job.distance_m.unwrap_or(Self::SOMEWHERE_M);
            self.ground
                .beside(&mut crew.chance, from, u64::from(metres) * 100)
        });
        let speed = self.ground.speed_cm_s(crew.kind);
        let leg = Leg::new(now.ms, from, to, speed, self.pace);
        crew.set_out(leg);
        Some(leg.arrive_ms())
    }

    /// Works on scene for a while, longer at graver ones.
    fn stay(&mut self, now: Now, place: usize, plan: u32, job: Job) {
        let rates = self.options.rates;
        let third_ms = u64::from(self.options.scene_s) * 1000;
        let mean_ms = match job.grade {
            Grade::One => third_ms * 2,
            Grade::Two => third_ms * 3 / 2,
            Grade::Three => third_ms,
            Grade::Four => third_ms * 2 / 3,
        };
        let Some(crew) = self.muster.crews.get_mut(place) else {
            return;
        };
        let wait_ms = crew.chance.exponential(mean_ms);
        let (helps, tells) = (
            crew.chance.hits(rates.need_help),
            crew.chance.hits(rates.group_text),
        );
        if helps {
            self.plan(now, place, plan, wait_ms / 2, Step::Help);
        }
        if tells {
            self.tell_group(job.handheld);
        }
        self.plan(now, place, plan, wait_ms, Step::Clear);
    }

    fn tell_group(&mut self, handheld: usize) {
        let Some(radio) = self.handheld(handheld) else {
            return;
        };
        let bytes = radio.group_text(GROUP, GROUP_WORDS);
        let link = radio.link(Service::Tmp);
        self.stats.group_texts += 1;
        self.push(link, Outgoing::Message(bytes));
    }

    /// Slowly to some point near home, and on from there after a rest. It also ends a job's way.
    fn patrol(&mut self, now: Now, place: usize) {
        let Some(crew) = self.muster.crews.get_mut(place) else {
            return;
        };
        let from = crew.leg.place_at(now.ms);
        let far = crew.chance.below(Self::PATROL_CM);
        let to = self.ground.beside(&mut crew.chance, crew.home, far);
        let speed = self.ground.speed_cm_s(crew.kind) / 3;
        let leg = Leg::new(now.ms, from, to, speed, self.pace);
        let plan = crew.set_out(leg);
        let rest_ms = crew.chance.around(Self::REST_MS);
        let at_ms = leg.arrive_ms() + self.pace.wall_ms(rest_ms);
        let (crew, step) = (place, Step::Patrol);
        self.agenda.note(at_ms, Task::Crew { crew, plan, step });
    }

    /// Stays at home for a while before the first patrol.
    pub(super) fn rest(&mut self, now_ms: u64, place: usize) {
        let Some(crew) = self.muster.crews.get_mut(place) else {
            return;
        };
        let plan = crew.set_out(Leg::parked(crew.home));
        let wait_ms = crew.chance.below(Self::REST_MS);
        let at_ms = now_ms + self.pace.wall_ms(wait_ms);
        let (crew, step) = (place, Step::Patrol);
        self.agenda.note(at_ms, Task::Crew { crew, plan, step });
    }

    /// Presses a status key on the handheld the offer came to.
    fn press(&mut self, now: Now, job: &Job, key: Key) {
        let state = self.keys.state(key).filter(|_| job.by_order);
        let order = state.map(|state| Says::Order(job.number, state));
        let words = || self.keys.words(key, job.number).map(Says::Words);
        let Some(says) = order.or_else(words) else {
            return;
        };
        self.stats.keys.count(key);
        let (desk, flag) = (job.desk, job.flag);
        let taken = self
            .handheld(job.handheld)
            .is_some_and(|radio| radio.write(desk, flag, says));
        self.stats.overflows += u64::from(!taken);
        self.write_next(now, job.handheld);
    }
}
