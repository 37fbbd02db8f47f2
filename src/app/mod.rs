//! Puts the parts together and runs them: the only place that knows every room of the house.

pub mod anchors;
pub mod assemble;
mod descriptors;
pub mod keeper;
pub mod logging;
pub mod serve;
