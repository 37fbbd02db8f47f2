//! A whole resolver, from the client's octets to the servers' datagrams, on a world of the lab.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rootwalk::app::anchors::KeptAnchors;
use rootwalk::app::keeper::keep_anchors;
use rootwalk::budget::Caps;
use rootwalk::cache::Store;
use rootwalk::clock::Clock;
use rootwalk::dns::delegation::NameServer;
use rootwalk::dns::edns::{EdeCode, Edns, EdnsOption};
use rootwalk::dns::encode::encode_query;
use rootwalk::dns::message::Message;
use rootwalk::dns::response::Transport;
use rootwalk::dns::{Name, Question, Rcode, RecordType};
use rootwalk::entropy::Entropy;
use rootwalk::event::{Observer, Silent};
use rootwalk::iterate::{self, Lookup, Resolver};
use rootwalk::lab::{Internet, Link, Network, World};
use rootwalk::limits;
use rootwalk::service::access::{Access, AccessTable};
use rootwalk::service::cookies::ServerCookies;
use rootwalk::service::lookup::Addresses;
use rootwalk::service::source::Source;
use rootwalk::service::{self, Client, ReplySettings, Service, TtlBounds};
use rootwalk::validate::{Anchors, Policy, Validator};

/// The seed of all simulations, unless `ROOTWALK_SEED` says another.
pub(crate) fn seed() -> u64 {
    std::env::var("ROOTWALK_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1)
}

pub(crate) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// Puts a source in the place of another.
pub(crate) type Between = Box<dyn FnOnce(Arc<dyn Source>) -> Arc<dyn Source>>;

/// Makes other trust anchors of the world and its root's.
pub(crate) type Trust = Box<dyn FnOnce(&Internet, Anchors) -> Anchors>;

/// What may differ from test to test.
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub(crate) struct Options {
    pub(crate) iterate: iterate::Settings,
    pub(crate) caps: Caps,
    pub(crate) cache_bytes: usize,
    pub(crate) validation: bool,
    pub(crate) anchors: Trust,
    pub(crate) policy: Policy,
    pub(crate) ttl: TtlBounds,
    pub(crate) referral_path: bool,
    pub(crate) aggressive_nsec: bool,
    pub(crate) private: service::PrivateAddresses,
    pub(crate) stale: Option<service::StaleSettings>,
    pub(crate) prefetch: bool,
    pub(crate) prefetch_key: bool,
    pub(crate) root_key_sentinel: bool,
    pub(crate) trust_anchor_signaling: bool,
    pub(crate) seed: u64,
    /// Hears what happens.
    pub(crate) observer: Arc<dyn Observer>,
    /// Puts something between the service and the resolver, to watch what is asked.
    pub(crate) between: Between,
}

impl Default for Options {
    fn default() -> Self {
        let max_negative = limits::MAX_NEGATIVE_TTL_SECS;
        Self {
            iterate: iterate::Settings::default(),
            caps: Caps::default(),
            cache_bytes: 16 << 20,
            validation: true,
            anchors: Box::new(|_, anchors| anchors),
            policy: Policy::default(),
            ttl: TtlBounds { max: limits::MAX_TTL_SECS, min: 0, max_negative },
            referral_path: false,
            aggressive_nsec: true,
            private: service::PrivateAddresses::default(),
            stale: Some(service::StaleSettings::default()),
            prefetch: true,
            prefetch_key: true,
            root_key_sentinel: true,
            trust_anchor_signaling: true,
            seed: seed(),
            observer: Arc::new(Silent),
            between: Box::new(|source| source),
        }
    }
}

/// A resolver and the world it lives in.
pub(crate) struct Sim {
    pub(crate) network: Arc<Network>,
    pub(crate) service: Arc<Service>,
    pub(crate) clock: Clock,
    pub(crate) store: Arc<Store>,
    resolver: Arc<Resolver>,
    _addresses: Arc<Addresses>,
}

impl Sim {
    pub(crate) fn new(world: World) -> Self {
        Self::with(world, |_| {})
    }

    /// One that asks for each new name: what is proven of others does not answer for it.
    pub(crate) fn asking(world: World) -> Self {
        Self::with(world, |options| options.aggressive_nsec = false)
    }

    #[expect(clippy::needless_pass_by_value, reason = "a world is written where it is used")]
    pub(crate) fn with(world: World, change: impl FnOnce(&mut Options)) -> Self {
        Self::on(world.build().unwrap(), change)
    }

    pub(crate) fn on(internet: Internet, change: impl FnOnce(&mut Options)) -> Self {
        let mut options = Options::default();
        let unix = internet.world().unix();
        options.iterate.root_hints =
            internet.hints().into_iter().map(|(name, glue)| NameServer { name, glue }).collect();
        change(&mut options);
        eprintln!("seed {}", options.seed);
        let anchors = (options.anchors)(&internet, Anchors::parse(&internet.anchor_text()).unwrap());
        let clock = Clock::simulated(unix);
        let network = Network::new(internet, clock.clone(), options.seed);
        let entropy = Arc::new(Entropy::seeded(options.seed));
        let store = Arc::new(Store::new(options.cache_bytes, &entropy));
        let resolver = Arc::new(Resolver::new(iterate::Parts {
            exchange: Arc::new(Link(Arc::clone(&network))),
            clock: clock.clone(),
            entropy: Arc::clone(&entropy),
            delegations: Arc::clone(&store.delegations),
            servers: Arc::clone(&store.servers),
            settings: options.iterate,
        }));
        let addresses = Arc::new(Addresses::default());
        let lookup: Arc<dyn Lookup> = Arc::clone(&addresses) as Arc<dyn Lookup>;
        resolver.set_lookup(Arc::downgrade(&lookup));
        let access = [
            ("10.0.0.0/8", Access::Allow),
            ("10.9.0.0/16", Access::AllowSnoop),
            ("2001:db8::/32", Access::Allow),
        ];
        let parts = service::Parts {
            clock: clock.clone(),
            source: (options.between)(Arc::clone(&resolver) as Arc<dyn Source>),
            validator: options.validation.then(|| Arc::new(Validator::new(anchors, options.policy))),
            store: Arc::clone(&store),
            stages: Vec::new(),
            access: AccessTable::new(
                access.into_iter().map(|(prefix, word)| (prefix.parse().unwrap(), word)).collect(),
            ),
            cookies: Some(ServerCookies::new(clock.clone(), Arc::new(Entropy::seeded(options.seed)))),
            settings: service::Settings {
                caps: options.caps,
                ttl: options.ttl,
                below_nxdomain: true,
                aggressive_nsec: options.aggressive_nsec,
                referral_path: options.referral_path,
                private: options.private,
                stale: options.stale,
                prefetch: options.prefetch,
                prefetch_key: options.prefetch_key,
                root_key_sentinel: options.root_key_sentinel,
                trust_anchor_signaling: options.trust_anchor_signaling,
                reply: ReplySettings { nsid: None, tcp_idle_timeout: Duration::from_secs(30) },
            },
            observer: options.observer,
        };
        let service = Service::new(parts, &addresses);
        Self { network, service, clock, store, resolver, _addresses: addresses }
    }

    /// Lets the resolver find out whether it reaches anybody, as a running server does.
    pub(crate) fn watch(&self) {
        let (resolver, service) = (Arc::clone(&self.resolver), Arc::clone(&self.service));
        tokio::spawn(async move { resolver.watch(|| service.silent_context(), |_| {}).await });
    }

    /// Lets the resolver follow the keys of its trust anchors, as a running server does.
    pub(crate) fn follow(&self, anchors: &Arc<KeptAnchors>) {
        tokio::spawn(keep_anchors(Arc::clone(&self.service), self.clock.clone(), Arc::clone(anchors)));
    }

    /// Asks as a client that wants DNSSEC records.
    pub(crate) async fn ask(&self, owner: &str, rtype: RecordType) -> Reply {
        self.ask_as(&Ask::new(owner, rtype)).await
    }

    pub(crate) async fn ask_a(&self, owner: &str) -> Reply {
        self.ask(owner, RecordType::A).await
    }

    pub(crate) async fn ask_as(&self, ask: &Ask) -> Reply {
        let before = self.network.sent();
        let began = self.clock.now();
        let client = Client { address: SocketAddr::new(ask.from, 4_000), transport: Transport::Tcp };
        let edns = Edns {
            compact_ok: ask.compact_ok,
            options: ask.options.clone(),
            ..Edns::new(1_232, ask.dnssec_ok)
        };
        let mut query = encode_query(77, &ask.question, true, ask.checking_disabled, Some(&edns));
        query[3] |= if ask.ad { 0x20 } else { 0 };
        let octets = self.service.handle(&query, client).await.expect("a client gets a reply");
        let message = Message::parse(&octets).unwrap();
        assert!(message.header.response && message.header.id == 77);
        Reply { message, took: self.clock.now().since(began), packets: self.network.sent() - before }
    }

    /// The world becomes another, under the same resolver.
    pub(crate) fn change(&self, world: &World) {
        self.network.replace(world.build().unwrap());
    }

    /// Lets time pass.
    pub(crate) async fn pass(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }

    /// The first address of a zone's servers.
    pub(crate) fn server(&self, zone: &str) -> IpAddr {
        self.network.internet().addresses_of(&name(zone))[0]
    }
}

/// A question and how it is asked.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the query")]
pub(crate) struct Ask {
    pub(crate) question: Question,
    pub(crate) checking_disabled: bool,
    pub(crate) dnssec_ok: bool,
    /// CO (RFC 9824 §5.1).
    pub(crate) compact_ok: bool,
    /// Options beside.
    pub(crate) options: Vec<EdnsOption>,
    /// AD in the query (RFC 6840 §5.7).
    pub(crate) ad: bool,
    pub(crate) from: IpAddr,
}

impl Ask {
    pub(crate) fn new(owner: &str, rtype: RecordType) -> Self {
        let question = Question::new(name(owner), rtype);
        Self {
            question,
            checking_disabled: false,
            dnssec_ok: true,
            compact_ok: false,
            options: Vec::new(),
            ad: false,
            from: [10, 0, 0, 1].into(),
        }
    }

    pub(crate) fn unchecked(owner: &str, rtype: RecordType) -> Self {
        Self { checking_disabled: true, ..Self::new(owner, rtype) }
    }
}

/// What the client got.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) message: Message,
    pub(crate) took: Duration,
    /// Sent upstream while it waited.
    pub(crate) packets: usize,
}

impl Reply {
    pub(crate) fn rcode(&self) -> Rcode {
        self.message.header.rcode
    }

    pub(crate) fn secure(&self) -> bool {
        self.message.header.authentic_data
    }

    pub(crate) fn ede(&self) -> Option<EdeCode> {
        self.message.edns.as_ref()?.extended_errors().next().map(|error| error.code)
    }

    pub(crate) fn text(&self) -> String {
        let errors = self.message.edns.iter().flat_map(Edns::extended_errors);
        errors.map(|error| error.text.clone()).collect::<Vec<_>>().join("; ")
    }

    /// The types of the answer section.
    pub(crate) fn types(&self) -> Vec<RecordType> {
        self.message.answer.iter().map(|rrset| rrset.rtype).collect()
    }

    /// The rdata of the last RRset of the answer section.
    pub(crate) fn last(&self) -> Vec<Vec<u8>> {
        self.message.answer.last().into_iter().flat_map(|rrset| &rrset.rdatas).map(<[u8]>::to_vec).collect()
    }

    #[track_caller]
    pub(crate) fn is_address(&self, address: [u8; 4]) {
        assert_eq!((self.rcode(), self.last()), (Rcode::NOERROR, vec![address.to_vec()]), "{self:#?}");
    }

    #[track_caller]
    pub(crate) fn is_secure_address(&self, address: [u8; 4]) {
        self.is_address(address);
        assert!(self.secure(), "{self:#?}");
    }

    #[track_caller]
    pub(crate) fn is_failure(&self, code: EdeCode) {
        assert_eq!((self.rcode(), self.ede()), (Rcode::SERVFAIL, Some(code)), "{}", self.text());
        assert!(!self.secure());
    }
}
