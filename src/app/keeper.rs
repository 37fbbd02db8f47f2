//! What has to be done from time to time while the resolver runs: the root is asked for its own servers
//! before what it said last ends (RFC 9609 §3), whether anybody is reached, when nobody answers, and negative trust
//! anchors are let go when they are not needed any more (RFC 7646 §2); the trust anchors are told (RFC 8145).

use std::sync::Arc;
use std::time::Duration;

use crate::app::assemble::Assembly;
use crate::cache::uplink::Reach;
use crate::clock::{Moment, date};
use crate::context::Context;
use crate::dns::Name;
use crate::failure::Failure;
use crate::service::NegativeNews;

/// Primes now, and again whenever nine tenths of the answer's time are over. Ends with its task.
pub(super) async fn keep_primed(assembly: Arc<Assembly>) {
    let mut pause = FIRST_PAUSE;
    loop {
        let context: Context = assembly.service.silent_context();
        let now = assembly.clock.now();
        let next = match assembly.iterator.prime(&context).await {
            Ok(expires) => {
                pause = FIRST_PAUSE;
                early(now, expires)
            }
            // That is told elsewhere, and says nothing about the root.
            Err(Failure::Offline { .. }) => now.after(FIRST_PAUSE),
            Err(failure) => {
                tracing::warn!(%failure, "the root servers could not be asked for their names");
                let next = now.after(pause);
                pause = (pause * 2).min(LAST_PAUSE);
                next
            }
        };
        assembly.clock.sleep_until(next).await;
    }
}

/// Finds out whether anybody is reached when servers are silent, and says so. Ends with its task.
pub(super) async fn keep_watch(assembly: Arc<Assembly>) {
    let service = &assembly.service;
    let iterator = Arc::clone(&assembly.iterator);
    iterator.watch(|| service.silent_context(), say).await;
}

fn say(reach: Reach) {
    match reach {
        Reach { offline: true, .. } => {
            tracing::warn!(
                "offline: no server answers, nor does the root; nothing is held against anybody meanwhile"
            );
        }
        Reach { ipv4_down: true, .. } => tracing::info!("no server answers by IPv4: IPv6 is used"),
        Reach { ipv6_down: true, .. } => tracing::info!("no server answers by IPv6: IPv4 is used"),
        Reach { .. } => tracing::info!("servers answer again"),
    }
}

/// Lets negative trust anchors go when their time is over, or their zone validates again. Ends with its task.
pub(super) async fn keep_negative_anchors(assembly: Arc<Assembly>) {
    Arc::clone(&assembly.service).tend_negative_anchors(say_of_negative).await;
}

/// Tells the servers of zones with trust anchors which keys those name. Ends with its task.
pub(super) async fn signal_trust_anchors(assembly: Arc<Assembly>) {
    Arc::clone(&assembly.service).signal_trust_anchors().await;
}

fn say_of_negative(zone: &Name, news: NegativeNews) {
    match news {
        NegativeNews::Stands(Some(until)) => {
            tracing::warn!(%zone, until = %date(until), "not validated: a negative trust anchor stands");
        }
        NegativeNews::Stands(None) => {
            tracing::warn!(%zone, until = "it is removed", "not validated: a negative trust anchor stands");
        }
        NegativeNews::Ended => tracing::info!(%zone, "validated again: its negative trust anchor has ended"),
        NegativeNews::Validates => tracing::info!(
            %zone,
            "validated again: its negative trust anchor is lifted, as it is not needed any more; remove it"
        ),
    }
}

/// How long to wait after a first failure, doubled up to the last.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LAST_PAUSE: Duration = Duration::from_secs(3_600);

/// A tenth of the time before the end.
fn early(now: Moment, expires: Moment) -> Moment {
    now.after(expires.since(now) * 9 / 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_asked_again_before_its_answer_ends() {
        assert_eq!(early(Moment(1_000), Moment(11_000)), Moment(10_000));
        assert_eq!(early(Moment(1_000), Moment(500)), Moment(1_000));
    }
}
