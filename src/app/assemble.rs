//! From a configuration to a resolver that can be asked. The only file that names every feature.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Weak};

use crate::app::anchors::KeptAnchors;
use crate::budget::Caps;
use crate::cache::Store;
use crate::clock::Clock;
use crate::config::{Configuration, Limits, Settings};
use crate::dns::Question;
use crate::dns::response::Transport;
use crate::entropy::Entropy;
use crate::event::Observer;
use crate::features::identity::Identity;
use crate::features::local_zones::LocalZones;
use crate::iterate::exchange::Exchange;
use crate::iterate::{self, Lookup};
use crate::limits::{self, Limit};
use crate::net::upstream::Upstream;
use crate::prefix::Prefix;
use crate::service::access::AccessTable;
use crate::service::cookies::ServerCookies;
use crate::service::lookup::Addresses;
use crate::service::stage::{LocalAnswer, Stage};
use crate::service::{self, Client, PrivateAddresses, ReplySettings, Service, StaleSettings, TtlBounds};
use crate::validate::{Policy, Validator};

/// A resolver of parts that fit, ready to be asked.
pub struct Assembly {
    /// Answers questions.
    pub service: Arc<Service>,
    /// Walks.
    pub iterator: Arc<iterate::Resolver>,
    /// The time.
    pub clock: Clock,
    /// The states of the keys that are trusted, and of those that were or will be.
    pub anchors: Arc<KeptAnchors>,
    /// Kept here alone: the iterator has a weak hold on it.
    _addresses: Arc<Addresses>,
}

impl std::fmt::Debug for Assembly {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Assembly").field("service", &self.service).finish_non_exhaustive()
    }
}

/// A resolver on real sockets, at most `sockets` of them open towards servers. Wants a tokio runtime.
pub fn assemble(configuration: &Configuration, sockets: usize, observer: Arc<dyn Observer>) -> Assembly {
    let clock =
        configuration.settings.dnssec.override_date.map_or_else(Clock::system, Clock::with_fixed_date);
    let exchange = Arc::new(Upstream::new(clock.clone(), sockets));
    let entropy = Arc::new(Entropy::system());
    on(configuration, exchange, clock, entropy, observer)
}

/// A resolver on any network.
pub fn on(
    configuration: &Configuration,
    exchange: Arc<dyn Exchange>,
    clock: Clock,
    entropy: Arc<Entropy>,
    observer: Arc<dyn Observer>,
) -> Assembly {
    let settings = &configuration.settings;
    let octets = usize::try_from(settings.cache.size_octets).unwrap_or(usize::MAX);
    let signatures = octets / limits::SIGNATURES_SHARE;
    let store = Arc::new(Store::new(octets - signatures, &entropy));
    let cookie_entropy = Arc::clone(&entropy);
    let iterator = Arc::new(iterate::Resolver::new(iterate::Parts {
        exchange,
        clock: clock.clone(),
        entropy,
        delegations: Arc::clone(&store.delegations),
        servers: Arc::clone(&store.servers),
        settings: walk_settings(configuration),
    }));
    let addresses = Arc::new(Addresses::default());
    let as_lookup: Arc<dyn Lookup> = addresses.clone();
    let weak: Weak<dyn Lookup> = Arc::downgrade(&as_lookup);
    iterator.set_lookup(weak);
    let policy = Policy { sha1: settings.dnssec.sha1, dnssec_stripped: settings.harden.dnssec_stripped };
    let validator = Validator::new(configuration.anchors.clone(), policy).remembering(signatures);
    let parts = service::Parts {
        clock: clock.clone(),
        source: iterator.clone(),
        validator: settings.dnssec.validation.then(|| Arc::new(validator)),
        store,
        stages: stages(settings),
        cookies: settings.resolver.answer_cookie.then(|| ServerCookies::new(clock.clone(), cookie_entropy)),
        access: AccessTable::new(settings.access.iter().copied().collect()),
        settings: service_settings(settings),
        observer,
    };
    let service = Service::new(parts, &addresses);
    let anchors = KeptAnchors::new(configuration.rollover.clone(), configuration.anchor_file.clone());
    Assembly { service, iterator, clock, anchors: Arc::new(anchors), _addresses: addresses }
}

/// What `query` and `explain` are answered by without a walk.
pub fn local_answer(settings: &Settings, question: &Question) -> Option<LocalAnswer> {
    let client =
        Client { address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0), transport: Transport::Tcp };
    stages(settings).iter().find_map(|stage| stage.before(question, &client))
}

fn stages(settings: &Settings) -> Vec<Box<dyn Stage>> {
    let mut stages: Vec<Box<dyn Stage>> = vec![Box::new(identity(settings))];
    if settings.local.default_zones {
        stages.push(Box::new(LocalZones::new()));
    }
    stages
}

fn identity(settings: &Settings) -> Identity {
    let server = &settings.server;
    let or = |written: &str, default: fn() -> String| {
        if written.is_empty() { default() } else { written.to_owned() }
    };
    Identity {
        identity: (!server.hide_identity).then(|| or(&server.identity, host_name)),
        version: (!server.hide_version).then(|| or(&server.version, software)),
    }
}

fn software() -> String {
    format!("Rootwalk {}", env!("CARGO_PKG_VERSION"))
}

/// The host's name, as far as files tell it.
fn host_name() -> String {
    let from = |path: &str| {
        let name = std::fs::read_to_string(path).ok()?.trim().to_owned();
        (!name.is_empty() && name.len() <= 255).then_some(name)
    };
    from("/proc/sys/kernel/hostname")
        .or_else(|| from("/etc/hostname"))
        .unwrap_or_else(|| "rootwalk".to_owned())
}

fn walk_settings(configuration: &Configuration) -> iterate::Settings {
    let resolver = &configuration.settings.resolver;
    iterate::Settings {
        ipv4: resolver.ipv4,
        ipv6: resolver.ipv6,
        upstream_port: resolver.upstream_port,
        do_not_query_localhost: resolver.do_not_query_localhost,
        do_not_query: never_asked(&configuration.settings),
        qname_minimisation: resolver.qname_minimisation,
        use_caps_for_id: resolver.use_caps_for_id,
        send_cookie: resolver.send_cookie,
        harden_glue: configuration.settings.harden.glue,
        root_hints: configuration.root_hints.clone(),
    }
}

fn caps(limits: &Limits) -> Caps {
    let caps = Limit::ALL.into_iter().zip(limits.caps);
    let caps = caps.fold(Caps::default(), |all, (limit, cap)| all.with(limit, cap));
    limits.shadow.iter().fold(caps, |all, limit| all.in_shadow(*limit))
}

/// What is asked by no means: what the configuration says, and this resolver itself, which the glue of a hostile zone
/// may name.
fn never_asked(settings: &Settings) -> Vec<Prefix> {
    let port = settings.resolver.upstream_port;
    let own = settings.server.listen.iter().filter(|at| at.port() == port && !at.ip().is_unspecified());
    let whole = own.map(|at| Prefix::of(at.ip(), if at.ip().to_canonical().is_ipv4() { 32 } else { 128 }));
    settings.resolver.do_not_query.iter().copied().chain(whole).collect()
}

fn service_settings(settings: &Settings) -> service::Settings {
    service::Settings {
        caps: caps(&settings.limits),
        ttl: TtlBounds {
            max: settings.cache.max_ttl_secs,
            min: settings.cache.min_ttl_secs,
            max_negative: settings.cache.max_negative_ttl_secs,
        },
        below_nxdomain: settings.harden.below_nxdomain,
        aggressive_nsec: settings.harden.aggressive_nsec,
        referral_path: settings.harden.referral_path,
        private: PrivateAddresses::new(
            &settings.resolver.private_address,
            settings.resolver.private_domain.clone(),
        ),
        stale: settings.cache.serve_expired.then_some(StaleSettings {
            ttl_secs: settings.cache.serve_expired_ttl_secs,
            client_timeout: settings.cache.serve_expired_client_timeout,
            reply_ttl_secs: settings.cache.serve_expired_reply_ttl_secs,
        }),
        prefetch: settings.cache.prefetch,
        prefetch_key: settings.cache.prefetch_key,
        root_key_sentinel: settings.dnssec.root_key_sentinel,
        trust_anchor_signaling: settings.dnssec.trust_anchor_signaling,
        reply: ReplySettings {
            nsid: Some(settings.server.nsid.clone()).filter(|nsid| !nsid.is_empty()),
            tcp_idle_timeout: settings.server.tcp_idle_timeout,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn this_resolver_never_asks_itself() {
        let text = "[server]\nlisten = [\"192.0.2.53:53\", \"[2001:db8::53]:53\", \"192.0.2.54:5300\", \"0.0.0.0:53\"]
[resolver]\ndo-not-query = [\"198.51.100.0/24\"]";
        let configuration = crate::config::parse(text, Path::new("a.toml")).unwrap();
        let never = walk_settings(&configuration).do_not_query;
        let written: Vec<String> = never.iter().map(ToString::to_string).collect();
        assert_eq!(written, ["198.51.100.0/24", "192.0.2.53/32", "2001:db8::53/128"]);
    }
}
