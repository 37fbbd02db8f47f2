//! Writes the first corpus: `cd fuzz && cargo run --example seeds`.

use std::fs;
use std::io;
use std::path::Path;

use rootwalk::dns::edns::{Cookie, EdeCode, Edns, EdnsOption, ExtendedError};
use rootwalk::dns::encode::{encode, encode_query};
use rootwalk::dns::message::{Header, Message};
use rootwalk::dns::{Name, Question, Rcode, RecordType, Rrset};

fn main() -> io::Result<()> {
    for (label, bytes) in messages() {
        write("message", label, &bytes)?;
        // The first octet says which zone was asked: so many labels of the question's name.
        for choice in [0_u8, 1] {
            write("scrubber", &format!("{label}-{choice}"), &[&[choice], bytes.as_slice()].concat())?;
        }
    }
    for (label, bytes) in queries() {
        write("query", label, &bytes)?;
    }
    for (label, bytes) in names() {
        write("name", label, &bytes)?;
    }
    Ok(())
}

fn write(target: &str, label: &str, bytes: &[u8]) -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(label), bytes)
}

fn name(text: &str) -> Name {
    text.parse().expect("a seed's name is a name")
}

fn set(owner: &str, rtype: RecordType, rdata: &[u8]) -> Rrset {
    Rrset::new(name(owner), rtype, 300).with(rdata)
}

fn signed(mut rrset: Rrset) -> Rrset {
    let mut rdata = rrset.rtype.0.to_be_bytes().to_vec();
    rdata.extend([13, 2, 0, 0, 14, 16, 0, 0, 0, 2, 0, 0, 0, 1, 0x12, 0x34]);
    rdata.extend(name("example.").as_wire());
    rdata.extend([7; 64]);
    rrset.signatures.push(&rdata);
    rrset
}

fn response(question: &str, rtype: RecordType) -> Message {
    let header = Header { response: true, ..Header::query(0x1234) };
    Message::new(header, Some(Question::new(name(question), rtype)))
}

fn edns() -> Edns {
    let cookie = Cookie { client: *b"01234567", server: b"89abcdef"[..].into() };
    let error = ExtendedError { code: EdeCode::DNSSEC_BOGUS, text: "signature expired".to_owned() };
    Edns::new(1_232, true)
        .with(EdnsOption::Nsid(b"ns1".to_vec()))
        .with(EdnsOption::Cookie(cookie))
        .with(EdnsOption::Keepalive(Some(300)))
        .with(EdnsOption::Padding(12))
        .with(EdnsOption::ExtendedError(error))
}

fn messages() -> Vec<(&'static str, Vec<u8>)> {
    let mut chain = response("www.example.", RecordType::A);
    chain.answer = vec![
        signed(set("www.example.", RecordType::CNAME, name("a.cdn.test.").as_wire())),
        set("a.cdn.test.", RecordType::CNAME, name("b.far.cdn.test.").as_wire()),
        set("b.far.cdn.test.", RecordType::A, &[192, 0, 2, 1]).with(&[192, 0, 2, 2]),
    ];
    chain.edns = Some(edns());

    let mut referral = response("www.child.example.", RecordType::AAAA);
    let ns = set("child.example.", RecordType::NS, name("ns1.child.example.").as_wire());
    referral.authority = vec![
        ns.with(name("ns2.other.test.").as_wire()),
        signed(set("child.example.", RecordType::DS, &[&[0x12, 0x34, 13, 2][..], &[9; 32]].concat())),
    ];
    referral.additional = vec![
        set("ns1.child.example.", RecordType::A, &[192, 0, 2, 3]),
        set("ns1.child.example.", RecordType::AAAA, &[0x20; 16]),
    ];
    referral.edns = Some(Edns::new(4_096, true));

    let mut denial = response("no.example.", RecordType::MX);
    denial.header.rcode = Rcode::NXDOMAIN;
    let soa = [name("ns.example.").as_wire(), name("root.example.").as_wire(), &[1; 20]].concat();
    let nsec = [name("z.example.").as_wire(), &[0, 6, 0x40, 1, 0, 0, 0, 3]].concat();
    let nsec3 = [&[1, 0, 0, 0, 2, 0xab, 0xcd, 20][..], &[5; 20], &[0, 1, 0x40]].concat();
    denial.authority = vec![
        signed(set("example.", RecordType::SOA, &soa)),
        signed(set("example.", RecordType::NSEC, &nsec)),
        signed(set("0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example.", RecordType::NSEC3, &nsec3)),
    ];

    let mut other = response("example.", RecordType(65_280));
    let srv = [&[0, 1, 0, 2, 0, 53][..], name("ns.example.").as_wire()].concat();
    let naptr = [&b"\0\x01\0\x02\x01s\x07SIP+D2U\0"[..], name("_sip.example.").as_wire()].concat();
    other.answer = vec![
        set("example.", RecordType::SRV, &srv),
        set("example.", RecordType::NAPTR, &naptr),
        set("example.", RecordType::DNSKEY, &[&[1, 1, 3, 13][..], &[8; 64]].concat()),
        set("example.", RecordType::TXT, b"\x05hello\x00"),
        set("example.", RecordType(65_280), &[1, 2, 3]),
    ];

    let whole = |message: &Message| encode(message, 65_535).bytes;
    let mut odd = whole(&referral);
    if let Some(octet) = odd.last_mut() {
        *octet = 1;
    }
    vec![
        ("chain", whole(&chain)),
        ("referral", whole(&referral)),
        ("denial", whole(&denial)),
        ("other", whole(&other)),
        ("odd", odd),
        ("ladder", ladder()),
    ]
}

/// Names one below the other in opaque rdata, and owners that point to them.
fn ladder() -> Vec<u8> {
    let mut bytes = vec![0x12, 0x34, 0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 0, 1, b'a', 0, 0, 1, 0, 1];
    bytes.extend([0xc0, 12, 0, 10, 0, 1, 0, 0, 0, 9, 0, 19, 1, b'x', 0]);
    for target in [31, 34, 38, 42] {
        bytes.extend([1, b'x', 0xc0, target]);
    }
    bytes.extend([0xc0, 46, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 1]);
    bytes
}

fn queries() -> Vec<(&'static str, Vec<u8>)> {
    let question = Question::new(name("www.eXample."), RecordType::AAAA);
    let plain = encode_query(1, &question, true, false, None);
    let with_edns = encode_query(2, &question, true, true, Some(&edns()));
    let version =
        encode_query(3, &question, true, false, Some(&Edns { version: 1, ..Edns::new(512, false) }));
    let mut two = plain.clone();
    two[5] = 2;
    let mut notify = plain.clone();
    notify[2] = 4 << 3;
    let mut response = plain.clone();
    response[2] |= 0x80;
    let mut two_opts = plain.clone();
    two_opts[11] = 2;
    two_opts.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0].repeat(2));
    vec![
        ("plain", plain),
        ("edns", with_edns),
        ("version", version),
        ("two-questions", two),
        ("two-opts", two_opts),
        ("notify", notify),
        ("response", response),
    ]
}

fn names() -> Vec<(&'static str, Vec<u8>)> {
    let two = |one: &str, other: &str| [name(one).as_wire(), name(other).as_wire()].concat();
    vec![
        ("root", vec![0]),
        ("text", b"www.ex\\.am\\255ple.".to_vec()),
        ("two", two("www.example.com.", "MAIL.Example.com.")),
        ("long", [[1, b'x'].repeat(127), vec![0]].concat()),
        ("octets", b"\x04\x00\xff.\\\x01*\x00".to_vec()),
    ]
}
