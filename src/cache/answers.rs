//! Ready-made answers: written once, then copied and patched for whoever asks.
//!
//! In: the wire form of an answer as a client with DO gets it, without OPT, and the terms it is kept on. Out: replies,
//! written into the caller's buffer; or a [`CachedAnswer`], a copy, which gives the message back for building chains of
//! aliases. How an answer lies in the cache is known to `entry`, where it lies and what makes room for it to `segments`.
//! The absence of a name is kept under the type [`ABSENT`] and answers all types (RFC 2308 §5). Nothing past its
//! TTL comes out, but by [`Answers::get_past`]. Bogus answers are kept for clients with CD alone (RFC 4035 §3.2.2). All
//! are of class IN. What may be cached, and for how long, is decided by `service`.

use std::fmt;
use std::sync::{Mutex, MutexGuard};

use super::entry::{self, Entry, Written};
use super::segments::{Hashing, Segments};
use super::shard::lock;
use crate::clock::Moment;
use crate::dns::edns::{Cookie, EdeCode, ExtendedError};
use crate::dns::encode::Encoded;
use crate::dns::message::Message;
use crate::dns::security::ValidationState;
use crate::dns::view::QueryView;
use crate::dns::{Name, Rcode, RecordType};
use crate::entropy::Entropy;
use crate::limits;

/// Answers by name and type.
pub struct Answers {
    /// A power of two of them, by the hash of the name.
    shards: Box<[Mutex<Segments>]>,
    hashing: Hashing,
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers").field("shards", &self.shards.len()).finish_non_exhaustive()
    }
}

/// The terms an answer is kept on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// What was judged of it.
    pub state: ValidationState,
    /// It ends with NODATA that says that the name does not exist (RFC 9824).
    pub compact_denial: bool,
    /// What a client that speaks EDNS is told beside it.
    pub note: Option<ExtendedError>,
    /// Seconds it may be served: the lowest of its TTLs, or less.
    pub ttl: u32,
}

/// What a client wants of a reply.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "they are flags of the query, each on its own")]
pub struct Wanted<'a> {
    /// The id.
    pub id: u16,
    /// The name in wire form, in the client's letter case.
    pub name: &'a [u8],
    /// The type.
    pub rtype: RecordType,
    /// RD, which is copied.
    pub recursion_desired: bool,
    /// CD, which is copied, lets bogus answers through, and holds back those that were made of denials (RFC 8198
    /// appendix A).
    pub checking_disabled: bool,
    /// AD or DO is set: the client understands AD (RFC 6840 §5.7 and §5.8).
    pub authentic_data: bool,
    /// DO.
    pub dnssec_ok: bool,
    /// CO: a compact denial may be called NXDOMAIN even so (RFC 9824 §5.1).
    pub compact_ok: bool,
    /// There is an OPT record, so there is to be one in the reply.
    pub edns: bool,
    /// The cookie for the reply (RFC 7873), if there is an OPT record.
    pub cookie: Option<&'a Cookie>,
    /// The longest reply, in octets.
    pub limit: usize,
}

/// What is to be known of a reply that was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Served {
    /// Its time is nearly over, so that it is worth renewing: see [`CachedAnswer::is_due`]. This is said a few times
    /// ([`limits::PREFETCH_TRIES_MAX`]) at most, and only to those who let others be asked (RD).
    pub due: bool,
}

impl<'a> Wanted<'a> {
    /// What a query asks for, in at most `limit` octets.
    pub fn of(query: &QueryView<'a>, limit: usize) -> Self {
        Self {
            id: query.id,
            name: query.name,
            rtype: query.rtype,
            recursion_desired: query.recursion_desired(),
            checking_disabled: query.checking_disabled(),
            authentic_data: query.authentic_data() || query.dnssec_ok(),
            dnssec_ok: query.dnssec_ok(),
            compact_ok: query.edns.is_some_and(|edns| edns.compact_ok),
            edns: query.edns.is_some(),
            cookie: None,
            limit,
        }
    }
}

/// The type under which the absence of a name is kept: it answers every type, and no record has it.
pub const ABSENT: RecordType = RecordType(0);

impl Answers {
    /// An empty cache of at most `bytes_max` octets.
    pub fn new(bytes_max: usize, entropy: &Entropy) -> Self {
        let wanted = (bytes_max / limits::SHARD_BYTES_MIN).clamp(1, limits::SHARDS_MAX);
        let count = 1 << wanted.ilog2();
        let shards = (0..count).map(|_| Mutex::new(Segments::new(bytes_max / count))).collect();
        Self { shards, hashing: Hashing::new(entropy) }
    }

    /// The answer kept under a name and type, if its TTL has not passed.
    pub fn get(&self, name: &Name, rtype: RecordType, now: Moment) -> Option<CachedAnswer> {
        self.copy(name.as_wire(), rtype, now, |expires| now < expires)
    }

    /// What was last kept under a name and type, however long its TTL is over: for those who serve stale answers
    /// (RFC 8767), who look at its age themselves.
    pub fn get_past(&self, name: &Name, rtype: RecordType, now: Moment) -> Option<CachedAnswer> {
        self.copy(name.as_wire(), rtype, now, |_| true)
    }

    fn copy(
        &self,
        name: &[u8],
        rtype: RecordType,
        now: Moment,
        is_wanted: impl FnOnce(Moment) -> bool,
    ) -> Option<CachedAnswer> {
        let hash = self.hashing.name(name);
        let mut shard = self.shard(hash)?;
        let bytes = shard.get(self.hashing.tag(hash, rtype), name, rtype)?;
        is_wanted(entry::expires(bytes)).then(|| {
            entry::mark_used(bytes, now);
            CachedAnswer(Box::from(&*bytes))
        })
    }

    /// Writes the reply to a question into `out`, from the answer kept under its name and type, or from the absence of the
    /// name. None if there is none to give, and `out` is of no use. Allocates nothing, unless `out` has to grow or the
    /// reply does not fit.
    pub fn reply(&self, wanted: &Wanted<'_>, now: Moment, out: &mut Vec<u8>) -> Option<Served> {
        let hash = self.hashing.name(wanted.name);
        let mut shard = self.shard(hash)?;
        let (written, served) = [wanted.rtype, ABSENT].into_iter().find_map(|rtype| {
            let bytes = shard.get(self.hashing.tag(hash, rtype), wanted.name, rtype)?;
            let entry = Entry::read(bytes).filter(|entry| now < entry.expires())?;
            let written = entry.reply(wanted, now, out)?;
            let is_due = wanted.recursion_desired && entry.is_due(now);
            entry::mark_used(bytes, now);
            Some((written, Served { due: is_due && entry::mark_told(bytes, now) }))
        })?;
        drop(shard);
        if let Written::TooLong(note) = written {
            entry::shorten(wanted, note, out)?;
        }
        Some(served)
    }

    /// Keeps an answer. False if it cannot be kept: it has no TTL or no question of that name, it is incomplete or has
    /// an OPT record, or it is too large. `encoded` is the DO form.
    pub fn insert(
        &self,
        name: &Name,
        rtype: RecordType,
        encoded: &Encoded,
        kept: &Kept,
        now: Moment,
    ) -> bool {
        entry::pack(encoded, name, rtype, kept, now).is_some_and(|entry| {
            let hash = self.hashing.name(name.as_wire());
            let tag = self.hashing.tag(hash, rtype);
            self.shard(hash).is_some_and(|mut shard| shard.insert(&self.hashing, tag, entry, now))
        })
    }

    /// Forgets what is kept under a name and type.
    pub fn remove(&self, name: &Name, rtype: RecordType) {
        let hash = self.hashing.name(name.as_wire());
        if let Some(mut shard) = self.shard(hash) {
            shard.remove(self.hashing.tag(hash, rtype), name.as_wire(), rtype);
        }
    }

    /// Forgets all that is kept at and below `zone`; returns how many answers there were.
    pub fn remove_below(&self, zone: &Name) -> usize {
        self.retain(|bytes| {
            let name = entry::key(bytes).and_then(|(name, _)| Name::from_wire(name).ok());
            name.is_none_or(|(name, _)| !name.is_subdomain_of(zone))
        })
    }

    /// Forgets all that is kept with a note of this code; returns how many answers there were.
    pub fn remove_noted(&self, code: EdeCode) -> usize {
        self.retain(|bytes| Entry::read(bytes).and_then(|entry| entry.note_code()) != Some(code))
    }

    fn retain(&self, keep: impl Fn(&[u8]) -> bool) -> usize {
        self.shards.iter().map(|shard| lock(shard).retain(&keep)).sum()
    }

    /// How many answers are held, those past their TTL among them.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The octets held.
    pub fn bytes(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).bytes()).sum()
    }

    /// Where all that is known of a name lies.
    fn shard(&self, hash: u64) -> Option<MutexGuard<'_, Segments>> {
        let [.., low] = hash.to_be_bytes();
        self.shards.get(usize::from(low) & (self.shards.len() - 1)).map(lock)
    }
}

/// An answer, copied out of the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedAnswer(Box<[u8]>);

impl CachedAnswer {
    fn entry(&self) -> Option<Entry<'_>> {
        Entry::read(&self.0)
    }

    /// When it was written.
    pub fn stored(&self) -> Moment {
        self.entry().map_or(Moment(0), |entry| entry.stored())
    }

    /// When its TTL is over.
    pub fn expires(&self) -> Moment {
        entry::expires(&self.0)
    }

    /// Seconds it was to be kept, from when it was written.
    pub fn ttl(&self) -> u32 {
        self.entry().map_or(0, |entry| entry.ttl())
    }

    /// Seconds it may still be served.
    pub fn ttl_left(&self, now: Moment) -> u32 {
        self.entry().map_or(0, |entry| entry.ttl_left(now))
    }

    /// Whether the last tenth of its time has begun, so that it is worth renewing while it is still good. Nothing bogus
    /// is.
    pub fn is_due(&self, now: Moment) -> bool {
        self.entry().is_some_and(|entry| entry.is_due(now))
    }

    /// What was judged of it; none if it is bogus: why, is known to `failures`.
    pub fn state(&self) -> Option<ValidationState> {
        self.entry()?.state()
    }

    /// Whether it is proven.
    pub fn is_secure(&self) -> bool {
        self.entry().is_some_and(|entry| entry.is_secure())
    }

    /// Whether it is NODATA that says that the name does not exist (RFC 9824).
    pub fn is_compact_denial(&self) -> bool {
        self.entry().is_some_and(|entry| entry.is_compact_denial())
    }

    /// Whether it is proven wrong.
    pub fn is_bogus(&self) -> bool {
        self.entry().is_none_or(|entry| entry.is_bogus())
    }

    /// What a client that speaks EDNS is told beside it.
    pub fn note(&self) -> Option<ExtendedError> {
        self.entry()?.note()
    }

    /// Whether it was made of what is proven of other names: it is not for clients with CD (RFC 8198 appendix A).
    pub fn is_synthesised(&self) -> bool {
        self.entry().is_some_and(|entry| entry.is_synthesised())
    }

    /// Whether it was kept under this name.
    pub fn is_of(&self, name: &Name) -> bool {
        self.entry().is_some_and(|entry| entry.name().eq_ignore_ascii_case(name.as_wire()))
    }

    /// The response code.
    pub fn rcode(&self) -> Rcode {
        self.entry().map_or(Rcode::SERVFAIL, |entry| entry.rcode())
    }

    /// Whether its answer section has records.
    pub fn has_answer(&self) -> bool {
        self.entry().is_some_and(|entry| entry.has_answer())
    }

    /// The message in its DO form, its TTLs as they are `now`. Says nothing of its state: ask that first.
    pub fn message(&self, now: Moment) -> Option<Message> {
        let mut bytes = Vec::new();
        self.entry()?.copy(now, &mut bytes)?;
        Message::parse(&bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::edns::{Edns, EdnsOption};
    use crate::dns::encode::{Parts, encode, encode_query};
    use crate::dns::message::Header;
    use crate::dns::security::{Fault, Reason};
    use crate::dns::{Question, Rdatas, Rrset};

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn signed(mut rrset: Rrset) -> Rrset {
        let mut rdata = rrset.rtype.0.to_be_bytes().to_vec();
        rdata.extend([13, 2, 0, 0, 14, 16, 0, 0, 0, 2, 0, 0, 0, 1, 0x12, 0x34]);
        rdata.extend(name("example.").as_wire());
        rdata.extend([7; 64]);
        rrset.signatures.push(&rdata);
        rrset
    }

    /// An alias and its end, and a proof, as they are kept.
    fn message() -> Message {
        let header = Header { response: true, recursion_available: true, ..Header::query(0) };
        let mut message = Message::new(header, Some(Question::new(name("www.example."), RecordType::A)));
        let alias = Rrset::new(name("www.example."), RecordType::CNAME, 300).with(name("a.cdn.").as_wire());
        let end = Rrset::new(name("a.cdn."), RecordType::A, 60).with(&[192, 0, 2, 1]).with(&[192, 0, 2, 2]);
        let mut proof = Rrset::new(name("b.example."), RecordType::NSEC, 600);
        proof.rdatas.push(&[name("z.example.").as_wire(), &[0, 1, 0x40]].concat());
        message.answer = vec![signed(alias), end];
        message.authority = vec![signed(proof)];
        message
    }

    fn kept(state: ValidationState) -> Kept {
        Kept { state, compact_denial: false, note: None, ttl: 60 }
    }

    fn bogus() -> ValidationState {
        let fault = Fault::SignatureMissing;
        let reason = Reason { zone: Name::root(), name: Name::root(), rtype: RecordType::A, fault };
        ValidationState::Bogus(Box::new(reason))
    }

    fn answers() -> Answers {
        Answers::new(1 << 20, &Entropy::seeded(1))
    }

    /// With the answer to www.example. A, stored at 100 s.
    fn stored(kept: &Kept) -> Answers {
        let answers = answers();
        let encoded = encode(&message(), 65_535);
        assert!(answers.insert(&name("WWW.example."), RecordType::A, &encoded, kept, secs(100)));
        answers
    }

    /// That answer.
    fn found(answers: &Answers) -> CachedAnswer {
        answers.get(&name("wwW.example."), RecordType::A, secs(100)).unwrap()
    }

    fn secs(seconds: u32) -> Moment {
        Moment(0).after_secs(seconds)
    }

    struct Ask {
        name: &'static str,
        edns: Option<Edns>,
        rd: bool,
        cd: bool,
        limit: usize,
    }

    const PLAIN: Ask = Ask { name: "wWw.eXample.", edns: None, rd: true, cd: false, limit: 65_535 };

    fn ask(answers: &Answers, ask: &Ask, now: Moment) -> Option<Vec<u8>> {
        let question = Question::new(name(ask.name), RecordType::A);
        let query = encode_query(0x4242, &question, ask.rd, ask.cd, ask.edns.as_ref());
        let mut out = b"left over".to_vec();
        let wanted = Wanted::of(&QueryView::parse(&query).unwrap(), ask.limit);
        answers.reply(&wanted, now, &mut out).map(|_| out)
    }

    /// What a reply has to be, written without the cache.
    fn fresh(answer: &Kept, ask: &Ask, age: u32) -> Vec<u8> {
        let mut message = message();
        let dnssec_ok = ask.edns.as_ref().is_some_and(|edns| edns.dnssec_ok);
        message.question = Some(Question::new(name(ask.name), RecordType::A));
        message.header.id = 0x4242;
        message.header.recursion_desired = ask.rd;
        message.header.checking_disabled = ask.cd;
        message.header.authentic_data = dnssec_ok && answer.state.is_secure();
        if !dnssec_ok {
            message.authority.clear();
        }
        for rrset in message.answer.iter_mut().chain(&mut message.authority) {
            rrset.ttl -= age;
            rrset.signatures_ttl -= age;
            if !dnssec_ok {
                rrset.signatures = Rdatas::new();
            }
        }
        message.edns = ask.edns.as_ref().map(|_| {
            let mut edns = Edns::new(limits::UDP_SIZE, dnssec_ok);
            edns.options.extend(answer.note.clone().map(EdnsOption::ExtendedError));
            edns
        });
        encode(&message, ask.limit).bytes
    }

    #[test]
    fn a_patched_reply_equals_one_written_afresh() {
        let note = ExtendedError { code: EdeCode::STALE_ANSWER, text: "told before".to_owned() };
        for (state, note) in [
            (ValidationState::Secure, None),
            (ValidationState::Insecure, Some(note)),
            (ValidationState::Indeterminate, None),
        ] {
            let kept = Kept { state, compact_denial: false, note, ttl: 60 };
            let answers = stored(&kept);
            for edns in [None, Some(Edns::new(1_232, false)), Some(Edns::new(4_096, true))] {
                for (rd, cd, age) in [(true, false, 0), (false, true, 1), (true, true, 59)] {
                    for limit in [65_535, 200, 100] {
                        let asked = Ask { edns: edns.clone(), rd, cd, limit, ..PLAIN };
                        let reply = ask(&answers, &asked, secs(100 + age));
                        assert_eq!(reply.as_ref(), Some(&fresh(&kept, &asked, age)), "{edns:?} {limit}");
                    }
                }
            }
        }
    }

    /// A message of some RRsets, signed or not, with names that are compressed in one way or another.
    fn random_message(entropy: &Entropy) -> Message {
        let owners = ["www.example.", "example.", "b.www.example.", "other.", "."].map(name);
        let pick = || owners[entropy.below(owners.len())].clone();
        let rrset = |proof: bool| {
            let ttl = 60 + u32::from(entropy.u16());
            let made = match entropy.below(if proof { 5 } else { 4 }) {
                0 => Rrset::new(pick(), RecordType::NS, ttl).with(pick().as_wire()).with(pick().as_wire()),
                1 => Rrset::new(pick(), RecordType::MX, ttl).with(&[&[0, 1], pick().as_wire()].concat()),
                2 => Rrset::new(pick(), RecordType::TXT, ttl).with(&vec![3; 1 + entropy.below(250)]),
                3 => Rrset::new(pick(), RecordType::A, ttl).with(&[192, 0, 2, 1]),
                _ => Rrset::new(pick(), RecordType::NSEC, ttl)
                    .with(&[pick().as_wire(), &[0, 1, 0x40]].concat()),
            };
            if entropy.below(2) == 0 { signed(made) } else { made }
        };
        let mut message = message();
        message.answer = (0..entropy.below(5)).map(|_| rrset(false)).collect();
        message.authority = (0..entropy.below(4)).map(|_| rrset(true)).collect();
        message.additional = (0..entropy.below(3)).map(|_| rrset(false)).collect();
        message
    }

    #[test]
    fn whatever_the_message_its_age_and_the_client_a_patched_reply_equals_one_written_afresh() {
        let entropy = Entropy::seeded(3);
        for round in 0..1_500 {
            let mut kept = random_message(&entropy);
            if round % 100 == 0 {
                let mut many = Rrset::new(name("example."), RecordType::A, 999);
                for host in 0..300_u16 {
                    let [high, low] = host.to_be_bytes();
                    many.rdatas.push(&[192, 0, high, low]);
                }
                kept.answer.push(many);
            }
            let answers = answers();
            let terms = Kept { ttl: 60, ..self::kept(ValidationState::Insecure) };
            assert!(answers.insert(
                &name("www.example."),
                RecordType::A,
                &encode(&kept, 65_535),
                &terms,
                secs(7)
            ));
            let age = u32::from(entropy.u16()) % 60;
            let asked = Ask {
                edns: [None, Some(Edns::new(1_232, entropy.below(2) == 0))][entropy.below(2)].clone(),
                ..PLAIN
            };
            let reply = ask(&answers, &asked, secs(7 + age)).unwrap();

            for rrset in kept.answer.iter_mut().chain(&mut kept.authority).chain(&mut kept.additional) {
                (rrset.ttl, rrset.signatures_ttl) =
                    (rrset.ttl - age, rrset.signatures_ttl.saturating_sub(age));
            }
            kept.question = Some(Question::new(name(asked.name), RecordType::A));
            (kept.header.id, kept.header.recursion_desired) = (0x4242, true);
            let dnssec_ok = asked.edns.as_ref().is_some_and(|edns| edns.dnssec_ok);
            kept.edns = asked.edns.map(|_| Edns::new(limits::UDP_SIZE, dnssec_ok));
            let parts = Parts { dnssec_ok, ..Parts::from(&kept) };
            assert_eq!(reply, parts.encode(65_535).bytes, "round {round}");
        }
    }

    #[test]
    fn that_an_answer_is_due_is_said_once_in_each_part_of_its_last_tenth_to_those_who_let_others_be_asked() {
        let answers = answers();
        let encoded = encode(&message(), 65_535);
        let kept = Kept { ttl: 1_000, ..kept(ValidationState::Secure) };
        let keep = |now| answers.insert(&name("www.example."), RecordType::A, &encoded, &kept, secs(now));
        let due = |rd, now| {
            let question = Question::new(name("www.example."), RecordType::A);
            let query = encode_query(1, &question, rd, false, None);
            let wanted = Wanted::of(&QueryView::parse(&query).unwrap(), 512);
            answers.reply(&wanted, secs(now), &mut Vec::new()).unwrap().due
        };
        assert!(keep(0));
        assert!(!due(true, 0) && !due(true, 899) && !due(false, 900));
        let told: Vec<u32> = (900..1_000).filter(|now| due(true, *now)).collect();
        assert_eq!(told.len(), usize::from(limits::PREFETCH_TRIES_MAX), "{told:?}");
        assert!(told.starts_with(&[900]) && told.windows(2).all(|two| two[1] - two[0] >= 12));
        // Renewed, it begins anew.
        assert!(keep(1_000) && !due(true, 1_899) && due(true, 1_900) && !due(true, 1_901));
    }

    #[test]
    fn nothing_is_served_past_its_ttl() {
        let answers = answers();
        let encoded = encode(&message(), 65_535);
        let kept = kept(ValidationState::Secure);
        answers.insert(&name("www.example."), RecordType::A, &encoded, &kept, secs(100));
        let last = Moment(secs(160).0 - 1);
        let found = answers.get(&name("www.example."), RecordType::A, last).unwrap();
        assert!(found.message(last).is_some() && ask(&answers, &PLAIN, last).is_some());
        assert!(answers.get(&name("www.example."), RecordType::A, secs(160)).is_none());
        assert_eq!(ask(&answers, &PLAIN, secs(160)), None);
        assert_eq!(answers.len(), 1);
    }

    #[test]
    fn the_ttl_counts_down() {
        let answers = stored(&kept(ValidationState::Secure));
        for age in [0, 1, 30, 59] {
            let reply = Message::parse(&ask(&answers, &PLAIN, secs(100 + age)).unwrap()).unwrap();
            let chain = found(&answers).message(secs(100 + age)).unwrap();
            for read in [reply, chain] {
                assert_eq!([read.answer[0].ttl, read.answer[1].ttl], [300 - age, 60 - age]);
            }
            assert_eq!(found(&answers).ttl_left(secs(100 + age)), 60 - age);
        }
    }

    #[test]
    fn a_bogus_answer_is_for_clients_that_check_themselves() {
        let answers = stored(&kept(bogus()));
        assert!(found(&answers).is_bogus() && found(&answers).state().is_none());
        assert_eq!(ask(&answers, &PLAIN, secs(100)), None);
        let edns = Some(Edns::new(1_232, true));
        let reply = ask(&answers, &Ask { cd: true, edns, ..PLAIN }, secs(100)).unwrap();
        assert!(!Message::parse(&reply).unwrap().header.authentic_data);
    }

    #[test]
    fn an_answer_made_of_denials_is_not_for_clients_that_check_themselves() {
        let note = |code| Some(ExtendedError { code, text: "made of others".to_owned() });
        for (code, is_for_checkers) in [(EdeCode::SYNTHESIZED, false), (EdeCode::OTHER, true)] {
            let answers = stored(&Kept { note: note(code), ..kept(ValidationState::Secure) });
            assert!(ask(&answers, &PLAIN, secs(100)).is_some());
            let reply = ask(&answers, &Ask { cd: true, ..PLAIN }, secs(100));
            assert_eq!(
                (reply.is_some(), found(&answers).is_synthesised()),
                (is_for_checkers, !is_for_checkers)
            );
        }
        // The absence of the name that was made does not stand in the way of what was asked for.
        let answers = stored(&kept(ValidationState::Secure));
        let made = Kept { note: note(EdeCode::SYNTHESIZED), ..kept(ValidationState::Secure) };
        answers.insert(&name("www.example."), ABSENT, &encode(&message(), 65_535), &made, secs(100));
        assert!(ask(&answers, &Ask { cd: true, ..PLAIN }, secs(100)).is_some());
    }

    #[test]
    fn ad_is_set_only_for_those_who_understand_it() {
        let answers = stored(&kept(ValidationState::Secure));
        let reply = Message::parse(&ask(&answers, &PLAIN, secs(100)).unwrap()).unwrap();
        assert!(!reply.header.authentic_data);
        let mut query =
            encode_query(1, &Question::new(name("www.example."), RecordType::A), true, false, None);
        query[3] |= 0x20;
        let mut out = Vec::new();
        let wanted = Wanted::of(&QueryView::parse(&query).unwrap(), 512);
        assert!(answers.reply(&wanted, secs(100), &mut out).is_some());
        assert!(Message::parse(&out).unwrap().header.authentic_data);
    }

    #[test]
    fn the_absence_of_a_name_answers_every_type() {
        let answers = answers();
        let mut message = message();
        message.header.rcode = Rcode::NXDOMAIN;
        message.answer.clear();
        let encoded = encode(&message, 65_535);
        answers.insert(&name("www.example."), ABSENT, &encoded, &kept(ValidationState::Secure), secs(0));
        let found = answers.get(&name("www.example."), ABSENT, secs(0)).unwrap();
        assert!(found.rcode() == Rcode::NXDOMAIN && !found.has_answer());
        let question = Question::new(name("www.example."), RecordType::MX);
        let query = encode_query(1, &question, true, false, None);
        let mut out = Vec::new();
        let wanted = Wanted::of(&QueryView::parse(&query).unwrap(), 512);
        assert!(answers.reply(&wanted, secs(0), &mut out).is_some());
        assert_eq!(Message::parse(&out).unwrap().question, Some(question));
    }

    #[test]
    fn what_cannot_be_served_again_is_not_kept() {
        let answers = answers();
        let mut with_opt = message();
        with_opt.edns = Some(Edns::new(1_232, true));
        let whole = encode(&message(), 65_535);
        let insert = |owner: &str, encoded: &Encoded, ttl| {
            let kept = Kept { ttl, ..kept(ValidationState::Secure) };
            answers.insert(&name(owner), RecordType::A, encoded, &kept, secs(0))
        };
        assert!(!insert("www.example.", &whole, 0));
        assert!(!insert("other.example.", &whole, 60));
        assert!(!insert("www.example.", &encode(&message(), 150), 60));
        assert!(!insert("www.example.", &encode(&with_opt, 65_535), 60));
        assert!(!insert("www.example.", &Encoded::default(), 60));
        assert!(answers.is_empty() && insert("www.example.", &whole, 60));
        answers.remove(&name("WWW.Example."), RecordType::A);
        assert!(answers.is_empty());
    }

    #[test]
    fn an_answer_is_kept_once_and_forgotten_whatever_size_it_had_before() {
        let answers = answers();
        let owner = name("www.example.");
        let keep = |octets: usize| {
            let mut message = message();
            let more = Rrset::new(owner.clone(), RecordType::TXT, 60);
            message.answer.push(more.with(&vec![255; octets]));
            let encoded = encode(&message, 65_535);
            assert!(answers.insert(
                &owner,
                RecordType::A,
                &encoded,
                &kept(ValidationState::Insecure),
                secs(0)
            ));
            let found = answers.get(&owner, RecordType::A, secs(0)).unwrap();
            assert_eq!((answers.len(), found.0.len() > octets), (1, true), "{octets}");
            answers.shards.iter().map(|shard| lock(shard).large_len()).sum::<usize>()
        };
        assert_eq!([500, 20_000, 60_000, 500, 20_000].map(keep), [0, 1, 1, 0, 1]);
        answers.remove(&owner, RecordType::A);
        assert!(answers.is_empty());
        keep(60_000);
        assert_eq!(answers.remove_below(&name("example.")), 1);
        assert!(answers.is_empty());
    }

    #[test]
    fn answers_at_and_below_a_name_can_be_forgotten() {
        let answers = answers();
        for owner in ["www.example.", "example.", "www.example.org.", "anexample."] {
            let mut message = message();
            message.question = Some(Question::new(name(owner), RecordType::A));
            let encoded = encode(&message, 65_535);
            answers.insert(&name(owner), RecordType::A, &encoded, &kept(ValidationState::Insecure), secs(0));
        }
        assert_eq!(answers.remove_below(&name("EXAMPLE.")), 2);
        assert!(answers.get(&name("anexample."), RecordType::A, secs(0)).is_some());
    }

    #[test]
    fn the_text_of_a_note_comes_back() {
        let note = Some(ExtendedError { code: EdeCode::STALE_ANSWER, text: "é".to_owned() });
        let answers = stored(&Kept { note: note.clone(), ..kept(ValidationState::Insecure) });
        assert_eq!(found(&answers).note(), note);
        let note = Some(ExtendedError { code: EdeCode::OTHER, text: String::new() });
        let answers = stored(&Kept { note: note.clone(), ..kept(ValidationState::Insecure) });
        assert_eq!(found(&answers).note(), note);
        assert_eq!(found(&stored(&kept(ValidationState::Insecure))).note(), None);
    }
}
