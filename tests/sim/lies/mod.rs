//! A catalogue of lies: each rule of validation is broken once, by a server that lies or a zone that is signed wrongly,
//! and the whole resolver has to give the verdict that the rule asks for.
//!
//! RFC 4035 §5, RFC 5155 §8, RFC 6672, RFC 6840, RFC 9077, RFC 9276, RFC 9824, and the mistakes that other validators
//! made. All lies are told on the same stage. Beside each stands its honest twin: the same question where nobody lies,
//! so that none passes for a reason of its own. A lie may use the zone's own keys: what counts is the record that
//! comes of it.

#![expect(clippy::too_many_lines, reason = "a table of cases may be long")]

mod aliases;
mod anchors;
mod chain;
mod forge;
mod nsec;
mod nsec3;
mod signatures;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use rootwalk::dns::edns::EdeCode;
use rootwalk::dns::message::Message;
use rootwalk::dns::security::ValidationState;
use rootwalk::dns::{Question, Rcode, RecordType, Rrset};
use rootwalk::event::{Event, Observer};
use rootwalk::lab::{Fault, World, Zone};
use rootwalk::validate::Anchors;

use crate::harness::{Reply, Sim, name, seed};
use forge::{Forge, deny};

/// A signed zone with NSEC.
const N: &str = "nsec.test.";
/// The same with NSEC3.
const H: &str = "nsec3.test.";
/// A signed zone beside them.
const OTHER: &str = "other.test.";
/// Their parent.
const TEST: &str = "test.";

type Tale = Arc<dyn Fn(&Forge, &Question, &mut Message) + Send + Sync>;

/// How a question has to come out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Proven.
    Secure,
    /// Proven, and with the very answer of the honest twin.
    Unseen,
    /// Proven, for so many seconds at most.
    SecureFor(u32),
    /// Not proven and not refused, with this EDE code or none.
    Unproven(Option<u16>),
    /// Refused: the label of the fault, and the EDE code.
    Bogus(&'static str, u16),
    /// No answer was left to be judged: the EDE code.
    Useless(u16),
}

use Verdict::{Bogus, Secure, SecureFor, Unproven, Unseen, Useless};

const MISSING: Verdict = Bogus("denial-missing", 12);

/// One entry.
struct Lie {
    rule: &'static str,
    how: &'static str,
    question: Question,
    liars: Vec<(&'static str, Tale)>,
    anchors: Option<fn(&Forge) -> Anchors>,
    verdict: Verdict,
    twin: Verdict,
}

/// Begins an entry: the rule that is broken, how, and the question that shows it.
fn lie(rule: &'static str, how: &'static str, owner: &str, rtype: RecordType) -> Lie {
    let question = Question::new(name(owner), rtype);
    Lie { rule, how, question, liars: Vec::new(), anchors: None, verdict: Secure, twin: Secure }
}

/// Records of a liar.
trait Proofs: Fn(&Forge) -> Vec<Rrset> + Send + Sync + 'static {}

impl<F: Fn(&Forge) -> Vec<Rrset> + Send + Sync + 'static> Proofs for F {}

impl Lie {
    /// The servers of `zone` change their answer to the question.
    fn told(self, zone: &'static str, tale: impl Fn(&Forge, &mut Message) + Send + Sync + 'static) -> Self {
        let asked = self.question.clone();
        self.tells(zone, move |forge, question, reply| {
            if *question == asked {
                tale(forge, reply);
            }
        })
    }

    /// The servers of `zone` change any answer.
    fn tells(
        mut self,
        zone: &'static str,
        tale: impl Fn(&Forge, &Question, &mut Message) + Send + Sync + 'static,
    ) -> Self {
        self.liars.push((zone, Arc::new(tale)));
        self
    }

    /// The servers of `zone` give another DNSKEY set.
    fn keys(self, zone: &'static str, tale: impl Fn(&Forge, Rrset) -> Rrset + Send + Sync + 'static) -> Self {
        self.tells(zone, move |forge, question, reply| {
            if question.rtype == RecordType::DNSKEY && question.name == name(zone) {
                let keys = reply.answer.remove(0);
                reply.answer.insert(0, tale(forge, keys));
            }
        })
    }

    /// The servers of the parent give other records in the place of the DS set of `child`, also in referrals.
    fn ds(
        self,
        parent: &'static str,
        child: &'static str,
        tale: impl Fn(&Forge, Rrset) -> Vec<Rrset> + Send + Sync + 'static,
    ) -> Self {
        self.tells(parent, move |forge, _, reply| {
            for section in [&mut reply.answer, &mut reply.authority] {
                if let Some(place) = section.iter().position(|rrset| rrset.is(&name(child), RecordType::DS)) {
                    let ds = section.remove(place);
                    section.extend(tale(forge, ds));
                }
            }
        })
    }

    /// The servers of the parent deny by these records that `child` has a DS set, also in referrals.
    fn no_ds(self, parent: &'static str, child: &'static str, proofs: impl Proofs) -> Self {
        self.ds(parent, child, move |forge, _| proofs(forge)).tells(parent, move |forge, question, reply| {
            if question.rtype == RecordType::DS && question.name == name(child) {
                let proofs = std::mem::take(&mut reply.answer);
                deny(reply, Rcode::NOERROR, std::iter::once(forge.soa(parent)).chain(proofs).collect());
            }
        })
    }

    /// The servers of `zone` deny by these records, whatever is true; the zone's own SOA record comes with them. Unless
    /// it is said to be otherwise, they prove nothing.
    fn denied(
        self,
        zone: &'static str,
        rcode: Rcode,
        proofs: impl Fn(&Forge) -> Vec<Rrset> + Send + Sync + 'static,
    ) -> Self {
        self.told(zone, move |forge, reply| {
            deny(reply, rcode, std::iter::once(forge.soa(zone)).chain(proofs(forge)).collect());
        })
        .is(MISSING)
    }

    /// Other trust anchors than the root's. The honest twin has the root's.
    fn trusting(self, anchors: fn(&Forge) -> Anchors) -> Self {
        Self { anchors: Some(anchors), ..self }
    }

    /// How it has to come out.
    fn is(self, verdict: Verdict) -> Self {
        Self { verdict, ..self }
    }

    /// How it comes out where nobody lies, if that is not secure.
    fn twin(self, twin: Verdict) -> Self {
        Self { twin, ..self }
    }
}

/// The zones that all lies are told of.
fn stage() -> World {
    let records = [
        "@ MX 10 Mail",
        "mail A 192.0.2.25",
        "www A 192.0.2.80",
        "www TXT text",
        "two A 192.0.2.81",
        "two A 192.0.2.82",
        "a.ent A 192.0.2.83",
        "alias CNAME www",
        "far CNAME www.other.test.",
        "nowhere CNAME none.other.test.",
        "old DNAME new",
        "x.new A 192.0.2.84",
        "*.wild A 192.0.2.85",
        "*.wild TXT any",
        "kept.wild A 192.0.2.86",
        "*.pointing CNAME www",
    ];
    let signed = |zone: &str| Zone::new(zone).algorithm(15);
    let full = |zone: &str| records.iter().fold(signed(zone), |zone, record| zone.record(record));
    let small = |zone: Zone| zone.record("www A 192.0.2.80");
    World::new(seed())
        .zone(signed("."))
        .zone(signed(TEST))
        .zone(full(N))
        .zone(full(H).nsec3(0, b""))
        .zone(small(signed(OTHER)))
        .zone(small(signed("optout.test.")).opt_out())
        .zone(small(signed("signed.optout.test.")))
        .zone(small(Zone::new("plain.optout.test.").unsigned()))
        .zone(small(Zone::new("unsigned.test.").unsigned()))
        .zone(small(signed("island.test.")).island())
        .zone(small(signed("sub.nsec.test.")))
        .zone(small(signed("sub.nsec3.test.")).nsec3(0, b""))
        .zone(small(Zone::new("loose.nsec.test.").unsigned()))
        .zone(small(Zone::new("loose.nsec3.test.").unsigned()))
}

/// Keeps the last fault that was told of.
#[derive(Default)]
struct Faults(Mutex<Option<&'static str>>);

impl Observer for Faults {
    fn on(&self, event: &Event<'_>) {
        if let Event::Judged { state: ValidationState::Bogus(reason), .. } = event {
            *self.0.lock().unwrap() = Some(reason.fault.label());
        }
    }
}

/// A client's reply, and the fault behind it.
struct Seen {
    reply: Reply,
    fault: Option<&'static str>,
}

impl Seen {
    /// Why this is not what it has to be.
    fn complaint(&self, verdict: Verdict, honest: Option<&Self>) -> Option<String> {
        let (rcode, secure) = (self.reply.rcode(), self.reply.secure());
        let ede = self.reply.ede().map(|EdeCode(code)| code);
        let refused = rcode == Rcode::SERVFAIL && !secure;
        let right = match verdict {
            Secure => secure,
            SecureFor(most) => secure && self.ttl() <= most,
            Unseen => secure && honest.is_some_and(|honest| honest.what() == self.what()),
            Unproven(code) => rcode != Rcode::SERVFAIL && !secure && ede == code,
            Bogus(label, code) => refused && self.fault == Some(label) && ede == Some(code),
            Useless(code) => refused && self.fault.is_none() && ede == Some(code),
        };
        (!right).then(|| {
            let (fault, text) = (self.fault.unwrap_or("no fault"), self.reply.text());
            let what = format!("{rcode}{}, {fault}, EDE {ede:?} '{text}'", if secure { " AD" } else { "" });
            format!("{verdict:?} is asked for, and not {what}, TTL {}", self.ttl())
        })
    }

    /// The response code and the records of the answer.
    fn what(&self) -> (Rcode, BTreeMap<Question, Vec<Vec<u8>>>) {
        let answer = self.reply.message.answer.iter().map(|rrset| {
            let mut rdatas: Vec<Vec<u8>> = rrset.rdatas.iter().map(<[u8]>::to_vec).collect();
            rdatas.sort();
            (Question::new(rrset.name.clone(), rrset.rtype), rdatas)
        });
        (self.reply.rcode(), answer.collect())
    }

    /// The lowest TTL of all records.
    fn ttl(&self) -> u32 {
        let message = &self.reply.message;
        message.answer.iter().chain(&message.authority).map(|rrset| rrset.ttl).min().unwrap_or(0)
    }
}

/// Asks once, with or without the lie.
async fn ask(forge: &Arc<Forge>, lie: &Lie, lying: bool) -> Seen {
    let mut faults = Vec::new();
    for (zone, tale) in lie.liars.iter().filter(|_| lying) {
        let server = forge.internet().addresses_of(&name(zone))[0];
        let (forge, tale) = (Arc::clone(forge), Arc::clone(tale));
        faults.push((server, Fault::rewrites(move |question, reply| tale(&forge, question, reply))));
    }
    let heard = Arc::new(Faults::default());
    let sim = Sim::on(forge.internet().with_faults(&faults), |options| {
        options.observer = Arc::clone(&heard) as Arc<dyn Observer>;
        if let Some(anchors) = lie.anchors.filter(|_| lying) {
            let anchors = anchors(forge);
            options.anchors = Box::new(|_, _| anchors);
        }
    });
    let reply = sim.ask(&lie.question.name.to_string(), lie.question.rtype).await;
    let fault = *heard.0.lock().unwrap();
    Seen { reply, fault }
}

/// Tells each lie of a part of the catalogue, and complains of all that come out wrong.
async fn tell(lies: Vec<Lie>) {
    let forge = Arc::new(Forge::new(stage().build().unwrap()));
    let mut wrong = Vec::new();
    let mut twins: BTreeMap<Question, Seen> = BTreeMap::new();
    for lie in &lies {
        if !twins.contains_key(&lie.question) {
            twins.insert(lie.question.clone(), ask(&forge, lie, false).await);
        }
        let honest = &twins[&lie.question];
        let told = ask(&forge, lie, true).await;
        let complaints = [
            honest.complaint(lie.twin, Some(honest)).map(|complaint| format!("its honest twin: {complaint}")),
            told.complaint(lie.verdict, Some(honest)),
        ];
        for complaint in complaints.into_iter().flatten() {
            let question = format!("{} {}", lie.question.name, lie.question.rtype);
            wrong.push(format!("{}, {} ({question}): {complaint}", lie.rule, lie.how));
        }
    }
    assert!(wrong.is_empty(), "{} of {} lies came out wrong:\n{}", wrong.len(), lies.len(), wrong.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn lies_about_signatures_get_their_verdict() {
    tell(signatures::lies()).await;
}

#[tokio::test(start_paused = true)]
async fn lies_about_the_chain_of_trust_get_their_verdict() {
    tell(chain::lies()).await;
}

#[tokio::test(start_paused = true)]
async fn lies_about_trust_anchors_get_their_verdict() {
    tell(anchors::lies()).await;
}

#[tokio::test(start_paused = true)]
async fn lies_told_by_nsec_get_their_verdict() {
    tell(nsec::lies()).await;
}

#[tokio::test(start_paused = true)]
async fn lies_told_by_nsec3_get_their_verdict() {
    tell(nsec3::lies()).await;
}

#[tokio::test(start_paused = true)]
async fn lies_about_aliases_get_their_verdict() {
    tell(aliases::lies()).await;
}

#[test]
fn the_catalogue_tells_no_lie_twice_and_says_how_many_there_are() {
    let parts =
        [signatures::lies(), chain::lies(), anchors::lies(), nsec::lies(), nsec3::lies(), aliases::lies()];
    let lies: Vec<Lie> = parts.into_iter().flatten().collect();
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    let mut told = BTreeSet::new();
    for lie in &lies {
        let kind = match lie.verdict {
            Secure | SecureFor(_) => "secure",
            Unseen => "not visible",
            Unproven(_) => "insecure or indeterminate",
            Bogus(..) => "bogus",
            Useless(_) => "no answer",
        };
        *kinds.entry(kind).or_default() += 1;
        assert!(told.insert((lie.rule, lie.how, &lie.question)), "twice: {}, {}", lie.rule, lie.how);
    }
    eprintln!("{} lies: {kinds:?}", lies.len());
    assert!(lies.len() >= 120, "{}", lies.len());
}
