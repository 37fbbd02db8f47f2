//! `rootwalk explain NAME TYPE`: resolves one name and tells each step: whom it asked, what it was told and
//! left out, what proves the answer, and what all that cost.

use std::sync::{Arc, OnceLock};

use clap::Args;
use serde_json::{Map, Value, json};

use super::query::{Outcome, Watched, ask, printable};
use super::recorder::{Heard, Recorder, What, reason};
use super::{Exit, add, chain, present, print};
use crate::config::Configuration;
use crate::dns::{Name, Question, RecordType, Rrset};
use crate::limits::Limit;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The name to ask for
    name: Name,
    /// The record type
    #[arg(default_value = "A", value_name = "TYPE")]
    rtype: RecordType,
    /// Tell it as one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(configuration: &Configuration, arguments: &Arguments) -> Exit {
    let question = Question::new(arguments.name.clone(), arguments.rtype);
    let recorder: OnceLock<Arc<Recorder>> = OnceLock::new();
    let show = |outcome: Outcome, watched: &Watched| {
        let heard = recorder.get().map(|recorder| recorder.heard()).unwrap_or_default();
        let unix = recorder.get().map_or(0, |recorder| recorder.unix());
        let story = Story { question: &question, outcome: &outcome, heard: &heard, watched, unix };
        print(&if arguments.json { format!("{:#}\n", story.json()) } else { story.text() });
        outcome.exit()
    };
    let watch = |assembly: &crate::app::assemble::Assembly| {
        let heard = recorder.get_or_init(|| Arc::new(Recorder::new(assembly.clock.clone())));
        Arc::clone(heard) as Arc<dyn crate::event::Observer>
    };
    ask(configuration, &question, false, show, watch).unwrap_or_else(|error| {
        eprintln!("the system gave no runtime: {error}");
        Exit::Failed
    })
}

/// A question and all that happened until it was answered.
struct Story<'a> {
    question: &'a Question,
    outcome: &'a Outcome,
    heard: &'a [Heard],
    watched: &'a Watched,
    /// Now, in seconds since 1970.
    unix: u64,
}

impl Story<'_> {
    fn text(&self) -> String {
        let mut text = self.outcome.text(self.question, false);
        text.push_str("\nthe walk\n");
        text.push_str(&self.walk());
        text.push_str(&self.proof());
        add(&mut text, format_args!("\nthe cost\n  {:.1} ms\n", self.watched.took_ms));
        for (limit, spent, cap) in self.costs() {
            add(&mut text, format_args!("  {limit:<24} {spent:>5} of {cap}\n"));
        }
        text
    }

    /// Whom it asked: what leads to the answer at the left, what it took besides further in.
    fn walk(&self) -> String {
        let mut text = String::new();
        let mut names = vec![self.question.name.clone()];
        let mut last: Option<(&Question, &Name)> = None;
        let mut wanted: Vec<&Question> = Vec::new();
        let mut depth = 0;
        for heard in self.heard {
            match &heard.what {
                What::Asked { question, zone, line, .. } => {
                    depth = depth_of(question, &names);
                    if last != Some((question, zone)) {
                        let indent = INDENT.repeat(depth);
                        add(
                            &mut text,
                            format_args!("{:>9.1}  {indent}{question}, asked of {zone}\n", heard.at_ms),
                        );
                    }
                    last = Some((question, zone));
                    add(
                        &mut text,
                        format_args!("{:>9}  {}{}\n", "", INDENT.repeat(depth + 1), printable(line)),
                    );
                }
                What::Walk { line, fields } => {
                    if let Some(target) =
                        fields.get("to").and_then(Value::as_str).and_then(|name| name.parse().ok())
                    {
                        names.push(target);
                        depth = 0;
                    }
                    add(
                        &mut text,
                        format_args!("{:>9}  {}{}\n", "", INDENT.repeat(depth + 1), printable(line)),
                    );
                }
                What::Needed(question) if wanted.contains(&question) => {}
                What::Needed(question) => {
                    wanted.push(question);
                    add(
                        &mut text,
                        format_args!("{:>9.1}  {INDENT}wanted for the proof: {question}\n", heard.at_ms),
                    );
                }
                What::Proven(_) | What::Judged { .. } => {}
            }
        }
        if text.is_empty() { "           nobody had to be asked\n".to_owned() } else { text }
    }

    /// The chain of trust of each link of the answer.
    fn proof(&self) -> String {
        let mut text = String::new();
        for link in chain::links(self.heard) {
            add(&mut text, format_args!("\nthe chain of trust{}\n{}", link.title(), link.text(self.unix)));
        }
        text
    }

    fn costs(&self) -> impl Iterator<Item = (&'static str, u32, u32)> + '_ {
        let counted = Limit::ALL.into_iter().filter(|limit| *limit != Limit::Milliseconds);
        counted.map(|limit| {
            let budget = &self.watched.budget;
            (limit.word(), budget.spent(limit), budget.cap(limit))
        })
    }

    fn json(&self) -> Value {
        let steps: Vec<Value> = self.heard.iter().map(Heard::fields).collect();
        let costs =
            self.costs().map(|(limit, spent, cap)| (limit.to_owned(), json!({ "spent": spent, "cap": cap })));
        let outcome = self.outcome;
        json!({
            "question": {
                "name": self.question.name.to_string(),
                "type": self.question.rtype.to_string(),
                "class": self.question.class.to_string(),
            },
            "status": outcome.rcode.to_string(),
            "state": outcome.state_word(),
            "reason": outcome.state.as_ref().and_then(reason),
            "ede": outcome.error.as_ref().map(|error| json!({ "code": error.code.0, "text": error.text })),
            "answer": records(&outcome.answer),
            "authority": records(&outcome.authority),
            "chain": chain::links(self.heard).iter().map(chain::Link::json).collect::<Vec<Value>>(),
            "steps": steps,
            "budget": costs.collect::<Map<String, Value>>(),
            "took_ms": self.watched.took_ms,
        })
    }
}

const INDENT: &str = "  ";

/// 0 for what leads to the answer, 1 for what was asked besides: proofs and addresses of name servers.
fn depth_of(question: &Question, names: &[Name]) -> usize {
    let leads = names.iter().any(|name| name.is_subdomain_of(&question.name));
    let proves = matches!(question.rtype, RecordType::DS | RecordType::DNSKEY);
    usize::from(!leads || proves)
}

fn records(rrsets: &[Rrset]) -> Vec<Value> {
    let mut all = Vec::new();
    for rrset in rrsets {
        let values: Vec<String> =
            rrset.rdatas.iter().map(|rdata| present::rdata_text(rrset.rtype, rdata)).collect();
        let signatures: Vec<String> =
            rrset.signatures.iter().map(|rdata| present::rdata_text(RecordType::RRSIG, rdata)).collect();
        all.push(json!({
            "name": rrset.name.to_string(), "type": rrset.rtype.to_string(), "ttl": rrset.ttl,
            "records": values, "signatures": signatures,
        }));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::assemble;
    use crate::clock::Clock;
    use crate::config;
    use crate::dns::delegation::NameServer;
    use crate::dns::edns::EdeCode;
    use crate::entropy::Entropy;
    use crate::event::Silent;
    use crate::lab::{DsKind, Fault, Flaw, Link, Network, World, Zone};
    use crate::validate::Anchors;

    /// Asks a world of the lab for an address; keys and times are those of its seed and epoch.
    async fn explain(world: World, name: &str) -> (String, Value) {
        let internet = world.build().unwrap();
        let mut configuration = config::load(None).unwrap();
        configuration.root_hints =
            internet.hints().into_iter().map(|(name, glue)| NameServer { name, glue }).collect();
        configuration.anchors = Anchors::parse(&internet.anchor_text()).unwrap();
        let clock = Clock::simulated(world.unix());
        let network = Arc::new(Link(Network::new(internet, clock.clone(), 1)));
        let entropy = Arc::new(Entropy::seeded(1));
        let assembly = assemble::on(&configuration, network, clock.clone(), entropy, Arc::new(Silent));
        let question = Question::new(name.parse().unwrap(), RecordType::A);
        let recorder = Arc::new(Recorder::new(clock.clone()));
        let context = assembly.service.context(Arc::clone(&recorder) as Arc<dyn crate::event::Observer>);
        let outcome = Outcome::of(assembly.service.answer(&question, false, &context).await);
        let watched = Watched { budget: Arc::clone(&context.budget), took_ms: 0.0 };
        let heard = recorder.heard();
        let story = Story {
            question: &question,
            outcome: &outcome,
            heard: &heard,
            watched: &watched,
            unix: clock.unix(),
        };
        (story.proof(), story.json())
    }

    fn site(zone: &str) -> Zone {
        Zone::new(zone).record("www A 192.0.2.80")
    }

    #[tokio::test(start_paused = true)]
    async fn the_chain_of_trust_is_told_as_a_tree() {
        let world = || World::new(1);
        let hop = Zone::new("hop.org.").record("www CNAME www.example.org.");
        let expired = Zone::new("org.").flaw_in(RecordType::DNSKEY, Flaw::Expired);
        for (world, name, golden) in [
            (world().zone(site("example.org.")), "www.example.org.", include_str!("golden/secure.txt")),
            (
                world().zone(site("example.org.").nsec3(2, b"salt")),
                "none.sub.example.org.",
                include_str!("golden/nxdomain-nsec3.txt"),
            ),
            (
                world().zone(site("example.org.").unsigned()),
                "www.example.org.",
                include_str!("golden/insecure.txt"),
            ),
            (
                world().zone(expired).zone(site("example.org.")),
                "www.example.org.",
                include_str!("golden/expired-above.txt"),
            ),
            (
                world().zone(site("example.org.").ds(&[DsKind::Wrong]).servers(2)),
                "www.example.org.",
                include_str!("golden/wrong-ds.txt"),
            ),
            (
                world().zone(site("example.org.").record("* A 192.0.2.81")),
                "any.example.org.",
                include_str!("golden/wildcard.txt"),
            ),
            (world().zone(hop).zone(site("example.org.")), "www.hop.org.", include_str!("golden/alias.txt")),
        ] {
            let (text, _) = explain(world, name).await;
            assert_eq!(text, golden, "{name}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_chain_for_a_machine_is_the_same_tree() {
        let expired = site("example.org.").flaw(Flaw::Expired);
        let (_, whole) = explain(World::new(1).zone(expired), "www.example.org.").await;
        assert_eq!(whole["ede"]["code"], EdeCode::SIGNATURE_EXPIRED.0);
        let link = &whole["chain"][0];
        assert_eq!((&link["question"], &link["state"]), (&json!("www.example.org. A"), &json!("bogus")));
        assert_eq!(link["reason"], whole["ede"]["text"]);
        let root = &link["zones"][0];
        let zone = &root["zones"][0]["zones"][0];
        assert_eq!((&root["zone"], &zone["zone"]), (&json!("."), &json!("example.org.")));
        let keys = &root["facts"][0];
        assert_eq!((&keys["fact"], &keys["from"]), (&json!("keys"), &json!("trust-anchor")));
        assert_eq!(keys["signature"]["tag"], keys["vouchers"][0]["tag"]);
        assert_eq!(keys["signature"]["expiration"], link["expires"]);
        let unproven = zone["facts"].as_array().unwrap().last().unwrap();
        assert_eq!((&unproven["fact"], &unproven["why"]), (&json!("unproven"), &link["reason"]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_dead_server_and_a_good_one_leave_no_mark_in_the_chain() {
        let strips = site("example.org.").servers(2).fault_at(0, Fault::IgnoresEdns);
        for seed in 1..9 {
            let (text, json) = explain(World::new(seed).zone(strips.clone()), "www.example.org.").await;
            assert_eq!(json["state"], "secure", "{text}");
            assert!(!text.contains("BOGUS"), "{text}");
        }
    }
}
