//! The wire layer against an oracle: messages written here are read the same by hickory-proto, and the other way.
//!
//! Messages are drawn at random from records that both understand. Names are in lower case: a name that is in the
//! question is written as the question has it, which is a claim of its own in `dns::encode`.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use hickory_proto::op;
use proptest::collection::vec;
use proptest::prelude::*;
use rootwalk::dns::edns::{Cookie, EdeCode, Edns, EdnsOption, ExtendedError};
use rootwalk::dns::encode::encode;
use rootwalk::dns::message::{Header, Message};
use rootwalk::dns::{Class, Name, Opcode, Question, Rcode, Rdatas, RecordType, Rrset};

const LEN_MAX: usize = 65_535;

fn labels() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => prop_oneof![Just("a"), Just("www"), Just("example"), Just("com"), Just("*")].prop_map(Into::into),
        1 => vec(any::<u8>(), 1..20).prop_map(|octets| octets.to_ascii_lowercase()),
        1 => vec(b'a'..=b'z', 60..=63),
    ]
}

fn names() -> impl Strategy<Value = Name> {
    let few = vec(labels(), 0..4);
    few.prop_map(|labels| Name::from_labels(labels.iter().map(Vec::as_slice)).expect("three labels fit"))
}

/// A type, and rdata of its form.
fn records() -> impl Strategy<Value = (RecordType, Vec<Vec<u8>>)> {
    let name = || names().prop_map(|name| name.as_wire().to_vec());
    let numbered =
        |octets: usize| (vec(any::<u8>(), octets), name()).prop_map(|(head, name)| [head, name].concat());
    let several = |rtype, rdata: BoxedStrategy<Vec<u8>>| (Just(rtype), vec(rdata, 1..5));
    prop_oneof![
        several(RecordType::A, vec(any::<u8>(), 4).boxed()),
        several(RecordType::AAAA, vec(any::<u8>(), 16).boxed()),
        several(RecordType::NS, name().boxed()),
        several(RecordType::CNAME, name().boxed()),
        several(RecordType::PTR, name().boxed()),
        several(RecordType::MX, numbered(2).boxed()),
        several(RecordType::SRV, numbered(6).boxed()),
        several(RecordType::SOA, soa().boxed()),
        several(RecordType::TXT, txt().boxed()),
        several(RecordType::DS, ds().boxed()),
        // The oracle refuses empty rdata.
        several(RecordType(65_280), vec(any::<u8>(), 1..40).boxed()),
    ]
}

fn soa() -> impl Strategy<Value = Vec<u8>> {
    // The oracle reads some of the numbers as signed, so none has its highest bit set.
    (names(), names(), vec(0..0x80_u8, 20))
        .prop_map(|(mname, rname, numbers)| [mname.as_wire(), rname.as_wire(), &numbers].concat())
}

fn txt() -> impl Strategy<Value = Vec<u8>> {
    vec(vec(any::<u8>(), 0..30), 1..4).prop_map(|strings| {
        let lens = strings.iter().map(|string| u8::try_from(string.len()).expect("below 30"));
        lens.zip(&strings).flat_map(|(len, string)| [&[len], &string[..]].concat()).collect()
    })
}

fn ds() -> impl Strategy<Value = Vec<u8>> {
    (any::<u16>(), vec(any::<u8>(), 32))
        .prop_map(|(tag, digest)| [&tag.to_be_bytes()[..], &[13, 2], &digest].concat())
}

fn signatures(covered: RecordType) -> impl Strategy<Value = Vec<Vec<u8>>> {
    let one =
        (vec(0..0x80_u8, 14), names(), vec(any::<u8>(), 64)).prop_map(move |(numbers, signer, signature)| {
            let covered = covered.0.to_be_bytes();
            [&covered[..], &[13, 2], &numbers, signer.as_wire(), &signature].concat()
        });
    vec(one, 0..3)
}

fn rrsets() -> impl Strategy<Value = Rrset> {
    let ttl = 0..0x8000_0000_u32;
    let of_type = records().prop_flat_map(|(rtype, rdatas)| (Just(rtype), Just(rdatas), signatures(rtype)));
    (names(), of_type, ttl.clone(), ttl).prop_map(
        |(name, (rtype, rdatas, signatures), ttl, signatures_ttl)| {
            let signatures = distinct(&signatures);
            let signatures_ttl = if signatures.is_empty() { ttl } else { signatures_ttl };
            Rrset {
                name,
                rtype,
                class: Class::IN,
                ttl,
                rdatas: distinct(&rdatas),
                signatures,
                signatures_ttl,
            }
        },
    )
}

fn distinct(rdatas: &[Vec<u8>]) -> Rdatas {
    let mut seen = BTreeSet::new();
    rdatas.iter().filter(|rdata| seen.insert(*rdata)).map(Vec::as_slice).collect()
}

/// RRsets of different names or types.
fn sections() -> impl Strategy<Value = Vec<Rrset>> {
    vec(rrsets(), 0..6).prop_map(|rrsets| {
        let mut seen = BTreeSet::new();
        rrsets.into_iter().filter(|rrset| seen.insert((rrset.name.clone(), rrset.rtype))).collect()
    })
}

fn options() -> impl Strategy<Value = EdnsOption> {
    let cookie = (any::<[u8; 8]>(), prop_oneof![Just(0_usize), 8..=32_usize])
        .prop_map(|(client, len)| EdnsOption::Cookie(Cookie { client, server: vec![7; len].into() }));
    let error = (any::<u16>(), "[a-zé]{0,20}")
        .prop_map(|(code, text)| EdnsOption::ExtendedError(ExtendedError { code: EdeCode(code), text }));
    prop_oneof![
        cookie,
        error,
        vec(any::<u8>(), 0..9).prop_map(EdnsOption::Nsid),
        any::<Option<u16>>().prop_map(EdnsOption::Keepalive),
        (0..50_u16).prop_map(EdnsOption::Padding),
        vec(any::<u8>(), 0..9).prop_map(|octets| EdnsOption::Other(65_001, octets)),
    ]
}

fn edns() -> impl Strategy<Value = Edns> {
    (512..=4_096_u16, any::<bool>(), proptest::option::of(options())).prop_map(|(size, dnssec_ok, option)| {
        Edns { options: option.into_iter().collect(), ..Edns::new(size, dnssec_ok) }
    })
}

fn headers() -> impl Strategy<Value = Header> {
    (any::<u16>(), any::<[bool; 7]>(), 0..11_u16).prop_map(
        |(id, [aa, tc, rd, ra, ad, cd, response], rcode)| Header {
            id,
            response,
            opcode: Opcode::QUERY,
            authoritative: aa,
            truncated: tc,
            recursion_desired: rd,
            recursion_available: ra,
            authentic_data: ad,
            checking_disabled: cd,
            rcode: Rcode(rcode),
        },
    )
}

fn messages() -> impl Strategy<Value = Message> {
    let question = (names(), 1..300_u16).prop_map(|(name, rtype)| Question::new(name, RecordType(rtype)));
    let edns = proptest::option::of(edns());
    (headers(), question, sections(), sections(), sections(), edns).prop_map(
        |(header, question, answer, authority, additional, edns)| {
            let message = Message::new(header, Some(question));
            Message { answer, authority, additional, edns, ..message }
        },
    )
}

fn records_of(rrsets: &[Rrset]) -> Vec<(String, u16, u32)> {
    let mut records = Vec::new();
    for rrset in rrsets {
        let owner = rrset.name.as_wire().to_vec();
        let owner = String::from_utf8_lossy(&owner).into_owned();
        records.extend(rrset.rdatas.iter().map(|_| (owner.clone(), rrset.rtype.0, rrset.ttl)));
        records.extend(rrset.signatures.iter().map(|_| (owner.clone(), 46, rrset.signatures_ttl)));
    }
    records
}

fn records_of_oracle(records: &[hickory_proto::rr::Record]) -> Vec<(String, u16, u32)> {
    let owner = |record: &hickory_proto::rr::Record| {
        let labels = record.name.iter().flat_map(|label| {
            [&[u8::try_from(label.len()).expect("a label has at most 63 octets")], label].concat()
        });
        String::from_utf8_lossy(&labels.chain([0]).collect::<Vec<u8>>()).into_owned()
    };
    records.iter().map(|record| (owner(record), u16::from(record.record_type()), record.ttl)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_message_is_read_as_it_was_written(message in messages()) {
        let encoded = encode(&message, LEN_MAX);
        prop_assert_eq!(Message::parse(&encoded.bytes), Ok(message));
    }

    #[test]
    fn the_oracle_reads_what_is_written_here(message in messages()) {
        let bytes = encode(&message, LEN_MAX).bytes;
        let oracle = op::Message::from_vec(&bytes).expect("the oracle knows all of these records");
        let metadata = &oracle.metadata;
        prop_assert_eq!(metadata.id, message.header.id);
        prop_assert_eq!(metadata.authoritative, message.header.authoritative);
        prop_assert_eq!(metadata.truncation, message.header.truncated);
        prop_assert_eq!(metadata.authentic_data, message.header.authentic_data);
        prop_assert_eq!(metadata.checking_disabled, message.header.checking_disabled);
        prop_assert_eq!(u16::from(metadata.response_code), message.header.rcode.0);
        prop_assert_eq!(oracle.queries.len(), 1);
        prop_assert_eq!(records_of_oracle(&oracle.answers), records_of(&message.answer));
        prop_assert_eq!(records_of_oracle(&oracle.authorities), records_of(&message.authority));
        prop_assert_eq!(records_of_oracle(&oracle.additionals), records_of(&message.additional));
    }

    #[test]
    fn what_the_oracle_writes_is_read_here(message in messages()) {
        let oracle = op::Message::from_vec(&encode(&message, LEN_MAX).bytes).expect("as above");
        let bytes = oracle.to_vec().expect("the oracle writes what it has read");
        prop_assert_eq!(Message::parse(&bytes), Ok(message));
    }

    #[test]
    fn the_form_without_dnssec_is_the_message_without_signatures(message in messages()) {
        let mut plain = message.clone();
        for rrset in plain.answer.iter_mut().chain(&mut plain.authority).chain(&mut plain.additional) {
            rrset.signatures = Rdatas::new();
            rrset.signatures_ttl = rrset.ttl;
        }
        let stripped = encode(&message, LEN_MAX).without_dnssec();
        prop_assert_eq!(Message::parse(&stripped.bytes), Ok(plain));
    }

    #[test]
    fn a_message_with_a_changed_octet_is_read_or_refused(
        message in messages(), at in any::<prop::sample::Index>(), octet in any::<u8>(),
    ) {
        let mut bytes = encode(&message, LEN_MAX).bytes;
        let at = at.index(bytes.len());
        bytes[at] = octet;
        if let Ok(read) = Message::parse(&bytes) {
            let again = encode(&read, LEN_MAX);
            prop_assume!(!again.cut);
            prop_assert!(Message::parse(&again.bytes).is_ok());
        }
    }
}
