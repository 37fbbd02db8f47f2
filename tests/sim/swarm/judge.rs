//! Whether a reply is true: by what holds now, or held so short a time ago that a cache may not know better.
//!
//! In: the versions of an internet, its liars, and what a client heard. Out: [`Finding`], or what is wrong. A reply
//! is followed link by link, as parts of it may be older than others. Where nothing is proven and a liar is on the
//! way, nothing can be known, and only AD is looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use rootwalk::dns::edns::{EdeCode, Edns};
use rootwalk::dns::message::Message;
use rootwalk::dns::{Name, Question, Rcode, Rrset};
use rootwalk::lab::{Internet, Judgement, Truth};

use super::changes::{NEGATIVE_SECS, SETTLE_SECS, Version};
use super::plan::{Denial, Plan};
use super::weather::Weather;

/// What a true reply is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finding {
    True,
    /// SERVFAIL.
    Failed,
    /// A liar had a say.
    Unknowable,
}

/// What is known of a zone in one version.
struct Standing {
    horizon_secs: u32,
    /// A liar is on the way to it.
    reached_by_liar: bool,
    /// And it, or a zone above it, need not prove what it has not.
    weak: bool,
    /// It or what it depends on changes at some time.
    changing: bool,
}

/// A version, ready to be compared with.
struct Seen {
    from_secs: u32,
    /// Until when it may be told, leaving TTLs aside.
    until_secs: Option<u32>,
    internet: Arc<Internet>,
    zones: BTreeMap<Name, Standing>,
}

/// Judges the replies of one run.
pub(super) struct Judge {
    seen: Vec<Seen>,
}

/// What a client asked and heard, and when.
pub(super) struct Heard<'a> {
    pub(super) question: &'a Question,
    pub(super) message: &'a Message,
    pub(super) asked_secs: u32,
    pub(super) replied_secs: u32,
}

impl Judge {
    pub(super) fn new(versions: &[Version], internets: &[Arc<Internet>], weather: &Weather) -> Self {
        let changed: BTreeSet<usize> = versions.iter().flat_map(|one| one.changed.iter().copied()).collect();
        let mut seen = Vec::new();
        for (at, version) in versions.iter().enumerate() {
            let next = versions.get(at + 1).map(|next| next.from_secs);
            // Who replays what was true once does so to the end.
            let until_secs = next.map(|next| if weather.replays { weather.end_secs } else { next });
            let zones = (0..version.plan.sites.len())
                .filter(|site| !version.plan.sites[*site].gone)
                .map(|site| (version.plan.name_at(site), standing(&version.plan, site, &changed, weather)))
                .collect();
            let internet = Arc::clone(&internets[at]);
            seen.push(Seen { from_secs: version.from_secs, until_secs, internet, zones });
        }
        Self { seen }
    }

    /// Whether the reply may be given.
    pub(super) fn hear(&self, heard: &Heard<'_>) -> Result<Finding, String> {
        let secure = heard.message.header.authentic_data;
        if heard.message.header.rcode == Rcode::SERVFAIL {
            let empty = heard.message.answer.is_empty() && !secure;
            return if empty {
                Ok(Finding::Failed)
            } else {
                Err("a failure with an answer or AD".to_owned())
            };
        }
        // Then it may be as old as the run.
        let stale = is_stale(heard.message);
        let mut rest = heard.message.answer.as_slice();
        let mut name = heard.question.name.clone();
        let mut proven = true;
        loop {
            let question = Question { name: name.clone(), ..heard.question.clone() };
            let mut told: Vec<(Truth, Option<Name>)> = Vec::new();
            let mut unknowable = false;
            for one in self.seen.iter().filter(|one| one.from_secs <= heard.replied_secs) {
                let (link, target) = one.internet.oracle().link(&question);
                let standing = &one.zones[one.internet.oracle().home(&question)];
                unknowable |= standing.weak || standing.reached_by_liar && link.state == Judgement::Insecure;
                let late = |until: u32| !stale && until + standing.horizon_secs < heard.asked_secs;
                if !one.until_secs.is_some_and(late) {
                    told.push((link, target));
                }
            }
            if unknowable {
                let never = told.iter().all(|(link, _)| link.state != Judgement::Secure);
                let wrong = secure && never;
                return if wrong {
                    Err(format!("AD, but {name} is not secure"))
                } else {
                    Ok(Finding::Unknowable)
                };
            }
            // The best that was true.
            told.sort_by_key(|(link, _)| link.state);
            let fits = |(link, target): &&(Truth, Option<Name>)| {
                link.state < Judgement::Bogus
                    && starts_with(rest, link)
                    && (target.is_some()
                        || rest.len() == link.answer.len() && link.rcode == heard.message.header.rcode)
            };
            let Some((link, target)) = told.iter().find(fits) else {
                return Err(format!("no truth of {name}: {told:#?}"));
            };
            proven &= link.state == Judgement::Secure;
            rest = &rest[link.answer.len()..];
            let Some(target) = target else { break };
            name = target.clone();
        }
        if secure && !proven { Err("AD, but not all of it is secure".to_owned()) } else { Ok(Finding::True) }
    }

    /// Whether the reply is the whole truth of the last version, rightly judged.
    pub(super) fn is_whole(&self, question: &Question, message: &Message) -> Result<(), String> {
        let Some(last) = self.seen.last() else { return Err("no version".to_owned()) };
        let truth = last.internet.oracle().truth(question);
        let wanted = (truth.rcode, truth.state == Judgement::Secure);
        let got = (message.header.rcode, message.header.authentic_data);
        if got == wanted
            && !is_stale(message)
            && starts_with(&message.answer, &truth)
            && message.answer.len() == truth.answer.len()
        {
            return Ok(());
        }
        Err(format!("not the truth, which is {truth:#?}"))
    }

    /// How the name is on its way, all its aliases included: whether a liar has a say, and until when what changed
    /// may be remembered, in seconds.
    pub(super) fn outlook(&self, question: &Question) -> (bool, u32) {
        let (mut spoilt, mut settled) = (false, 0);
        for one in &self.seen {
            let mut question = question.clone();
            for _ in 0..16 {
                let oracle = one.internet.oracle();
                let (link, target) = oracle.link(&question);
                let standing = &one.zones[oracle.home(&question)];
                spoilt |= standing.weak || standing.reached_by_liar && link.state == Judgement::Insecure;
                if let Some(until) = one.until_secs.filter(|_| standing.changing) {
                    settled = settled.max(until + standing.horizon_secs);
                }
                let Some(target) = target else { break };
                question.name = target;
            }
        }
        (spoilt, settled)
    }
}

fn standing(plan: &Plan, site: usize, changed: &BTreeSet<usize>, weather: &Weather) -> Standing {
    let lies = |at: &usize| {
        let servers = plan.sites[*at].hosts.iter().flat_map(|(_, addresses)| addresses);
        servers.filter_map(|address| address.parse::<IpAddr>().ok()).any(|one| weather.liars.contains(&one))
    };
    let reach = plan.reach(site);
    let changing = reach.iter().any(|at| changed.contains(at));
    // What was proven of a zone below holds for the time of its DS and its keys, whatever becomes of those above.
    let horizon = |at: usize| {
        let below =
            plan.sites.iter().filter(|child| child.parent == Some(at)).map(|child| child.delegation_ttl);
        plan.sites[at].horizon_secs().max(below.max().unwrap_or(0).min(86_400))
    };
    let above = reach.iter().filter(|at| changed.contains(at)).map(|at| horizon(*at)).max();
    let own = horizon(site);
    // More iterations than are counted: that there is no zone cut need not be proven, so that any name may be said to be
    // below an unsigned one.
    let weak = |at: &usize| matches!(plan.sites[*at].denial, Denial::Nsec3(51..));
    let reached_by_liar = reach.iter().any(lies);
    let zone = plan.name_at(site);
    Standing {
        horizon_secs: own + above.unwrap_or(0) + NEGATIVE_SECS + SETTLE_SECS,
        reached_by_liar,
        weak: reached_by_liar
            && reach.iter().filter(|at| zone.is_subdomain_of(&plan.name_at(**at))).any(weak),
        changing,
    }
}

/// Whether the reply says that it is older than its TTL allows (RFC 8767, RFC 8914 §4.4 and §4.20).
fn is_stale(message: &Message) -> bool {
    let stale = [EdeCode::STALE_ANSWER, EdeCode::STALE_NXDOMAIN];
    message.edns.iter().flat_map(Edns::extended_errors).any(|error| stale.contains(&error.code))
}

/// Whether the RRsets begin with those of the link. Names in them may have the letter case of a question on the way.
fn starts_with(rrsets: &[Rrset], link: &Truth) -> bool {
    rrsets.len() >= link.answer.len()
        && rrsets.iter().zip(link.answer.iter().zip(&link.rdatas)).all(
            |(rrset, ((owner, rtype, _), rdatas))| {
                rrset.is(owner, *rtype)
                    && rrset.rdatas.len() == rdatas.len()
                    && rdatas
                        .iter()
                        .all(|rdata| rrset.rdatas.iter().any(|one| one.eq_ignore_ascii_case(rdata)))
            },
        )
}
