//! Rootwalk's core against the lab's internet, under tokio's paused clock: each test is a claim.
//!
//! Every simulation prints its seed; `ROOTWALK_SEED=7 cargo test --test sim` runs them with another.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "here a panic is a claim that does not hold"
)]

mod aggressive;
mod amplify;
mod attacks;
mod bounds;
mod budgets;
mod caching;
mod compact;
mod complexity;
mod cookies;
mod distrust;
mod harness;
mod health;
mod islands;
mod iteration;
mod keys;
mod keytrap;
mod lies;
mod negative;
mod outage;
mod overload;
mod poison_inmessage;
mod poison_offpath;
mod questions;
mod reasons;
mod renewals;
mod rollover_root;
mod rollover_zone;
mod stale;
mod swarm;
mod tools;
mod traps;
mod validation;
mod worlds;
mod zones;
