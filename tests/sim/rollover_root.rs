//! The root's key signing key rolls over (RFC 5011) while clients ask all the while; and what an attacker can make of
//! that.

use std::path::PathBuf;
use std::sync::Arc;

use rootwalk::app::anchors::KeptAnchors;
use rootwalk::config::{self, Configuration};
use rootwalk::dns::{Name, Rcode, RecordType};
use rootwalk::lab::world::EPOCH_UNIX;
use rootwalk::lab::{Cut, Fault, Flaw, KeySpec, World, Zone};
use rootwalk::validate::rollover::{AnchorText, State};

use crate::harness::{Sim, seed};

const WEB: [u8; 4] = [192, 0, 2, 80];
const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

/// What is wrong with the root zone.
type Spoil = fn(Zone) -> Zone;

/// What the root does with a key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// It is not in the DNSKEY set.
    Absent,
    /// It is there and signs nothing.
    Published,
    /// It signs the DNSKEY set.
    Signs,
    /// It says that it is revoked, and signs that.
    Revoked,
    /// It has the bit, and has not signed that.
    MarkedRevoked,
    /// It signs the DNSKEY set alone, and nobody was told of it.
    Secret,
}

fn spec(algorithm: u8, role: Role) -> KeySpec {
    let key = KeySpec::ksk(algorithm);
    match role {
        Role::Absent => KeySpec { published: false, ..key.idle() },
        Role::Published => key.idle(),
        Role::Signs => key,
        Role::Revoked => KeySpec { in_ds: false, ..key.with_flags(0x0181) },
        Role::MarkedRevoked => key.with_flags(0x0181).idle(),
        Role::Secret => KeySpec { in_ds: false, ..key },
    }
}

/// The root's keys: the key signing keys in the order they came to be, and how the zone signing key is used.
#[derive(Clone)]
struct Root {
    algorithms: [u8; 2],
    roles: [Role; 2],
    zsk_signs_keys: bool,
    zone: Spoil,
}

impl Root {
    fn new(roles: [Role; 2]) -> Self {
        Self { algorithms: [13, 13], roles, zsk_signs_keys: false, zone: |zone| zone }
    }

    fn world(&self, unix: u64) -> World {
        let [old, new] = self.algorithms;
        let mut zsks = vec![KeySpec { signs_keys: self.zsk_signs_keys, ..KeySpec::zsk(old) }];
        if new != old {
            // RFC 6781 §4.1.4: a zone with two algorithms is signed with both.
            let both = self.roles[1] != Role::Absent;
            zsks.push(KeySpec { published: both, signs_zone: both, ..KeySpec::zsk(new) });
        }
        let mut keys = vec![spec(old, self.roles[0]), spec(new, self.roles[1])];
        keys.extend(zsks);
        let root = (self.zone)(Zone::new(".").ttl(DAY.try_into().unwrap()).keys(&keys));
        World::new(seed())
            .dated(unix)
            .zone(root)
            .zone(Zone::new("example.org.").ttl(300).record("www A 192.0.2.80"))
    }
}

/// A resolver that follows the root, its anchors in a file of its own.
struct Following {
    sim: Sim,
    anchors: Arc<KeptAnchors>,
    root: Root,
    directory: PathBuf,
    asked: usize,
}

impl Drop for Following {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.directory);
    }
}

impl Following {
    fn new(test: &str, root: Root) -> Self {
        let directory = std::env::temp_dir().join(format!("rootwalk-roll-{test}-{}", std::process::id()));
        let _old = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(&directory).unwrap();
        let world = root.world(EPOCH_UNIX);
        let seed_text = world.build().unwrap().anchor_text();
        std::fs::write(directory.join("root.key"), seed_text).unwrap();
        let read = configuration(&directory);
        let sim = Sim::with(world, |options| options.anchors = Box::new(move |_, _| read.anchors));
        let anchors = Arc::new(KeptAnchors::new(read.rollover, read.anchor_file));
        sim.follow(&anchors);
        Self { sim, anchors, root, directory, asked: 0 }
    }

    /// The root uses its keys so from now on, for so many days. Clients ask every minute at first and every three hours
    /// then, and `check` what they get. All is signed anew every five days.
    async fn days(&mut self, days: u64, roles: [Role; 2], check: impl Fn(&crate::harness::Reply)) {
        self.root.roles = roles;
        let until = self.sim.clock.unix() + days * DAY;
        let mut signed = 0;
        while self.sim.clock.unix() < until {
            let now = self.sim.clock.unix();
            let is_new = signed == 0;
            if now >= signed + 5 * DAY {
                self.sim.change(&self.root.world(now));
                signed = now;
            }
            let (pauses, pause) = if is_new { (30, 60) } else { (1, 3 * HOUR) };
            for _ in 0..pauses {
                check(&self.sim.ask_a("www.example.org.").await);
                self.asked += 1;
                self.sim.pass(pause).await;
            }
            self.sim.network.clear_log();
        }
    }

    /// The state of each key that is known, in the order they came to be.
    fn states(&self) -> Vec<State> {
        self.anchors.status()[0].keys.iter().map(|key| key.state).collect()
    }

    /// What a process that starts now makes of the file and of the world as it is.
    async fn started_anew(&self) -> crate::harness::Reply {
        let read = configuration(&self.directory);
        let world = self.root.world(self.sim.clock.unix());
        let fresh = Sim::with(world, |options| options.anchors = Box::new(move |_, _| read.anchors));
        fresh.ask_a("www.example.org.").await
    }
}

fn configuration(directory: &std::path::Path) -> Configuration {
    let file = directory.join("rootwalk.toml");
    config::parse("[dnssec]\ntrust-anchor-file = \"root.key\"", &file).unwrap()
}

fn is_secure(reply: &crate::harness::Reply) {
    reply.is_secure_address(WEB);
}

async fn roll_over(test: &str, algorithms: [u8; 2]) {
    use Role::{Absent, Published, Revoked, Signs};
    let mut following = Following::new(test, Root { algorithms, ..Root::new([Signs, Absent]) });
    // An algorithm is in use with all its keys or not at all (RFC 4035 §2.2).
    let standby = if algorithms[0] == algorithms[1] { Published } else { Signs };
    following.days(3, [Signs, Absent], is_secure).await;
    assert_eq!(following.states(), [State::Valid]);
    following.days(29, [Signs, standby], is_secure).await;
    assert_eq!(following.states(), [State::Valid, State::AddPend]);
    following.days(3, [Signs, standby], is_secure).await;
    assert_eq!(following.states(), [State::Valid, State::Valid]);
    following.days(5, [Published, Signs], is_secure).await;
    following.days(5, [Revoked, Signs], is_secure).await;
    assert_eq!(following.states(), [State::Revoked, State::Valid]);
    following.started_anew().await.is_secure_address(WEB);
    following.days(15, [Absent, Signs], is_secure).await;
    following.days(17, [Absent, Signs], is_secure).await;
    assert_eq!(following.states(), [State::Removed, State::Valid]);
    assert!(following.asked > 700, "{} questions", following.asked);
    following.started_anew().await.is_secure_address(WEB);
    let trusted = following.sim.service.validator().unwrap().anchors().clone();
    assert_eq!(trusted.iter().map(|(_, keys)| keys.len()).sum::<usize>(), 1);
    assert_eq!(configuration(&following.directory).anchors, trusted);
    // And the old key is good for nothing.
    following.root.algorithms = [algorithms[0]; 2];
    following.days(1, [Signs, Absent], |reply| assert!(!reply.secure() || !reply.last().is_empty())).await;
    assert_eq!(following.started_anew().await.rcode(), Rcode::SERVFAIL);
}

#[tokio::test(start_paused = true)]
async fn the_roots_key_rolls_over_and_no_client_notices() {
    roll_over("plain", [13, 13]).await;
}

#[tokio::test(start_paused = true)]
async fn the_root_changes_its_algorithm_and_no_client_notices() {
    roll_over("algorithm", [8, 13]).await;
}

#[tokio::test(start_paused = true)]
async fn a_key_that_shows_up_for_less_than_thirty_days_is_never_trusted() {
    use Role::{Absent, Published, Secret, Signs};
    let mut following = Following::new("brief", Root::new([Signs, Absent]));
    following.days(2, [Signs, Absent], is_secure).await;
    for _ in 0..3 {
        following.days(28, [Signs, Published], is_secure).await;
        assert_eq!(following.states(), [State::Valid, State::AddPend]);
        following.days(2, [Signs, Absent], is_secure).await;
        assert_eq!(following.states(), [State::Valid]);
    }
    following.root.roles = [Absent, Secret];
    assert_eq!(following.started_anew().await.rcode(), Rcode::SERVFAIL);
}

#[tokio::test(start_paused = true)]
async fn whoever_has_the_zone_signing_key_introduces_no_anchor() {
    use Role::{Absent, Published, Secret, Signs};
    let mut following = Following::new("zsk", Root::new([Signs, Absent]));
    following.days(2, [Signs, Absent], is_secure).await;
    following.root.zsk_signs_keys = true;
    following
        .days(40, [Published, Secret], |reply| assert!(!reply.secure() || reply.last() == [WEB.to_vec()]))
        .await;
    assert_eq!(following.states(), [State::Valid]);
    let status = &following.anchors.status()[0];
    assert!(
        status.probes.failures > 30 && status.probes.error.contains("no key of the zone made the signature")
    );
    assert_eq!(following.started_anew().await.rcode(), Rcode::SERVFAIL);
    following.root.zsk_signs_keys = false;
    following.days(2, [Signs, Absent], |_| {}).await;
    assert_eq!((following.states(), following.anchors.status()[0].probes.failures), (vec![State::Valid], 0));
    following.sim.ask_a("www.example.org.").await.is_secure_address(WEB);
}

#[tokio::test(start_paused = true)]
async fn a_revoke_bit_without_the_keys_own_signature_revokes_nothing() {
    use Role::{MarkedRevoked, Signs};
    let mut following = Following::new("bit", Root::new([Signs, Signs]));
    following.days(2, [Signs, Signs], is_secure).await;
    following.days(5, [MarkedRevoked, Signs], is_secure).await;
    assert_eq!(following.states(), [State::Missing, State::Valid]);
    following.days(5, [Signs, Signs], is_secure).await;
    assert_eq!(following.states(), [State::Valid, State::Valid]);
}

#[tokio::test(start_paused = true)]
async fn what_another_process_wrote_as_revoked_is_judged_by_no_more() {
    let roles = [Role::Signs, Role::Signs];
    let mut following = Following::new("heed", Root::new(roles));
    following.days(2, roles, is_secure).await;
    let file = following.directory.join("root.key");
    let seen = std::fs::read_to_string(&file).unwrap().replacen("state=2", "state=4", 1);
    std::fs::write(&file, AnchorText::read(&seen).unwrap().rollover.text()).unwrap();
    following.days(1, roles, is_secure).await;
    assert_eq!(following.states(), [State::Revoked, State::Valid]);
    let trusted = following.sim.service.validator().unwrap().anchors().clone();
    assert_eq!(trusted, configuration(&following.directory).anchors);
    assert_eq!(trusted.iter().map(|(_, keys)| keys.len()).sum::<usize>(), 1);
}

#[tokio::test(start_paused = true)]
async fn key_sets_that_are_not_proven_change_nothing() {
    use Role::{Absent, Published, Signs};
    let mut following = Following::new("unproven", Root::new([Signs, Absent]));
    following.days(2, [Signs, Absent], is_secure).await;
    let flaws: [(Spoil, u32); 4] = [
        (|zone| zone.flaw_in(RecordType::DNSKEY, Flaw::BitFlipped), 35),
        (|zone| zone.flaw_in(RecordType::DNSKEY, Flaw::Expired), 4),
        (|zone| zone.flaw_in(RecordType::DNSKEY, Flaw::Stripped), 4),
        (|zone| zone.fault(Fault::Dead.for_type(RecordType::DNSKEY)), 4),
    ];
    for (flaw, days) in flaws {
        following.root.zone = flaw;
        let before = following.anchors.status()[0].keys.clone();
        following.days(days.into(), [Signs, Published], |_| {}).await;
        let status = following.anchors.status().remove(0);
        assert_eq!(status.keys, before);
        assert!((2 * days..24 * days).contains(&status.probes.failures), "{:?}", status.probes);
        following.root.zone = |zone| zone;
        following.days(2, [Signs, Absent], |_| {}).await;
        following.sim.ask_a("www.example.org.").await.is_secure_address(WEB);
    }
}

#[tokio::test(start_paused = true)]
async fn one_lying_server_of_two_does_not_stop_a_rollover() {
    use Role::{Absent, Published, Signs};
    let mut following = Following::new("liar", Root::new([Signs, Absent]));
    following.root.zone = |zone| {
        zone.servers(2).fault_at(
            0,
            Fault::rewrites(|question, reply| {
                if question.rtype == RecordType::DNSKEY {
                    reply.answer.iter_mut().for_each(|rrset| rrset.signatures.retain(|_| false));
                }
            }),
        )
    };
    following.days(34, [Signs, Published], is_secure).await;
    assert_eq!(following.states(), [State::Valid, State::Valid]);
    assert_eq!(following.anchors.status()[0].probes.failed, 0);
}

#[tokio::test(start_paused = true)]
async fn a_root_that_revokes_its_last_key_is_not_called_secure_any_more_nor_after_a_restart() {
    use Role::{Absent, Revoked, Signs};
    let mut following = Following::new("last", Root::new([Signs, Absent]));
    following.days(2, [Signs, Absent], is_secure).await;
    following.days(2, [Revoked, Absent], |_| {}).await;
    assert_eq!(following.states(), [State::Revoked]);
    let is_open = |reply: &crate::harness::Reply| {
        reply.is_address(WEB);
        assert!(!reply.secure());
    };
    is_open(&following.sim.ask_a("www.example.org.").await);
    is_open(&following.started_anew().await);
    // The zone cannot take that back: not with the old key, not with another.
    following.days(40, [Signs, Signs], is_open).await;
    assert_eq!(following.states(), [State::Revoked]);
    let read = configuration(&following.directory);
    assert!(read.anchors.is_empty() && read.warnings.len() == 1, "{:?}", read.warnings);
}

#[tokio::test(start_paused = true)]
async fn a_zone_with_an_anchor_of_its_own_that_loses_it_is_judged_by_the_zone_above() {
    let island = |flags: u16| {
        let keys = [KeySpec::ksk(15).with_flags(flags), KeySpec::zsk(15)];
        let zone = Zone::new("example.org.").ttl(3_600).keys(&keys).record("www A 192.0.2.80");
        World::new(seed()).zone(if flags == 0x0101 { zone } else { zone.ds(&[]) })
    };
    let world = island(0x0101);
    let internet = world.build().unwrap();
    let zone: Name = "example.org.".parse().unwrap();
    let key = internet.keys(&zone).unwrap().keys[0].1.ds(&zone, 2);
    let mut both = rootwalk::validate::Anchors::parse(&internet.anchor_text()).unwrap();
    both.add(zone.clone(), rootwalk::validate::anchors::AnchorKey::Ds(key));
    let sim = Sim::with(world, |options| {
        options.anchors = {
            let both = both.clone();
            Box::new(move |_, _| both)
        }
    });
    let anchors = Arc::new(KeptAnchors::new(rootwalk::validate::Rollover::new(&both), None));
    sim.follow(&anchors);
    sim.ask_a("www.example.org.").await.is_secure_address(WEB);
    sim.change(&island(0x0181));
    sim.pass(2 * HOUR).await;
    // Its parent has no DS for it.
    let reply = sim.ask_a("www.example.org.").await;
    reply.is_address(WEB);
    assert!(!reply.secure());
    let states: Vec<(Name, bool)> =
        anchors.status().iter().map(|status| (status.zone.clone(), status.is_trusted())).collect();
    assert_eq!(states, [(Name::root(), true), (zone, false)]);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_cannot_be_written_stops_no_rollover() {
    use Role::{Absent, Published, Revoked, Signs};
    let mut following = Following::new("unwritable", Root::new([Signs, Absent]));
    // Whatever it wants to write into is gone.
    std::fs::remove_dir_all(&following.directory).unwrap();
    following.days(2, [Signs, Absent], is_secure).await;
    following.days(34, [Signs, Published], is_secure).await;
    following.days(5, [Revoked, Signs], is_secure).await;
    assert_eq!(following.states(), [State::Revoked, State::Valid]);
    assert!(!following.directory.exists());
}

#[tokio::test(start_paused = true)]
async fn a_host_without_a_network_looks_soon_after_it_has_one() {
    let world = Root::new([Role::Signs, Role::Absent]).world(EPOCH_UNIX);
    let trusted = rootwalk::validate::Anchors::parse(&world.build().unwrap().anchor_text()).unwrap();
    let sim = Sim::new(world);
    sim.network.cut(Cut::NoRoute);
    sim.watch();
    let anchors = Arc::new(KeptAnchors::new(rootwalk::validate::Rollover::new(&trusted), None));
    sim.follow(&anchors);
    // Nobody is known to be unreachable before the first look has failed.
    sim.pass(2 * HOUR).await;
    sim.network.mend();
    sim.pass(90).await;
    let status = anchors.status().remove(0);
    assert!(status.probes.succeeded > 0 && status.probes.failures == 0, "{:?}", status.probes);
}
