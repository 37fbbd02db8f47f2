//! One run of the swarm: a drawn internet in drawn weather, asked until all is well again and three days longer.
//!
//! In: a seed. Out: a [`Story`] with what was measured, or what went wrong. While the weather lasts every reply is
//! true or an honest failure; after it every name comes back to its whole truth within [`HEALING_SECS_MAX`].

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rootwalk::clock::Moment;
use rootwalk::dns::message::Message;
use rootwalk::dns::{Question, Rdatas};
use rootwalk::entropy::Entropy;
use rootwalk::lab::Internet;
use rootwalk::lab::link::Sent;

use super::changes::{Version, versions};
use super::judge::{Finding, Heard, Judge};
use super::meter::{Meter, Metered};
use super::plan::Plan;
use super::weather::Weather;
use crate::harness::{Ask, Reply, Sim};
use crate::worlds::Draw;

/// The longest that a question may take: its budget, and a little.
pub(super) const PATIENCE: Duration = Duration::from_millis(10_500);
/// How long after the last fault, and after what changed has run out of the caches, a name may fail.
const HEALING_SECS_MAX: u32 = 900;
/// How often a name that fails is asked again.
const POLL_SECS: u64 = 5;
/// What a liar said may be remembered for a day, and lead to what it said of another name.
const FORGETTING_SECS: u64 = 3 * 86_400;

/// What a run brought.
#[derive(Default)]
pub(super) struct Story {
    /// Replies that were true, failures, and those nobody can judge, while the weather lasted.
    pub(super) replies: [usize; 3],
    /// Packets for each question that needed any.
    pub(super) packets: Vec<u32>,
    /// The longest time a question took.
    pub(super) slowest: Duration,
    /// The longest time a name took to come back, in seconds, and how it failed last.
    pub(super) healing: (u32, String),
    /// All that was said and all that was sent.
    pub(super) heard: Vec<(Moment, Question, Duration, Message)>,
    pub(super) sent: Vec<Sent>,
}

/// Runs a seed.
pub(super) fn run(seed: u64) -> Result<Story, String> {
    in_virtual_time(async { Run::new(seed).whole().await })
}

/// Runs something on a runtime of its own, whose clock goes on when nothing else does.
pub(super) fn in_virtual_time<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(work)
}

struct Run {
    sim: Sim,
    draw: Draw,
    meter: Arc<Meter>,
    versions: Vec<Version>,
    internets: Vec<Arc<Internet>>,
    weather: Weather,
    judge: Judge,
    story: Mutex<Story>,
}

impl Run {
    fn new(seed: u64) -> Arc<Self> {
        let draw = Draw(Entropy::seeded(seed));
        let versions = versions(&draw, Plan::draw(&draw, seed));
        let meter = Arc::new(Meter::default());
        let watching = Arc::clone(&meter);
        let sim = Sim::with(versions[0].plan.world(), |options| {
            options.seed = seed;
            // With every other seed, answers may be stale and are renewed before their end.
            if seed.is_multiple_of(2) {
                (options.stale, options.prefetch, options.prefetch_key) = (None, false, false);
            }
            options.between = Box::new(|source| Arc::new(Metered { source, meter: watching }));
        });
        let later = versions.iter().skip(1).map(|version| Arc::new(version.plan.world().build().unwrap()));
        let internets: Vec<_> = std::iter::once(sim.network.internet()).chain(later).collect();
        for address in internets.iter().flat_map(|internet| internet.addresses()) {
            let millis = *draw.of(&[1, 5, 10, 20, 40, 80, 150, 300]);
            sim.network.set_round_trip(address, Duration::from_millis(millis));
        }
        let weather = Weather::draw(&draw, &versions, &internets, seed);
        let judge = Judge::new(&versions, &internets, &weather);
        let story = Mutex::default();
        Arc::new(Self { sim, draw, meter, versions, internets, weather, judge, story })
    }

    async fn whole(self: Arc<Self>) -> Result<Story, String> {
        let told = self.acts().await.and_then(|()| self.meter.check(self.sim.network.sent()));
        told.map_err(|error| format!("{error}\n{}", self.scene()))?;
        let mut story = std::mem::take(&mut *self.story.lock().unwrap());
        story.packets = self.meter.packets();
        story.sent = self.sim.network.log();
        Ok(story)
    }

    async fn acts(self: &Arc<Self>) -> Result<(), String> {
        let count = 24 + self.draw.below(24);
        let questions = self.versions[0].plan.questions(&self.draw, count);
        let oracle = self.internets[0].oracle();
        // An alias chain near the bound may fail.
        let asked = questions.into_iter().filter(|question| oracle.truth(question).answer.len() < 9);
        let questions: Vec<Question> = asked.collect();
        let turning = tokio::spawn(Arc::clone(self).turn());
        self.storm(&questions).await?;
        turning.await.map_err(|error| error.to_string())?;
        self.heal(&questions).await?;
        self.sim.pass(FORGETTING_SECS).await;
        for question in &questions {
            let reply = self.ask(question, false).await?;
            self.judge.is_whole(question, &reply.message).map_err(|why| {
                format!("{question}, days after, from a client's view: {why}\n{}\n{reply:#?}", reply.text())
            })?;
        }
        Ok(())
    }

    /// Lets the weather and the versions take their turns.
    async fn turn(self: Arc<Self>) {
        let mut turns = self.weather.turns();
        turns.extend(self.versions.iter().map(|version| version.from_secs));
        for secs in turns {
            self.sleep_until(secs).await;
            let now = self.versions.iter().rposition(|version| version.from_secs <= secs).unwrap();
            self.weather.turn_uplink(&self.sim.network, secs);
            self.sim.network.replace(self.internets[now].with_faults(&self.weather.at(secs)));
        }
    }

    async fn sleep_until(&self, secs: u32) {
        self.sim.clock.sleep_until(Moment::default().after_secs(secs)).await;
    }

    /// Asks while the weather lasts, several at a time.
    async fn storm(self: &Arc<Self>, questions: &[Question]) -> Result<(), String> {
        let mut bursts: Vec<u32> = (0..20)
            .map(|_| u32::try_from(self.draw.below(usize::try_from(self.weather.end_secs).unwrap())).unwrap())
            .collect();
        bursts.sort_unstable();
        let mut asking = Vec::new();
        for secs in bursts {
            self.sleep_until(secs).await;
            for _ in 0..=self.draw.below(4) {
                let question = self.draw.of(questions).clone();
                let unchecked = self.draw.one_in(12);
                let run = Arc::clone(self);
                asking.push(tokio::spawn(async move {
                    let began = run.now_secs();
                    let reply = run.ask(&question, unchecked).await?;
                    if !unchecked {
                        let finding = run.hear(&question, &reply, began)?;
                        run.story.lock().unwrap().replies[finding as usize] += 1;
                    }
                    Ok::<(), String>(())
                }));
            }
        }
        for one in asking {
            one.await.map_err(|error| error.to_string())??;
        }
        self.sleep_until(self.weather.end_secs).await;
        Ok(())
    }

    /// Asks every name until it is well again.
    async fn heal(self: &Arc<Self>, questions: &[Question]) -> Result<(), String> {
        let mut healing = Vec::new();
        for question in questions {
            let (spoilt, settled) = self.judge.outlook(question);
            if spoilt {
                continue;
            }
            let (run, question) = (Arc::clone(self), question.clone());
            healing.push(tokio::spawn(run.poll(question, settled)));
        }
        for one in healing {
            one.await.map_err(|error| error.to_string())??;
        }
        Ok(())
    }

    async fn poll(self: Arc<Self>, question: Question, settled: u32) -> Result<(), String> {
        let start = self.weather.end_secs.max(settled);
        let mut failed = String::new();
        loop {
            let began = self.now_secs();
            let reply = self.ask(&question, false).await?;
            self.hear(&question, &reply, began)?;
            let whole = self.judge.is_whole(&question, &reply.message);
            let after = self.now_secs().saturating_sub(start);
            match whole {
                Ok(()) => {
                    let mut story = self.story.lock().unwrap();
                    if after > story.healing.0 {
                        story.healing = (after, format!("{question}: {failed}"));
                    }
                    return Ok(());
                }
                Err(why) if after > HEALING_SECS_MAX => {
                    return Err(format!("{question}, {after} s after: {why}\n{}\n{reply:#?}", reply.text()));
                }
                Err(_) => failed = reply.text(),
            }
            self.sim.pass(POLL_SECS).await;
        }
    }

    async fn ask(&self, question: &Question, checking_disabled: bool) -> Result<Reply, String> {
        let ask = Ask { checking_disabled, ..Ask::new(&question.name.to_string(), question.rtype) };
        let began = self.sim.clock.now();
        let reply = self.sim.ask_as(&ask).await;
        let mut story = self.story.lock().unwrap();
        story.slowest = story.slowest.max(reply.took);
        story.heard.push((began, question.clone(), reply.took, masked(reply.message.clone())));
        if reply.took > PATIENCE {
            return Err(format!("{question} took {:?}", reply.took));
        }
        if reply.text().contains("please report") {
            return Err(format!("{question}: {}", reply.text()));
        }
        Ok(reply)
    }

    fn hear(&self, question: &Question, reply: &Reply, asked_secs: u32) -> Result<Finding, String> {
        let heard = Heard { question, message: &reply.message, asked_secs, replied_secs: self.now_secs() };
        self.judge.hear(&heard).map_err(|why| {
            format!("{question}, asked at {asked_secs} s: {why}\n{}\n{:#?}", reply.text(), reply.message)
        })
    }

    fn now_secs(&self) -> u32 {
        u32::try_from(self.sim.clock.now().secs()).unwrap()
    }

    /// For people: the zones and what went wrong.
    fn scene(&self) -> String {
        let mut lines = Vec::new();
        for version in &self.versions {
            lines.push(format!("from {} s:", version.from_secs));
            let all = (0..version.plan.sites.len())
                .filter(|at| version.from_secs == 0 || version.changed.contains(at));
            lines.extend(all.map(|at| format!("    {:?}", version.plan.sites[at])));
        }
        lines.push("the weather:".to_owned());
        lines.extend(self.weather.story());
        lines.join("\n")
    }
}

/// The message without the octets of its signatures, some of which are drawn by the system.
fn masked(mut message: Message) -> Message {
    for rrset in message.answer.iter_mut().chain(&mut message.authority).chain(&mut message.additional) {
        let fixed: Vec<Vec<u8>> = rrset.signatures.iter().map(|rdata| rdata[..18].to_vec()).collect();
        rrset.signatures = fixed.iter().map(Vec::as_slice).collect::<Rdatas>();
    }
    message
}
