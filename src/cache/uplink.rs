//! Whether this host reaches anybody: the one thing that is nobody's fault when it fails.
//!
//! In: every answer and every silence, by address family, and whether root servers answered when they were asked for
//! just that. Out: which family to prefer, whether the host is offline, what may be sent meanwhile, and which
//! silences and failures say nothing because of it. So no server, delegation or name is worse off after an outage,
//! however long it was: the first answer ends it, and what was held against anybody since the last one before is void.
//!
//! A family is *down* when nobody of it was heard for [`limits::UPLINK_QUIET`], somebody was silent, and then
//! [`limits::UPLINK_PROBES`] root servers, asked by `iterate::watch`, were silent too; the host is *offline* when that
//! is so of all families it has. Silence of chosen servers alone never leads there: whoever owns servers, and names
//! that lead to them, causes a question to a root server every few seconds and nothing else.
//!
//! Without anybody who watches, as in `rootwalk query`, only the families are judged, by the silences.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::clock::Moment;
use crate::failure::Failure;
use crate::limits;

/// What is known of this host's way to others.
#[derive(Debug, Default)]
pub struct Uplink {
    state: Mutex<State>,
    alarm: Notify,
    loss: Notify,
}

/// How far a family may be relied on, from good to bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Somebody answered, and hardly anybody was silent since.
    Good,
    /// Nobody was asked yet.
    Unknown,
    /// Nobody answers.
    Doubtful,
}

/// Who cannot be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reach {
    /// Nobody at all.
    pub offline: bool,
    /// Nobody by IPv4.
    pub ipv4_down: bool,
    /// Nobody by IPv6.
    pub ipv6_down: bool,
}

/// What who watches does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// Whether to ask a root server by IPv4, and by IPv6.
    pub probe: [bool; 2],
    /// When to look again, if nothing happens before.
    pub next: Option<Moment>,
}

/// What becomes of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It may be sent.
    Send,
    /// The server's family is down, and enough queries try it already.
    PassOver,
}

#[derive(Debug, Default)]
struct State {
    ipv4: Family,
    ipv6: Family,
    /// While offline: when somebody was last heard, or the beginning of time.
    offline: Option<Moment>,
    /// The shortest round trip there was since the last outage.
    quickest: Duration,
    gate_opened: Moment,
    gate_passed: u32,
}

#[derive(Debug, Default)]
struct Family {
    heard: Option<Moment>,
    /// Servers that were silent since, each once; no more than matter.
    silent: Vec<IpAddr>,
    /// While it is down: when somebody was last heard.
    down: Option<Moment>,
    /// When that was found out.
    down_known: Moment,
    /// From the last answer before it was down to the first one after, the oldest first.
    windows: VecDeque<(Moment, Moment)>,
    /// Root servers asked since somebody was heard, and how many of them left it unanswered.
    probes_sent: u32,
    probes_lost: u32,
    probe_at: Moment,
    probe_pause: Duration,
    /// The next question of a client's that may try a doubtful family.
    trial_at: Moment,
    trial_pause: Duration,
}

impl Uplink {
    /// A server answered; a datagram after `round_trip`.
    pub fn heard(&self, server: IpAddr, round_trip: Option<Duration>, now: Moment) {
        let mut state = self.state();
        let ipv6 = server.is_ipv6();
        let mut changed = state.family_mut(ipv6).heard(now);
        // After an outage the way may be another, and a slow one: what was before would have it lost again.
        if changed {
            state.quickest = Duration::ZERO;
        }
        if let Some(sample) = round_trip.filter(|sample| state.quickest.is_zero() || *sample < state.quickest)
        {
            state.quickest = sample;
        }
        if state.offline.take().is_some() {
            changed = true;
            // The other family was hardly lost for a reason of its own.
            let other = state.family_mut(!ipv6);
            (other.probe_at, other.probe_pause) = (now, Duration::ZERO);
        }
        drop(state);
        if changed {
            self.alarm.notify_one();
        }
    }

    /// A server did not answer a query sent at `sent`, or there is no way to it. Whether that may be held against it.
    pub fn silent(&self, server: IpAddr, sent: Moment, now: Moment) -> bool {
        let mut state = self.state();
        let family = state.family_mut(server.is_ipv6());
        if family.is_lost_at(sent) {
            return false;
        }
        let first = family.heard.is_none_or(|heard| heard <= sent) && family.note_silent(server, now);
        drop(state);
        if first {
            self.alarm.notify_one();
        }
        true
    }

    /// When a server of the family was last heard.
    pub fn last_heard(&self, ipv6: bool) -> Option<Moment> {
        self.state().family(ipv6).heard
    }

    /// Whether a silence at that moment says nothing about the server, because the family was down then.
    pub fn was_lost(&self, ipv6: bool, at: Moment) -> bool {
        self.state().family(ipv6).is_lost_at(at)
    }

    /// Whether a failure at that moment says nothing about the name: it was, or ended, while the host was offline, or
    /// in the course of an outage of one family that is over.
    pub fn voids(&self, failed: Moment) -> bool {
        let state = self.state();
        state.offline.is_some_and(|start| failed >= start)
            || [&state.ipv4, &state.ipv6].into_iter().flat_map(|family| &family.windows).any(
                // What was sent before the end is given up a while after it.
                |(start, end)| failed >= *start && failed <= end.after(limits::SILENT_SERVER_WAIT_MAX),
            )
    }

    /// How far the family may be relied on.
    pub fn standing(&self, ipv6: bool) -> Standing {
        self.state().family(ipv6).standing()
    }

    /// Whether a question may try a family that is worse than the other.
    pub fn trial_is_due(&self, ipv6: bool, now: Moment) -> bool {
        let state = self.state();
        let family = state.family(ipv6);
        // Who watches tries it once it is known to be down, and keeps nobody waiting.
        family.down.is_none() && now >= family.trial_at
    }

    /// Takes the one question that may; false if another took it.
    pub fn take_trial(&self, ipv6: bool, now: Moment) -> bool {
        let mut state = self.state();
        let family = state.family_mut(ipv6);
        let due = now >= family.trial_at;
        if due {
            family.put_off_trial(now);
        }
        due
    }

    /// Whether nobody is reached.
    pub fn is_offline(&self) -> bool {
        self.state().offline.is_some()
    }

    /// Why nothing can be answered; none if somebody is reached.
    pub fn failure(&self, now: Moment) -> Option<Failure> {
        let state = self.state();
        state.offline?;
        let heard = state.ipv4.heard.max(state.ipv6.heard);
        Some(Failure::Offline { silent_secs: heard.map(|heard| now.since(heard).as_secs()) })
    }

    /// Whether a question for which `packets` were sent already may send another one to `server`.
    ///
    /// # Errors
    /// [`Failure::Offline`] while the host is offline, but for a few packets that find out whether it still is.
    pub fn admit(&self, server: IpAddr, packets: u32, now: Moment) -> Result<Admission, Failure> {
        let offline = self.failure(now);
        let mut state = self.state();
        if state.family(server.is_ipv6()).down.is_none() && offline.is_none() {
            return Ok(Admission::Send);
        }
        let tired = offline.is_some() && packets >= limits::OFFLINE_PACKETS_PER_QUESTION;
        if !tired && state.gate(now) {
            return Ok(Admission::Send);
        }
        offline.map_or(Ok(Admission::PassOver), Err)
    }

    /// Who cannot be reached.
    pub fn reach(&self) -> Reach {
        let state = self.state();
        Reach {
            offline: state.offline.is_some(),
            ipv4_down: state.ipv4.down.is_some(),
            ipv6_down: state.ipv6.down.is_some(),
        }
    }

    /// Ends when nobody is reached any more. Who waits for an answer need not wait longer.
    pub async fn lost(&self) {
        let lost = self.loss.notified();
        if !self.is_offline() {
            lost.await;
        }
    }

    /// How long to wait for a root server: a link may be slow, and while the family is down nobody else waits.
    pub fn probe_wait(&self, ipv6: bool) -> Duration {
        let state = self.state();
        let down = state.family(ipv6).down.is_some();
        let least = if down { limits::DOWN_PROBE_WAIT } else { limits::UPLINK_PROBE_WAIT };
        least.max(state.quickest.saturating_mul(2)).min(limits::SERVER_WAIT_MAX)
    }

    /// The shortest round trip since the last outage: what any server takes at least. Zero if none is known.
    pub fn quickest(&self) -> Duration {
        self.state().quickest
    }

    /// Ends when something happened that who watches may have to act upon.
    pub async fn alarmed(&self) {
        self.alarm.notified().await;
    }

    /// What to do now. `families`: whether root servers are there to be asked by IPv4, and by IPv6.
    pub fn turn(&self, families: [bool; 2], now: Moment) -> Turn {
        let mut state = self.state();
        let mut turn = Turn { probe: [false; 2], next: None };
        let offline = state.offline.is_some();
        for (index, ipv6) in [false, true].into_iter().enumerate() {
            let other = state.family(!ipv6);
            let other_down = other.down.map(|_| other.down_known);
            if families.get(index) != Some(&true) {
                continue;
            }
            let (probe, next) = state.family_mut(ipv6).turn(offline, other_down, now);
            if let Some(slot) = turn.probe.get_mut(index) {
                *slot = probe;
            }
            turn.next = turn.next.into_iter().chain(next).min();
        }
        turn
    }

    /// A root server that was asked at `sent` because of [`Uplink::turn`] did not answer.
    pub fn probe_lost(&self, ipv6: bool, families: [bool; 2], sent: Moment, now: Moment) {
        let mut state = self.state();
        let family = state.family_mut(ipv6);
        if family.heard.is_some_and(|heard| heard >= sent) {
            return;
        }
        family.lose(now);
        let last = state.ipv4.heard.max(state.ipv6.heard);
        let all_down = [&state.ipv4, &state.ipv6]
            .into_iter()
            .zip(families)
            .all(|(family, there)| !there || family.down.is_some());
        if all_down
            && state.offline.is_none()
            && last.is_none_or(|last| now.since(last) >= limits::UPLINK_QUIET)
        {
            state.offline = Some(last.unwrap_or_default());
            self.loss.notify_waiters();
        }
        drop(state);
        self.alarm.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn family(&self, ipv6: bool) -> &Family {
        if ipv6 { &self.ipv6 } else { &self.ipv4 }
    }

    fn family_mut(&mut self, ipv6: bool) -> &mut Family {
        if ipv6 { &mut self.ipv6 } else { &mut self.ipv4 }
    }

    /// Whether one more packet may be sent in this second where hardly anybody answers.
    fn gate(&mut self, now: Moment) -> bool {
        if now.since(self.gate_opened) >= Duration::from_secs(1) {
            (self.gate_opened, self.gate_passed) = (now, 0);
        }
        self.gate_passed += 1;
        self.gate_passed <= limits::OFFLINE_PACKETS_PER_SECOND
    }
}

impl Family {
    /// True if it was down.
    fn heard(&mut self, now: Moment) -> bool {
        let was_down = self.down.take();
        if let Some(start) = was_down {
            self.windows.push_back((start, now));
            if self.windows.len() > limits::OUTAGES_REMEMBERED_MAX
                && let (Some((start, _)), Some(second)) = (self.windows.pop_front(), self.windows.front_mut())
            {
                // The older ones count as one.
                second.0 = start;
            }
        }
        let windows = std::mem::take(&mut self.windows);
        *self = Self { heard: Some(now), windows, ..Self::default() };
        was_down.is_some()
    }

    /// True if it is the first since somebody was heard.
    fn note_silent(&mut self, server: IpAddr, now: Moment) -> bool {
        if now >= self.trial_at {
            self.put_off_trial(now);
        }
        let first = self.silent.is_empty();
        if self.silent.len() < limits::FAMILY_SILENCES_MAX && !self.silent.contains(&server) {
            self.silent.push(server);
        }
        first
    }

    fn put_off_trial(&mut self, now: Moment) {
        self.trial_pause = longer(self.trial_pause);
        self.trial_at = now.after(self.trial_pause);
    }

    fn is_lost_at(&self, at: Moment) -> bool {
        self.down.is_some_and(|start| at >= start)
            || self.windows.iter().any(|(start, end)| at >= *start && at <= *end)
    }

    fn standing(&self) -> Standing {
        // One that never answered is doubted at the first silence.
        let many = if self.heard.is_some() { limits::FAMILY_SILENCES_MAX } else { 1 };
        match (self.down, self.heard) {
            (Some(_), _) => Standing::Doubtful,
            _ if self.silent.len() >= many => Standing::Doubtful,
            (None, Some(_)) => Standing::Good,
            (None, None) => Standing::Unknown,
        }
    }

    /// Whether to ask a root server now, and when to look again.
    fn turn(&mut self, offline: bool, other_down: Option<Moment>, now: Moment) -> (bool, Option<Moment>) {
        if self.down.is_some() {
            let probe = now >= self.probe_at;
            if probe && offline {
                self.probe_at = now.after(limits::OFFLINE_PROBE_PAUSE);
            } else if probe {
                self.probe_pause = longer(self.probe_pause);
                self.probe_at = now.after(self.probe_pause);
            }
            return (probe, Some(self.probe_at));
        }
        // When one family is down, the other is asked once whether it is too.
        let unsure = other_down.is_some_and(|known| self.heard.is_none_or(|heard| heard < known));
        if self.silent.is_empty() && !unsure {
            return (false, None);
        }
        let quiet_at = self.heard.map_or(now, |heard| heard.after(limits::UPLINK_QUIET));
        if now < quiet_at {
            return (false, Some(quiet_at));
        }
        if self.probes_sent >= limits::UPLINK_PROBES {
            // What comes of them is told.
            return (false, None);
        }
        let probe = now >= self.probe_at;
        if probe {
            self.probes_sent += 1;
            self.probe_at = now.after(limits::UPLINK_PROBE_GAP);
        }
        (probe, Some(self.probe_at))
    }

    fn lose(&mut self, now: Moment) {
        self.probes_lost = self.probes_lost.saturating_add(1);
        if self.probes_lost >= limits::UPLINK_PROBES && self.down.is_none() {
            self.down = Some(self.heard.unwrap_or_default());
            self.down_known = now;
            self.probe_pause = longer(Duration::ZERO);
            self.probe_at = now.after(self.probe_pause);
        }
    }
}

/// The pause after `pause`.
fn longer(pause: Duration) -> Duration {
    (pause * 2).clamp(limits::FAMILY_HOLD_MIN, limits::FAMILY_HOLD_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: [bool; 2] = [true, true];

    fn v4(host: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, host])
    }

    fn v6(host: u16) -> IpAddr {
        IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, host])
    }

    fn millis(millis: u64) -> Moment {
        Moment(millis * 1_000)
    }

    /// Three root servers leave unanswered what they are asked from `from` on.
    fn lose(uplink: &Uplink, ipv6: bool, families: [bool; 2], from: u64) {
        for turn in 0..u64::from(limits::UPLINK_PROBES) {
            uplink.probe_lost(ipv6, families, millis(from + turn), millis(from + turn));
        }
    }

    #[test]
    fn a_silence_is_looked_into_when_nobody_was_heard_for_two_seconds() {
        let uplink = Uplink::default();
        uplink.heard(v4(1), None, millis(1_000));
        assert_eq!(uplink.turn(BOTH, millis(9_000)), Turn { probe: [false; 2], next: None });
        assert!(uplink.silent(v4(2), millis(2_000), millis(2_400)));
        let turn = uplink.turn(BOTH, millis(2_400));
        assert_eq!(turn, Turn { probe: [false; 2], next: Some(millis(3_000)) });
        let times = [3_000, 3_250, 3_500, 3_750];
        assert_eq!(times.map(|at| uplink.turn(BOTH, millis(at)).probe[0]), [true, true, true, false]);
        uplink.heard(v4(3), None, millis(3_800));
        assert_eq!(uplink.turn(BOTH, millis(9_000)), Turn { probe: [false; 2], next: None });
    }

    #[test]
    fn the_host_is_offline_when_all_its_families_are_down_until_anybody_answers() {
        let uplink = Uplink::default();
        uplink.heard(v4(1), None, millis(1_000));
        uplink.silent(v4(2), millis(2_000), millis(2_400));
        lose(&uplink, false, BOTH, 4_000);
        assert!(!uplink.is_offline() && uplink.reach().ipv4_down);
        assert!(uplink.turn(BOTH, millis(4_001)).probe[1], "the other family is looked at too");
        lose(&uplink, true, BOTH, 5_000);
        assert_eq!(uplink.failure(millis(9_000)), Some(Failure::Offline { silent_secs: Some(8) }));
        assert!(uplink.voids(millis(1_000)) && !uplink.voids(millis(999)));
        uplink.heard(v6(1), None, millis(10_000));
        assert!(!uplink.is_offline() && uplink.reach().ipv4_down);
        assert!(uplink.turn(BOTH, millis(10_000)).probe[0], "and at once when one is back");
        assert!(uplink.voids(millis(5_000)) && uplink.voids(millis(12_000)) && !uplink.voids(millis(12_001)));
    }

    #[test]
    fn while_somebody_answers_a_family_that_is_down_makes_no_failure_void() {
        let uplink = Uplink::default();
        uplink.silent(v6(1), millis(0), millis(400));
        lose(&uplink, true, BOTH, 1_000);
        assert!(uplink.reach().ipv6_down && !uplink.voids(millis(1_500)));
        assert!(uplink.was_lost(true, millis(1_500)) && !uplink.was_lost(false, millis(1_500)));
        assert!(!uplink.silent(v6(2), millis(1_500), millis(2_000)), "nothing is held against its servers");
    }

    #[test]
    fn a_family_is_worse_at_the_first_silence_or_the_third_if_it_has_answered() {
        let uplink = Uplink::default();
        assert_eq!(uplink.standing(true), Standing::Unknown);
        uplink.silent(v6(1), millis(0), millis(400));
        assert_eq!(uplink.standing(true), Standing::Doubtful);
        uplink.heard(v6(1), None, millis(500));
        for host in [1, 1, 2] {
            uplink.silent(v6(host), millis(600), millis(900));
            assert_eq!(uplink.standing(true), Standing::Good);
        }
        uplink.silent(v6(3), millis(600), millis(900));
        assert_eq!(uplink.standing(true), Standing::Doubtful);
    }

    #[test]
    fn one_question_at_a_time_tries_a_doubtful_family_and_less_often_each_time() {
        let uplink = Uplink::default();
        let mut trials = Vec::new();
        for second in 0..400 {
            if uplink.trial_is_due(true, millis(second * 1_000))
                && uplink.take_trial(true, millis(second * 1_000))
            {
                trials.push(second);
                assert!(!uplink.take_trial(true, millis(second * 1_000)));
            }
        }
        assert_eq!(trials, [0, 1, 3, 7, 15, 31, 63, 123, 183, 243, 303, 363]);
    }

    #[test]
    fn while_offline_few_packets_are_sent_and_few_for_one_question() {
        let uplink = Uplink::default();
        uplink.silent(v4(1), millis(0), millis(400));
        lose(&uplink, false, [true, false], 1_000);
        let admitted = |at: u64| (0..100).filter(|_| uplink.admit(v4(1), 0, millis(at)).is_ok()).count();
        assert_eq!([5_000, 5_999, 6_000].map(admitted), [20, 0, 20]);
        let tired = uplink.admit(v4(1), limits::OFFLINE_PACKETS_PER_QUESTION, millis(8_000));
        assert_eq!(tired, Err(Failure::Offline { silent_secs: None }));
        uplink.heard(v4(1), None, millis(8_000));
        assert_eq!(uplink.admit(v4(1), 99, millis(8_000)), Ok(Admission::Send));
    }

    #[test]
    fn outages_without_number_are_remembered_in_little_room() {
        let uplink = Uplink::default();
        for turn in 0..100 {
            uplink.heard(v4(1), None, millis(turn * 10_000));
            uplink.silent(v4(2), millis(turn * 10_000 + 1), millis(turn * 10_000 + 2));
            lose(&uplink, false, [true, false], turn * 10_000 + 5_000);
        }
        assert_eq!(uplink.state().ipv4.windows.len(), limits::OUTAGES_REMEMBERED_MAX);
        assert!(uplink.was_lost(false, millis(7_000)), "the oldest ones count as one");
    }
}
