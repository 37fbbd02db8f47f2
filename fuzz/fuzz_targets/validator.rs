//! Judges arbitrary messages, some of whose records are honestly signed: a proof never panics, ends within its
//! budget, and calls nothing secure that nobody signed.
#![no_main]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use rootwalk::budget::{Budget, Caps};
use rootwalk::clock::Moment;
use rootwalk::dns::message::Message;
use rootwalk::dns::response::{Outcome, Scrubbed};
use rootwalk::dns::{Name, Question, Rcode, RecordType, Rrset};
use rootwalk::event::Silent;
use rootwalk::failure::Failure;
use rootwalk::lab::signer::{KSK, Key, KeyMaker, Validity, sign_rrset};
use rootwalk::limits::Limit;
use rootwalk::validate::anchors::AnchorKey;
use rootwalk::validate::{Anchors, Evidence, Policy, Step, Validator, ZoneTrust};

const NOW: u64 = 1_800_000_000;
const STEPS_MAX: usize = 1_000;

struct World {
    /// The root, `b.` and `a.b.`: short, so that mutations find them.
    zones: Vec<(Name, Key)>,
    validator: Arc<Validator>,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let mut maker = KeyMaker::new(1);
    let zones: Vec<(Name, Key)> = [".", "b.", "a.b."]
        .map(|zone| (zone.parse().expect("a name"), maker.make(15, KSK).expect("a key")))
        .into();
    let mut anchors = Anchors::none();
    for (zone, key) in zones.iter().take(1) {
        anchors.add(zone.clone(), AnchorKey::Dnskey(key.dnskey()));
    }
    World { zones, validator: Arc::new(Validator::new(anchors, Policy::default())) }
});

struct Cuts(Vec<Name>);

impl Evidence for Cuts {
    fn zone(&self, _: &Name) -> Option<Arc<ZoneTrust>> {
        None
    }

    fn cuts(&self, _: &Name) -> Vec<Name> {
        self.0.clone()
    }
}

/// Signs as the deepest zone above the owner, or, if `upper`, the one above that.
fn sign(mut rrset: Rrset, upper: bool) -> Rrset {
    let place = if rrset.rtype == RecordType::DS { rrset.name.parent() } else { Some(rrset.name.clone()) };
    let above = WORLD
        .zones
        .iter()
        .rev()
        .filter(|(zone, _)| place.as_ref().is_some_and(|name| name.is_subdomain_of(zone)));
    if let Some((zone, key)) = above.clone().nth(usize::from(upper)).or_else(|| above.clone().next()) {
        let validity = Validity::around(NOW, 1_000, 1_000);
        sign_rrset(&mut rrset, key, zone, validity).expect("the lab signs");
    }
    rrset
}

/// What the world says of its own keys.
fn own(question: &Question) -> Option<Scrubbed> {
    let (zone, key) = WORLD.zones.iter().find(|(zone, _)| *zone == question.name)?;
    let rdata = match question.rtype {
        RecordType::DNSKEY => key.dnskey(),
        RecordType::DS if !zone.is_root() => key.ds(zone, 2),
        _ => return None,
    };
    let rrset = sign(Rrset::new(zone.clone(), question.rtype, 600).with(&rdata), false);
    Some(scrubbed(question.clone(), Outcome::Answer, vec![rrset], vec![]))
}

fn scrubbed(question: Question, outcome: Outcome, answer: Vec<Rrset>, authority: Vec<Rrset>) -> Scrubbed {
    let target = answer
        .iter()
        .rev()
        .find(|rrset| rrset.rtype == RecordType::CNAME && question.rtype != RecordType::CNAME)
        .and_then(|rrset| rootwalk::dns::rdata::single_name(rrset.rdatas.first()?).ok())
        .unwrap_or_else(|| question.name.clone());
    let server = IpAddr::V4(Ipv4Addr::LOCALHOST);
    Scrubbed {
        question,
        zone: Name::root(),
        rcode: Rcode::NOERROR,
        outcome,
        answer,
        authority,
        target,
        server,
    }
}

/// Each octet of `flags` says of one RRset whether and by whom it is signed.
fn read(bytes: &[u8], mut flags: impl Iterator<Item = u8>) -> Option<Scrubbed> {
    let message = Message::parse(bytes).ok()?;
    let question = message.question?;
    let mut signed = |rrsets: Vec<Rrset>| -> Vec<Rrset> {
        rrsets
            .into_iter()
            .map(|rrset| match flags.next().unwrap_or(1) {
                0 => rrset,
                flag => sign(rrset, flag % 8 == 7),
            })
            .collect()
    };
    let answer = signed(message.answer);
    let authority = signed(message.authority);
    let outcome = match (answer.last(), message.header.rcode) {
        (_, Rcode::NXDOMAIN) => Outcome::NxDomain,
        (None, _) => Outcome::NoData,
        (Some(last), _) if last.rtype == RecordType::CNAME && question.rtype != RecordType::CNAME => {
            Outcome::Alias
        }
        _ => Outcome::Answer,
    };
    Some(scrubbed(question, outcome, answer, authority))
}

/// Flags behind their length in one octet, then messages each behind their length in two.
fn split(input: &[u8]) -> Option<(&[u8], Vec<&[u8]>)> {
    let (len, rest) = input.split_first()?;
    let (flags, mut rest) = rest.split_at_checked(usize::from(*len))?;
    let mut messages = Vec::new();
    while let Some((len, after)) = rest.split_first_chunk::<2>() {
        let (message, after) = after.split_at(usize::from(u16::from_be_bytes(*len)).min(after.len()));
        messages.push(message);
        rest = after;
    }
    Some((flags, messages))
}

fuzz_target!(|input: &[u8]| {
    let Some((flags, messages)) = split(input) else { return };
    let mut responses: Vec<Scrubbed> =
        messages.iter().filter_map(|bytes| read(bytes, flags.iter().copied())).collect();
    if responses.is_empty() {
        return;
    }
    let response = responses.remove(0);
    let made = |at: usize| at > 0 && response.answer[at - 1].rtype == RecordType::DNAME;
    let unsigned =
        (0..response.answer.len()).any(|at| response.answer[at].signatures.is_empty() && !made(at));
    let cuts = Cuts(responses.iter().map(|response| response.question.name.clone()).collect());
    let budget = Budget::new(Caps::default(), Moment(0));
    let mut proof = WORLD.validator.prove(response.clone());
    for _ in 0..STEPS_MAX {
        match proof.step(&cuts, &budget, &Silent, NOW) {
            Step::Done(validated) => {
                assert!(!unsigned || !validated.state().is_secure(), "secure without a signature");
                assert_eq!(validated.states().len(), validated.answer().len());
                for limit in [Limit::Verifications, Limit::FailedVerifications, Limit::Evidence] {
                    assert!(budget.spent(limit) <= limit.default_cap() + 1);
                }
                return;
            }
            Step::Pause => {}
            Step::Need(questions) => {
                for question in questions {
                    let found = responses
                        .iter()
                        .find(|response| response.question == question)
                        .cloned()
                        .or_else(|| own(&question))
                        .ok_or_else(|| Failure::NoAddress(question.name.clone()));
                    proof.feed(question, found);
                }
            }
        }
    }
    panic!("the proof does not end");
});
