//! Lies about aliases: RFC 6672 §5.3, RFC 6604, RFC 2181 §10.1.

use rootwalk::dns::{Name, Rcode, RecordType, Rrset};

use super::forge::{Forge, address, answer, deny, flipped, moved, one, pointing, unsigned};
use super::{Bogus, Lie, MISSING, N, OTHER, Secure, Unproven, Unseen, Useless, lie};
use crate::harness::name;

const ALIAS: &str = "alias.nsec.test.";
const BELOW: &str = "x.old.nsec.test.";
const A: RecordType = RecordType::A;
const CNAME: RecordType = RecordType::CNAME;
const DNAME: RecordType = RecordType::DNAME;

/// Changes the whole answer.
fn told(
    rule: &'static str,
    how: &'static str,
    owner: &'static str,
    records: impl Fn(&Forge) -> Vec<Rrset> + Send + Sync + 'static,
) -> Lie {
    lie(rule, how, owner, A).told(N, move |forge, reply| answer(reply, records(forge), Vec::new()))
}

fn dname(forge: &Forge) -> Rrset {
    forge.rrset(N, "old.nsec.test.", DNAME)
}

fn made() -> Rrset {
    pointing(BELOW, CNAME, "x.new.nsec.test.")
}

pub(super) fn lies() -> Vec<Lie> {
    [cnames(), dnames(), ends()].into_iter().flatten().collect()
}

fn cnames() -> Vec<Lie> {
    let alias = |forge: &Forge| forge.rrset(N, ALIAS, CNAME);
    let www = |forge: &Forge| forge.rrset(N, "www.nsec.test.", A);
    vec![
        told("RFC 4035 §5.3.1", "an alias without signature", ALIAS, move |forge| {
            vec![unsigned(alias(forge)), www(forge)]
        })
        .is(Bogus("signature-missing", 10)),
        told("RFC 4035 §5.3.3", "an alias that leads elsewhere", ALIAS, move |forge| {
            vec![Rrset { rdatas: one(name("www.other.test.").as_wire()), ..alias(forge) }]
        })
        .is(Bogus("signature-wrong", 6)),
        told("RFC 4035 §5.3.3", "an alias in the place of an address", "www.nsec.test.", |_| {
            vec![pointing("www.nsec.test.", CNAME, "www.unsigned.test.")]
        })
        .is(Bogus("signature-missing", 10)),
        told("RFC 4035 §5.3.3", "another name's alias moved here", "www.nsec.test.", move |forge| {
            vec![moved(alias(forge), "www.nsec.test.")]
        })
        .is(Bogus("signature-wrong", 6)),
        told("RFC 2181 §10.1", "an alias of two targets, signed", ALIAS, move |forge| {
            vec![forge.signed(N, unsigned(alias(forge)).with(name("mail.nsec.test.").as_wire()))]
        })
        .is(Useless(22)),
        told("RFC 4035 §3.2.3", "a true alias, its target changed", ALIAS, move |forge| {
            vec![alias(forge), address("www.nsec.test.")]
        })
        .is(Bogus("signature-missing", 10)),
        told("RFC 4035 §3.2.3", "a true alias, its target's signature wrong", ALIAS, move |forge| {
            vec![alias(forge), flipped(www(forge))]
        })
        .is(Bogus("signature-wrong", 6)),
        told("RFC 1034 §3.6.2", "a true alias, another name for its target", ALIAS, move |forge| {
            vec![alias(forge), forge.rrset(N, "mail.nsec.test.", A)]
        })
        .is(Unseen),
        told("RFC 1034 §3.6.2", "a true alias alone", ALIAS, move |forge| vec![alias(forge)]).is(Unseen),
        told("RFC 1034 §3.6.2", "the target before the alias", ALIAS, move |forge| {
            vec![www(forge), alias(forge)]
        })
        .is(Unseen),
        told("RFC 1034 §3.6.2", "a signed alias to itself", ALIAS, move |forge| {
            vec![forge.signed(N, pointing(ALIAS, CNAME, ALIAS))]
        })
        .is(Useless(0)),
        lie("RFC 4035 §3.2.3", "a true alias to an unsigned zone", ALIAS, A)
            .told(N, |forge, reply| {
                answer(
                    reply,
                    vec![forge.signed(N, pointing(ALIAS, CNAME, "www.unsigned.test."))],
                    Vec::new(),
                );
            })
            .is(Unproven(None)),
        lie("RFC 4035 §3.2.3", "an alias to another zone, whose address is changed", "far.nsec.test.", A)
            .tells(OTHER, |_, question, reply| {
                if question.name == name("www.other.test.") && question.rtype == A {
                    answer(reply, vec![address("www.other.test.")], Vec::new());
                }
            })
            .is(Bogus("signature-missing", 10)),
    ]
}

fn dnames() -> Vec<Lie> {
    let target = |forge: &Forge| forge.rrset(N, "x.new.nsec.test.", A);
    vec![
        told("RFC 6672 §5.3.1", "the made alias left out", BELOW, move |forge| {
            vec![dname(forge), target(forge)]
        })
        .is(Unseen),
        told("RFC 6672 §5.3.1", "the made alias leads elsewhere", BELOW, |forge| {
            vec![dname(forge), pointing(BELOW, CNAME, "www.unsigned.test.")]
        })
        .is(Unseen),
        told("RFC 6672 §5.3.1", "the made alias is signed by the zone and leads elsewhere", BELOW, |forge| {
            vec![dname(forge), forge.signed(N, pointing(BELOW, CNAME, "mail.nsec.test."))]
        })
        .is(Unseen),
        told("RFC 6672 §5.3.1", "the made alias has a stranger's signature", BELOW, move |forge| {
            vec![dname(forge), forge.forged(N, made()), target(forge)]
        })
        .is(Unseen),
        told("RFC 6672 §5.3.1", "the made alias without the DNAME", BELOW, move |forge| {
            vec![made(), target(forge)]
        })
        .is(Bogus("signature-missing", 10)),
        told("RFC 6672 §5.3", "a DNAME without signature", BELOW, move |forge| {
            vec![unsigned(dname(forge)), made(), target(forge)]
        })
        .is(Bogus("signature-missing", 10)),
        told("RFC 6672 §5.3", "a DNAME with a wrong signature", BELOW, move |forge| {
            vec![flipped(dname(forge)), made(), target(forge)]
        })
        .is(Bogus("signature-wrong", 6)),
        told("RFC 6672 §5.3", "a DNAME that leads elsewhere", BELOW, |forge| {
            let other = Rrset { rdatas: one(name("unsigned.test.").as_wire()), ..dname(forge) };
            vec![other, pointing(BELOW, CNAME, "x.unsigned.test.")]
        })
        .is(Bogus("signature-wrong", 6)),
        told("RFC 6672 §2.3", "a DNAME moved to the parent of another name", "a.ent.nsec.test.", |forge| {
            let here = moved(dname(forge), "ent.nsec.test.");
            vec![here, pointing("a.ent.nsec.test.", CNAME, "a.new.nsec.test.")]
        })
        .is(Bogus("signature-wrong", 6)),
        told("RFC 6672 §3.3", "a DNAME that a wildcard made", "a.q.wild.nsec.test.", |forge| {
            let wild = forge.signed(N, pointing("*.wild.nsec.test.", DNAME, "new.nsec.test."));
            vec![moved(wild, "q.wild.nsec.test."), pointing("a.q.wild.nsec.test.", CNAME, "a.new.nsec.test.")]
        })
        .is(MISSING),
        lie("RFC 6672 §2.2", "YXDOMAIN for a name that is not too long", BELOW, A)
            .told(N, |forge, reply| {
                answer(reply, vec![dname(forge)], Vec::new());
                reply.header.rcode = Rcode::YXDOMAIN;
            })
            .is(Useless(22)),
        lie("RFC 6672 §2.2", "YXDOMAIN without the DNAME", BELOW, A)
            .told(N, |_, reply| {
                answer(reply, Vec::new(), Vec::new());
                reply.header.rcode = Rcode::YXDOMAIN;
            })
            .is(Useless(22)),
        lie("RFC 6672 §5.3.4.2", "the name below the DNAME is said not to exist", BELOW, A)
            .told(N, |forge, reply| {
                let nsec = forge.rrset(N, "old.nsec.test.", RecordType::NSEC);
                deny(reply, Rcode::NXDOMAIN, vec![forge.soa(N), nsec]);
            })
            .is(MISSING),
    ]
}

/// What is at the end of a chain.
fn ends() -> Vec<Lie> {
    let far: fn() -> Name = || name("www.other.test.");
    vec![
        lie("RFC 6604 §2", "the target in another zone is said not to exist", "far.nsec.test.", A)
            .tells(OTHER, move |forge, question, reply| {
                if question.name == far() {
                    deny(
                        reply,
                        Rcode::NXDOMAIN,
                        vec![forge.soa(OTHER), forge.rrset(OTHER, OTHER, RecordType::NSEC)],
                    );
                }
            })
            .is(MISSING),
        lie("RFC 6604 §2", "the target that does not exist gets an address", "nowhere.nsec.test.", A)
            .tells(OTHER, |_, question, reply| {
                if question.name == name("none.other.test.") && question.rtype == A {
                    answer(reply, vec![address("none.other.test.")], Vec::new());
                }
            })
            .is(Bogus("signature-missing", 10)),
        lie(
            "RFC 6604 §2",
            "an alias and NXDOMAIN for its target without proof: the target itself is asked",
            ALIAS,
            A,
        )
        .told(N, |forge, reply| {
            deny(reply, Rcode::NXDOMAIN, vec![forge.soa(N)]);
            reply.answer = vec![forge.rrset(N, ALIAS, CNAME)];
        })
        .is(Unseen),
        lie("RFC 6604 §2", "an alias and NXDOMAIN for its target in another zone", "far.nsec.test.", A)
            .told(N, |forge, reply| {
                deny(reply, Rcode::NXDOMAIN, vec![forge.soa(N)]);
                reply.answer = vec![forge.rrset(N, "far.nsec.test.", CNAME)];
            })
            .is(Unseen),
        lie("RFC 6604 §2", "an alias to a name that does not exist", "nowhere.nsec.test.", A).is(Secure),
    ]
}
