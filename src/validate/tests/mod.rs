//! A small signed world to judge: its zones' keys, what their servers would say of DS and DNSKEY, and a loop
//! that feeds a proof until it ends.

mod algorithms;
mod chains;
mod denials;
mod edges;
mod limits;
mod oddities;
mod remembered;
mod results;
mod rollover;
mod signatures;
mod small_zones;
mod vectors;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};

use super::anchors::AnchorKey;
use super::{Anchors, Evidence, Policy, Step, Validated, Validator, ZoneTrust};
use crate::budget::{Budget, Caps};
use crate::clock::Moment;
use crate::dns::response::{Outcome, Scrubbed};
use crate::dns::security::{Fault, ValidationState};
use crate::dns::{Name, Question, Rcode, RecordType, Rrset};
use crate::event::{Event, Fact, Observer, ProofStep};
use crate::failure::Failure;
use crate::lab::signer::{KSK, Key, KeyMaker, Nsec3Params, Validity, ZSK, nsec_rdata, sign_rrset};

const NOW: u64 = 1_800_000_000;
const DAY: u32 = 86_400;
const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 53));

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn question(text: &str, rtype: RecordType) -> Question {
    Question::new(name(text), rtype)
}

fn validity() -> Validity {
    Validity::around(NOW, DAY, 10 * DAY)
}

struct Keys {
    ksk: Key,
    zsk: Key,
}

/// A world of signed zones. Each zone is added after its parent.
struct World {
    maker: KeyMaker,
    zones: BTreeMap<Name, Keys>,
    fed: BTreeMap<Question, Scrubbed>,
    anchors: Anchors,
    policy: Policy,
    caps: Caps,
    known: Known,
}

/// How a response was judged, and what that took.
struct Judged {
    validated: Validated,
    asked: Vec<Question>,
    budget: Budget,
    told: Vec<ProofStep>,
    pauses: usize,
}

impl World {
    /// The root, signed and trusted, and `example.`, signed.
    fn new() -> Self {
        let mut world = Self {
            maker: KeyMaker::new(7),
            zones: BTreeMap::new(),
            fed: BTreeMap::new(),
            anchors: Anchors::none(),
            policy: Policy::default(),
            caps: Caps::default(),
            known: Known::default(),
        };
        world.zone(".", 15);
        world.anchors.add(Name::root(), AnchorKey::Ds(world.zones[&Name::root()].ksk.ds(&Name::root(), 2)));
        world.zone("example.", 15);
        world
    }

    /// Adds a signed zone with its DS.
    fn zone(&mut self, zone: &str, algorithm: u8) {
        let zone = name(zone);
        let ksk = self.maker.make(algorithm, KSK).unwrap();
        let zsk = self.maker.make(algorithm, ZSK).unwrap();
        let dnskey =
            Rrset::new(zone.clone(), RecordType::DNSKEY, 3_600).with(&ksk.dnskey()).with(&zsk.dnskey());
        let ds = ksk.ds(&zone, 2);
        self.zones.insert(zone.clone(), Keys { ksk, zsk });
        self.publish_keys(dnskey);
        if !zone.is_root() {
            self.publish_ds(Rrset::new(zone, RecordType::DS, 7_200).with(&ds));
        }
    }

    /// Signs a DNSKEY set with the zone's key signing key and serves it.
    fn publish_keys(&mut self, mut dnskey: Rrset) {
        let keys = &self.zones[&dnskey.name];
        let zone = dnskey.name.clone();
        sign_rrset(&mut dnskey, &keys.ksk, &zone, validity()).unwrap();
        self.serve(answer(vec![dnskey]));
    }

    /// Signs a DS set with the parent's key and serves it.
    fn publish_ds(&mut self, ds: Rrset) {
        let parent = self.parent(&ds.name);
        let ds = self.sign(&parent.to_string(), ds);
        self.serve(answer(vec![ds]));
    }

    fn parent(&self, zone: &Name) -> Name {
        zone.ancestors().skip(1).find(|above| self.zones.contains_key(above)).unwrap()
    }

    fn serve(&mut self, response: Scrubbed) {
        self.fed.insert(response.question.clone(), response);
    }

    /// Serves a denial of DS that shows an unsigned delegation.
    fn unsigned_zone(&mut self, zone: &str) {
        let parent = self.parent(&name(zone)).to_string();
        let nsec = self.nsec(&parent, zone, &format!("\\000.{zone}"), &[RecordType::NS]);
        self.serve(nodata(question(zone, RecordType::DS), vec![nsec]));
    }

    /// Serves a denial of DS that shows a name without a zone cut.
    fn no_cut(&mut self, at: &str) {
        let parent = self.parent(&name(at)).to_string();
        let nsec = self.nsec(&parent, at, &format!("\\000.{at}"), &[RecordType::A]);
        self.serve(nodata(question(at, RecordType::DS), vec![nsec]));
    }

    /// Signs an RRset with the zone's zone signing key.
    fn sign(&self, zone: &str, mut rrset: Rrset) -> Rrset {
        sign_rrset(&mut rrset, &self.zones[&name(zone)].zsk, &name(zone), validity()).unwrap();
        rrset
    }

    /// A signed A RRset.
    fn a(&self, zone: &str, owner: &str) -> Rrset {
        self.sign(zone, unsigned_a(owner))
    }

    /// A signed RRset as it comes when it was made from the wildcard below `encloser`.
    fn expanded(&self, zone: &str, encloser: &str, mut rrset: Rrset) -> Rrset {
        let owner = std::mem::replace(&mut rrset.name, name(encloser).wildcard().unwrap());
        let mut rrset = self.sign(zone, rrset);
        rrset.name = owner;
        rrset
    }

    fn soa(&self, zone: &str) -> Rrset {
        let mut rdata = name("ns.example.").as_wire().to_vec();
        rdata.extend_from_slice(name("admin.example.").as_wire());
        rdata.extend([1_u32, 2, 3, 4, 900].iter().flat_map(|number| number.to_be_bytes()));
        self.sign(zone, Rrset::new(name(zone), RecordType::SOA, 1_800).with(&rdata))
    }

    /// A signed NSEC record; RRSIG and NSEC are added to the types.
    fn nsec(&self, zone: &str, owner: &str, next: &str, types: &[RecordType]) -> Rrset {
        let types = [types, &[RecordType::RRSIG, RecordType::NSEC]].concat();
        let rdata = nsec_rdata(&name(next), &types);
        self.sign(zone, Rrset::new(name(owner), RecordType::NSEC, 900).with(&rdata))
    }

    /// A signed NSEC3 record that matches `owner`, or with `before` begins just before its hash; it ends just
    /// after.
    fn nsec3(
        &self,
        zone: &str,
        owner: &str,
        before: bool,
        params: &Nsec3Params,
        types: &[RecordType],
    ) -> Rrset {
        let mut hash = params.hash(&name(owner));
        let mut next = hash.clone();
        nudge(&mut next, 1);
        if before {
            nudge(&mut hash, -1);
        }
        self.nsec3_from(zone, &hash, &next, params, types)
    }

    fn nsec3_from(
        &self,
        zone: &str,
        hash: &[u8],
        next: &[u8],
        params: &Nsec3Params,
        types: &[RecordType],
    ) -> Rrset {
        let owner = Nsec3Params::owner(&name(zone), hash).unwrap();
        let rdata = params.nsec3_rdata(next, types);
        self.sign(zone, Rrset::new(owner, RecordType::NSEC3, 900).with(&rdata))
    }

    fn judge(&self, response: Scrubbed) -> Judged {
        self.judge_at(response, NOW)
    }

    fn judge_at(&self, response: Scrubbed, now: u64) -> Judged {
        self.judge_by(&self.validator(), response, now)
    }

    /// One that has judged nothing yet.
    fn validator(&self) -> Arc<Validator> {
        Arc::new(Validator::new(self.anchors.clone(), self.policy))
    }

    fn judge_by(&self, validator: &Arc<Validator>, response: Scrubbed, now: u64) -> Judged {
        let budget = Budget::new(self.caps.clone(), Moment(0));
        let observer = Listener::default();
        let mut proof = validator.prove(response);
        let (mut asked, mut pauses) = (Vec::new(), 0);
        loop {
            match proof.step(&self.known, &budget, &observer, now) {
                Step::Done(validated) => {
                    let told = observer.told.lock().unwrap().clone();
                    return Judged { validated: *validated, asked, budget, told, pauses };
                }
                Step::Need(questions) => {
                    assert!(!questions.is_empty());
                    for question in questions {
                        assert_ne!(question, *proof.question(), "a proof never asks for what it judges");
                        assert!(!asked.contains(&question), "nothing is asked for twice: {question}");
                        let found = self.fed.get(&question).cloned();
                        asked.push(question.clone());
                        let found = found.ok_or_else(|| Failure::NoAddress(question.name.clone()));
                        proof.feed(question, found);
                    }
                }
                Step::Pause => pauses += 1,
            }
            assert!(asked.len() + pauses < 1_000, "the proof does not end");
        }
    }
}

/// What the owner of a proof remembers.
#[derive(Default)]
struct Known {
    zones: BTreeMap<Name, Arc<ZoneTrust>>,
    cuts: Vec<Name>,
}

impl Known {
    /// Remembers what a proof has learned.
    fn keep(&mut self, judged: &Judged) {
        for learned in judged.validated.learned() {
            self.zones.insert(learned.zone.clone(), Arc::clone(&learned.trust));
        }
    }
}

impl Evidence for Known {
    fn zone(&self, zone: &Name) -> Option<Arc<ZoneTrust>> {
        self.zones.get(zone).cloned()
    }

    fn cuts(&self, name: &Name) -> Vec<Name> {
        self.cuts.iter().filter(|cut| name.is_subdomain_of(cut)).cloned().collect()
    }
}

#[derive(Default)]
struct Listener {
    told: Mutex<Vec<ProofStep>>,
}

impl Observer for Listener {
    fn on(&self, event: &Event<'_>) {
        if let Event::Proven(step) = event {
            self.told.lock().unwrap().push((*step).clone());
        }
    }

    fn wants_proof(&self) -> bool {
        true
    }
}

impl Judged {
    fn fault(&self) -> &Fault {
        match self.validated.state() {
            ValidationState::Bogus(reason) => &reason.fault,
            other => panic!("not bogus but {other:?}: {:#?}", self.told),
        }
    }

    #[track_caller]
    fn is(&self, state: &ValidationState) {
        assert_eq!(self.validated.state(), state, "{:#?}", self.told);
    }

    #[track_caller]
    fn is_secure(&self) {
        self.is(&ValidationState::Secure);
    }

    #[track_caller]
    fn is_insecure(&self) {
        self.is(&ValidationState::Insecure);
    }
}

fn unsigned_a(owner: &str) -> Rrset {
    Rrset::new(name(owner), RecordType::A, 300).with(&[192, 0, 2, 1])
}

fn cname(owner: &str, target: &str) -> Rrset {
    Rrset::new(name(owner), RecordType::CNAME, 300).with(name(target).as_wire())
}

fn dname(owner: &str, target: &str) -> Rrset {
    Rrset::new(name(owner), RecordType::DNAME, 300).with(name(target).as_wire())
}

fn scrubbed(question: Question, outcome: Outcome, answer: Vec<Rrset>, authority: Vec<Rrset>) -> Scrubbed {
    let rcode = if outcome == Outcome::NxDomain { Rcode::NXDOMAIN } else { Rcode::NOERROR };
    let target = question.name.clone();
    Scrubbed { question, zone: Name::root(), rcode, outcome, answer, authority, target, server: SERVER }
}

/// An answer of one RRset, to the question for just that.
fn answer(answer: Vec<Rrset>) -> Scrubbed {
    let question = Question::new(answer[0].name.clone(), answer[0].rtype);
    scrubbed(question, Outcome::Answer, answer, Vec::new())
}

fn nodata(question: Question, authority: Vec<Rrset>) -> Scrubbed {
    scrubbed(question, Outcome::NoData, Vec::new(), authority)
}

fn nxdomain(text: &str, authority: Vec<Rrset>) -> Scrubbed {
    scrubbed(question(text, RecordType::A), Outcome::NxDomain, Vec::new(), authority)
}

/// Adds one to a hash, or takes one away.
fn nudge(hash: &mut [u8], by: i16) {
    let mut carry = by;
    for octet in hash.iter_mut().rev() {
        let sum = i16::from(*octet) + carry;
        *octet = u8::try_from(sum.rem_euclid(256)).unwrap();
        carry = sum.div_euclid(256);
        if carry == 0 {
            break;
        }
    }
}
