//! Every bound in one place: its default, what it guards against, where the number comes from.
//!
//! Bounds on the work for one client question are [`Limit`]s, counted by a [`crate::budget::Budget`] that is
//! never reset; each is a key of `[limits]`. The constants bound single messages, entries and queues.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

/// A bound on the work that one client question may cause, all its name-server lookups, aliases, retries and
/// proofs together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Limit {
    /// Packets sent upstream. CAMP (2024), NXNSAttack (CVE-2020-8616); Unbound and BIND 200, Knot 100.
    Packets,
    /// Kibibytes of replies from upstream, each rounded up: four of the largest. PowerDNS has 100 kB, too little
    /// for large DNSKEY sets by TCP.
    Kibibytes,
    /// Milliseconds from the question to the last thing done for it. Knot and BIND 10 s.
    Milliseconds,
    /// CNAME and DNAME restarts: Unbound and BIND 11 (CVE-2019-19331). A DNAME without a signature, which is asked for
    /// again over TCP, counts as three.
    Restarts,
    /// Referrals followed.
    Referrals,
    /// Steps of QNAME minimisation (RFC 9156 §2.3), over all zones.
    MinimiseSteps,
    /// Lookups of name-server addresses: NXNSAttack; Unbound 64, PowerDNS 10.
    ServerLookups,
    /// Lookups of name-server addresses that brought none: Unbound and Knot 5 (CVE-2020-12662).
    ServerLookupFailures,
    /// Queries repeated over TCP: CVE-2023-46317, CVE-2026-123604.
    TcpFallbacks,
    /// Depth of lookups for name-server addresses within each other: a level to be reached, not a sum. Unbound's
    /// target-fetch-policy reaches 4, BIND 7. What lies deeper counts as not found.
    LookupLevels,
    /// Server addresses asked, each counted once. An honest question of ten aliases into signed zones with five
    /// servers each meets 21 (`tests/sim/budgets.rs`); one made to trouble many hosts (NXNSAttack, CVE-2020-8616)
    /// spreads no wider than three times that.
    Addresses,
    /// Signature verifications: KeyTrap (CVE-2023-50387); Knot 32, PowerDNS 30. One that takes the time of more than
    /// eight by P-256 counts as more than one ([`VERIFICATION_COST`]), so that all of them take some 25 ms whatever the
    /// algorithm. Sixteen zones below each other, none of whose keys is known, take 34; eight by P-384 36.
    Verifications,
    /// Signature verifications that failed, counted like the others: BIND 1, ours allows the honest collision.
    FailedVerifications,
    /// NSEC3 hash block operations: CVE-2023-50868; Knot 128 priced, Unbound 136 hashes of any price. A tenth of a
    /// millisecond; a deep name in a zone with 50 iterations takes some 500.
    Nsec3Hashes,
    /// DS and DNSKEY sets asked for to prove one question (CVE-2026-1519 and kin; Unbound 20 labels).
    Evidence,
}

impl Limit {
    /// How many limits there are.
    pub const COUNT: usize = 15;

    /// All of them, in the order of [`Limit::index`].
    pub const ALL: [Self; Self::COUNT] = [
        Self::Packets,
        Self::Kibibytes,
        Self::Milliseconds,
        Self::Restarts,
        Self::Referrals,
        Self::MinimiseSteps,
        Self::ServerLookups,
        Self::ServerLookupFailures,
        Self::TcpFallbacks,
        Self::LookupLevels,
        Self::Addresses,
        Self::Verifications,
        Self::FailedVerifications,
        Self::Nsec3Hashes,
        Self::Evidence,
    ];

    /// The limit's place in tables.
    pub fn index(self) -> usize {
        self as usize
    }

    /// The name for metrics, EDE text, logs and `[limits]`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Packets => "packets",
            Self::Kibibytes => "kibibytes",
            Self::Milliseconds => "milliseconds",
            Self::Restarts => "restarts",
            Self::Referrals => "referrals",
            Self::MinimiseSteps => "minimise-steps",
            Self::ServerLookups => "server-lookups",
            Self::ServerLookupFailures => "server-lookup-failures",
            Self::TcpFallbacks => "tcp-fallbacks",
            Self::LookupLevels => "lookup-levels",
            Self::Addresses => "addresses",
            Self::Verifications => "verifications",
            Self::FailedVerifications => "failed-verifications",
            Self::Nsec3Hashes => "nsec3-hashes",
            Self::Evidence => "evidence",
        }
    }

    /// How much one question may use unless the configuration says otherwise.
    pub fn default_cap(self) -> u32 {
        match self {
            Self::Packets => 100,
            Self::Kibibytes => 256,
            Self::Milliseconds => 10_000,
            Self::Restarts => 11,
            Self::Referrals | Self::FailedVerifications => 32,
            Self::MinimiseSteps => 60,
            Self::ServerLookups => 24,
            Self::ServerLookupFailures | Self::LookupLevels => 5,
            Self::TcpFallbacks => 8,
            Self::Addresses | Self::Verifications => 64,
            Self::Nsec3Hashes => 1_024,
            Self::Evidence => 48,
        }
    }

    /// What the configuration may say: from what honest names need to what no peer goes beyond.
    pub fn range(self) -> RangeInclusive<u32> {
        match self {
            Self::Packets => 20..=200,
            Self::Kibibytes => 64..=4_096,
            Self::Milliseconds => 1_000..=30_000,
            Self::Restarts => 4..=32,
            Self::Referrals => 8..=128,
            Self::MinimiseSteps => 10..=200,
            Self::ServerLookups => 4..=64,
            Self::ServerLookupFailures => 1..=32,
            Self::TcpFallbacks => 2..=64,
            Self::LookupLevels => 2..=10,
            Self::Addresses => 16..=200,
            Self::Verifications => 16..=512,
            Self::FailedVerifications => 1..=128,
            Self::Nsec3Hashes => 128..=8_192,
            Self::Evidence => 16..=128,
        }
    }
}

/// A limit in shadow is counted and told, and stops a question only at so many times its cap.
pub const SHADOW_STOP_FACTOR: u32 = 10;

/// A limit that a question reached, and how much it allows: `100 packets`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reached {
    /// Which one.
    pub limit: Limit,
    /// How much one question may use.
    pub cap: u32,
}

impl fmt::Display for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.cap, self.limit)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

// One message.

/// Counted steps (labels and pointers) of name reading in one message. An honest message of 64 kB full of
/// names needs fewer; a pointer ladder of 60 kB would need millions (Unbound CVE-2026-96405).
pub const DECOMPRESSION_STEPS_MAX: u32 = 32_768;
/// Compression pointers in one name. Honest encoders use one.
pub const POINTERS_PER_NAME_MAX: u32 = 16;
/// RRsets in one message; records beyond make it malformed. BIND: 100 types a name.
pub const RRSETS_PER_MESSAGE_MAX: usize = 512;
/// Records in one RRset (PowerDNS 256, BIND 100): an RRset with more makes the message malformed.
pub const RECORDS_PER_RRSET_MAX: usize = 512;
/// Octets of the text of an extended error (RFC 8914 §2: short, so that it does not make the reply too large). The
/// longest sentence about names of usual length has 300.
pub const EDE_TEXT_OCTETS_MAX: usize = 512;
/// Letters of a name in a sentence: of a longer one the middle is left out, so that the fact behind it is not cut off.
pub const NAME_IN_SENTENCE_MAX: usize = 100;
/// EDNS options that are kept; later ones are passed over.
pub const EDNS_OPTIONS_MAX: usize = 32;
/// EDNS options beyond which a message is malformed (CVE-2026-41292; Unbound 100).
pub const EDNS_OPTIONS_REFUSED: usize = 100;
/// Names that the encoder remembers as targets of compression (CVE-2024-8508; Unbound 120).
pub const COMPRESSION_TARGETS_MAX: usize = 120;
/// The EDNS UDP size that is announced and the largest UDP reply that is sent (RFC 9715: at most 1,400).
pub const UDP_SIZE: u16 = 1_232;
/// RRSIG records kept of one RRset (Unbound `iter-scrub-rrsig` 8).
pub const SIGNATURES_PER_RRSET_MAX: usize = 8;
/// Aliases followed within one response (Unbound `iter-scrub-cname` 11).
pub const ALIASES_PER_RESPONSE_MAX: usize = 11;
/// Aliases in one answer that leads on, from all its responses, for each restart that is allowed: DNAMEs that make
/// names longer and longer fill each of them (CVE-2021-25215 and kin). An honest restart brings one.
pub const ALIASES_PER_RESTART: u32 = 2;

// One zone cut.

/// Name servers kept of one delegation (Unbound `iter-scrub-ns` 20; CVE-2022-2795).
pub const NAME_SERVERS_KEPT_MAX: usize = 20;
/// Name servers of one delegation that are considered for one question, drawn at random (BIND and PowerDNS 13).
pub const NAME_SERVERS_USED_MAX: usize = 13;
/// Addresses of one family used of one name server (BIND 6; CVE-2026-3592).
pub const ADDRESSES_PER_SERVER_MAX: usize = 6;
/// Name-server lookups for one delegation and question that are waited for (NXNSAttack; Unbound 16).
pub const SERVER_LOOKUPS_PER_CUT_MAX: usize = 5;
/// Queries to one server address for one question at one cut, over UDP.
pub const ATTEMPTS_PER_ADDRESS_MAX: u32 = 3;
/// Queries for one question at one cut (Unbound `max-sent-count` 32).
pub const ATTEMPTS_PER_CUT_MAX: u32 = 24;
/// Queries for one question at one cut after which no address is asked a second time.
pub const REPEATS_PER_CUT_MAX: u32 = 8;
/// Queries a second for a zone from which no answer comes: what is lost there finds out soon enough whether it is back,
/// and a flood of random names costs a dead zone's servers no more (Knot sent such a zone 467 packets in 4 s, BIND
/// 5,258). Twice as many where both usual and odd types are asked for.
pub const UNANSWERED_QPS: u64 = 100;
/// Queries that such a zone is sent at once before that pace holds. A burst at a zone that was never asked before waits
/// for the answer to these.
pub const ZONE_BURST: u64 = 64;
/// How long a question waits for a zone's first answer before it is given up.
pub const ZONE_PATIENCE: Duration = Duration::from_secs(1);
/// How long an answer, or silence, tells whether a zone answers.
pub const ZONE_NEWS_HOLD: Duration = Duration::from_secs(10);
/// Questions that wait for a zone's first answer: a quarter of [`FLIGHTS_MAX`].
pub const ZONE_WAITERS_MAX: usize = 4_096;
/// Queries for one zone that are on their way at a time, whether it answers or not: a quarter of the sockets
/// ([`UPSTREAM_SOCKETS_MAX`]). At a round trip of 50 ms it is 20,000 a second.
pub const ZONE_QUERIES_MAX: usize = 1_000;
/// Zones of which it is remembered whether they answered, until there are more and nobody is at them.
pub const ZONES_WATCHED_MIN: usize = 1_024;
/// Steps of QNAME minimisation for one question at most, and how many of them add a single label (RFC 9156 §2.3).
pub const MINIMISE_STEPS_MAX: usize = 10;
/// See [`MINIMISE_STEPS_MAX`].
pub const MINIMISE_ONE_LABEL_STEPS: usize = 4;
/// How long a short question that another asks is waited for, before the whole question is asked: longer than two
/// tries at a server nothing is known of.
pub const SHORT_WAIT_MAX: Duration = Duration::from_secs(3);
/// Datagrams read for one query before it counts as unanswered: a flood of forgeries does not hold a task.
pub const DATAGRAMS_PER_QUERY_MAX: u32 = 64;

// One server.

/// How long to wait for a server nothing is known of (Unbound `unknown-server-time-limit`).
pub const SERVER_WAIT_INITIAL: Duration = Duration::from_millis(376);
/// The shortest wait and the longest (Unbound `infra-cache-min-rtt`; its maximum is 2 minutes, far beyond the
/// patience of a client).
pub const SERVER_WAIT_MIN: Duration = Duration::from_millis(50);
/// See [`SERVER_WAIT_MIN`].
pub const SERVER_WAIT_MAX: Duration = Duration::from_secs(12);
/// The longest wait that silence alone leads to: a server that has answered slower than this gets more.
pub const SILENT_SERVER_WAIT_MAX: Duration = Duration::from_secs(2);
/// So many silences in a row and a server is asked only if nobody else is left.
pub const SERVER_SILENCES_MAX: u32 = 3;
/// How long until a silent server is probed, after the first silence and at most; doubled with each.
pub const SERVER_HOLD_MIN: Duration = Duration::from_secs(1);
/// See [`SERVER_HOLD_MIN`].
pub const SERVER_HOLD_MAX: Duration = Duration::from_secs(120);
/// How long TCP is not tried with a server where it did not work, after the first time: as long as a question may
/// take, so that none pays for it twice at one server. Doubled up to [`SERVER_HOLD_MAX`].
pub const TCP_HOLD_MIN: Duration = Duration::from_secs(10);
/// So many servers of a family silent, none answering, and the other family goes first. One that never answered needs
/// only one (RFC 8305 §4 waits 50 ms for a name's first family).
pub const FAMILY_SILENCES_MAX: usize = 3;
/// How long until a family that does not answer is tried again, at first and at most; doubled each time.
pub const FAMILY_HOLD_MIN: Duration = Duration::from_secs(1);
/// See [`FAMILY_HOLD_MIN`].
pub const FAMILY_HOLD_MAX: Duration = Duration::from_secs(60);
/// Replies over TCP in another letter case before 0x20 is given up for a server.
pub const CASE_CHANGES_MAX: u8 = 3;
/// Times that a server may stop giving cookies before it is sent none.
pub const COOKIE_LOSSES_MAX: u8 = 3;
/// Seconds that a server is remembered as lame, the first time and at most; doubled each time it says so again. One that
/// is starting or reloading is lame for a moment (BIND 600 s, and not at all since CVE-2021-25219).
pub const LAME_SECS_MIN: u32 = 15;
/// See [`LAME_SECS_MIN`].
pub const LAME_SECS_MAX: u32 = SERVER_TTL_SECS;
/// Seconds until EDNS is tried again with a server that seemed not to understand it: no longer than the failure is
/// remembered that it causes for a signed zone. Such servers are rare, and it costs them one packet.
pub const EDNS_BROKEN_SECS: u32 = FAILURE_TTL_SECS_MIN;
/// Zones for which a server is remembered as lame, or as one without TCP.
pub const LAME_ZONES_MAX: usize = 16;

// This host's way to others.

/// Nobody heard for so long, and somebody silent: root servers are asked whether this host reaches anybody. Most
/// servers answer within half a second; Unbound, BIND and Knot have nothing of the kind and blame the servers
/// (Unbound issue 1461: 120 s for each, days after an outage).
pub const UPLINK_QUIET: Duration = Duration::from_secs(2);
/// So many of them silent, and the family is down. Where three of ten queries are lost that is wrong one time in 37, for
/// half a second.
pub const UPLINK_PROBES: u32 = 3;
/// Between them.
pub const UPLINK_PROBE_GAP: Duration = Duration::from_millis(250);
/// How long each is waited for at least, and twice the shortest round trip since the last outage: a satellite takes
/// 0.7 s.
pub const UPLINK_PROBE_WAIT: Duration = Duration::from_secs(1);
/// The same while the family is down: nobody waits for it, and the slowest link is to be found.
pub const DOWN_PROBE_WAIT: Duration = Duration::from_secs(4);
/// How often a root server is asked by each family while nobody is reached at all.
pub const OFFLINE_PROBE_PAUSE: Duration = Duration::from_millis(500);
/// Packets a second that all questions together may send while nobody is reached, or into a family that is down.
pub const OFFLINE_PACKETS_PER_SECOND: u32 = 20;
/// Packets of one question after which it fails while nobody is reached.
pub const OFFLINE_PACKETS_PER_QUESTION: u32 = 2;
/// Outages of a family that are told apart; older ones count as one.
pub const OUTAGES_REMEMBERED_MAX: usize = 8;

// One attempt.

/// How many ports are drawn, to ask from or to listen on, before this host counts as out of them.
pub const PORT_DRAWS_MAX: u32 = 16;
/// How long TCP gets, as a multiple of what a datagram gets: a handshake, the query, and some patience.
pub const TCP_WAITS: u32 = 4;
/// The least and the most TCP gets.
pub const TCP_WAIT_MIN: Duration = Duration::from_millis(1_500);
/// See [`TCP_WAIT_MIN`].
pub const TCP_WAIT_MAX: Duration = Duration::from_secs(4);
/// Silences that end a short question. They count for the whole question that follows.
pub const SHORT_TRIES_MAX: u32 = 2;

// One chain of trust.

/// Questions that are asked for at once at most.
pub const EVIDENCE_BATCH_MAX: usize = 12;
/// Ancestors that are taken for zones where no cut is known: a wrong guess costs a question, a right one saves a
/// round trip.
pub const CUT_GUESSES_MAX: usize = 3;
/// Zone cuts that are tried out of order, because something hints at them.
pub const CUT_HINTS_MAX: usize = 8;
/// The shortest and the longest RSA modulus in bits that is used (`ring` takes no others).
pub const RSA_BITS: RangeInclusive<usize> = 1_024..=8_192;
/// The longest RSA exponent in bits (`ring` takes no longer one): 2³²+1 was once a signer's option (BIND takes 35).
pub const RSA_EXPONENT_BITS_MAX: usize = 33;

// One proof.

/// RRSIGs tried for one RRset (PowerDNS 2, Unbound 8).
pub const SIGNATURES_TRIED_MAX: usize = 4;
/// Verifications that failed for one question after which one RRSIG of each RRset is tried: the worst that a server can
/// do to one RRset does not come again from each of the others that are then asked (BIND ends at the first failure).
pub const PATIENT_FAILURES_MAX: u32 = 8;
/// Keys of the same tag and algorithm tried for one signature (PowerDNS and hickory 2).
pub const SAME_TAG_KEYS_MAX: usize = 2;
/// DNSKEY records of a zone that are looked at (BIND 32).
pub const DNSKEYS_MAX: usize = 32;
/// DS records of a zone that are looked at (PowerDNS 8).
pub const DS_MAX: usize = 8;
/// DS records whose digest may fail to match before the zone is given up (Unbound 4).
pub const DS_MISMATCHES_MAX: usize = 4;
/// NSEC3 iterations above which a zone counts as insecure (RFC 9276 §3.2; BIND, Knot, PowerDNS 50).
pub const NSEC3_ITERATIONS_MAX: u16 = 50;
/// NSEC3 records of one response that are looked at (Knot 8, PowerDNS 10).
pub const NSEC3_RECORDS_MAX: usize = 10;
/// Other servers that are tried when an answer or its proof is bogus (Unbound `val-max-restart` 5).
pub const BOGUS_RETRIES_MAX: usize = 3;
/// What one verification may take, in verifications of P-256, to count as one; what takes more counts as the more. RSA
/// keys of up to 4096 bits stay below it, P-384 takes twice as much.
pub const VERIFICATION_COST: u32 = 8;
/// The signature verifications in one slice of work, in those of P-256 (0.4 ms); then the proof pauses so that others
/// run.
pub const SLICE_COST: u32 = 8;
/// Seconds that a clock may be wrong: a tenth of the signature's lifetime, within these bounds (Unbound's
/// `val-sig-skew-min` and `-max`).
pub const SIGNATURE_SKEW_SECS_MIN: u32 = 3_600;
/// See [`SIGNATURE_SKEW_SECS_MIN`].
pub const SIGNATURE_SKEW_SECS_MAX: u32 = 86_400;

/// The part of `[cache] size`, one in so many, that remembers signatures that were verified, 32 octets for each: at its
/// default 65,536 of them, when the rest has room for some hundred thousand answers.
pub const SIGNATURES_SHARE: usize = 128;
/// The same where nobody says how much memory there is.
pub const SIGNATURES_OCTETS: usize = 2 << 20;

// Trust anchors: RFC 5011, RFC 8145, RFC 7646.

/// Seconds that a new key is seen in every proven set before it is trusted (RFC 5011 §2.4.1: 30 days).
pub const ANCHOR_ADD_HOLD_SECS: u64 = 30 * 86_400;
/// Seconds that a revoked key is out of the set before it counts as removed (RFC 5011 §2.4.2: 30 days).
pub const ANCHOR_REMOVE_HOLD_SECS: u64 = 30 * 86_400;
/// Seconds that a trusted key may be missing while another is in use (Unbound `keep-missing` 366 days).
pub const ANCHOR_KEEP_MISSING_SECS: u64 = 366 * 86_400;
/// Proven sets that a new key is seen in at least (RFC 5011 §2.4.1, Unbound 2).
pub const ANCHOR_SIGHTINGS_MIN: u32 = 2;
/// Keys tracked of one zone: no more than vouch for a zone at a time ([`DS_MAX`]). The root had three at most.
pub const ANCHOR_KEYS_MAX: usize = DS_MAX;
/// Seconds between two looks at the keys of a zone, at least and at most (RFC 5011 §2.3).
pub const ANCHOR_PROBE_SECS_MIN: u64 = 3_600;
/// See [`ANCHOR_PROBE_SECS_MIN`].
pub const ANCHOR_PROBE_SECS_MAX: u64 = 15 * 86_400;
/// Seconds after a look that failed, at most (RFC 5011 §2.3).
pub const ANCHOR_RETRY_SECS_MAX: u64 = 86_400;
/// Seconds that the date may go forward beyond the time that passed before that counts as a jump.
pub const ANCHOR_CLOCK_SLACK_SECS: u64 = 600;
/// Octets read of a trust anchor file. A zone with eight keys takes some 5 kB.
pub const ANCHOR_FILE_OCTETS_MAX: u64 = 1 << 20;
/// How often a trust anchor file that another process is writing is tried, and how long is waited in between.
pub const ANCHOR_LOCK_TRIES: u32 = 20;
/// See [`ANCHOR_LOCK_TRIES`].
pub const ANCHOR_LOCK_WAIT: Duration = Duration::from_millis(10);
/// How often a zone under a negative trust anchor that has an end is tried without it (RFC 7646 §2, BIND `nta-recheck`
/// 5 min): three questions and their proof, one zone after the other. Resolvers that began together are spread no
/// further: a thousand of them ask a zone ten questions a second on the average.
pub const NEGATIVE_ANCHOR_CHECK: Duration = Duration::from_secs(300);
/// How often the servers of a zone with trust anchors are told which keys those name (RFC 8145 §5). BIND: a day. Unbound:
/// whenever it fetches the zone's keys, which for the root comes to the same.
pub const KEY_TAG_PAUSE: Duration = Duration::from_secs(86_400);
/// How soon they are told again where they could not be reached.
pub const KEY_TAG_RETRY: Duration = Duration::from_secs(3_600);

// The health of watched zones.

/// Zones of `[dnssec] watch`: each is proven anew, from the anchor down, once an hour or more often, with some ten packets
/// and ten verifications. What an operator answers for himself is fewer.
pub const WATCHED_ZONES_MAX: usize = 64;
/// Seconds between two checks, at least and at most. Nearer to an expiry they come sooner, that no warning is missed.
pub const WATCH_SECS_MIN: u64 = 300;
/// See [`WATCH_SECS_MIN`].
pub const WATCH_SECS_MAX: u64 = 3_600;
/// A signature is warned of when less than one part in so many of its lifetime is left. Signers renew earlier, and what
/// is left then tells that they have not: BIND with a quarter or more (30 and 7.5 days, 14 and 5), OpenDNSSEC with a
/// fifth, PowerDNS with a third, Knot DNS with a tenth and the zone's longest TTL. Of 14 days it is 34 hours.
pub const EXPIRY_WARNING_SHARE: u64 = 10;
/// The same for the last warning: of 14 days 8 hours, of 30 days 18.
pub const EXPIRY_URGENT_SHARE: u64 = 40;
/// Seconds after which the same is told of a zone again: once for each day's shift.
pub const WATCH_REPEAT_SECS: u64 = 86_400;

// Time to live, in seconds.

/// `[cache] max-ttl`.
pub const MAX_TTL_SECS: u32 = 86_400;
/// `[cache] max-negative-ttl` (RFC 2308 §5: one to three hours).
pub const MAX_NEGATIVE_TTL_SECS: u32 = 3_600;
/// `[cache] serve-expired-ttl`: how long an answer past its TTL may be served (RFC 8767 §5: one to three days;
/// Unbound a day).
pub const STALE_SECS_MAX: u32 = 86_400;
/// `[cache] serve-expired-reply-ttl` (RFC 8767 §4: 30 s).
pub const STALE_REPLY_TTL_SECS: u32 = 30;
/// `[cache] serve-expired-client-timeout`, in milliseconds (RFC 8767 §5: 1.8 s). It has to end before replies to
/// datagrams are too old to be sent, at 1.9 s.
pub const STALE_CLIENT_TIMEOUT_MS: u64 = 1_800;
/// An answer is renewed when no more than one part in so many of its time is left (Unbound: a tenth).
pub const PREFETCH_SHARE: u32 = 10;
/// How often it is said of an answer that it is to be renewed, once in each of so many parts of that last time: the first
/// time is enough unless there was no place or it failed, and hits are not to pay for more. At most 14: four bits hold it.
pub const PREFETCH_TRIES_MAX: u8 = 8;
/// The shortest TTL of answers that are renewed before their end (BIND 9 s): of shorter ones little would be won.
pub const PREFETCH_TTL_SECS_MIN: u32 = 10;
/// Answers renewed at the same time. Those that find no place are asked for when their time is over.
pub const PREFETCHES_MAX: usize = 256;
/// Bogus data, and at most the failure it caused (Unbound `val-bogus-ttl`).
pub const BOGUS_TTL_SECS: u32 = 60;
/// The first time a failure is remembered, and the longest (RFC 9520 §3.2: at least 1 s, at most 5 min).
pub const FAILURE_TTL_SECS_MIN: u32 = 5;
/// See [`FAILURE_TTL_SECS_MIN`].
pub const FAILURE_TTL_SECS_MAX: u32 = 300;
/// The lowest TTL the root's delegation is kept for, in seconds: priming is not repeated for each question.
pub const ROOT_TTL_SECS_MIN: u32 = 60;
/// What is known of a server's speed and habits (Unbound `infra-host-ttl`).
pub const SERVER_TTL_SECS: u32 = 900;
/// How old a delegation has to be before it is fetched anew because its servers lead nowhere: a dead zone costs its
/// parent no more than a query each so many seconds.
pub const DOUBT_AFTER_SECS: u32 = 60;
/// That a name server has no address of a family, at most: nobody proves it, and without addresses a zone is lost.
pub const NO_ADDRESS_SECS: u32 = 60;
/// That a name is no zone cut, at most.
pub const NO_CUT_TTL_SECS: u32 = 900;
/// How long a zone is left alone whose name servers can only be found by way of it (tsuNAME, 2021), the first time and
/// at most, in seconds; doubled each time. RFC 9520 §3.2 allows up to 5 min; a mended zone should not wait that long.
pub const CIRCLE_TTL_SECS_MIN: u32 = 5;
/// See [`CIRCLE_TTL_SECS_MIN`].
pub const CIRCLE_TTL_SECS_MAX: u32 = 60;

// Clients.

/// How long it holds that nothing was at hand for a question: less than any server takes to answer, so no flight has begun
/// and ended meanwhile.
pub const LOOK_HOLDS: Duration = Duration::from_micros(100);

/// Questions of clients that wait for one resolution; more get SERVFAIL (BIND `max-clients-per-query` 100, Unbound
/// 16 × 1024). Several times [`WAITING_PER_CLIENT_MAX`]: one client alone does not take all places.
pub const WAITERS_PER_FLIGHT_MAX: usize = 4_000;
/// Resolutions under way in the process, lookups and proofs that they need included (Unbound 2,048 a thread).
pub const FLIGHTS_MAX: usize = 16_384;
/// Questions that run to their end whatever comes. Each has a fetch under way as well, so they hold half of the places
/// (Unbound keeps half).
pub const KEPT_QUESTIONS_MAX: usize = FLIGHTS_MAX / 4;
/// How old a question has to be before it may have to give way to a new one (Unbound `jostle-timeout` 200 ms).
pub const GIVE_WAY_AFTER: Duration = Duration::from_millis(200);
/// Questions of one client that wait for their answers, loopback excepted (Unbound `wait-limit`; CVE-2024-33655). Those
/// by datagrams without a valid cookie are counted apart: anybody may have sent them in its name.
pub const WAITING_PER_CLIENT_MAX: usize = 1_000;
/// How old a reply to a datagram may be to be sent (Unbound `discard-timeout`; CVE-2024-33655), unless a valid cookie or
/// a loopback address shows that it is the client's.
pub const REPLY_AGE_MAX: Duration = Duration::from_millis(1_900);
/// Questions of one TCP connection that are answered at the same time (Knot 100).
pub const TCP_PIPELINE_MAX: usize = 100;

// Sockets.

/// Sockets open towards servers at a time, if the process may have that many descriptors (Unbound
/// `outgoing-range` 4,096 a thread).
pub const UPSTREAM_SOCKETS_MAX: usize = 4_096;
/// Milliseconds that a query waits for a free socket.
pub const SOCKET_WAIT_MS: u64 = 1_000;
/// Octets read of a server's datagram: we announce [`UDP_SIZE`], and nobody sends more by mistake.
pub const DATAGRAM_OCTETS_MAX: usize = 4_096;
/// Clients' datagrams that are worked on at the same time. For another, the oldest that is older than
/// [`GIVE_WAY_AFTER`] gives way, but for half of them; else it is dropped.
pub const UDP_QUERIES_MAX: usize = 10_000;
/// Milliseconds from a client's TCP connection to its first whole message.
pub const TCP_FIRST_MESSAGE_MS: u64 = 3_000;
/// Milliseconds that a client may leave a reply unread before its connection is cut.
pub const TCP_WRITE_STALL_MS: u64 = 2_000;
/// The idle timeout of TCP connections in milliseconds when nearly all are taken (Unbound 200).
pub const TCP_IDLE_MS_MIN: u64 = 200;
/// Octets of replies that wait to be read by TCP clients, all connections together (Unbound
/// `stream-wait-size` 4 MiB).
pub const TCP_WAITING_OCTETS_MAX: usize = 32 << 20;
/// The prefix of an IPv6 client that counts as one client.
pub const CLIENT_PREFIX_V6_LEN: u8 = 56;
/// Seconds that a secret for clients' cookies is used (RFC 7873 §7.1: not above 26 hours).
pub const COOKIE_SECRET_SECS: u64 = 86_400;
/// Seconds that a client's cookie is valid (RFC 9018 §4.3).
pub const COOKIE_SECS_MAX: u32 = 3_600;
/// Seconds after which a client gets a new one with its reply (RFC 9018 §4.3).
pub const COOKIE_RENEWED_SECS: u32 = 1_800;
/// Seconds that a cookie may be from the future, as from another server's clock (RFC 9018 §4.3).
pub const COOKIE_AHEAD_SECS_MAX: u32 = 300;
/// Milliseconds that questions under way get to be answered when the process ends.
pub const SHUTDOWN_GRACE_MS: u64 = 700;
/// Connections that wait to be accepted.
pub const TCP_BACKLOG: i32 = 1_024;
/// The receive and the send buffer of a client-side UDP socket, in octets, as far as the kernel allows.
pub const UDP_BUFFER_OCTETS: usize = 1 << 20;
/// Clients' datagrams that are received by one system call: more make a call no cheaper for each.
pub const BATCH_DATAGRAMS: usize = 32;
/// Octets read of a client's datagram. A query has a name, a few options, and some padding (RFC 8467: to 128); one that
/// is longer is cut, and is malformed unless what is cut off is not part of it.
pub const CLIENT_DATAGRAM_OCTETS_MAX: usize = 4_096;
/// How long a thread waits for datagrams before it looks whether it is to end.
pub const RECEIVE_TIMEOUT: Duration = Duration::from_millis(200);
/// Clients' datagrams of one socket that wait to be looked at because the cache has no reply to them: what a megabyte of
/// receive buffer holds as well.
pub const HANDED_OVER_MAX: usize = 1_024;

// Caches.

/// Octets above which an answer is a large one (PowerDNS keeps none above 8 kB): it is not longer than a segment.
pub const LARGE_ANSWER_OCTETS: usize = 16 << 10;
/// Large answers have one part in so many of the room.
pub const LARGE_ANSWERS_SHARE: usize = 8;
/// Octets of a segment of answers, at most: to empty one is what an insertion waits for (150 answers, some ten
/// microseconds), and the end that is still empty counts as taken.
pub const SEGMENT_OCTETS_MAX: usize = 32 << 10;
/// The same, at least: for the smallest caches.
pub const SEGMENT_OCTETS_MIN: usize = 1 << 10;
/// Segments that each part of a cache has, at least, unless they were too short: so that no more than a thirtieth is
/// emptied at once.
pub const SEGMENTS_MIN: usize = 32;
/// Segments that are looked through to empty one, before one is emptied whatever is in it: what an insertion may have to
/// wait for, a tenth of a millisecond, where all that is kept is in use.
pub const SEGMENTS_EMPTIED_MAX: usize = 8;
/// Answers that were asked for once keep at least one part in so many of the room: the time they have to be asked for
/// again (S3-FIFO: a tenth, beside a list of names that went, which is not kept here).
pub const PROBATION_SHARE: usize = 4;
/// Octets of a part of the answers, at most: places in it are numbers of 32 bits. So 128 GiB of them are used.
pub const SHARD_BYTES_MAX: usize = 2 << 30;
/// Parts of a cache that are locked one by one, at most: a power of two.
pub const SHARDS_MAX: usize = 64;
/// A cache has no more parts than leave each so many octets, so that one large entry does not empty a part.
pub const SHARD_BYTES_MIN: usize = 1 << 20;

// Denials that are kept to answer other questions (RFC 8198).

/// Zone cuts of so many labels at most are kept ready for use, not packed: the root's and those below it, where the walk
/// to each zone not met before begins. There are 1,500 of them, of two kilobytes each.
pub const OPEN_CUT_LABELS_MAX: usize = 1;

/// A zone has at most one part in so many of the room: the root zone's NSEC records, 0.7 MB, fit into that of the default
/// `[cache] size`.
pub const DENIAL_ZONES_MIN: usize = 16;
/// The least that one zone may have, in octets, however small the cache.
pub const DENIAL_ZONE_BYTES_MIN: usize = 64 << 10;
/// Octets of the largest record that is kept (CVE-2026-33258): an honest one with an RSA signature has 500.
pub const DENIAL_OCTETS_MAX: usize = 4 << 10;
/// Records that are passed over, as they are past their time, in search of one that is not.
pub const DENIALS_PASSED_MAX: usize = 4;
/// Records looked at for one that may go: of so many that were all used the last one does.
pub const DENIAL_CHANCES_MAX: usize = 8;
/// Questions to which an answer was made of denials and that are known when they come again: sixteen kilobytes. More come
/// in a flood of random names, where none comes again.
pub const SEEN_MARKS: usize = 4 << 10;
/// Chains of NSEC3 records of one zone that are tried: the present one, and another while the salt changes.
pub const DENIAL_CHAINS_MAX: usize = 2;
/// SHA-1 blocks that an answer from NSEC3 records may cost (PowerDNS `aggressive_cache_max_nsec3_hash_cost` 150 hashes):
/// without iterations a name of a hundred labels takes as many. A question spends no more than half of its
/// [`Limit::Nsec3Hashes`] on them; the rest is for the proof, if it has to ask after all.
pub const SYNTHESIS_BLOCKS_MAX: u32 = 256;
