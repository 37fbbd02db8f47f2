//! Plays one scenario against a whole resolver, in virtual time.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rootwalk::app::assemble::{self, Assembly};
use rootwalk::clock::Clock;
use rootwalk::dns::Question;
use rootwalk::dns::edns::Edns;
use rootwalk::dns::encode::encode_query;
use rootwalk::dns::message::Message;
use rootwalk::dns::response::Transport;
use rootwalk::entropy::Entropy;
use rootwalk::event::Silent;
use rootwalk::service::Client;
use tokio::task::JoinHandle;

use crate::compare::differences;
use crate::head::Head;
use crate::network::{Link, Network};
use crate::scenario::{Action, Entry, Scenario};

/// The virtual time that an answer may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
/// The virtual time that a query to a server may be waited for.
const QUERY_LIMIT: Duration = Duration::from_secs(10);
/// How often is looked for it.
const TICK: Duration = Duration::from_millis(1);
/// The date of a scenario that says none: 2017.
const DATE: u64 = 1_500_000_000;

/// Whose dialect a scenario is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// A query is worked on during the step that follows it; the date stands still.
    Unbound,
    /// A query is worked on during its own step; the date runs.
    Deckard,
}

/// What went wrong, and what was sent until then.
pub(crate) struct Failure {
    pub(crate) what: Vec<String>,
    pub(crate) log: Vec<String>,
}

struct Player {
    assembly: Assembly,
    network: Arc<Network>,
    asked: VecDeque<JoinHandle<Option<Vec<u8>>>>,
}

/// Plays all steps.
pub(crate) async fn play(head: &Head, scenario: Scenario, dialect: Dialect) -> Result<(), Failure> {
    let date = head.date.unwrap_or(DATE);
    let clock = match dialect {
        Dialect::Unbound if head.date.is_some() => Clock::with_fixed_date(date),
        _ => Clock::simulated(date),
    };
    let Scenario { ranges, steps, .. } = scenario;
    let patient = steps.iter().any(|step| matches!(step.action, Action::Reply(_)));
    let network = Network::new(clock.clone(), ranges, patient);
    let exchange = Arc::new(Link(Arc::clone(&network)));
    let entropy = Arc::new(Entropy::seeded(1));
    let assembly = assemble::on(&head.configuration, exchange, clock, entropy, Arc::new(Silent));
    let mut player = Player { assembly, network, asked: VecDeque::new() };
    for (at, step) in steps.iter().enumerate() {
        let next = steps.get(at + 1).map_or(step.number, |next| next.number);
        let is_query = matches!(step.action, Action::Query(..));
        player.network.enter(if is_query && dialect == Dialect::Unbound { next } else { step.number });
        player.step(&step.action).await.map_err(|what| Failure {
            what: what.into_iter().map(|what| format!("step {}: {what}", step.number)).collect(),
            log: player.network.log(),
        })?;
        if is_query && !patient && dialect == Dialect::Deckard {
            player.settle().await;
        }
    }
    Ok(())
}

impl Player {
    async fn step(&mut self, action: &Action) -> Result<(), Vec<String>> {
        match action {
            Action::Query(entry, from) => self.ask(entry, *from),
            Action::CheckAnswer(entry) => {
                let reply = self.answer().await.map_err(|what| vec![what])?;
                let found = differences(entry, &reply);
                if !found.is_empty() {
                    let said =
                        reply.edns.iter().flat_map(Edns::extended_errors).map(|error| error.text.clone());
                    return Err(found.into_iter().chain(said).collect());
                }
            }
            Action::Reply(entry) => self.until(|network| network.reply(entry), "to answer", entry).await?,
            Action::CheckOutQuery(entry) => self.until(|network| network.sent(entry), "sent", entry).await?,
            Action::TimePasses(millis) => {
                self.settle().await;
                tokio::time::sleep(Duration::from_millis(*millis)).await;
            }
            Action::Traffic => self.settle().await,
            Action::Nothing => tokio::time::sleep(TICK).await,
        }
        Ok(())
    }

    fn ask(&mut self, entry: &Entry, from: Option<IpAddr>) {
        let octets = entry.raw.clone().unwrap_or_else(|| query(entry));
        let address = SocketAddr::new(from.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)), 4_000);
        let client = Client { address, transport: Transport::Tcp };
        let service = Arc::clone(&self.assembly.service);
        self.asked.push_back(tokio::spawn(async move { service.handle(&octets, client).await }));
    }

    /// The reply to the oldest query.
    async fn answer(&mut self) -> Result<Message, String> {
        let task = self.asked.pop_front().ok_or("no query is open")?;
        let outcome = tokio::time::timeout(ANSWER_LIMIT, task).await.map_err(|_| "no answer in time")?;
        let octets = outcome.map_err(|error| error.to_string())?.ok_or("the query was dropped")?;
        Message::parse(&octets).map_err(|error| format!("the reply cannot be read: {error}"))
    }

    /// Lets open queries, and what is renewed beside them, come to their end, as far as they do.
    async fn settle(&mut self) {
        let all = async {
            tokio::time::sleep(TICK).await;
            while self.asked.iter().any(|task| !task.is_finished()) || self.assembly.service.in_flight() > 0 {
                tokio::time::sleep(TICK).await;
            }
        };
        tokio::time::timeout(ANSWER_LIMIT, all).await.ok();
    }

    async fn until(
        &self,
        done: impl Fn(&Network) -> bool,
        what: &str,
        entry: &Entry,
    ) -> Result<(), Vec<String>> {
        let tick = async {
            while !done(&self.network) {
                tokio::time::sleep(TICK).await;
            }
        };
        let outcome = tokio::time::timeout(QUERY_LIMIT, tick).await;
        outcome.map_err(|_| vec![format!("no query {what} fits the entry of line {}", entry.line)])
    }
}

/// The entry as a client's query.
fn query(entry: &Entry) -> Vec<u8> {
    let (name, rtype, class) = entry.question.clone().expect("a query has a question");
    let question = Question { class, ..Question::new(name, rtype) };
    let has_edns = entry.has("DO") || !entry.options.is_empty();
    let edns = has_edns.then(|| {
        let options = Edns::decode(0, 0, &entry.options).map(|edns| edns.options).unwrap_or_default();
        options.into_iter().fold(Edns::new(1_232, entry.has("DO")), Edns::with)
    });
    let mut octets = encode_query(77, &question, entry.has("RD"), entry.has("CD"), edns.as_ref());
    octets[3] |= if entry.has("AD") { 0x20 } else { 0 };
    octets
}
