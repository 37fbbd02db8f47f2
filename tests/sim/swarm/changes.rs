//! What changes in a drawn internet while it is asked: records, servers, delegations, keys and signatures.
//!
//! In: a [`Plan`]. Out: [`Version`]s of it, each with the second from which it holds. A key rollover, and a zone that
//! becomes signed or ceases to be, go in the steps of RFC 6781 §4.1 with the waits that the TTLs ask for.

use rootwalk::lab::KeySpec;

use super::plan::{Denial, Plan, Shape, Site};
use crate::worlds::Draw;

/// How long after a change the last server has it, in seconds, beyond TTLs: a slow reply may be on its way.
pub(super) const SETTLE_SECS: u32 = 15;

/// A state of the internet.
pub(super) struct Version {
    pub(super) from_secs: u32,
    pub(super) plan: Plan,
    /// The sites that differ from the version before.
    pub(super) changed: Vec<usize>,
}

/// The negative TTL of zones that change, and of those above them, at most.
pub(super) const NEGATIVE_SECS: u32 = 60;

type Step = Box<dyn Fn(&mut Site)>;

/// The versions of a plan, in order of time; the first one holds from the start.
pub(super) fn versions(draw: &Draw, mut plan: Plan) -> Vec<Version> {
    let mut steps: Vec<(u32, usize, Step)> = Vec::new();
    let mut chosen = Vec::new();
    for _ in 0..draw.below(4) {
        let at = 1 + draw.below(plan.sites.len() - 1);
        if chosen.contains(&at) {
            continue;
        }
        chosen.push(at);
        // Changes show within minutes.
        let site = &mut plan.sites[at];
        site.ttl = *draw.of(&[5, 30, 90]);
        site.delegation_ttl = *draw.of(&[10, 60, 200]);
        site.negative_ttl = site.negative_ttl.min(NEGATIVE_SECS);
        if let Some(parent) = site.parent {
            plan.sites[parent].negative_ttl = plan.sites[parent].negative_ttl.min(NEGATIVE_SECS);
        }
        let start = 20 + u32::try_from(draw.below(200)).unwrap();
        steps.extend(story(draw, &mut plan, at).into_iter().map(|(after, step)| (start + after, at, step)));
    }
    steps.sort_by_key(|(when, at, _)| (*when, *at));
    let mut versions = vec![Version { from_secs: 0, plan: plan.clone(), changed: Vec::new() }];
    for (when, at, step) in steps {
        step(&mut plan.sites[at]);
        versions.push(Version { from_secs: when, plan: plan.clone(), changed: vec![at] });
    }
    versions
}

/// The steps by which a site changes, each with the seconds since the first.
fn story(draw: &Draw, plan: &mut Plan, at: usize) -> Vec<(u32, Step)> {
    let (leaf, spare) = (plan.is_leaf(at), plan.address(false));
    let own_servers = plan.has_own_servers(at);
    let own_name = plan.home_of(&plan.sites[at].hosts[0].0) == Some(at);
    let site = &mut plan.sites[at];
    let keys_known = site.ttl + SETTLE_SECS;
    let ds_known = site.delegation_ttl + site.ttl + NEGATIVE_SECS + SETTLE_SECS;
    match draw.below(8) {
        0 if leaf => vec![(0, Box::new(|site| site.gone = true))],
        1 if leaf && own_servers => vec![(0, Box::new(|site| site.undelegated = true))],
        2 if own_name && own_servers => vec![(0, Box::new(renumber(spare)))],
        3 => vec![(0, Box::new(|site| site.denial = Denial::Nsec3(1)))],
        4 if site.shape == Shape::Signed => {
            vec![
                (0, Box::new(|site| site.shape = Shape::Island)),
                (ds_known, Box::new(|site| site.shape = Shape::Unsigned)),
            ]
        }
        4 if site.shape == Shape::Unsigned => {
            vec![
                (0, Box::new(|site| site.shape = Shape::Island)),
                (ds_known, Box::new(|site| site.shape = Shape::Signed)),
            ]
        }
        5 | 6 if site.shape == Shape::Signed => {
            roll(site);
            vec![
                (0, Box::new(|site| stage(site, 1))),
                (keys_known + ds_known, Box::new(|site| stage(site, 2))),
                (2 * (keys_known + ds_known), Box::new(|site| stage(site, 3))),
            ]
        }
        _ => vec![(0, Box::new(|site| "www A 11.200.0.1".clone_into(&mut site.records[0])))],
    }
}

/// The first server moves, and nobody is left at its old address.
fn renumber(to: String) -> impl Fn(&mut Site) {
    move |site| site.hosts[0].1 = vec![to.clone()]
}

/// Gives a site a successor for each of its keys, not published yet.
fn roll(site: &mut Site) {
    let successors: Vec<KeySpec> =
        site.keys.iter().map(|key| KeySpec { published: false, ..key.idle() }).collect();
    site.keys.extend(successors);
}

/// 1: the new keys are published, the new entry point has its DS and signs the keys. 2: the new ones sign. 3: the old
/// ones are gone.
fn stage(site: &mut Site, stage: u8) {
    let half = site.keys.len() / 2;
    let (old, new) = site.keys.split_at_mut(half);
    for (old, new) in old.iter_mut().zip(new) {
        let entry = old.flags & 1 == 1;
        let signs = !entry || half == 1;
        new.published = true;
        new.in_ds = entry;
        new.signs_keys = entry;
        new.signs_zone = signs && stage >= 2;
        old.signs_zone = signs && stage < 2;
        if stage == 3 {
            (old.published, old.in_ds, old.signs_keys, old.signs_zone) = (false, false, false, false);
        }
    }
}
