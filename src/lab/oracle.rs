//! What the right answer is: read from the description, without a resolver, a server or a signature.
//!
//! In: a question. Out: the [`Truth`]: response code, the types of the chain, and how a validator that starts from
//! the root's anchor has to judge it (RFC 4033 §5). It knows one world, that of the description: a server's
//! rewrites are outside of its sight.

use super::faults::Fault;
use super::internet::Internet;
use super::world::{DenialKind, DsKind, World, Zone};
use crate::dns::rdata;
use crate::dns::{Name, Question, Rcode, Rdatas, RecordType};
use crate::limits;

/// How an answer is to be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Judgement {
    /// AD is set.
    Secure,
    /// AD is not set.
    Insecure,
    /// SERVFAIL, with an extended error that says why.
    Bogus,
    /// SERVFAIL: no server answers.
    Unreachable,
}

/// The right answer to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truth {
    /// The response code a client gets.
    pub rcode: Rcode,
    /// Owner, type and number of records of each RRset in the answer section, if it is to be had.
    pub answer: Vec<(Name, RecordType, usize)>,
    /// The rdata of each of them, in the same order.
    pub rdatas: Vec<Rdatas>,
    /// How it is to be judged.
    pub state: Judgement,
}

impl Truth {
    /// A name that is secure and has nothing, so far.
    fn new() -> Self {
        Self { rcode: Rcode::NOERROR, answer: Vec::new(), rdatas: Vec::new(), state: Judgement::Secure }
    }

    fn push(&mut self, owner: Name, rtype: RecordType, rdata: &[u8]) {
        self.answer.push((owner, rtype, 1));
        self.rdatas.push([rdata].into_iter().collect());
    }
}

/// Knows the right answers.
#[derive(Debug, Clone, Copy)]
pub struct Oracle<'a> {
    internet: &'a Internet,
    world: &'a World,
}

/// What stands at a name.
enum Standing {
    Here(Name),
    Wildcard(Name),
    Nothing,
}

impl<'a> Oracle<'a> {
    pub(super) fn new(internet: &'a Internet) -> Self {
        Self { internet, world: internet.world() }
    }

    /// The right answer to `question`.
    pub fn truth(&self, question: &Question) -> Truth {
        let mut truth = Truth::new();
        let mut name = question.name.clone();
        while let Some(target) = self.step(&mut truth, &name, question.rtype) {
            if truth.answer.len() > limits::ALIASES_PER_RESPONSE_MAX * 2 {
                // An alias loop, or one too long.
                truth.state = truth.state.max(Judgement::Unreachable);
                break;
            }
            name = target;
        }
        if truth.state >= Judgement::Bogus {
            truth.rcode = Rcode::SERVFAIL;
            truth.answer.clear();
            truth.rdatas.clear();
        }
        truth
    }

    /// The right answer as far as one zone gives it: where it ends with an alias, the name that leads to. What is
    /// bogus or unreachable keeps its records here.
    pub fn link(&self, question: &Question) -> (Truth, Option<Name>) {
        let mut truth = Truth::new();
        let target = self.step(&mut truth, &question.name, question.rtype);
        (truth, target)
    }

    /// The zone that answers a question.
    pub fn home(&self, question: &Question) -> &'a Name {
        &self.zone_of(&question.name, question.rtype).name
    }

    /// One name of the chain; the target if it is an alias.
    fn step(&self, truth: &mut Truth, name: &Name, rtype: RecordType) -> Option<Name> {
        let zone = self.zone_of(name, rtype);
        truth.state = truth.state.max(self.zone_state(zone));
        let signed = self.zone_state(zone) == Judgement::Secure;
        if let Some((owner, to)) = dname_above(zone, name) {
            truth.push(owner.clone(), RecordType::DNAME, to.as_wire());
            Self::judge(truth, zone, &owner, RecordType::DNAME, signed);
            let Some(Ok(target)) = name.rebase(&owner, &to) else {
                truth.rcode = Rcode::YXDOMAIN;
                return None;
            };
            truth.push(name.clone(), RecordType::CNAME, target.as_wire());
            return Some(target);
        }
        let (node, wildcard) = match self.standing(zone, name) {
            Standing::Here(node) => (node, false),
            Standing::Wildcard(node) => (node, true),
            Standing::Nothing => {
                // RFC 9824 §2: a client with DO sees NODATA.
                let compact = zone.is_signed() && zone.denial == DenialKind::Compact;
                truth.rcode = if compact { Rcode::NOERROR } else { Rcode::NXDOMAIN };
                self.judge_denial(truth, zone, name, signed);
                return None;
            }
        };
        let found = self.rdatas(zone, &node, rtype).map(|rdatas| (rtype, rdatas));
        let found = found.or_else(|| {
            self.rdatas(zone, &node, RecordType::CNAME).map(|rdatas| (RecordType::CNAME, rdatas))
        });
        if wildcard || found.is_none() {
            self.judge_denial(truth, zone, if wildcard { name } else { &node }, signed);
        }
        let (found, rdatas) = found?;
        truth.answer.push((name.clone(), found, rdatas.len()));
        truth.rdatas.push(rdatas.clone());
        Self::judge(truth, zone, &node, found, signed);
        if found == rtype {
            return None;
        }
        let rrset = zone.rrsets.get(&(node, RecordType::CNAME))?;
        rdata::single_name(rrset.rdatas.first()?).ok()
    }

    /// The zone that answers for a name; a DS is the parent's.
    fn zone_of(&self, name: &Name, rtype: RecordType) -> &'a Zone {
        let chain = self.chain(name);
        let skip = usize::from(
            rtype.is_parent_side() && chain.len() > 1 && chain.first().is_some_and(|zone| zone.name == *name),
        );
        chain.get(skip).copied().unwrap_or_else(|| self.root())
    }

    #[expect(clippy::indexing_slicing, reason = "a world is made with its root")]
    fn root(&self) -> &'a Zone {
        &self.world.zones[&Name::root()]
    }

    /// The delegated zones from the deepest one that `name` is in up to the root.
    fn chain(&self, name: &Name) -> Vec<&'a Zone> {
        let mut chain: Vec<&Zone> = name
            .ancestors()
            .collect::<Vec<_>>()
            .iter()
            .rev()
            .filter_map(|zone| self.world.zones.get(zone))
            .take_while(|zone| zone.delegated || zone.name.is_root())
            .collect();
        chain.reverse();
        chain
    }

    /// How the zone's keys are to be judged, and whether it can be reached.
    fn zone_state(&self, zone: &'a Zone) -> Judgement {
        if Self::is_unreachable(zone) {
            return Judgement::Unreachable;
        }
        if zone.name.is_root() {
            return if has_entry(zone, &[DsKind::Digest(2)]) { Judgement::Secure } else { Judgement::Bogus };
        }
        let parent = self.chain(&zone.name).get(1).copied().unwrap_or_else(|| self.root());
        let above = self.zone_state(parent);
        if above != Judgement::Secure {
            return above;
        }
        if zone.ds.is_empty() || !zone.keys.iter().any(|key| key.in_ds) {
            let denied = parent.denial_given && parent.flaw_of(&parent.name, denial_type(parent)).is_none();
            return if denied { Judgement::Insecure } else { Judgement::Bogus };
        }
        if parent.flaw_of(&zone.name, RecordType::DS).is_some() {
            return Judgement::Bogus;
        }
        let algorithm = zone.keys.iter().any(|key| key.in_ds && is_supported(key.algorithm));
        let digest = zone
            .ds
            .iter()
            .any(|kind| !matches!(kind, DsKind::Digest(digest) if !matches!(digest, 1 | 2 | 4)));
        if !algorithm || !digest {
            return Judgement::Insecure;
        }
        if has_entry(zone, &zone.ds) { Judgement::Secure } else { Judgement::Bogus }
    }

    fn is_unreachable(zone: &Zone) -> bool {
        let silent = |place: usize| {
            zone.faults.iter().any(|(at, fault)| {
                at.is_none_or(|at| at == place)
                    && matches!(
                        fault,
                        Fault::Dead
                            | Fault::PortClosed
                            | Fault::NoRoute
                            | Fault::Lame
                            | Fault::LameUpward
                            | Fault::Says(_)
                    )
            })
        };
        (0..zone.hosts.len()).all(silent)
    }

    fn standing(&self, zone: &Zone, name: &Name) -> Standing {
        if self.exists(zone, name) {
            return Standing::Here(name.clone());
        }
        let encloser = name.ancestors().skip(1).find(|ancestor| self.exists(zone, ancestor));
        match encloser
            .and_then(|encloser| encloser.wildcard().ok())
            .filter(|wildcard| self.exists(zone, wildcard))
        {
            Some(wildcard) => Standing::Wildcard(wildcard),
            None => Standing::Nothing,
        }
    }

    /// Whether records stand at the name or below it, a delegation's included.
    fn exists(&self, zone: &Zone, name: &Name) -> bool {
        let own = zone.rrsets.keys().any(|(owner, _)| owner.is_subdomain_of(name));
        own || self.world.zones.values().any(|child| {
            child.delegated
                && child.name.is_subdomain_of(name)
                && self.world.parent_of(&child.name).is_some_and(|parent| parent == zone.name)
        })
    }

    /// The records of that type that stand there.
    fn rdatas(&self, zone: &Zone, node: &Name, rtype: RecordType) -> Option<&'a Rdatas> {
        // DS, DNSKEY and NSEC3PARAM are made when the zone is signed.
        let signed = self.internet.zone(&zone.name)?;
        signed.rrset(node, rtype).map(|rrset| &rrset.rdatas)
    }

    fn judge(truth: &mut Truth, zone: &Zone, name: &Name, rtype: RecordType, signed: bool) {
        let usable = |key: &super::world::KeySpec| {
            key.signs_zone && key.published && is_supported(key.algorithm) && key.flags & 0x0180 == 0x0100
        };
        let good = rtype == RecordType::DNSKEY || zone.keys.iter().any(usable);
        if signed && (!good || zone.flaw_of(name, rtype).is_some()) {
            truth.state = truth.state.max(Judgement::Bogus);
        }
    }

    fn judge_denial(&self, truth: &mut Truth, zone: &Zone, name: &Name, signed: bool) {
        if !signed {
            return;
        }
        Self::judge(truth, zone, &zone.name, RecordType::SOA, true);
        Self::judge(truth, zone, name, denial_type(zone), true);
        if !zone.denial_given {
            truth.state = truth.state.max(Judgement::Bogus);
        }
        if let DenialKind::Nsec3(params) = &zone.denial
            && (params.iterations > limits::NSEC3_ITERATIONS_MAX
                || params.opt_out && !self.exists_signed(zone, name))
        {
            // RFC 9276 §3.2, RFC 5155 §9.2.
            truth.state = truth.state.max(Judgement::Insecure);
        }
    }

    /// Whether the name has an NSEC3 record of its own.
    fn exists_signed(&self, zone: &Zone, name: &Name) -> bool {
        let Some(signed) = self.internet.zone(&zone.name) else { return false };
        match (signed.denial(), &zone.denial) {
            (super::zone::Denial::Nsec3(_, chain), DenialKind::Nsec3(params)) => {
                chain.contains_key(&params.hash(name))
            }
            _ => false,
        }
    }
}

fn denial_type(zone: &Zone) -> RecordType {
    match zone.denial {
        DenialKind::Nsec | DenialKind::Compact => RecordType::NSEC,
        DenialKind::Nsec3(_) => RecordType::NSEC3,
    }
}

fn is_supported(algorithm: u8) -> bool {
    matches!(algorithm, 8 | 10 | 13 | 14 | 15)
}

/// Whether one of the DS records leads to a key that may sign the keys and does.
fn has_entry(zone: &Zone, ds: &[DsKind]) -> bool {
    let digest = ds.iter().any(|kind| matches!(kind, DsKind::Digest(1 | 2 | 4)));
    let key = zone.keys.iter().any(|key| {
        key.in_ds
            && key.published
            && key.signs_keys
            && is_supported(key.algorithm)
            // The zone key flag, and not revoked.
            && key.flags & 0x0180 == 0x0100
    });
    digest && key && zone.flaw_of(&zone.name, RecordType::DNSKEY).is_none()
}

/// The topmost DNAME above a name, and where it leads.
fn dname_above(zone: &Zone, name: &Name) -> Option<(Name, Name)> {
    (zone.name.label_count()..name.label_count()).map(|labels| name.suffix(labels)).find_map(|owner| {
        let rrset = zone.rrsets.get(&(owner.clone(), RecordType::DNAME))?;
        Some((owner, rdata::single_name(rrset.rdatas.first()?).ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::world::Flaw;

    fn truth(world: &World, name: &str, rtype: RecordType) -> (Rcode, Judgement) {
        let internet = world.build().unwrap();
        let truth = internet.oracle().truth(&Question::new(name.parse().unwrap(), rtype));
        (truth.rcode, truth.state)
    }

    #[test]
    fn the_states_follow_from_the_description() {
        let world = World::new(1)
            .zone(Zone::new("good.test.").record("www A 192.0.2.1").record("*.w A 192.0.2.2"))
            .zone(Zone::new("plain.test.").unsigned().record("www A 192.0.2.1"))
            .zone(Zone::new("old.test.").flaw(Flaw::Expired).record("www A 192.0.2.1"))
            .zone(Zone::new("island.test.").island().record("www A 192.0.2.1"))
            .zone(Zone::new("wrong.test.").ds(&[DsKind::Wrong]).record("www A 192.0.2.1"))
            .zone(Zone::new("odd.test.").algorithm(250).record("www A 192.0.2.1"))
            .zone(Zone::new("opt.test.").opt_out().record("www A 192.0.2.1"))
            .zone(Zone::new("dead.test.").fault(Fault::Dead).record("www A 192.0.2.1"));
        let a = RecordType::A;
        for (name, wanted) in [
            ("www.good.test.", (Rcode::NOERROR, Judgement::Secure)),
            ("x.w.good.test.", (Rcode::NOERROR, Judgement::Secure)),
            ("none.good.test.", (Rcode::NXDOMAIN, Judgement::Secure)),
            ("www.plain.test.", (Rcode::NOERROR, Judgement::Insecure)),
            ("www.old.test.", (Rcode::SERVFAIL, Judgement::Bogus)),
            ("none.old.test.", (Rcode::SERVFAIL, Judgement::Bogus)),
            ("www.island.test.", (Rcode::NOERROR, Judgement::Insecure)),
            ("www.wrong.test.", (Rcode::SERVFAIL, Judgement::Bogus)),
            ("www.odd.test.", (Rcode::NOERROR, Judgement::Insecure)),
            ("www.opt.test.", (Rcode::NOERROR, Judgement::Secure)),
            ("none.opt.test.", (Rcode::NXDOMAIN, Judgement::Insecure)),
            ("www.dead.test.", (Rcode::SERVFAIL, Judgement::Unreachable)),
            ("nowhere.", (Rcode::NXDOMAIN, Judgement::Secure)),
        ] {
            assert_eq!(truth(&world, name, a), wanted, "{name}");
        }
        assert_eq!(truth(&world, "plain.test.", RecordType::DS), (Rcode::NOERROR, Judgement::Secure));
        assert_eq!(truth(&world, "wrong.test.", RecordType::DS), (Rcode::NOERROR, Judgement::Secure));
    }
}
