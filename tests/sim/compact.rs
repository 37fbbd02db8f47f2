//! Compact denial of existence (RFC 9824): what each client is told of a name that does not exist.

use rootwalk::dns::edns::{EdeCode, EdnsOption};
use rootwalk::dns::{Rcode, RecordType};
use rootwalk::lab::{Fault, World, Zone};

use crate::harness::{Ask, Reply, Sim, seed};

fn sim() -> Sim {
    let zone = Zone::new("example.org.")
        .compact()
        .record("www A 192.0.2.80")
        .record("x.ent A 192.0.2.80")
        .record("*.w A 192.0.2.80")
        .record("to-none CNAME none.example.org.")
        .record("to-ent CNAME ent.example.org.");
    let other = Zone::new("other.net.").unsigned().record("to-none CNAME none.example.org.");
    Sim::new(World::new(seed()).zone(zone).zone(other))
}

/// The response codes without DO, with DO, and with DO and CO; by a first answer and by the cache.
async fn told(sim: &Sim, owner: &str, rtype: RecordType) -> [Rcode; 3] {
    let mut codes = [None; 3];
    // An answer that tells the idle timeout is not copied ready-made.
    for options in [Vec::new(), Vec::new(), vec![EdnsOption::Keepalive(None)]] {
        for (place, (dnssec_ok, compact_ok)) in
            [(false, false), (true, false), (true, true)].into_iter().enumerate()
        {
            let options = options.clone();
            let reply = sim.ask_as(&Ask { dnssec_ok, compact_ok, options, ..Ask::new(owner, rtype) }).await;
            assert_eq!(reply.message.edns.as_ref().unwrap().compact_ok, compact_ok);
            let before = codes[place].replace(reply.rcode());
            assert!(before.is_none_or(|before| before == reply.rcode()), "{owner}: {reply:#?}");
        }
    }
    codes.map(Option::unwrap)
}

const DENIED: [Rcode; 3] = [Rcode::NXDOMAIN, Rcode::NOERROR, Rcode::NXDOMAIN];
const THERE: [Rcode; 3] = [Rcode::NOERROR; 3];

#[tokio::test(start_paused = true)]
async fn a_name_that_does_not_exist_is_called_so_to_all_but_those_who_would_see_another_form() {
    // The first to ask is another one each time: what is kept serves all.
    let sim = sim();
    assert_eq!(told(&sim, "none.example.org.", RecordType::A).await, DENIED);
    assert_eq!(told(&sim, "a.b.none.example.org.", RecordType::TXT).await, DENIED);
    let do_first = sim.ask_a("nobody.example.org.").await;
    assert!(do_first.rcode() == Rcode::NOERROR && do_first.secure(), "{do_first:#?}");
    assert_eq!(told(&sim, "nobody.example.org.", RecordType::A).await, DENIED);
    // At the end of aliases, also where one of them is not proven.
    assert_eq!(told(&sim, "to-none.example.org.", RecordType::A).await, DENIED);
    assert_eq!(told(&sim, "to-none.other.net.", RecordType::A).await, DENIED);
}

#[tokio::test(start_paused = true)]
async fn what_exists_is_never_called_absent() {
    let sim = sim();
    for (owner, rtype) in [
        ("www.example.org.", RecordType::A),
        ("www.example.org.", RecordType::MX),
        ("ent.example.org.", RecordType::A),
        ("to-ent.example.org.", RecordType::A),
        ("to-none.example.org.", RecordType::CNAME),
        ("k.w.example.org.", RecordType::A),
        ("k.w.example.org.", RecordType::MX),
        ("to-none.example.org.", RecordType::A),
        ("to-none.example.org.", RecordType::CNAME),
    ] {
        let wanted = if owner.starts_with("to-none") && rtype == RecordType::A { DENIED } else { THERE };
        assert_eq!(told(&sim, owner, rtype).await, wanted, "{owner} {rtype}");
        assert!(sim.ask(owner, rtype).await.secure(), "{owner} {rtype}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_compact_denial_answers_for_the_other_types_of_its_name_and_for_no_other_name() {
    let sim = sim();
    assert!(sim.ask_a("none.example.org.").await.packets > 0);
    for rtype in [RecordType::AAAA, RecordType::HTTPS, RecordType::MX] {
        let reply = sim.ask(&"none.example.org.".to_ascii_uppercase(), rtype).await;
        let got = (reply.rcode(), reply.secure(), reply.packets, reply.ede());
        assert_eq!(got, (Rcode::NOERROR, true, 0, Some(EdeCode::SYNTHESIZED)));
        let plain = Ask { dnssec_ok: false, ..Ask::new("none.example.org.", rtype) };
        let reply = sim.ask_as(&plain).await;
        assert_eq!((reply.rcode(), reply.packets), (Rcode::NXDOMAIN, 0));
    }
    let asked = |reply: Reply| reply.packets > 0 && reply.secure();
    for owner in ["non.example.org.", "nonf.example.org.", "x.none.example.org.", "\\000.none.example.org."] {
        assert!(asked(sim.ask_a(owner).await), "{owner}");
    }
    sim.ask_a("www.example.org.").await.is_secure_address([192, 0, 2, 80]);
}

#[tokio::test(start_paused = true)]
async fn without_a_proof_nothing_is_called_absent() {
    // The mark of a name that does not exist, without its signature.
    let strip = Fault::rewrites(|_, reply| {
        for rrset in &mut reply.authority {
            rrset.signatures = rootwalk::dns::Rdatas::new();
        }
    });
    let zone = |zone: Zone| World::new(seed()).zone(zone.compact().fault(strip.clone()));
    let ask = Ask { dnssec_ok: false, ..Ask::new("none.example.org.", RecordType::A) };
    let bogus = Sim::new(zone(Zone::new("example.org."))).ask_as(&ask).await;
    assert_eq!(bogus.rcode(), Rcode::SERVFAIL);
    let insecure = Sim::new(zone(Zone::new("example.org.").island())).ask_as(&ask).await;
    assert_eq!((insecure.rcode(), insecure.secure()), (Rcode::NOERROR, false));
}

#[tokio::test(start_paused = true)]
async fn past_its_time_it_is_called_what_it_was_called() {
    let zone = || Zone::new("example.org.").compact().negative_ttl(100);
    for (dnssec_ok, rcode) in [(false, Rcode::NXDOMAIN), (true, Rcode::NOERROR)] {
        let sim = Sim::new(World::new(seed()).zone(zone()));
        let ask = || Ask { dnssec_ok, ..Ask::new("none.example.org.", RecordType::A) };
        assert_eq!(sim.ask_as(&ask()).await.rcode(), rcode);
        sim.pass(101).await;
        sim.change(&World::new(seed()).zone(zone().fault(Fault::Dead)));
        let stale = sim.ask_as(&ask()).await;
        assert_eq!(
            (stale.rcode(), stale.ede(), stale.secure()),
            (rcode, Some(EdeCode::STALE_NXDOMAIN), false)
        );
    }
}
