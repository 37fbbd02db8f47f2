//! Zones made to cost whoever validates them: KeyTrap (CVE-2023-50387) in its forms, CVE-2023-50868 and their kin.
//!
//! Here they are built; `keytrap` shows what one question for each may cost at most, `benches/keytrap.rs` what it does.

use rootwalk::dns::rdata::Dnskey;
use rootwalk::dns::{Question, Rcode, Rdatas, RecordType, Rrset};
use rootwalk::lab::signer::{Key, nsec_rdata};
use rootwalk::lab::{Fault, KeySpec, World, Zone};

use crate::harness::{Sim, name, seed};

/// The address of every honest host.
pub(crate) const WEB: [u8; 4] = [192, 0, 2, 80];

/// A question that somebody wants to be dear.
pub(crate) struct Trap {
    pub(crate) what: &'static str,
    pub(crate) world: World,
    pub(crate) question: Question,
    /// What it costs: as [`rootwalk::limits::Limit`] counts verifications, failed ones, and hash blocks.
    pub(crate) cost: [u32; 3],
}

pub(crate) fn site(zone: &str) -> Zone {
    Zone::new(zone).record("www A 192.0.2.80")
}

/// Below `org.`, which a resolver that asked for `www.warm.org.` knows.
pub(crate) fn world() -> World {
    World::new(seed()).zone(site("warm.org."))
}

/// A resolver that has been in service: it knows the root and org., and their keys.
pub(crate) async fn in_service(world: World) -> Sim {
    let sim = Sim::asking(world);
    sim.ask_a("www.warm.org.").await.is_secure_address(WEB);
    sim
}

/// Puts so many forgeries of each signature before it.
pub(crate) fn forge(rrset: &mut Rrset, forgeries: u8) {
    let honest = std::mem::replace(&mut rrset.signatures, Rdatas::new());
    for turn in 1..=forgeries {
        for rdata in &honest {
            let mut forged = rdata.to_vec();
            *forged.last_mut().unwrap() ^= turn;
            rrset.signatures.push(&forged);
        }
    }
}

/// Forges what a server says of one type.
pub(crate) fn forging(rtype: RecordType, forgeries: u8) -> Fault {
    Fault::rewrites(move |_, reply| {
        let jammed = reply.answer.iter_mut().filter(|rrset| rrset.rtype == rtype);
        jammed.for_each(|rrset| forge(rrset, forgeries));
    })
}

/// The keys of a zone, with so many more before them whose tag is that of its zone-signing key: a tag is the sum of a
/// key's octets, whatever their order.
pub(crate) fn crowd_of_keys(zone: Zone, of: &str, twins: usize) -> Zone {
    let zsk = published_key(&zone, of, 0);
    twins_of(&zsk, twins).fold(zone, |zone, twin| zone.record(&line("@ DNSKEY", &twin)))
}

/// The first key in a zone's DNSKEY set whose flags end like this.
fn published_key(zone: &Zone, of: &str, flags: u8) -> Vec<u8> {
    let internet = world().zone(zone.clone()).build().unwrap();
    let set = internet.zone(&name(of)).unwrap().rrset(&name(of), RecordType::DNSKEY).unwrap();
    set.rdatas.iter().find(|rdata| rdata[1] == flags).unwrap().to_vec()
}

/// Keys of the same tag as this one, up to 435 of them.
fn twins_of(key: &[u8], count: usize) -> impl Iterator<Item = Vec<u8>> + use<'_> {
    let places = (0..30_usize).flat_map(|one| (0..one).map(move |other| (4 + 2 * one, 4 + 2 * other)));
    places.take(count).map(move |(one, other)| {
        let mut twin = key.to_vec();
        twin.swap(one, other);
        twin.swap(one + 1, other + 1);
        assert_eq!(tag(&twin), tag(key));
        twin
    })
}

fn tag(dnskey: &[u8]) -> u16 {
    Dnskey::read(dnskey).unwrap().key_tag()
}

/// A record of any rdata (RFC 3597 §5).
fn line(start: &str, rdata: &[u8]) -> String {
    let digits: Vec<String> = rdata.iter().map(|octet| format!("{octet:02x}")).collect();
    format!("{start} \\# {} {}", rdata.len(), digits.concat())
}

/// A zone with a second key that is good for verifying and has the tag of its zone-signing key. An octet string whose
/// parts changed places is no point of a curve, and is refused at once; flags that nobody has defined make any two keys'
/// tags the same.
fn colliding(of: &str, algorithm: u8) -> Zone {
    let (ksk, zsk) = (KeySpec::ksk(algorithm), KeySpec::zsk(algorithm));
    let mut specs = [ksk, zsk, zsk.idle(), zsk.idle(), zsk.idle(), zsk.idle()];
    let internet = world().zone(site(of).keys(&specs)).build().unwrap();
    let keys: Vec<&Key> = internet.keys(&name(of)).unwrap().keys.iter().map(|(_, key)| key).collect();
    let pairs =
        (1..6).flat_map(|one| (1..6).map(move |other| (one, other))).filter(|(one, other)| one != other);
    // The zone key flag has to be set, and the one of revoked keys not.
    let collision = |(one, other): (usize, usize), flags: u16| {
        let wanted = keys[one].with_flags(flags).tag();
        let mut all = (0..=u16::MAX).filter(|flags| flags & 0x0180 == 0x0100);
        all.find(|twin| keys[other].with_flags(*twin).tag() == wanted).map(|twin| (one, flags, other, twin))
    };
    let found = pairs.flat_map(|pair| [0x0100, 0x0140, 0x017f].map(|flags| (pair, flags)));
    let mut found = found.filter_map(|(pair, flags)| collision(pair, flags));
    let (one, flags, other, twin) = found.next().expect("of so many keys two are near enough");
    specs[1] = zsk.idle();
    specs[one] = zsk.with_flags(flags);
    specs[other] = zsk.idle().with_flags(twin);
    site(of).keys(&specs)
}

/// Signatures of another algorithm, key and length in the place of the honest ones, each different.
fn garbage(tag: u16, algorithm: u8, octets: usize) -> Fault {
    Fault::rewrites(move |_, reply| {
        for rrset in reply.answer.iter_mut().filter(|rrset| rrset.rtype == RecordType::A) {
            let honest = rrset.signatures.first().unwrap().to_vec();
            let fixed = honest.len() - 64;
            rrset.signatures = Rdatas::new();
            for turn in 1..=8 {
                let mut rdata = honest[..fixed].to_vec();
                rdata[2] = algorithm;
                rdata[16..18].copy_from_slice(&tag.to_be_bytes());
                rdata.extend(vec![turn; octets]);
                rrset.signatures.push(&rdata);
            }
        }
    })
}

/// RSA keys that nobody has the other half of, as dear as they may be: 8192 bits, and an exponent of 33 that are all set.
fn dear_rsa(of: &str) -> Zone {
    let mut key = [&[1, 0, 3, 8, 5, 1][..], &[0xff; 4]].concat();
    key.extend((0..1_024_u32).map(|place| u8::try_from((place * 37 + 129) % 256).unwrap() | 1));
    let twin = twins_of(&key, 3).last().unwrap();
    let fault = garbage(tag(&key), 8, 1_024);
    site(of).record(&line("@ DNSKEY", &key)).record(&line("@ DNSKEY", &twin)).fault(fault)
}

/// A zone whose parent has many DS records with the tag of its key, and the zone many keys of that tag.
fn hash_trap() -> World {
    let child = Zone::new("sub.trap.org.").record("www A 192.0.2.80").servers(4);
    let ksk = published_key(&child, "sub.trap.org.", 1);
    let parent = (0..60_u8).fold(site("trap.org."), |zone, number| {
        let ds = [&tag(&ksk).to_be_bytes()[..], &[13, 4], &[number; 48]].concat();
        zone.record(&line("sub DS", &ds))
    });
    let child = twins_of(&ksk, 30).fold(child, |zone, twin| zone.record(&line("@ DNSKEY", &twin)));
    world().zone(parent).zone(child)
}

/// Aliases, each into a zone of its own.
fn aliases(algorithm: u8, count: usize) -> World {
    (0..count).fold(world(), |world, number| {
        let zone = Zone::new(&format!("t{number}.org.")).algorithm(algorithm);
        let last = number + 1 == count;
        let record =
            if last { "www A 192.0.2.80".to_owned() } else { format!("www CNAME www.t{}.org.", number + 1) };
        world.zone(zone.record(&record))
    })
}

/// Zones below each other, each with such a fault. Also the name of the last.
fn deep(algorithm: u8, levels: usize, fault: impl Fn(&str) -> Fault) -> (World, String) {
    let mut origin = "trap.org.".to_owned();
    let mut world = world();
    for level in 0..levels {
        if level > 0 {
            origin = format!("z{level}.{origin}");
        }
        world = world.zone(site(&origin).algorithm(algorithm).fault(fault(&origin)));
    }
    (world, origin)
}

/// Three forgeries before every signature.
fn forges_all(_: &str) -> Fault {
    Fault::rewrites(move |_, reply| {
        for rrset in reply.answer.iter_mut().chain(&mut reply.authority) {
            let honest = rrset.signatures.clone();
            forge(rrset, 3);
            for rdata in &honest {
                rrset.signatures.push(rdata);
            }
        }
    })
}

/// A denial with as many signed records as fit into a message, none of which says anything.
fn crowd_of_denials(origin: &str) -> Fault {
    let crowd: Vec<Rrset> = (0..150_u8)
        .map(|number| {
            let owner = name(&format!("a{number}.{origin}"));
            let mut rrset = Rrset::new(owner.clone(), RecordType::NSEC, 60);
            rrset.rdatas.push(&nsec_rdata(&owner, &[RecordType::A]));
            let labels = u8::try_from(owner.label_count()).unwrap();
            for turn in 0..8 {
                // By the root: the shortest signer there is. The times are those of the lab's date.
                let mut rdata = vec![0, 47, 13, labels, 0, 0, 0, 60, 0xff, 0xff, 0xff, 0xff];
                rdata.extend([0, 0, 0, 1, 0, turn, 0, number]);
                rrset.signatures.push(&rdata);
            }
            rrset
        })
        .collect();
    Fault::rewrites(move |_, reply| {
        if reply.header.rcode == Rcode::NXDOMAIN {
            reply.authority.extend(crowd.iter().cloned());
        }
    })
}

/// A zone that has nothing anybody could use, but for one path.
fn unsupported_mix() -> Zone {
    let zone = (0..28_u8).fold(site("trap.org."), |zone, number| {
        zone.record(&line("@ DNSKEY", &[&[1, 1, 3, 16][..], &[number; 57]].concat()))
    });
    zone.fault(Fault::rewrites(|_, reply| {
        for rrset in &mut reply.answer {
            let honest = std::mem::replace(&mut rrset.signatures, Rdatas::new());
            for turn in 0..100 {
                for rdata in &honest {
                    let mut other = rdata.to_vec();
                    other[2] = 16;
                    other[17] = turn;
                    rrset.signatures.push(&other);
                }
            }
            for rdata in &honest {
                rrset.signatures.push(rdata);
            }
        }
    }))
}

/// A zone that denies with far more NSEC records than it takes.
fn wide_denial(algorithm: u8) -> Zone {
    let many = |zone: Zone| (0..200).fold(zone, |zone, host| zone.record(&format!("a{host} A 192.0.2.1")));
    let zone = many(site("trap.org.").algorithm(algorithm));
    let internet = world().zone(zone.clone()).build().unwrap();
    let signed = internet.zone(&name("trap.org.")).unwrap();
    let all: Vec<Rrset> = signed.rrsets().filter(|set| set.rtype == RecordType::NSEC).cloned().collect();
    zone.fault(Fault::rewrites(move |_, reply| {
        if !reply.authority.is_empty() {
            reply.authority.extend(all.iter().cloned());
        }
    }))
}

fn huge_rrset(algorithm: u8) -> Zone {
    let owner = format!("{}.{}.{}", "x".repeat(60), "y".repeat(60), "z".repeat(60));
    (0..350).fold(Zone::new("trap.org.").algorithm(algorithm).servers(4), |zone, number| {
        zone.record(&format!("{owner} TXT \"{number:04}{}\"", "t".repeat(116)))
    })
}

/// All of them, the honest ones first.
pub(crate) fn traps() -> Vec<Trap> {
    let trap = |what, world: World, owner: &str, cost| Trap {
        what,
        world,
        question: Question::new(name(owner), RecordType::A),
        cost,
    };
    let www = |what, zone: Zone, cost| trap(what, world().zone(zone), "www.trap.org.", cost);
    let of_type = |rtype, trap: Trap| Trap { question: Question { rtype, ..trap.question }, ..trap };
    let forging_a = || forging(RecordType::A, 250);
    let p384 = || site("trap.org.").algorithm(14);
    let huge = format!("{}.{}.{}.trap.org.", "x".repeat(60), "y".repeat(60), "z".repeat(60));
    let huge_trap = |what, zone, cost| of_type(RecordType::TXT, trap(what, world().zone(zone), &huge, cost));
    let deep_trap = |what, label: &str, (world, origin): (World, String), cost| {
        trap(what, world, &format!("{label}.{origin}"), cost)
    };
    let hosts = "a.".repeat(100);
    let hashed = |record: &str| world().zone(site("trap.org.").nsec3(50, &[7; 255]).record(record));
    let host = format!("{} A 192.0.2.1", hosts.trim_end_matches('.'));
    vec![
        www("an honest name, P-256", site("trap.org."), [3, 0, 0]),
        www("an honest name, P-384", p384(), [5, 0, 0]),
        www("KeySigTrap, P-256", colliding("trap.org.", 13).servers(13).fault(forging_a()), [16, 14, 0]),
        www("KeySigTrap, P-384", colliding("trap.org.", 14).servers(13).fault(forging_a()), [31, 28, 0]),
        www("KeySigTrap, RSA 8192, long exponent", dear_rsa("trap.org.").servers(13), [23, 21, 0]),
        www(
            "SigJam over keys, P-384",
            p384().servers(13).fault(forging(RecordType::DNSKEY, 250)),
            [15, 14, 0],
        ),
        www(
            "LockCram, 28 keys",
            crowd_of_keys(site("trap.org."), "trap.org.", 28).fault(forging(RecordType::A, 1)),
            [4, 2, 0],
        ),
        trap("HashTrap, 60 DS and 30 keys", hash_trap(), "www.sub.trap.org.", [3, 0, 0]),
        of_type(RecordType::ANY, www("ANYTrap", site("trap.org."), [3, 0, 0])),
        trap("11 aliases into zones of P-384", aliases(14, 12), "www.t0.org.", [60, 0, 0]),
        deep_trap("8 zones deep, 3 forgeries each, P-256", "www", deep(13, 8, forges_all), [15, 11, 0]),
        deep_trap("8 zones deep, 3 forgeries each, P-384", "www", deep(14, 8, forges_all), [23, 18, 0]),
        deep_trap("8 zones deep, 1,200 signatures by nobody", "x", deep(13, 8, crowd_of_denials), [19, 0, 0]),
        trap(
            "NSEC3, 50 iterations, long salt",
            hashed("x A 192.0.2.1"),
            &format!("{hosts}trap.org."),
            [5, 0, 765],
        ),
        trap("NSEC3, the same 100 labels deep", hashed(&host), &format!("x.{hosts}trap.org."), [2, 0, 1_275]),
        trap("a denial with 200 NSEC, P-384", world().zone(wide_denial(14)), "nothing.trap.org.", [9, 0, 0]),
        www("28 keys, 100 signatures of an unknown algorithm", unsupported_mix(), [1, 0, 0]),
        huge_trap("126 kB signed by RSA and SHA-512", huge_rrset(10), [3, 0, 0]),
        huge_trap("the same, forged, P-384", huge_rrset(14).fault(forging(RecordType::TXT, 8)), [24, 21, 0]),
    ]
}
