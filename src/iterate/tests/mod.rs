//! The walk on a scripted network under virtual time. Each test's name is the claim.

mod attempts;
mod cookies;
mod delegations;
mod limits;
mod scrubbing;
