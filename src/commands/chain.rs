//! The chain of trust as a tree: from the anchor down to the answer, zone by zone, with the place where it breaks.
//!
//! In: the steps of the proofs that a question needed, as [`Recorder`](super::recorder::Recorder) heard them. Out: text
//! for a person and JSON for a machine, both of the same tree. Nothing is judged here.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::query::printable;
use super::recorder::{Heard, What, reason};
use crate::clock::date;
use crate::dns::security::{Ago, Denied, Fault, Reason, ValidationState};
use crate::dns::{Name, Question, RecordType};
use crate::event::{Absence, Fact, KeyFact, KeySet, ProofStep, Signature, VoucherFact, Witness};
use crate::validate::algorithms::algorithm_name;

/// The proof of one link of the answer: of the name asked for, or of one that an alias led to.
pub(super) struct Link<'a> {
    /// What was judged; none: no judgement was reached.
    judged: Option<(&'a Question, &'a ValidationState)>,
    steps: Vec<&'a ProofStep>,
    /// The zones that the links before it have proven.
    above: Vec<&'a Name>,
}

/// A zone of the chain, what was found of it, and the zones below.
struct Branch<'a> {
    zone: Name,
    facts: Vec<&'a Fact>,
    below: Vec<Self>,
}

/// Takes what was heard apart into links. Each step counts once: where an answer was bogus, other servers' answers led
/// through the same steps.
pub(super) fn links(heard: &[Heard]) -> Vec<Link<'_>> {
    let mut links = Vec::new();
    let mut above: Vec<&Name> = Vec::new();
    let mut steps: Vec<&ProofStep> = Vec::new();
    for heard in heard {
        match &heard.what {
            What::Proven(step) if !steps.contains(&step) => steps.push(step),
            What::Judged { question, state } => {
                let steps = std::mem::take(&mut steps);
                let proven =
                    steps.iter().filter(|step| matches!(step.fact, Fact::Keys(_) | Fact::Insecure { .. }));
                let proven: Vec<&Name> = proven.map(|step| &step.zone).collect();
                links.push(Link { judged: Some((question, state)), steps, above: above.clone() });
                above.extend(proven);
            }
            _ => {}
        }
    }
    if !steps.is_empty() {
        links.push(Link { judged: None, steps, above });
    }
    links
}

impl Link<'_> {
    /// ` to www.example. A`, for a heading.
    pub(super) fn title(&self) -> String {
        self.judged.map(|(question, _)| format!(" to {question}")).unwrap_or_default()
    }

    /// The tree as text. `now`: seconds since 1970.
    pub(super) fn text(&self, now: u64) -> String {
        let reason = self.judged.map_or_else(|| self.last_reason(), |(_, state)| reason(state));
        let mut page = Page { link: self, now, reason, told: false };
        let items: Vec<Item> = self.branches().iter().filter_map(|branch| page.branch(branch)).collect();
        let mut text = String::new();
        for item in &items {
            item.write("  ", "  ", &mut text);
        }
        if let Some((question, state)) = self.judged {
            let why =
                page.reason.filter(|_| !page.told).map(|reason| format!(": {reason}")).unwrap_or_default();
            line(&mut text, "  ", &format!("{question} is {}{why}", state.word()));
        }
        if let Some((what, signature)) = self.first_to_expire() {
            let expires = until(signature.expiration, now);
            line(&mut text, "  ", &format!("the first signature to expire is that over {what}, {expires}"));
        }
        text
    }

    /// The same for a machine.
    pub(super) fn json(&self) -> Value {
        let first = self.first_to_expire();
        json!({
            "question": self.judged.map(|(question, _)| question.to_string()),
            "state": self.judged.map(|(_, state)| state.word()),
            "reason": self.judged.and_then(|(_, state)| reason(state)),
            "expires": first.map(|(_, signature)| signature.expiration),
            "zones": self.branches().iter().map(Branch::json).collect::<Vec<Value>>(),
        })
    }

    /// Why nothing was proven, where no judgement was reached.
    fn last_reason(&self) -> Option<String> {
        self.steps.iter().rev().find_map(|step| match &step.fact {
            Fact::Broken(reason) => Some(reason.to_string()),
            _ => None,
        })
    }

    /// Whether a denial rests on the record of that owner: there its signature is told.
    fn is_witness(&self, owner: &Name) -> bool {
        self.steps.iter().any(|step| match &step.fact {
            Fact::Denied(absence) => absence.witnesses.iter().any(|witness| witness.owner == *owner),
            _ => false,
        })
    }

    /// The signature that expires first, and what it is over.
    fn first_to_expire(&self) -> Option<(String, &Signature)> {
        let signatures = self.steps.iter().filter_map(|step| match &step.fact {
            Fact::Keys(KeySet { signature: Some(signature), .. }) => {
                Some((format!("{} DNSKEY", step.zone), signature))
            }
            Fact::Signed { name, rtype, signature } => Some((format!("{name} {rtype}"), signature)),
            _ => None,
        });
        signatures.min_by_key(|(_, signature)| signature.expiration)
    }

    /// The zones as a tree, each with its facts in the order they were found.
    fn branches(&self) -> Vec<Branch<'_>> {
        let mut zones: BTreeMap<(usize, Name), Vec<&Fact>> = BTreeMap::new();
        for step in &self.steps {
            let home = home(step);
            zones.entry((home.label_count(), home.clone())).or_default().push(&step.fact);
        }
        let mut roots: Vec<Branch<'_>> = Vec::new();
        // From the top: a zone comes after those above it.
        for ((_, zone), facts) in zones {
            let branch = Branch { zone, facts, below: Vec::new() };
            place(&mut roots, branch);
        }
        roots
    }
}

fn place<'a>(among: &mut Vec<Branch<'a>>, branch: Branch<'a>) {
    match among.iter_mut().find(|above| branch.zone.is_below(&above.zone)) {
        Some(above) => place(&mut above.below, branch),
        None => among.push(branch),
    }
}

/// The zone that a step is shown at: what the parent says of a zone's DS stands at the zone, what is wrong at the zone
/// whose word it was.
fn home(step: &ProofStep) -> &Name {
    match &step.fact {
        Fact::Signed { name, rtype: RecordType::DS, .. }
        | Fact::Denied(Absence { what: Denied::Ds, insecure: true, name, .. }) => name,
        Fact::Broken(reason) => &reason.zone,
        _ => &step.zone,
    }
}

/// A line of the tree, what belongs to it, and what hangs below it.
struct Item {
    text: String,
    more: Vec<String>,
    below: Vec<Self>,
}

impl Item {
    fn new(text: String, more: Vec<String>) -> Self {
        Self { text, more, below: Vec::new() }
    }

    fn write(&self, first: &str, rest: &str, out: &mut String) {
        line(out, first, &self.text);
        let bar = if self.below.is_empty() { "    " } else { "│   " };
        for more in &self.more {
            line(out, &format!("{rest}{bar}"), more);
        }
        let last = self.below.len().saturating_sub(1);
        for (index, item) in self.below.iter().enumerate() {
            let (branch, bar) = if index == last { ("└ ", "  ") } else { ("├ ", "│ ") };
            item.write(&format!("{rest}{branch}"), &format!("{rest}{bar}"), out);
        }
    }
}

fn line(out: &mut String, before: &str, text: &str) {
    // Writing to memory does not fail.
    let _infallible = writeln!(out, "{before}{}", printable(text));
}

/// Begins what was wrong besides that which decides.
const ASIDE: &str = "(✗";

/// What the text of one tree goes by.
struct Page<'a> {
    link: &'a Link<'a>,
    now: u64,
    /// Why the whole is bogus, as one sentence.
    reason: Option<String>,
    /// Whether that stands somewhere already.
    told: bool,
}

impl Page<'_> {
    /// None: nothing is to be said of it.
    fn branch(&mut self, branch: &Branch<'_>) -> Option<Item> {
        let zone = &branch.zone;
        let mut title = zone.to_string();
        let mut items = self.vouched(branch, &mut title);
        for fact in &branch.facts {
            match fact {
                Fact::Remembered { .. } if branch.keys().is_some() => {}
                Fact::Remembered { until: unix } => title += &self.before(zone, Some(*unix)),
                Fact::Insecure { why, .. } => {
                    let _infallible = write!(title, "  INSECURE: {why}{}", self.before(zone, None));
                }
                Fact::Signed { rtype: RecordType::DS, name, .. } if name == zone => {}
                Fact::Signed { name, rtype: RecordType::NSEC | RecordType::NSEC3, .. }
                    if self.link.is_witness(name) => {}
                fact => items.extend(self.fact(fact, branch)),
            }
        }
        // The place where it breaks stands before what was wrong besides.
        items.sort_by_key(|item| item.text.starts_with(ASIDE));
        for below in &branch.below {
            items.extend(self.branch(below));
        }
        // What several servers were asked for failed in the same way.
        let mut seen: Vec<String> = Vec::new();
        items.retain(|item| {
            let new = !item.below.is_empty() || !item.more.is_empty() || !seen.contains(&item.text);
            seen.push(item.text.clone());
            new
        });
        let is_empty = items.is_empty() && title == zone.to_string();
        (!is_empty).then(|| Item { text: title, more: Vec::new(), below: items })
    }

    /// The DS records, as an item; a trust anchor goes into the title.
    fn vouched(&self, branch: &Branch<'_>, title: &mut String) -> Vec<Item> {
        let keys = branch.keys();
        let ds = branch.facts.iter().find_map(|fact| match fact {
            Fact::Signed { rtype: RecordType::DS, name, signature } if *name == branch.zone => {
                Some(signature)
            }
            _ => None,
        });
        match keys {
            Some(keys) if keys.from_anchor => {
                let _infallible = write!(title, "  (trust anchor: {})", vouchers(&keys.vouchers));
                Vec::new()
            }
            None if ds.is_none() => Vec::new(),
            _ => {
                let words = keys.map_or_else(|| "DS".to_owned(), |keys| vouchers(&keys.vouchers));
                vec![Item::new(words, ds.map(|ds| self.signature(ds, &branch.zone)).into_iter().collect())]
            }
        }
    }

    fn before(&self, zone: &Name, until_unix: Option<u64>) -> String {
        match until_unix {
            _ if self.link.above.contains(&zone) => "  (proven above)".to_owned(),
            Some(unix) => format!("  (proven before, {})", until(unix, self.now)),
            None => String::new(),
        }
    }

    fn fact(&mut self, fact: &Fact, branch: &Branch<'_>) -> Option<Item> {
        let zone = &branch.zone;
        Some(match fact {
            Fact::Keys(keys) if keys.keys.is_empty() => return None,
            Fact::Keys(keys) => {
                let more = keys.signature.iter().map(|signature| self.signature(signature, zone)).collect();
                Item::new(format!("DNSKEY {}", set(&keys.keys)), more)
            }
            Fact::Signed { name, rtype, signature } => {
                Item::new(format!("{name} {rtype}"), vec![self.signature(signature, zone)])
            }
            Fact::Denied(absence) => Item::new(
                format!("{}: {}", denies(absence), absence.found),
                absence
                    .encloser
                    .iter()
                    .map(|encloser| format!("the closest name that exists is {encloser}"))
                    .chain(absence.witnesses.iter().map(|witness| self.witness(witness, zone)))
                    .collect(),
            ),
            Fact::Broken(reason) => self.wrong(reason, None)?,
            Fact::Unproven { name, rtype, state: ValidationState::Bogus(reason), .. } => {
                self.wrong(reason, Some(format!("{name} {rtype}")))?
            }
            Fact::Unproven { name, rtype, absent, state, why } => {
                let what = absent.map(|what| format!("{what}, ")).unwrap_or_default();
                let said = branch
                    .facts
                    .iter()
                    .any(|fact| matches!(fact, Fact::Insecure { why: said, .. } if said == why));
                let more = if said { Vec::new() } else { vec![why.clone()] };
                Item::new(format!("{name} {rtype}: {what}{}", state.word()), more)
            }
            Fact::Remembered { .. } | Fact::Insecure { .. } => return None,
        })
    }

    /// The place where the chain breaks, with the sentence of the extended error, and what hangs on it.
    fn wrong(&mut self, fault: &Reason, what: Option<String>) -> Option<Item> {
        let reason = fault.to_string();
        let text = match &self.reason {
            Some(said) if *said == reason && self.told => format!("✗ so {} is not proven", what?),
            Some(said) if *said == reason => {
                self.told = true;
                format!("✗ BOGUS: {reason}")
            }
            // No other server was left to be asked.
            _ if matches!(fault.fault, Fault::EvidenceMissing { .. }) => return None,
            Some(_) => format!("{ASIDE} in another try: {reason})"),
            None => format!("{ASIDE} by one server's word, another's was good: {reason})"),
        };
        Some(Item::new(text, Vec::new()))
    }

    fn witness(&self, witness: &Witness, zone: &Name) -> String {
        let next = witness.next.as_ref().map(|next| format!(" → {next}")).unwrap_or_default();
        let mut shows = Vec::new();
        for name in &witness.matches {
            let types: Vec<String> = witness.types.iter().map(ToString::to_string).collect();
            shows.push(format!("is that of {name} ({})", types.join(" ")));
        }
        shows.extend(witness.covers.iter().map(|name| format!("covers {name}")));
        if witness.opt_out {
            shows.push("opt-out".to_owned());
        }
        let signed =
            witness.signature.as_ref().map(|signature| format!("; {}", self.signature(signature, zone)));
        let (owner, rtype) = (&witness.owner, witness.rtype);
        format!("{rtype} {owner}{next}: {}{}", shows.join(", "), signed.unwrap_or_default())
    }

    /// The signer is named where it is another zone than the one that this stands at.
    fn signature(&self, signature: &Signature, zone: &Name) -> String {
        let Signature { signer, key_tag, algorithm, expiration, .. } = signature;
        let made = signature.wildcard.as_ref().map(|wildcard| format!("made from {wildcard}, "));
        let by = if signer == zone { String::new() } else { format!("{signer} ") };
        let (algorithm, until) = (algorithm_name(*algorithm), until(*expiration, self.now));
        format!("{}signed by {by}{key_tag} {algorithm} {until}", made.unwrap_or_default())
    }
}

/// `until 2026-12-10 00:00:00 UTC (12 d)`.
fn until(unix: u64, now: u64) -> String {
    let span = |seconds: u64| Ago(u32::try_from(seconds).unwrap_or(u32::MAX));
    let left = match unix.checked_sub(now) {
        Some(left) => format!("{}", span(left)),
        None => format!("{} ago, within what a clock may be wrong", span(now - unix)),
    };
    format!("until {} ({left})", date(unix))
}

/// `DS 20326 RSASHA256, DS 38696 RSASHA256 (no such key)`.
fn vouchers(vouchers: &[VoucherFact]) -> String {
    let each = vouchers.iter().map(|voucher| {
        let (kind, digest) = match voucher.digest_type {
            Some(digest) => ("DS", format!(" digest {digest}")),
            None => ("DNSKEY", String::new()),
        };
        let leads = if voucher.leads { "" } else { " (leads to no key)" };
        format!("{kind} {} {}{digest}{leads}", voucher.key_tag, algorithm_name(voucher.algorithm))
    });
    each.collect::<Vec<_>>().join(", ")
}

/// `20326 KSK RSASHA256, 46441 ZSK RSASHA256`.
fn set(keys: &[KeyFact]) -> String {
    let each =
        keys.iter().map(|key| format!("{} {} {}", key.key_tag, role(key), algorithm_name(key.algorithm)));
    each.collect::<Vec<_>>().join(", ")
}

/// What a key is for, by its flags (RFC 4034 §2.1.1, RFC 5011 §2.1).
fn role(key: &KeyFact) -> &'static str {
    match (key.flags & 0x0100 != 0, key.flags & 0x0080 != 0, key.flags & 0x0001 != 0) {
        (false, ..) => "no zone key",
        (true, true, _) => "revoked",
        (true, false, true) => "KSK",
        (true, false, false) => "ZSK",
    }
}

fn denies(absence: &Absence) -> String {
    let name = &absence.name;
    match (absence.what, absence.rtype) {
        (Denied::Type, Some(rtype)) => format!("no {rtype} at {name}"),
        (Denied::Ds, _) => format!("no DS at {name}"),
        (Denied::CloserMatch, _) => format!("nothing closer to {name} than the wildcard"),
        (Denied::Wildcard, _) => format!("no wildcard for {name}"),
        (Denied::Name | Denied::Type, _) => format!("no {name}"),
    }
}

impl Branch<'_> {
    fn keys(&self) -> Option<&KeySet> {
        self.facts.iter().find_map(|fact| if let Fact::Keys(keys) = fact { Some(keys) } else { None })
    }

    fn json(&self) -> Value {
        json!({
            "zone": self.zone.to_string(),
            "facts": self.facts.iter().map(|fact| fact_json(fact)).collect::<Vec<Value>>(),
            "zones": self.below.iter().map(Self::json).collect::<Vec<Value>>(),
        })
    }
}

/// A fact for a machine.
pub(super) fn fact_json(fact: &Fact) -> Value {
    match fact {
        Fact::Keys(keys) => json!({
            "fact": "keys", "state": keys.signature.as_ref().map(|_| "secure"),
            "from": if keys.from_anchor { "trust-anchor" } else { "ds" },
            "vouchers": keys.vouchers.iter().map(|voucher| json!({
                "tag": voucher.key_tag, "algorithm": voucher.algorithm,
                "digest_type": voucher.digest_type, "leads_to_key": voucher.leads,
            })).collect::<Vec<_>>(),
            "keys": keys.keys.iter().map(|key| json!({
                "tag": key.key_tag, "algorithm": key.algorithm, "flags": key.flags, "role": role(key),
            })).collect::<Vec<_>>(),
            "signature": keys.signature.as_ref().map(signature_json),
        }),
        Fact::Remembered { until } => json!({ "fact": "remembered", "state": "secure", "expires": until }),
        Fact::Insecure { reason, why } => {
            json!({ "fact": "insecure", "state": "insecure", "reason": reason, "why": why })
        }
        Fact::Signed { name, rtype, signature } => json!({
            "fact": "signed", "state": "secure", "name": name.to_string(), "type": rtype.to_string(),
            "signature": signature_json(signature),
        }),
        Fact::Denied(absence) => json!({
            "fact": "denied", "state": if absence.insecure { "insecure" } else { "secure" },
            "name": absence.name.to_string(), "type": absence.rtype.map(|rtype| rtype.to_string()),
            "what": denies(absence), "why": absence.found,
            "closest_encloser": absence.encloser.as_ref().map(ToString::to_string),
            "records": absence.witnesses.iter().map(witness_json).collect::<Vec<_>>(),
        }),
        Fact::Unproven { name, rtype, absent, state, why } => json!({
            "fact": "unproven", "state": state.word(), "name": name.to_string(), "type": rtype.to_string(),
            "what": absent.map_or_else(|| "the records".to_owned(), |what| what.to_string()), "why": why,
        }),
        Fact::Broken(reason) => json!({
            "fact": "broken", "state": "bogus", "name": reason.name.to_string(), "type": reason.rtype.to_string(),
            "reason": reason.fault.label(), "why": reason.to_string(),
        }),
    }
}

fn signature_json(signature: &Signature) -> Value {
    json!({
        "signer": signature.signer.to_string(), "tag": signature.key_tag, "algorithm": signature.algorithm,
        "inception": signature.inception, "expiration": signature.expiration,
        "wildcard": signature.wildcard.as_ref().map(ToString::to_string),
    })
}

fn witness_json(witness: &Witness) -> Value {
    let names = |names: &[Name]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    json!({
        "name": witness.owner.to_string(), "type": witness.rtype.to_string(),
        "next": witness.next.as_ref().map(ToString::to_string),
        "matches": names(&witness.matches), "covers": names(&witness.covers),
        "types": witness.types.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "opt_out": witness.opt_out, "signature": witness.signature.as_ref().map(signature_json),
    })
}
