//! Says what kind of response it is, seen from the question and the zone that was asked.
//!
//! In: a message that matched its query, and the chain of aliases found in it. Out: a [`ResponseKind`].
//! RFC 1034 §5.3.3 step 4, RFC 2308 §2, RFC 6604. Nothing is believed here; `scrub` cuts the message down.

use crate::dns::message::Message;
use crate::dns::response::ResponseKind;
use crate::dns::{Name, Question, Rcode, RecordType, Rrset};

use super::alias::{Chain, End};

/// The kind of `message`, an answer to `question` from a server of `zone`.
pub fn classify(message: &Message, question: &Question, zone: &Name, chain: &Chain) -> ResponseKind {
    let header = &message.header;
    match header.rcode {
        Rcode::NOERROR | Rcode::NXDOMAIN | Rcode::YXDOMAIN => {}
        Rcode::REFUSED | Rcode::NOTAUTH => return ResponseKind::Lame,
        _ => return ResponseKind::Broken,
    }
    let aliased = chain.has_alias(question);
    // RFC 6672 §3.2: who asks for the alias that a DNAME makes gets it, and the code of what is behind it.
    let code_is_of_target =
        question.rtype == RecordType::CNAME && chain.rrsets.iter().any(|set| set.rtype == RecordType::DNAME);
    let kind = match chain.end {
        End::Contradiction => return ResponseKind::Broken,
        End::Overlong => ResponseKind::Answer,
        // Neither code can stand beside the answer itself.
        _ if header.rcode == Rcode::YXDOMAIN => return ResponseKind::Broken,
        End::Answer if header.rcode == Rcode::NXDOMAIN && !code_is_of_target => return ResponseKind::Broken,
        End::Answer => ResponseKind::Answer,
        End::Outside if aliased || !chain.rrsets.is_empty() => ResponseKind::Alias,
        End::Outside => return ResponseKind::Broken,
        End::Open if aliased => behind_alias(message, zone, &chain.target),
        End::Open => without_answer(message, question, zone),
    };
    // A resolver's answer comes from its cache: its TTLs have aged, its data may be from anywhere, and it
    // keeps withdrawn domains alive. A referral may well come from a server that offers recursion.
    if is_from_cache(message) && kind != ResponseKind::Referral { ResponseKind::Lame } else { kind }
}

/// Whether a resolver says it from its cache.
pub(super) fn is_from_cache(message: &Message) -> bool {
    !message.header.authoritative && message.header.recursion_available
}

/// RFC 6604 §3: the code tells of the last name of the chain. Without a SOA record that shows that the server
/// speaks for that name, the name is asked for anew.
fn behind_alias(message: &Message, zone: &Name, target: &Name) -> ResponseKind {
    match (soa_for(message, zone, target), message.header.rcode) {
        (Some(_), Rcode::NXDOMAIN) => ResponseKind::NxDomain,
        (Some(_), _) => ResponseKind::NoData,
        (None, _) => ResponseKind::Alias,
    }
}

fn without_answer(message: &Message, question: &Question, zone: &Name) -> ResponseKind {
    let soa = soa_for(message, zone, &question.name);
    // RFC 4035 §3.1.4.1: DS stands on the parent's side. Who denies it by the child's SOA speaks for the child.
    let from_child =
        |soa: &Rrset| question.rtype.is_parent_side() && soa.name == question.name && !soa.name.is_root();
    if soa.is_some_and(from_child) {
        return ResponseKind::Lame;
    }
    if soa.is_none() && says_nothing(message) {
        return ResponseKind::Broken;
    }
    let foreign_soa = soa.is_none() && message.authority.iter().any(|set| set.rtype == RecordType::SOA);
    if message.header.rcode == Rcode::NXDOMAIN {
        // A server that denies the name by the SOA of another zone does not serve this one.
        return if foreign_soa { ResponseKind::Lame } else { ResponseKind::NxDomain };
    }
    if soa.is_some() {
        return ResponseKind::NoData;
    }
    if let Some(cut) = referral(message, question, zone) {
        // A parent that knows nothing of DNSSEC refers to the child instead of saying that there is no DS.
        let for_ds = question.rtype.is_parent_side() && cut.name == question.name;
        return if for_ds { ResponseKind::NoData } else { ResponseKind::Referral };
    }
    let own_servers = |set: &Rrset| message.header.authoritative && set.name == *zone;
    let points_elsewhere =
        message.authority.iter().any(|set| set.rtype == RecordType::NS && !own_servers(set));
    // RFC 2308 §2.2: no SOA at all is the oldest form of "no data". Upwards, sideways or to itself is lame.
    if foreign_soa || points_elsewhere { ResponseKind::Lame } else { ResponseKind::NoData }
}

/// Nothing is there, says a server that does not say that it knows: without AA, and without any record to show for
/// it. That may be a cache that knows nothing, or a zone that is not loaded (Knot Resolver passes over it too).
fn says_nothing(message: &Message) -> bool {
    !message.header.authoritative && message.authority.is_empty()
}

/// The SOA that shows that the server speaks for `name`: of a zone at or above it, at or below the one asked.
pub(super) fn soa_for<'a>(message: &'a Message, zone: &Name, name: &Name) -> Option<&'a Rrset> {
    let speaks = |set: &&Rrset| {
        set.rtype == RecordType::SOA && name.is_subdomain_of(&set.name) && set.name.is_subdomain_of(zone)
    };
    message.authority.iter().find(speaks)
}

/// The NS RRset of a referral: of a zone below the one asked, at or above the question's name. The deepest.
pub(super) fn referral<'a>(message: &'a Message, question: &Question, zone: &Name) -> Option<&'a Rrset> {
    let leads_down = |set: &&Rrset| {
        set.rtype == RecordType::NS && set.name.is_below(zone) && question.name.is_subdomain_of(&set.name)
    };
    message.authority.iter().filter(leads_down).max_by_key(|set| set.name.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iterate::testing::{a, aaaa, cname, dname, name, ns, question, soa};

    /// The kind of a response to `www.example.test. A` from a server of `example.test.`, AA set.
    fn kind(change: impl FnOnce(&mut Message)) -> ResponseKind {
        kind_of("www.example.test.", RecordType::A, change)
    }

    fn kind_of(asked: &str, rtype: RecordType, change: impl FnOnce(&mut Message)) -> ResponseKind {
        let question = question(asked, rtype);
        let mut message = crate::iterate::testing::reply(&question);
        change(&mut message);
        let zone = name("example.test.");
        let chain = Chain::follow(&question, &zone, &message.answer);
        classify(&message, &question, &zone, &chain)
    }

    #[test]
    fn an_answer_is_an_answer_with_and_without_aa() {
        assert_eq!(kind(|m| m.answer.push(a("www.example.test.", 1))), ResponseKind::Answer);
        let without = kind(|m| {
            m.header.authoritative = false;
            m.answer.push(a("www.example.test.", 1));
        });
        assert_eq!(without, ResponseKind::Answer);
    }

    #[test]
    fn what_a_resolver_says_from_its_cache_is_lame() {
        for rcode in [Rcode::NOERROR, Rcode::NXDOMAIN] {
            let said = kind(|m| {
                m.header.authoritative = false;
                m.header.recursion_available = true;
                m.header.rcode = rcode;
                m.authority.push(soa("example.test."));
            });
            assert_eq!(said, ResponseKind::Lame);
        }
    }

    #[test]
    fn a_referral_leads_downwards() {
        assert_eq!(
            kind(|m| m.authority.push(ns("www.example.test.", &["ns.elsewhere."]))),
            ResponseKind::Referral
        );
        let recursive = kind(|m| {
            m.header.authoritative = false;
            m.header.recursion_available = true;
            m.authority.push(ns("www.example.test.", &["ns.elsewhere."]));
        });
        assert_eq!(recursive, ResponseKind::Referral);
    }

    #[test]
    fn a_referral_upwards_sideways_or_to_itself_is_lame() {
        for zone in [".", "test.", "other.test.", "mail.example.test.", "example.test."] {
            let said = kind(|m| {
                m.header.authoritative = false;
                m.authority.push(ns(zone, &["ns.elsewhere."]));
            });
            assert_eq!(said, ResponseKind::Lame, "{zone}");
        }
    }

    #[test]
    fn no_data_comes_with_and_without_soa() {
        assert_eq!(kind(|m| m.authority.push(soa("example.test."))), ResponseKind::NoData);
        assert_eq!(kind(|_| {}), ResponseKind::NoData);
        assert_eq!(kind(|m| m.authority.push(ns("example.test.", &["ns.elsewhere."]))), ResponseKind::NoData);
        assert_eq!(kind(|m| m.answer.push(aaaa("www.example.test.", 1))), ResponseKind::NoData);
    }

    #[test]
    fn no_data_without_authority_is_broken() {
        let said = |rcode, change: &dyn Fn(&mut Message)| {
            kind(|m| {
                m.header.authoritative = false;
                m.header.rcode = rcode;
                change(m);
            })
        };
        for rcode in [Rcode::NOERROR, Rcode::NXDOMAIN] {
            assert_eq!(said(rcode, &|_| {}), ResponseKind::Broken);
        }
        assert_eq!(said(Rcode::NOERROR, &|m| m.authority.push(soa("example.test."))), ResponseKind::NoData);
    }

    #[test]
    fn nxdomain_comes_with_and_without_soa_but_not_with_that_of_another_zone() {
        let said = |zone: Option<&str>| {
            kind(|m| {
                m.header.rcode = Rcode::NXDOMAIN;
                m.authority.extend(zone.map(soa));
            })
        };
        assert_eq!(said(Some("example.test.")), ResponseKind::NxDomain);
        assert_eq!(said(None), ResponseKind::NxDomain);
        assert_eq!(said(Some("test.")), ResponseKind::Lame);
        assert_eq!(said(Some("mail.example.test.")), ResponseKind::Lame);
    }

    #[test]
    fn error_codes_are_lame_or_broken() {
        let said = |rcode| kind(|m| m.header.rcode = rcode);
        for rcode in [Rcode::REFUSED, Rcode::NOTAUTH] {
            assert_eq!(said(rcode), ResponseKind::Lame);
        }
        for rcode in [Rcode::SERVFAIL, Rcode::FORMERR, Rcode::NOTIMP, Rcode::YXDOMAIN, Rcode(3841)] {
            assert_eq!(said(rcode), ResponseKind::Broken, "{rcode}");
        }
    }

    #[test]
    fn an_alias_with_its_target_denied_in_the_zone_is_a_denial() {
        let said = |rcode, soa_zone: Option<&str>| {
            kind(|m| {
                m.header.rcode = rcode;
                m.answer.push(cname("www.example.test.", "t.example.test."));
                m.authority.extend(soa_zone.map(soa));
            })
        };
        assert_eq!(said(Rcode::NXDOMAIN, Some("example.test.")), ResponseKind::NxDomain);
        assert_eq!(said(Rcode::NOERROR, Some("example.test.")), ResponseKind::NoData);
        assert_eq!(said(Rcode::NXDOMAIN, None), ResponseKind::Alias);
        assert_eq!(said(Rcode::NOERROR, Some("test.")), ResponseKind::Alias);
    }

    #[test]
    fn the_code_does_not_speak_for_a_target_in_another_zone() {
        let said = kind(|m| {
            m.header.rcode = Rcode::NXDOMAIN;
            m.answer.push(cname("www.example.test.", "victim.test."));
            m.authority.push(soa("test."));
        });
        assert_eq!(said, ResponseKind::Alias);
    }

    #[test]
    fn nxdomain_beside_an_answer_is_broken() {
        let said = kind(|m| {
            m.header.rcode = Rcode::NXDOMAIN;
            m.answer.push(a("www.example.test.", 1));
        });
        assert_eq!(said, ResponseKind::Broken);
    }

    #[test]
    fn nxdomain_beside_the_alias_that_a_dname_makes_is_of_its_target() {
        let said = |rtype| {
            kind_of("www.old.example.test.", rtype, |m| {
                m.header.rcode = Rcode::NXDOMAIN;
                m.answer.push(dname("old.example.test.", "new.example.test."));
                m.answer.push(cname("www.old.example.test.", "www.new.example.test."));
                m.authority.push(soa("example.test."));
            })
        };
        assert_eq!(said(RecordType::CNAME), ResponseKind::Answer);
        assert_eq!(said(RecordType::A), ResponseKind::NxDomain);
    }

    #[test]
    fn ds_is_denied_by_the_parent_and_not_by_the_child() {
        let ds =
            |change: &dyn Fn(&mut Message)| kind_of("child.example.test.", RecordType::DS, |m| change(m));
        assert_eq!(ds(&|m| m.authority.push(soa("example.test."))), ResponseKind::NoData);
        assert_eq!(ds(&|m| m.authority.push(soa("child.example.test."))), ResponseKind::Lame);
        assert_eq!(
            ds(&|m| m.authority.push(ns("child.example.test.", &["ns.elsewhere."]))),
            ResponseKind::NoData
        );
    }
}
