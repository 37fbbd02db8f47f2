//! Finds out whether this host reaches anybody, when servers are silent and nobody is heard.
//!
//! In: what `cache::uplink` thinks is due. Out: a question to a root server for the root's own servers (RFC 9609),
//! which nobody else has a say over, and what came of it. The answer primes the root where its time is over: after
//! days without a network the first question begins with what it needs.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::task::JoinSet;

use crate::cache::delegations::CachedCut;
use crate::cache::uplink::Reach;
use crate::context::Context;
use crate::dns::Name;

use super::attempt::Attempt;
use super::priming;
use super::resolver::Resolver;
use super::targets::may_be_asked;

impl Resolver {
    /// Watches for as long as it is polled. Each probe gets a `context` of its own; `changed` hears when a family or
    /// the whole host is cut off, and when it is not any more.
    pub async fn watch(self: Arc<Self>, context: impl Fn() -> Context, changed: impl Fn(Reach)) {
        let uplink = Arc::clone(self.parts.servers.uplink());
        let clock = &self.parts.clock;
        let families = [false, true].map(|ipv6| !self.root_servers(ipv6).is_empty());
        let mut told = Reach::default();
        let mut probes = JoinSet::new();
        loop {
            let turn = uplink.turn(families, clock.now());
            for ipv6 in
                [false, true].into_iter().zip(turn.probe).filter_map(|(ipv6, due)| due.then_some(ipv6))
            {
                let servers = self.root_servers(ipv6);
                if let Some(server) = servers.get(self.parts.entropy.below(servers.len())) {
                    probes.spawn(Arc::clone(&self).probe(*server, families, context()));
                }
            }
            let reach = uplink.reach();
            if reach != told {
                changed(reach);
                told = reach;
            }
            let next = async {
                match turn.next {
                    Some(next) => clock.sleep_until(next).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = uplink.alarmed() => {}
                Some(_) = probes.join_next() => {}
                () = next => {}
            }
        }
    }

    /// The addresses of root servers in a family that is spoken: as they said themselves, or as the hints say.
    fn root_servers(&self, ipv6: bool) -> Vec<IpAddr> {
        let known = self.parts.delegations.get(&Name::root(), self.parts.clock.now());
        let said = known.iter().flat_map(|cut| &cut.delegation.servers);
        let usable =
            |address: &IpAddr| address.is_ipv6() == ipv6 && may_be_asked(*address, &self.parts.settings);
        said.chain(&self.parts.settings.root_hints)
            .flat_map(|server| &server.glue)
            .map(IpAddr::to_canonical)
            .filter(usable)
            .collect()
    }

    async fn probe(self: Arc<Self>, server: IpAddr, families: [bool; 2], context: Context) {
        let parts = &self.parts;
        let (root, question, sent) = (Name::root(), priming::question(), parts.clock.now());
        let mut known = parts.servers.known(server, &root, sent);
        known.wait = parts.servers.uplink().probe_wait(server.is_ipv6());
        let trials = &self.meetings.trials;
        let attempt =
            Attempt { parts, trials, context: &context, question: &question, zone: &root, server, known };
        let Ok(Ok(reply)) = attempt.ask().await else {
            parts.servers.uplink().probe_lost(server.is_ipv6(), families, sent, parts.clock.now());
            return;
        };
        let now = parts.clock.now();
        if parts.delegations.get(&root, now).is_none()
            && let Some(delegation) = priming::delegation(&reply.response, &parts.settings.root_hints)
        {
            let expires = now.after_secs(delegation.ttl);
            parts.delegations.insert(CachedCut::new(delegation, now, expires));
        }
    }
}
