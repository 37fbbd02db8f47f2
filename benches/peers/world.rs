//! The internet that is asked: a root, top-level domains, providers of name servers, and domains that they serve.
//!
//! In: how many domains. Out: the lab's [`Internet`], signed, and the questions. Drawn with a seed, so that each run
//! has the same. Four of ten domains are signed (P-256 70 %, RSA 20 %, Ed25519 10 %; half of them with NSEC, half with
//! NSEC3); the large top-level domains are signed with NSEC3 and opt-out, some with NSEC. Most domains' name servers
//! have the names of a provider, so that there is no glue for them; some have names within the domain. RSA and ECDSA
//! keys come from the lab's pool, so that zones share some.

use rootwalk::dns::edns::Edns;
use rootwalk::dns::encode::encode_query;
use rootwalk::dns::{Question, RecordType};
use rootwalk::entropy::Entropy;
use rootwalk::lab::{Internet, World, Zone};

/// The addresses of the three levels, one NSD process each.
pub(crate) const LEVELS: [&str; 3] = ["127.10.", "127.11.", "127.12."];
/// An unsigned zone in which every name exists.
pub(crate) const MANY: &str = "many.";
/// How many names are asked for when they are cached.
const HOT_NAMES: usize = 10_000;
const HOT_QUESTIONS: usize = 100_000;
const PROVIDERS: usize = 16;

/// Name, algorithm (0: unsigned), denial, and how many of all domains stand below it.
const TOP_LEVEL: [(&str, u8, Denial, usize); 8] = [
    ("com", 13, Denial::OptOut, 44),
    ("net", 13, Denial::OptOut, 14),
    ("org", 8, Denial::OptOut, 12),
    ("de", 8, Denial::OptOut, 10),
    ("se", 13, Denial::Nsec, 7),
    ("eu", 15, Denial::Nsec3, 5),
    ("dev", 15, Denial::Nsec, 5),
    ("az", 0, Denial::Nsec, 3),
];

#[derive(Clone, Copy)]
enum Denial {
    Nsec,
    Nsec3,
    OptOut,
}

/// The internet and what is asked of it.
pub(crate) struct Scene {
    pub(crate) internet: Internet,
    /// Each name and type once.
    pub(crate) cold: Vec<Question>,
    /// One question for each domain.
    pub(crate) first: Vec<Question>,
    /// Names of `cold`, the popular ones often.
    pub(crate) hot: Vec<Question>,
    /// The same, each once.
    pub(crate) hot_names: Vec<Question>,
}

/// A domain's zone while it is drawn.
struct Draw {
    entropy: Entropy,
    cold: Vec<Question>,
    first: Vec<Question>,
}

/// Draws and signs it.
pub(crate) fn scene(domains: usize, unix: u64) -> Scene {
    let mut draw = Draw { entropy: Entropy::seeded(1), cold: Vec::new(), first: Vec::new() };
    let mut world = World::new(1).dated(unix).zone(
        Zone::new(".")
            .algorithm(8)
            .server("a.rootservers.", &["127.10.0.1"])
            .server("b.rootservers.", &["127.10.0.2"]),
    );
    for (number, (name, algorithm, denial, _)) in TOP_LEVEL.iter().enumerate() {
        let zone = signed(Zone::new(&format!("{name}.")), *algorithm, *denial);
        let (a, b) = (format!("127.11.{number}.1"), format!("127.11.{number}.2"));
        world = world
            .zone(zone.server(&format!("a.nic.{name}."), &[&a]).server(&format!("b.nic.{name}."), &[&b]));
    }
    let many = Zone::new(MANY).unsigned().ttl(86_400).record("* A 192.0.2.1");
    world = world.zone(many.server("ns.many.", &["127.11.100.1"]));
    for number in 0..PROVIDERS {
        let algorithm = if number % 2 == 0 { 13 } else { 0 };
        let zone = signed(Zone::new(&provider(number)), algorithm, Denial::Nsec);
        world = world.zone(servers_within(zone, &provider(number), number));
    }
    for number in 0..domains {
        world = world.zone(draw.domain(number));
    }
    let internet = world.build().expect("the lab can build it");
    let Draw { entropy, mut cold, first } = draw;
    shuffle(&mut cold, &entropy);
    let hot_names: Vec<Question> = cold.iter().take(HOT_NAMES).cloned().collect();
    let hot = (0..HOT_QUESTIONS).map(|_| hot_names[popular(hot_names.len(), &entropy)].clone()).collect();
    Scene { internet, cold, first, hot, hot_names }
}

/// A place in a list of so many, the first ones likeliest: each as likely as one in its number (Zipf).
fn popular(count: usize, entropy: &Entropy) -> usize {
    let uniform = entropy.below(1 << 24) as f64 / f64::from(1 << 24);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below the count")]
    let place = (count as f64).powf(uniform) as usize;
    place.saturating_sub(1).min(count - 1)
}

fn shuffle(questions: &mut [Question], entropy: &Entropy) {
    for index in (1..questions.len()).rev() {
        questions.swap(index, entropy.below(index + 1));
    }
}

fn signed(zone: Zone, algorithm: u8, denial: Denial) -> Zone {
    let zone = if algorithm == 0 { zone.unsigned() } else { zone.algorithm(algorithm) };
    match denial {
        Denial::Nsec => zone,
        Denial::Nsec3 => zone.nsec3(0, &[]),
        Denial::OptOut => zone.opt_out(),
    }
}

fn provider(number: usize) -> String {
    let (top_level, ..) = TOP_LEVEL[[0, 1, 0, 2, 3, 1, 0, 5][number % 8]];
    format!("dns{number}.{top_level}.")
}

fn addresses(provider: usize) -> [String; 2] {
    [1, 2].map(|host| format!("127.12.{provider}.{host}"))
}

/// Two name servers with names in the zone.
fn servers_within(zone: Zone, name: &str, provider: usize) -> Zone {
    let [one, two] = addresses(provider);
    zone.server(&format!("ns1.{name}"), &[&one]).server(&format!("ns2.{name}"), &[&two])
}

impl Draw {
    fn one_in(&self, chances: usize) -> bool {
        self.entropy.below(chances) == 0
    }

    fn ask(&mut self, name: &str, rtype: RecordType) {
        self.cold.push(Question::new(name.parse().expect("a name"), rtype));
    }

    fn domain(&mut self, number: usize) -> Zone {
        let mut place = self.entropy.below(TOP_LEVEL.iter().map(|(.., share)| share).sum());
        let mut fits = |(.., share): &&(&str, u8, Denial, usize)| {
            let here = place < *share;
            place = place.saturating_sub(*share);
            here
        };
        let (top_level, ..) = TOP_LEVEL.iter().find(&mut fits).expect("one of them");
        let name = format!("site{number}.{top_level}.");
        let algorithm = match self.entropy.below(100) {
            share @ 0..40 => [13, 13, 13, 13, 13, 13, 13, 8, 8, 15][share % 10],
            _ => 0,
        };
        let denial = if self.one_in(2) { Denial::Nsec } else { Denial::Nsec3 };
        let zone = signed(Zone::new(&name), algorithm, denial);
        // The large providers have most of the domains.
        let provided = popular(PROVIDERS + 1, &self.entropy).min(PROVIDERS - 1);
        let zone = if self.one_in(6) {
            servers_within(zone, &name, provided)
        } else {
            let [one, two] = addresses(provided);
            let host = provider(provided);
            zone.server(&format!("ns1.{host}"), &[&one]).server(&format!("ns2.{host}"), &[&two])
        };
        self.records(zone, &name, number)
    }

    /// Fills the zone, and asks for what is in it and for what is not.
    fn records(&mut self, mut zone: Zone, name: &str, number: usize) -> Zone {
        let address = |entropy: &Entropy| format!("198.51.{}.{}", entropy.below(256), entropy.below(256));
        zone = zone.record(&format!("@ A {}", address(&self.entropy))).record("@ MX 10 mail");
        zone = zone.record("@ TXT \"v=spf1 mx -all\"").record(&format!("mail A {}", address(&self.entropy)));
        self.first.push(Question::new(format!("www.{name}").parse().expect("a name"), RecordType::A));
        for rtype in [RecordType::A, RecordType::MX, RecordType::TXT] {
            self.ask(name, rtype);
        }
        self.ask(&format!("mail.{name}"), RecordType::A);
        zone = if self.one_in(4) {
            zone.record("www CNAME @")
        } else {
            zone.record(&format!("www A {}", address(&self.entropy))).record("www AAAA 2001:db8::80")
        };
        self.ask(&format!("www.{name}"), RecordType::A);
        self.ask(&format!("www.{name}"), RecordType::AAAA);
        for host in 0..4 + 2_400 / (number + 12) {
            zone = zone.record(&format!("h{host} A {}", address(&self.entropy)));
            self.ask(&format!("h{host}.{name}"), RecordType::A);
            if self.one_in(3) {
                zone = zone.record(&format!("h{host} AAAA 2001:db8::{host:x}"));
            }
            if self.one_in(3) {
                self.ask(&format!("h{host}.{name}"), RecordType::AAAA);
            }
            if self.one_in(6) {
                self.ask(&format!("missing{host}.{name}"), RecordType::A);
            }
        }
        zone
    }
}

/// A query without its id, as the load sends it. `authentic`: the reply is to say whether it was validated.
pub(crate) fn query(question: &Question, dnssec_ok: bool, authentic: bool) -> Box<[u8]> {
    let mut octets = encode_query(0, question, true, false, Some(&Edns::new(1_232, dnssec_ok)));
    octets[3] |= if authentic { 0x20 } else { 0 };
    octets.drain(..2);
    octets.into()
}
