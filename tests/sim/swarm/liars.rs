//! Servers that lie: what they make of an honest answer.
//!
//! In: a question, the honest answer, and what a liar knows of the world ([`Lore`]). Out: the lie. Its choices follow
//! from seed and question alone, so that a run repeats itself.

use std::net::IpAddr;
use std::sync::Arc;

use rootwalk::dns::edns::Edns;
use rootwalk::dns::encode::encode_query;
use rootwalk::dns::message::Message;
use rootwalk::dns::response::Transport;
use rootwalk::dns::{Name, Question, Rcode, Rdatas, RecordType, Rrset};
use rootwalk::entropy::Entropy;
use rootwalk::lab::{Fault, Internet};

use crate::harness::name;
use crate::worlds::Draw;

/// The address that lies lead to. The server there answers anything.
pub(super) const FORGED: [u8; 4] = [6, 6, 6, 6];

/// What liars know.
pub(super) struct Lore {
    /// The world as it was at first.
    first: Arc<Internet>,
    zones: Vec<Name>,
    seed: u64,
}

impl Lore {
    pub(super) fn new(first: Arc<Internet>, seed: u64) -> Arc<Self> {
        let zones = first.zones().map(|zone| zone.name().clone()).collect();
        Arc::new(Self { first, zones, seed })
    }

    /// The chances of one lie.
    fn draw(&self, question: &Question, server: IpAddr) -> Draw {
        let mut octets = question.name.to_lowercase().as_wire().to_vec();
        octets.extend(question.rtype.0.to_be_bytes());
        octets.extend(server.to_string().bytes());
        let mixed = octets
            .iter()
            .fold(self.seed, |sum, octet| sum.wrapping_mul(0x0100_0000_01b3) ^ u64::from(*octet));
        Draw(Entropy::seeded(mixed))
    }

    /// The zone that is lied about.
    fn victim(&self, draw: &Draw) -> Name {
        draw.of(&self.zones).clone()
    }

    /// Something signed from anywhere, as it stands there.
    fn signed(&self, draw: &Draw) -> Rrset {
        let zone = self.first.zones().nth(draw.below(self.zones.len())).unwrap();
        zone.rrsets().nth(draw.below(zone.rrsets().count())).unwrap().clone()
    }
}

/// How a server lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lie {
    /// Other addresses, the signatures kept.
    Addresses,
    /// Other addresses, without signatures and proofs.
    Unsigned,
    /// The truth without signatures and proofs.
    Stripped,
    /// Records of other zones beside the answer.
    Beside,
    /// Other name servers for the zone, its parent, or another zone.
    Promiscuous,
    /// A referral to servers that lie.
    Referral,
    /// An alias to a name of another zone, and its address.
    Alias,
    /// A DNAME of another zone.
    Dname,
    /// There is no such name, or no such type.
    Nothing,
    /// The same, proven with proofs from elsewhere.
    NothingProven,
    /// Signed records from elsewhere, under the name that was asked.
    Borrowed,
    /// The answer that was true once.
    Past,
    /// An answer to whatever is asked, though the server does not serve it.
    Anything,
}

impl Lie {
    pub(super) const ALL: [Self; 13] = [
        Self::Addresses,
        Self::Unsigned,
        Self::Stripped,
        Self::Beside,
        Self::Promiscuous,
        Self::Referral,
        Self::Alias,
        Self::Dname,
        Self::Nothing,
        Self::NothingProven,
        Self::Borrowed,
        Self::Past,
        Self::Anything,
    ];

    /// The lie as a server's fault.
    pub(super) fn fault(self, lore: &Arc<Lore>, server: IpAddr) -> Fault {
        let lore = Arc::clone(lore);
        Fault::rewrites(move |question, reply| {
            let draw = lore.draw(question, server);
            if !draw.one_in(4) {
                self.tell(&lore, &draw, question, reply, server);
            }
        })
    }

    fn tell(self, lore: &Lore, draw: &Draw, question: &Question, reply: &mut Message, server: IpAddr) {
        let ttl = *draw.of(&[0, 30, 3_600, 604_800]);
        match self {
            Self::Addresses => forge(reply),
            Self::Unsigned => {
                forge(reply);
                strip(reply);
            }
            Self::Stripped => strip(reply),
            Self::Beside => beside(lore, draw, reply, ttl),
            Self::Promiscuous => {
                let zone = if draw.one_in(2) { question.name.suffix(1) } else { lore.victim(draw) };
                delegate(lore, draw, reply, &zone, ttl);
            }
            Self::Referral => {
                let labels = draw.below(question.name.label_count() + 1);
                let zone = if draw.one_in(3) { lore.victim(draw) } else { question.name.suffix(labels) };
                empty(reply, Rcode::NOERROR);
                reply.header.authoritative = draw.one_in(2);
                delegate(lore, draw, reply, &zone, ttl);
            }
            Self::Alias => {
                let target = below("www", &lore.victim(draw));
                empty(reply, Rcode::NOERROR);
                let alias = Rrset::new(question.name.clone(), RecordType::CNAME, ttl);
                reply.answer.push(alias.with(target.as_wire()));
                reply.answer.push(forged(&target, ttl));
            }
            Self::Dname => {
                let (from, to) = (lore.victim(draw), lore.victim(draw));
                empty(reply, Rcode::NOERROR);
                reply.answer.push(Rrset::new(from.clone(), RecordType::DNAME, ttl).with(to.as_wire()));
                if let Some(Ok(target)) = question.name.rebase(&from, &to) {
                    let alias = Rrset::new(question.name.clone(), RecordType::CNAME, ttl);
                    reply.answer.push(alias.with(target.as_wire()));
                    reply.answer.push(forged(&target, ttl));
                }
            }
            Self::Nothing => {
                let rcode = *draw.of(&[Rcode::NOERROR, Rcode::NXDOMAIN]);
                empty(reply, rcode);
                strip(reply);
            }
            Self::NothingProven => {
                let rcode = *draw.of(&[Rcode::NOERROR, Rcode::NXDOMAIN]);
                empty(reply, rcode);
                reply.authority.extend((0..4).map(|_| lore.signed(draw)));
            }
            Self::Borrowed => {
                empty(reply, Rcode::NOERROR);
                let name = question.name.clone();
                let rtype = question.rtype;
                reply.answer.push(Rrset { name, rtype, ..lore.signed(draw) });
            }
            Self::Past => past(lore, question, reply, server),
            Self::Anything => {
                empty(reply, Rcode::NOERROR);
                reply.answer.push(match question.rtype {
                    RecordType::A => forged(&question.name, ttl),
                    RecordType::NS => {
                        Rrset::new(question.name.clone(), RecordType::NS, ttl).with(b"\x02ns\x04evil\0")
                    }
                    rtype => Rrset::new(question.name.clone(), rtype, ttl).with(&[6; 16]),
                });
            }
        }
    }
}

fn below(label: &str, zone: &Name) -> Name {
    if zone.is_root() { name(&format!("{label}.")) } else { name(&format!("{label}.{zone}")) }
}

fn forged(owner: &Name, ttl: u32) -> Rrset {
    Rrset::new(owner.clone(), RecordType::A, ttl).with(&FORGED)
}

fn empty(reply: &mut Message, rcode: Rcode) {
    reply.header.rcode = rcode;
    reply.header.authoritative = true;
    reply.answer.clear();
    reply.authority.clear();
    reply.additional.clear();
}

fn sections(reply: &mut Message) -> impl Iterator<Item = &mut Rrset> {
    reply.answer.iter_mut().chain(&mut reply.authority).chain(&mut reply.additional)
}

fn forge(reply: &mut Message) {
    for rrset in sections(reply) {
        match rrset.rtype {
            RecordType::A => rrset.rdatas = [&FORGED[..]].into_iter().collect(),
            RecordType::AAAA | RecordType::TXT => rrset.rdatas = [&[6; 16][..]].into_iter().collect(),
            _ => {}
        }
    }
}

fn strip(reply: &mut Message) {
    sections(reply).for_each(|rrset| rrset.signatures = Rdatas::new());
    reply.authority.retain(|rrset| !rrset.rtype.is_dnssec_proof() && rrset.rtype != RecordType::DS);
}

fn beside(lore: &Lore, draw: &Draw, reply: &mut Message, ttl: u32) {
    for _ in 0..3 {
        let zone = lore.victim(draw);
        let rrset = forged(&below(["www", "ns0", "ns1", "short"][draw.below(4)], &zone), ttl);
        match draw.below(3) {
            0 => reply.answer.push(rrset),
            1 => reply.authority.push(rrset),
            _ => reply.additional.push(rrset),
        }
    }
}

fn delegate(lore: &Lore, draw: &Draw, reply: &mut Message, zone: &Name, ttl: u32) {
    let host = if draw.one_in(2) { below("ns0", zone) } else { below("ns0", &lore.victim(draw)) };
    reply.authority.retain(|rrset| rrset.rtype != RecordType::NS);
    reply.authority.push(Rrset::new(zone.clone(), RecordType::NS, ttl).with(host.as_wire()));
    reply.additional.push(Rrset::new(host, RecordType::A, ttl).with(&FORGED));
}

fn past(lore: &Lore, question: &Question, reply: &mut Message, server: IpAddr) {
    let query = encode_query(reply.header.id, question, false, false, Some(&Edns::new(4_096, true)));
    let reaction = lore.first.react((server, 53).into(), &query, Transport::Tcp, 100);
    if let Some(rootwalk::lab::faults::Reaction::Messages { octets, .. }) = reaction
        && let Some(mut old) = octets.first().and_then(|octets| Message::parse(octets).ok())
    {
        old.question = reply.question.take();
        old.edns = reply.edns.take();
        *reply = old;
    }
}
