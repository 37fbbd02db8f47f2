//! DNS cookies towards clients (RFC 7873 §5.2), made as RFC 9018 §4 says.
//!
//! In: a client's cookie, its address and the time. Out: the cookie that goes with the reply, and whether the client's
//! showed that it had received an earlier reply at its address: whoever forges that address does not have it. Nobody
//! is refused for a cookie that is missing, old or wrong (no BADCOOKIE): he gets a right one and an answer.
//!
//! The secret is drawn at the start and once a day (RFC 7873 §7.1: a secret is not used for longer than 26 hours);
//! the one before is known for as long as its cookies may live. Servers that share an address each have their own.

use std::hash::Hasher as _;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use siphasher::sip::SipHasher24;
use smallvec::SmallVec;

use crate::clock::{Clock, Moment};
use crate::dns::edns::Cookie;
use crate::entropy::Entropy;
use crate::limits;

/// RFC 9018 §4.1.
const VERSION: u8 = 1;

type Secret = [u8; 16];

/// Makes and judges the cookies of clients.
#[derive(Debug)]
pub struct ServerCookies {
    clock: Clock,
    entropy: Arc<Entropy>,
    secrets: Mutex<Secrets>,
}

struct Secrets {
    current: Secret,
    previous: Option<Secret>,
    since: Moment,
    /// The date, read once a second: the second it was read in, and seconds since 1970.
    date: (u64, u64),
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets")
    }
}

/// What becomes of a client's cookie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// For the reply.
    pub reply: Cookie,
    /// The client has received a reply at its address within the hour.
    pub valid: bool,
}

impl ServerCookies {
    /// With a secret of its own.
    pub fn new(clock: Clock, entropy: Arc<Entropy>) -> Self {
        let secrets = Secrets {
            current: draw(&entropy),
            previous: None,
            since: clock.now(),
            date: (clock.now().secs(), clock.unix()),
        };
        Self { clock, entropy, secrets: Mutex::new(secrets) }
    }

    /// Judges the cookie of a client at `address`.
    pub fn judge(&self, cookie: &Cookie, address: IpAddr, now: Moment) -> Judged {
        let (current, previous, unix) = self.secrets(now);
        // RFC 9018 §4.3: seconds in 32 bits, compared as serial numbers (RFC 1982).
        let [.., a, b, c, d] = unix.to_be_bytes();
        judge(cookie, address, u32::from_be_bytes([a, b, c, d]), &current, previous.as_ref())
    }

    /// The secrets, and the date.
    fn secrets(&self, now: Moment) -> (Secret, Option<Secret>, u64) {
        let mut secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        if secrets.date.0 != now.secs() {
            secrets.date = (now.secs(), self.clock.unix());
        }
        let age = now.since(secrets.since).as_secs();
        if age >= limits::COOKIE_SECRET_SECS {
            // One that was not used for long has no cookies that still live.
            let lives = age < limits::COOKIE_SECRET_SECS + u64::from(limits::COOKIE_SECS_MAX);
            secrets.previous = lives.then_some(secrets.current);
            secrets.current = draw(&self.entropy);
            secrets.since = now;
        }
        (secrets.current, secrets.previous, secrets.date.1)
    }
}

fn draw(entropy: &Entropy) -> Secret {
    (u128::from(entropy.u64()) << 64 | u128::from(entropy.u64())).to_be_bytes()
}

fn judge(
    cookie: &Cookie,
    address: IpAddr,
    now_secs: u32,
    current: &Secret,
    previous: Option<&Secret>,
) -> Judged {
    let made = |secret: &Secret| {
        let [a, b, c, d] = now_secs.to_be_bytes();
        let head = [VERSION, 0, 0, 0, a, b, c, d];
        let hash = hash(cookie.client, head, address, secret);
        let mut server = SmallVec::from_slice(&head);
        server.extend_from_slice(&hash);
        Cookie { client: cookie.client, server }
    };
    let by = |secret: &Secret| is_made_by(cookie, address, secret);
    let (by_current, by_previous) = (by(current), previous.is_some_and(by));
    let age = age_secs(cookie, now_secs);
    let is_alive = age.is_some_and(|age| {
        (-i64::from(limits::COOKIE_AHEAD_SECS_MAX)..=i64::from(limits::COOKIE_SECS_MAX)).contains(&age)
    });
    let valid = is_alive && (by_current || by_previous);
    let is_young = age.is_some_and(|age| age <= i64::from(limits::COOKIE_RENEWED_SECS));
    let keep = valid && by_current && is_young;
    Judged { reply: if keep { cookie.clone() } else { made(current) }, valid }
}

/// How old the cookie says it is.
fn age_secs(cookie: &Cookie, now_secs: u32) -> Option<i64> {
    let [_, _, _, _, a, b, c, d] = *cookie.server.first_chunk::<8>()?;
    Some(i64::from(now_secs.wrapping_sub(u32::from_be_bytes([a, b, c, d])).cast_signed()))
}

fn is_made_by(cookie: &Cookie, address: IpAddr, secret: &Secret) -> bool {
    // The reserved octets count as they came (RFC 9018 §4.2).
    let Some((head, rest)) = cookie.server.split_first_chunk::<8>() else { return false };
    let Ok(found) = <[u8; 8]>::try_from(rest) else { return false };
    let expected = hash(cookie.client, *head, address, secret);
    // As numbers: that takes the same time wherever they differ.
    head.first() == Some(&VERSION) && u64::from_be_bytes(expected) == u64::from_be_bytes(found)
}

/// RFC 9018 §4.4.
fn hash(client: [u8; 8], head: [u8; 8], address: IpAddr, secret: &Secret) -> [u8; 8] {
    let mut hasher = SipHasher24::new_with_key(secret);
    hasher.write(&client);
    hasher.write(&head);
    match address.to_canonical() {
        IpAddr::V4(v4) => hasher.write(&v4.octets()),
        IpAddr::V6(v6) => hasher.write(&v6.octets()),
    }
    hasher.finish().to_le_bytes()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn hex<const LEN: usize>(text: &str) -> [u8; LEN] {
        std::array::from_fn(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
    }

    fn cookie(client: &str, server: &str) -> Cookie {
        let server =
            if server.is_empty() { SmallVec::new() } else { hex::<16>(server).into_iter().collect() };
        Cookie { client: hex(client), server }
    }

    #[test]
    fn the_examples_of_rfc_9018_come_out() {
        let first = hex("e5e973e5a6b2a43f48e7dc849e37bfcf");
        let (old, new) = (hex("dd3bdf9344b678b185a6f5cb60fca715"), hex("445536bcd2513298075a5d379663c962"));
        let judged = |client, server, address: &str, now, current, previous| {
            let judged = judge(&cookie(client, server), address.parse().unwrap(), now, current, previous);
            assert_eq!(judged.reply.client, hex(client));
            let octets = judged.reply.server.iter().map(|octet| format!("{octet:02x}"));
            (octets.collect::<String>(), judged.valid)
        };
        // Appendix A.1: a new one; A.2: renewed after 40 minutes.
        let (client, at) = ("2464c4abcf10c957", "198.51.100.100");
        let a1 = "010000005cf79f111f8130c3eee29480".to_owned();
        assert_eq!(judged(client, "", at, 1_559_731_985, &first, None), (a1.clone(), false));
        let a2 = "010000005cf7a871d4a564a1442aca77".to_owned();
        assert_eq!(judged(client, &a1, at, 1_559_734_385, &first, None), (a2, true));
        // Within the first half hour it stays.
        assert_eq!(judged(client, &a1, at, 1_559_733_785, &first, None), (a1.clone(), true));
        // Of another address, another client part, or too old.
        assert!(!judged(client, &a1, "198.51.100.101", 1_559_732_000, &first, None).1);
        assert!(!judged("2464c4abcf10c958", &a1, at, 1_559_732_000, &first, None).1);
        assert!(judged(client, &a1, at, 1_559_735_585, &first, None).1);
        assert!(!judged(client, &a1, at, 1_559_735_586, &first, None).1);
        // From a clock that is ahead, by five minutes at most.
        assert!(judged(client, &a1, at, 1_559_731_685, &first, None).1);
        assert!(!judged(client, &a1, at, 1_559_731_684, &first, None).1);
        // A.3: of another server, which has put something into the reserved octets; 1 h 52 min old.
        let (client, at) = ("fc93fc62807ddb86", "203.0.113.203");
        let (given, fresh) = ("01abcdef5cf78f71a314227b6679ebf5", "010000005cf7a9acf73a7810aca2381e");
        assert_eq!(judged(client, given, at, 1_559_734_700, &first, None), (fresh.to_owned(), false));
        assert!(judged(client, given, at, 0x5cf7_8f80, &first, None).1);
        // A.4: IPv6, and the secret has changed meanwhile.
        let (client, at) = ("22681ab97d52c298", "2001:db8:220:1:59de:d0f4:8769:82b8");
        let (given, fresh) = ("010000005cf7c57926556bd0934c72f8", "010000005cf7c609a6bb79d16625507a");
        let now = 0x5cf7_c609;
        assert_eq!(judged(client, given, at, now, &new, Some(&old)), (fresh.to_owned(), true));
        assert!(!judged(client, given, at, now, &new, None).1);
    }

    #[test]
    fn other_forms_are_not_valid_and_get_a_right_one() {
        let secret = [7; 16];
        for len in [8, 15, 17, 32] {
            let odd = Cookie { client: [1; 8], server: SmallVec::from_elem(1, len) };
            let judged = judge(&odd, [192, 0, 2, 1].into(), 9, &secret, None);
            assert!(!judged.valid && judged.reply.server.len() == 16);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_secret_changes_every_day_and_the_one_before_is_known_for_an_hour() {
        let clock = Clock::simulated(1_700_000_000);
        let cookies = ServerCookies::new(clock.clone(), Arc::new(Entropy::seeded(1)));
        let judge = |cookie: &Cookie, address| cookies.judge(cookie, address, clock.now());
        let (client, address) = (Cookie { client: [1; 8], server: SmallVec::new() }, [192, 0, 2, 1].into());
        tokio::time::sleep(Duration::from_secs(limits::COOKIE_SECRET_SECS - 60)).await;
        let old = judge(&client, address).reply;
        assert_eq!(judge(&old, address), Judged { reply: old.clone(), valid: true });
        tokio::time::sleep(Duration::from_secs(120)).await;
        let after = judge(&old, address);
        assert!(after.valid && after.reply != old, "the old secret is known, and the new one used");
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        assert!(!judge(&old, address).valid);
        // A day without a client: what was made before is too old anyhow.
        tokio::time::sleep(Duration::from_secs(2 * limits::COOKIE_SECRET_SECS)).await;
        assert!(!judge(&after.reply, address).valid);
    }
}
