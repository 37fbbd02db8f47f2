//! DNS cookies towards servers, the whole resolver with servers that give them in every way.

use rootwalk::dns::response::Transport;
use rootwalk::dns::{Rcode, RecordType};
use rootwalk::lab::{CookieWay, Fault, World, Zone};

use crate::harness::{Sim, seed};

const WEB: [u8; 4] = [192, 0, 2, 80];

fn site(faults: &[Fault]) -> World {
    let zone = Zone::new("example.org.").record("www A 192.0.2.80").record("*.wild A 192.0.2.80");
    let plain = Zone::new("plain.org.").unsigned().record("*.wild A 192.0.2.80");
    let with = |zone: Zone| faults.iter().cloned().fold(zone, Zone::fault);
    World::new(seed()).zone(with(zone)).zone(with(plain))
}

fn by_tcp(sim: &Sim) -> usize {
    sim.network.log().iter().filter(|sent| sent.transport == Transport::Tcp).count()
}

#[tokio::test(start_paused = true)]
async fn whatever_a_server_does_with_cookies_its_zone_resolves() {
    // How many connections for twelve questions: what is asked at the same time finds out at the same time.
    let all = [
        (Fault::Cookies(CookieWay::Given(1)), 0),
        (Fault::Cookies(CookieWay::Required(1)), 0),
        (Fault::Cookies(CookieWay::NeverRight), usize::MAX),
        (Fault::Cookies(CookieWay::OfAnother), 4),
        (Fault::Cookies(CookieWay::Malformed(9)), 8),
        (Fault::Cookies(CookieWay::Malformed(41)), 8),
        (Fault::Cookies(CookieWay::Given(1)).first(3), 2),
        (Fault::SaysOnCookie(Rcode::FORMERR), 0),
        (Fault::SaysOnCookie(Rcode::NOTIMP), 0),
        (Fault::SaysOnCookie(Rcode::BADVERS), 0),
    ];
    for (fault, tcp_max) in all {
        let sim = Sim::new(site(std::slice::from_ref(&fault)));
        for turn in 0..6 {
            for zone in ["example.org.", "plain.org."] {
                let reply = sim.ask_a(&format!("n{turn}.wild.{zone}")).await;
                assert_eq!(reply.rcode(), Rcode::NOERROR, "{fault:?} {turn} {}", reply.text());
                assert_eq!(reply.secure(), zone == "example.org.", "{fault:?} {turn}");
            }
        }
        assert!(by_tcp(&sim) <= tcp_max, "{fault:?} {}", by_tcp(&sim));
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_with_a_new_secret_says_so_and_gets_the_new_cookie() {
    let with = |secret| site(&[Fault::Cookies(CookieWay::Required(secret))]);
    let sim = Sim::new(with(1));
    sim.ask_a("www.example.org.").await.is_secure_address(WEB);
    sim.change(&with(2));
    sim.network.clear_log();
    sim.ask("www.example.org.", RecordType::TXT).await;
    let log = sim.network.log();
    assert_eq!((log.len(), by_tcp(&sim)), (2, 0), "{log:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stops_is_believed_again_after_one_connection() {
    let sim = Sim::new(site(&[Fault::Cookies(CookieWay::Given(1))]));
    sim.ask_a("www.example.org.").await.is_secure_address(WEB);
    sim.change(&site(&[]));
    for turn in 0..10 {
        let reply = sim.ask_a(&format!("n{turn}.wild.example.org.")).await;
        reply.is_secure_address(WEB);
    }
    assert_eq!(by_tcp(&sim), 1);
}
