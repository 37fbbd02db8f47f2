//! What is known of servers: how fast they answer, whether they are silent, and their habits.
//!
//! In: measured round trips, silences, and facts from replies that matched their query. Out: how long to wait
//! for a server, what it costs to choose it, how to ask it. Nothing here comes from a datagram that could not
//! be matched (id, port, question): an off-path forger changes nothing (CVE-2023-26437, CVE-2026-52690).
//!
//! A silence while nobody of the server's family was reached is not its fault: see `uplink`.
//!
//! Timing is that of RFC 6298 §2, with the bounds that Unbound uses. Which server is chosen is decided by
//! `iterate::select`.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use super::shard::{Sharded, heap};
use super::uplink::Uplink;
use crate::clock::Moment;
use crate::dns::Name;
use crate::dns::edns::Cookie;
use crate::entropy::Entropy;
use crate::limits;

/// Whether a server understands EDNS (RFC 6891 §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EdnsHabit {
    /// Not known yet: EDNS is tried.
    #[default]
    Unknown,
    /// It has answered with an OPT record: an error of its is not because of EDNS.
    Works,
    /// It answered without EDNS what it refused with EDNS.
    Broken,
}

/// What a server does with DNS cookies (RFC 7873).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CookieHabit {
    /// Not known yet: one is sent.
    #[default]
    Unknown,
    /// It has answered a query with a cookie as if there were none: an error of its is not because of it.
    Ignored,
    /// It has given one back: a datagram without it is not believed.
    Given,
    /// It cannot deal with them: none is sent.
    Refused,
}

/// Whether a server is worth asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing speaks against it.
    Good,
    /// It has been silent, and long enough ago that one question may find out whether it still is.
    ProbeDue,
    /// It has been silent: only asked if nobody else is left.
    Silent,
}

/// Whether a server answers over TCP what it truncates over UDP, seen from one zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TcpHabit {
    /// Not known: one question at a time should find out.
    #[default]
    Unknown,
    /// It did the last time.
    Works,
    /// It did not, lately.
    Broken,
}

/// What is known of a server, seen from one zone at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// How long to wait for its answer.
    pub wait: Duration,
    /// What choosing it costs: the wait, doubled for each silence in a row.
    pub cost: Duration,
    /// Whether it is worth asking.
    pub standing: Standing,
    /// It said that it does not serve the zone.
    pub lame: bool,
    /// Whether it understands EDNS.
    pub edns: EdnsHabit,
    /// What it does with cookies.
    pub cookies: CookieHabit,
    /// Whether it repeats the letter case of a question, as far as is known.
    pub keeps_case: bool,
}

/// Speed and habits of servers, bounded in octets; the least recently used goes first.
#[derive(Debug)]
pub struct Servers {
    servers: Sharded<IpAddr, Server>,
    uplink: Arc<Uplink>,
}

#[derive(Debug, Clone)]
struct Server {
    /// When all this is forgotten, so that a server gets a fresh chance.
    expires: Moment,
    /// Smoothed round trip and its variation; none before the first answer.
    round_trip: Option<RoundTrip>,
    silences: u32,
    /// How many of them are the uplink's if that turns out to have been lost: those since anybody was heard.
    unsure: u32,
    /// When the last counted silence ended: queries sent before it tell nothing new.
    silent_at: Moment,
    probe_at: Moment,
    edns: EdnsHabit,
    /// When EDNS is tried again after all.
    edns_until: Moment,
    cookies: Cookies,
    case_changes: u8,
    /// It has answered over TCP.
    speaks_tcp: bool,
    /// Zones for which it lately did not, so that a zone does no harm to others on its servers.
    without_tcp: Vec<WithoutTcp>,
    lame: Vec<Lame>,
}

/// A zone that a server said it does not serve.
#[derive(Debug, Clone)]
struct Lame {
    zone: Name,
    until: Moment,
    span_secs: u32,
}

/// Our cookie for one server and what it does with it. The client's part is drawn at random for each server and
/// goes with the rest of what is known of it: nothing links two servers' cookies, no secret of the process could
/// leak, and none is used for longer than a quarter of an hour (RFC 7873 §7.1: not above 26 hours).
#[derive(Debug, Clone, Default)]
struct Cookies {
    client: Option<[u8; 8]>,
    /// The server's part, as it was last heard; empty: not heard yet.
    server: SmallVec<[u8; 32]>,
    habit: CookieHabit,
    losses: u8,
}

/// A zone for which TCP did not work: when it is tried again, and how long after the failure that is.
#[derive(Debug, Clone)]
struct WithoutTcp {
    zone: Name,
    again_at: Moment,
    hold: Duration,
}

#[derive(Debug, Clone, Copy)]
struct RoundTrip {
    smoothed: Duration,
    variation: Duration,
}

impl Servers {
    /// Nothing known yet; at most `bytes_max` octets.
    pub fn new(bytes_max: usize, entropy: &Entropy) -> Self {
        Self { servers: Sharded::new(bytes_max, entropy, |_, server| server.heap()), uplink: Arc::default() }
    }

    /// Whether anybody is reached.
    pub fn uplink(&self) -> &Arc<Uplink> {
        &self.uplink
    }

    /// What is known of a server, for a question to `zone`.
    pub fn known(&self, address: IpAddr, zone: &Name, now: Moment) -> Known {
        let quickest = self.uplink.quickest();
        let known = self.servers.read(&address, |server| match server {
            server if server.expires <= now => None,
            server if server.unsure == 0 => Some(server.known(zone, quickest, now)),
            // Rare: some of its silences may be the uplink's.
            server => {
                let mut server = server.clone();
                server.forgive(address, &self.uplink);
                Some(server.known(zone, quickest, now))
            }
        });
        known.flatten().unwrap_or_else(|| Server::new(now).known(zone, quickest, now))
    }

    /// It answered a datagram after `round_trip`.
    pub fn answered(&self, address: IpAddr, round_trip: Duration, now: Moment) {
        self.update(address, now, |server| {
            server.measure(round_trip);
            (server.silences, server.unsure) = (0, 0);
        });
        self.uplink.heard(address, Some(round_trip), now);
    }

    /// It answered over a connection, which tells that it lives but not how fast it is.
    pub fn answered_connected(&self, address: IpAddr, now: Moment) {
        self.update(address, now, |server| (server.silences, server.unsure) = (0, 0));
        self.uplink.heard(address, None, now);
    }

    /// Whether TCP is of use with it, for a question to `zone`.
    pub fn tcp(&self, address: IpAddr, zone: &Name, now: Moment) -> TcpHabit {
        let habit =
            self.servers.read(&address, |server| (server.expires > now).then(|| server.tcp_habit(zone, now)));
        habit.flatten().unwrap_or_default()
    }

    /// It answered over TCP what `zone` was asked, or did not. Where it speaks TCP, one failure is forgiven.
    pub fn tcp_tried(&self, address: IpAddr, zone: &Name, works: bool, now: Moment) {
        self.update(address, now, |server| {
            let known = server.without_tcp.iter().position(|known| known.zone == *zone);
            let before = known.map(|at| server.without_tcp.remove(at).hold);
            server.speaks_tcp |= works;
            if works {
                return;
            }
            let hold = match before {
                None if server.speaks_tcp => Duration::ZERO,
                before => before
                    .unwrap_or_default()
                    .saturating_mul(2)
                    .clamp(limits::TCP_HOLD_MIN, limits::SERVER_HOLD_MAX),
            };
            if server.without_tcp.len() >= limits::LAME_ZONES_MAX {
                server.without_tcp.remove(0);
            }
            server.without_tcp.push(WithoutTcp { zone: zone.clone(), again_at: now.after(hold), hold });
        });
    }

    /// It did not answer a query sent at `sent`. Queries that were under way together count once.
    pub fn silent(&self, address: IpAddr, sent: Moment, now: Moment) {
        if !self.uplink.silent(address, sent, now) {
            return;
        }
        let heard = self.uplink.last_heard(address.is_ipv6());
        self.update(address, now, |server| {
            if sent >= server.silent_at {
                if heard.is_some_and(|heard| heard > server.silent_at) {
                    server.unsure = 0;
                }
                server.silent_at = now;
                server.silences = server.silences.saturating_add(1);
                server.unsure = server.unsure.saturating_add(1);
                server.probe_at = now.after(server.hold());
            }
        });
    }

    /// There is no way to it from this host: that is the family's fault rather than the server's.
    pub fn no_route(&self, address: IpAddr, sent: Moment, now: Moment) {
        self.uplink.silent(address, sent, now);
    }

    /// Takes the one question that may probe a silent server; false if another took it.
    pub fn take_probe(&self, address: IpAddr, now: Moment) -> bool {
        let mut taken = false;
        self.update(address, now, |server| {
            taken = now >= server.probe_at;
            if taken {
                server.probe_at = now.after(server.hold());
            }
        });
        taken
    }

    /// It says that it does not serve `zone`. It may be starting, so that is believed for a short while, and longer each
    /// time it says so again.
    pub fn lame(&self, address: IpAddr, zone: &Name, now: Moment) {
        self.update(address, now, |server| {
            let at = server.lame.iter().position(|lame| lame.zone == *zone);
            let before = at.map(|at| server.lame.remove(at));
            if server.lame.len() >= limits::LAME_ZONES_MAX {
                server.lame.remove(0);
            }
            let span_secs = match before {
                // Said by several questions at once.
                Some(lame) if lame.until > now => lame.span_secs,
                Some(lame) => lame.span_secs.saturating_mul(2).min(limits::LAME_SECS_MAX),
                None => limits::LAME_SECS_MIN,
            };
            server.lame.push(Lame { zone: zone.clone(), until: now.after_secs(span_secs), span_secs });
        });
    }

    /// It serves `zone` after all.
    pub fn serves(&self, address: IpAddr, zone: &Name, now: Moment) {
        self.update(address, now, |server| server.lame.retain(|lame| lame.zone != *zone));
    }

    /// What was found out about EDNS. That it does not work is believed for a while only: without EDNS a signed zone
    /// cannot be proven.
    pub fn edns(&self, address: IpAddr, habit: EdnsHabit, now: Moment) {
        self.update(address, now, |server| {
            server.edns = habit;
            server.edns_until = now.after_secs(limits::EDNS_BROKEN_SECS);
        });
    }

    /// The cookie for a query to it, the client's part made by `draw` if it has none yet; and whether a reply by
    /// datagram has to have it.
    pub fn cookie(&self, address: IpAddr, now: Moment, draw: impl FnOnce() -> u64) -> Option<(Cookie, bool)> {
        let drawn = self.servers.read(&address, |server| {
            server.cookies.client.filter(|_| server.expires > now).map(|client| server.cookies.sent(client))
        });
        if let Some(Some(sent)) = drawn {
            return Some(sent);
        }
        let mut found = None;
        self.update(address, now, |server| {
            let client = *server.cookies.client.get_or_insert_with(|| draw().to_be_bytes());
            found = Some(server.cookies.sent(client));
        });
        found
    }

    /// A reply repeated the client's part of our cookie: it is from the server. Its own part goes with further
    /// queries.
    pub fn cookie_given(&self, address: IpAddr, cookie: &Cookie, now: Moment) {
        self.update(address, now, |server| {
            let cookies = &mut server.cookies;
            if cookies.client == Some(cookie.client) && cookies.habit != CookieHabit::Refused {
                cookies.server.clone_from(&cookie.server);
                cookies.habit = CookieHabit::Given;
            }
        });
    }

    /// The same over a connection. That it gives them in datagrams too is not known by that.
    pub fn cookie_given_connected(&self, address: IpAddr, cookie: &Cookie, now: Moment) {
        self.update(address, now, |server| {
            let cookies = &mut server.cookies;
            if cookies.client == Some(cookie.client) && cookies.habit != CookieHabit::Refused {
                cookies.server.clone_from(&cookie.server);
            }
        });
    }

    /// It answered a query with a cookie, and well, as if there were none.
    pub fn cookie_ignored(&self, address: IpAddr, now: Moment) {
        self.update(address, now, |server| {
            if server.cookies.habit == CookieHabit::Unknown {
                server.cookies.habit = CookieHabit::Ignored;
            }
        });
    }

    /// It gave cookies and answered over TCP without: they are not expected any more, until it gives one again.
    /// One that forgets them again and again, as a mixed set of servers behind one address does, is sent none.
    pub fn cookie_lost(&self, address: IpAddr, now: Moment) {
        self.update(address, now, |server| {
            let cookies = &mut server.cookies;
            if cookies.habit == CookieHabit::Given {
                cookies.losses = cookies.losses.saturating_add(1);
                let often = cookies.losses >= limits::COOKIE_LOSSES_MAX;
                cookies.habit = if often { CookieHabit::Refused } else { CookieHabit::Ignored };
                cookies.server.clear();
            }
        });
    }

    /// It answers without a cookie what it refused with one, or its cookies make no sense.
    pub fn cookie_refused(&self, address: IpAddr, now: Moment) {
        self.update(address, now, |server| server.cookies.habit = CookieHabit::Refused);
    }

    /// A reply over TCP had another letter case than the question (`changed`), or the same.
    pub fn case(&self, address: IpAddr, changed: bool, now: Moment) {
        self.update(address, now, |server| {
            server.case_changes = if changed { server.case_changes.saturating_add(1) } else { 0 };
        });
    }

    /// Forgets all that is known of a server.
    pub fn remove(&self, address: IpAddr) {
        self.servers.remove(&address);
    }

    /// How many servers something is known of.
    pub fn len(&self) -> usize {
        self.servers.len()
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The octets held.
    pub fn bytes(&self) -> usize {
        self.servers.bytes()
    }

    fn update(&self, address: IpAddr, now: Moment, change: impl FnOnce(&mut Server)) {
        self.servers.update(
            address,
            || Server::new(now),
            |server| {
                if server.expires <= now {
                    *server = Server::new(now);
                }
                server.forgive(address, &self.uplink);
                change(server);
            },
        );
    }
}

impl Cookies {
    /// The cookie of a query, and whether its reply has to have it.
    fn sent(&self, client: [u8; 8]) -> (Cookie, bool) {
        (Cookie { client, server: self.server.clone() }, self.habit == CookieHabit::Given)
    }
}

impl Server {
    fn new(now: Moment) -> Self {
        Self {
            expires: now.after_secs(limits::SERVER_TTL_SECS),
            round_trip: None,
            silences: 0,
            unsure: 0,
            silent_at: Moment(0),
            probe_at: Moment(0),
            edns: EdnsHabit::Unknown,
            edns_until: Moment(0),
            cookies: Cookies::default(),
            case_changes: 0,
            speaks_tcp: false,
            without_tcp: Vec::new(),
            lame: Vec::new(),
        }
    }

    /// Forgets the silences that were the uplink's.
    fn forgive(&mut self, address: IpAddr, uplink: &Uplink) {
        if self.unsure > 0 && uplink.was_lost(address.is_ipv6(), self.silent_at) {
            self.silences = self.silences.saturating_sub(self.unsure);
            (self.unsure, self.probe_at) = (0, Moment(0));
        }
    }

    fn known(&self, zone: &Name, quickest: Duration, now: Moment) -> Known {
        // On a link where the quickest of all takes long, one that nothing is known of gets longer.
        let first_wait =
            limits::SERVER_WAIT_INITIAL.max(quickest.saturating_mul(2)).min(limits::SERVER_WAIT_MAX);
        // What was measured is of no use where the link has become slower than that.
        let base = self.round_trip.map_or(first_wait, |known| known.wait().max(quickest));
        let cost = base
            .saturating_mul(1_u32.checked_shl(self.silences.min(16)).unwrap_or(u32::MAX))
            .min(limits::SERVER_WAIT_MAX);
        let standing = if self.silences > 0 && now >= self.probe_at {
            Standing::ProbeDue
        } else if self.silences < limits::SERVER_SILENCES_MAX {
            // A lost packet or two: it competes on, at a higher cost.
            Standing::Good
        } else {
            Standing::Silent
        };
        let wait = match standing {
            // A client's question waits for the probe, so it is short.
            Standing::ProbeDue => base.max(limits::SERVER_WAIT_INITIAL),
            Standing::Good | Standing::Silent => {
                cost.min(base.max(first_wait).max(limits::SILENT_SERVER_WAIT_MAX))
            }
        };
        Known {
            wait,
            cost,
            standing,
            lame: self.lame.iter().any(|lame| lame.until > now && lame.zone == *zone),
            edns: match self.edns {
                EdnsHabit::Broken if now >= self.edns_until => EdnsHabit::Unknown,
                habit => habit,
            },
            cookies: self.cookies.habit,
            keeps_case: self.case_changes < limits::CASE_CHANGES_MAX,
        }
    }

    fn tcp_habit(&self, zone: &Name, now: Moment) -> TcpHabit {
        match self.without_tcp.iter().find(|known| known.zone == *zone) {
            Some(known) if now < known.again_at => TcpHabit::Broken,
            None if self.speaks_tcp => TcpHabit::Works,
            _ => TcpHabit::Unknown,
        }
    }

    fn measure(&mut self, sample: Duration) {
        let sample = sample.min(limits::SERVER_WAIT_MAX);
        // RFC 6298 §2.2 and §2.3.
        self.round_trip =
            Some(self.round_trip.map_or(RoundTrip { smoothed: sample, variation: sample / 2 }, |old| {
                RoundTrip {
                    variation: old.variation * 3 / 4 + old.smoothed.abs_diff(sample) / 4,
                    smoothed: old.smoothed * 7 / 8 + sample / 8,
                }
            }));
    }

    /// What it has allocated.
    fn heap(&self) -> usize {
        let lame: usize = self.lame.iter().map(|lame| heap(lame.zone.heap_len())).sum();
        let without_tcp: usize = self.without_tcp.iter().map(|known| heap(known.zone.heap_len())).sum();
        heap(self.lame.capacity() * size_of::<Lame>())
            + heap(self.without_tcp.capacity() * size_of::<WithoutTcp>())
            + lame
            + without_tcp
    }

    /// How long until it is probed.
    fn hold(&self) -> Duration {
        let doublings = self.silences.saturating_sub(1).min(16);
        limits::SERVER_HOLD_MIN.saturating_mul(1 << doublings).min(limits::SERVER_HOLD_MAX)
    }
}

impl RoundTrip {
    fn wait(self) -> Duration {
        (self.smoothed + self.variation * 4).clamp(limits::SERVER_WAIT_MIN, limits::SERVER_WAIT_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn servers() -> Servers {
        Servers::new(1 << 20, &Entropy::seeded(1))
    }

    fn secs(seconds: u32) -> Moment {
        Moment(0).after_secs(seconds)
    }

    fn known(servers: &Servers, now: Moment) -> Known {
        servers.known(A, &Name::root(), now)
    }

    #[test]
    fn on_a_slow_link_servers_nothing_is_known_of_are_waited_for_longer() {
        let (servers, other) = (servers(), IpAddr::from([192, 0, 2, 77]));
        servers.answered(other, Duration::from_millis(700), secs(0));
        assert_eq!(known(&servers, secs(0)).wait, Duration::from_millis(1_400));
        servers.answered(other, Duration::from_millis(20), secs(0));
        assert_eq!(known(&servers, secs(0)).wait, limits::SERVER_WAIT_INITIAL);
    }

    #[test]
    fn the_wait_follows_the_round_trip_within_its_bounds() {
        let servers = servers();
        assert_eq!(known(&servers, secs(0)).wait, limits::SERVER_WAIT_INITIAL);
        servers.answered(A, Duration::from_millis(100), secs(0));
        assert_eq!(known(&servers, secs(0)).wait, Duration::from_millis(300));
        for _ in 0..60 {
            servers.answered(A, Duration::from_millis(1), secs(1));
        }
        assert_eq!(known(&servers, secs(1)).wait, limits::SERVER_WAIT_MIN);
        for _ in 0..60 {
            servers.answered(A, Duration::from_secs(60), secs(1));
        }
        assert_eq!(known(&servers, secs(1)).wait, limits::SERVER_WAIT_MAX);
    }

    #[test]
    fn a_silent_server_is_left_alone_probed_once_and_recovers_at_the_first_answer() {
        let servers = servers();
        for second in 1..=3 {
            servers.silent(A, secs(second - 1), secs(second));
        }
        assert_eq!(known(&servers, secs(3)).standing, Standing::Silent);
        assert_eq!(known(&servers, secs(7)).standing, Standing::ProbeDue);
        assert!(servers.take_probe(A, secs(7)));
        assert!(!servers.take_probe(A, secs(7)));
        assert_eq!(known(&servers, secs(7)).standing, Standing::Silent);
        servers.answered(A, Duration::from_millis(20), secs(8));
        assert_eq!(known(&servers, secs(8)).standing, Standing::Good);
        assert!(known(&servers, secs(8)).cost < Duration::from_millis(100));
    }

    #[test]
    fn a_server_that_lost_one_packet_competes_on_and_is_soon_probed() {
        let servers = servers();
        servers.silent(A, secs(1), secs(2));
        assert_eq!(known(&servers, secs(2)).standing, Standing::Good);
        assert_eq!(known(&servers, secs(3)).standing, Standing::ProbeDue);
    }

    #[test]
    fn queries_lost_together_count_as_one_silence() {
        let servers = servers();
        for _ in 0..100 {
            servers.silent(A, secs(1), secs(2));
        }
        assert_eq!(known(&servers, secs(2)).cost, limits::SERVER_WAIT_INITIAL * 2);
    }

    #[test]
    fn silences_while_nobody_was_reached_are_forgiven_and_those_before_are_not() {
        let servers = servers();
        let other = IpAddr::from([192, 0, 2, 2]);
        servers.silent(A, secs(0), secs(1));
        servers.answered(other, Duration::from_millis(20), secs(2));
        for second in 3..6 {
            servers.silent(A, secs(second), secs(second + 1));
        }
        assert_eq!(known(&servers, secs(6)).standing, Standing::Silent);
        for _ in 0..limits::UPLINK_PROBES {
            servers.uplink().probe_lost(false, [true, false], secs(6), secs(7));
        }
        let forgiven = known(&servers, secs(7));
        assert_eq!((forgiven.standing, forgiven.cost), (Standing::ProbeDue, limits::SERVER_WAIT_INITIAL * 2));
        servers.silent(A, secs(7), secs(8));
        servers.answered(other, Duration::from_millis(20), secs(9));
        // Sent while nobody was reached, given up after.
        servers.silent(A, secs(8), secs(10));
        assert_eq!(known(&servers, secs(10)).cost, limits::SERVER_WAIT_INITIAL * 2);
        servers.silent(A, secs(10), secs(11));
        assert_eq!(known(&servers, secs(11)).cost, limits::SERVER_WAIT_INITIAL * 4);
    }

    #[test]
    fn habits_are_forgotten_after_a_while() {
        let servers = servers();
        let zone: Name = "example.".parse().unwrap();
        servers.edns(A, EdnsHabit::Broken, secs(0));
        servers.lame(A, &zone, secs(0));
        for _ in 0..3 {
            servers.case(A, true, secs(0));
        }
        let now = servers.known(A, &zone, secs(1));
        assert!(now.lame && !now.keeps_case && now.edns == EdnsHabit::Broken);
        assert!(!servers.known(A, &Name::root(), secs(1)).lame);
        let later = servers.known(A, &zone, secs(limits::SERVER_TTL_SECS));
        assert!(!later.lame && later.keeps_case && later.edns == EdnsHabit::Unknown);
    }

    #[test]
    fn tcp_that_does_not_work_is_tried_again_later_each_time_up_to_two_minutes() {
        let servers = servers();
        let zone: Name = "example.".parse().unwrap();
        let (mut now, mut holds) = (secs(0), Vec::new());
        assert_eq!(servers.tcp(A, &zone, now), TcpHabit::Unknown);
        for _ in 0..9 {
            servers.tcp_tried(A, &zone, false, now);
            let again = |secs: &u32| servers.tcp(A, &zone, now.after_secs(*secs)) == TcpHabit::Unknown;
            let hold = (0..1_000).find(again).unwrap();
            holds.push(hold);
            now = now.after_secs(hold);
        }
        assert_eq!(holds, [10, 20, 40, 80, 120, 120, 120, 120, 120]);
        // Where it works, one failure alone changes little.
        let tried = |works| {
            servers.tcp_tried(A, &zone, works, now);
            servers.tcp(A, &zone, now)
        };
        let (works, unknown, broken) = (TcpHabit::Works, TcpHabit::Unknown, TcpHabit::Broken);
        assert_eq!([true, false, true, false, false].map(tried), [works, unknown, works, unknown, broken]);
        assert_eq!(servers.tcp(A, &zone, now.after_secs(10)), unknown);
    }

    #[test]
    fn tcp_that_does_not_work_for_some_zones_works_for_others() {
        let servers = servers();
        let zone = |number| -> Name { format!("z{number}.").parse().unwrap() };
        servers.tcp_tried(A, &zone(0), true, secs(0));
        for number in 1..100 {
            servers.tcp_tried(A, &zone(number), false, secs(0));
            servers.tcp_tried(A, &zone(number), false, secs(0));
        }
        let broken = |number: &u32| servers.tcp(A, &zone(*number), secs(0)) == TcpHabit::Broken;
        assert_eq!((0..100).filter(broken).count(), limits::LAME_ZONES_MAX);
        assert!(broken(&99));
        assert_eq!(servers.tcp(A, &zone(0), secs(0)), TcpHabit::Works);
    }

    #[test]
    fn a_cookie_is_of_one_server_and_goes_with_it() {
        let (servers, entropy) = (servers(), Entropy::seeded(2));
        let cookie = |host: u8, now| servers.cookie([192, 0, 2, host].into(), now, || entropy.u64()).unwrap();
        let (first, due) = cookie(1, secs(0));
        assert!(!due && first.server.is_empty());
        assert_ne!(first.client, cookie(2, secs(0)).0.client, "two servers could be linked");
        let given = Cookie { server: SmallVec::from_slice(&[7; 16]), ..first.clone() };
        servers.cookie_given(A, &given, secs(1));
        assert_eq!(cookie(1, secs(1)), (given.clone(), true));
        let stale = Cookie { client: [9; 8], ..first.clone() };
        servers.cookie_given(A, &stale, secs(1));
        assert_eq!(cookie(1, secs(1)).0, given, "a cookie that is not ours teaches nothing");
        let (later, due) = cookie(1, secs(limits::SERVER_TTL_SECS));
        assert!(!due && later.client != first.client && later.server.is_empty());
    }

    #[test]
    fn a_server_that_loses_its_cookies_again_and_again_gets_none() {
        let servers = servers();
        let (cookie, _) = servers.cookie(A, secs(0), || 1).unwrap();
        for turn in 1..=limits::COOKIE_LOSSES_MAX {
            servers.cookie_given(A, &cookie, secs(0));
            assert_eq!(known(&servers, secs(0)).cookies, CookieHabit::Given);
            servers.cookie_lost(A, secs(0));
            let last = turn == limits::COOKIE_LOSSES_MAX;
            let habit = if last { CookieHabit::Refused } else { CookieHabit::Ignored };
            assert_eq!(known(&servers, secs(0)).cookies, habit);
        }
        servers.cookie_given(A, &cookie, secs(0));
        assert_eq!(known(&servers, secs(0)).cookies, CookieHabit::Refused);
        assert_eq!(known(&servers, secs(limits::SERVER_TTL_SECS)).cookies, CookieHabit::Unknown);
    }

    #[test]
    fn a_server_that_says_again_that_it_is_lame_is_believed_longer() {
        let servers = servers();
        let zone: Name = "example.".parse().unwrap();
        let lame = |second| servers.known(A, &zone, secs(second)).lame;
        let (mut now, mut spans) = (0, Vec::new());
        for _ in 0..5 {
            servers.lame(A, &zone, secs(now));
            servers.lame(A, &zone, secs(now));
            let span = (0..1_000).find(|span| !lame(now + span)).unwrap();
            spans.push(span);
            now += span;
        }
        assert_eq!(spans, [15, 30, 60, 120, 240]);
        servers.lame(A, &zone, secs(now));
        servers.serves(A, &zone, secs(now));
        assert!(!lame(now));
    }

    #[test]
    fn that_edns_does_not_work_is_believed_for_a_moment() {
        let servers = servers();
        servers.edns(A, EdnsHabit::Broken, secs(0));
        assert_eq!(known(&servers, secs(4)).edns, EdnsHabit::Broken);
        assert_eq!(known(&servers, secs(5)).edns, EdnsHabit::Unknown);
        servers.edns(A, EdnsHabit::Works, secs(60));
        assert_eq!(known(&servers, secs(800)).edns, EdnsHabit::Works);
    }

    #[test]
    fn lame_zones_are_bounded() {
        let servers = servers();
        for i in 0..100 {
            servers.lame(A, &format!("z{i}.").parse().unwrap(), secs(0));
        }
        let lame = |i| servers.known(A, &format!("z{i}.").parse().unwrap(), secs(0)).lame;
        assert_eq!((0..100).filter(|i| lame(*i)).count(), limits::LAME_ZONES_MAX);
        assert!(lame(99));
    }
}
