//! What can be switched on and off without the rest noticing. No feature knows another.

pub mod identity;
pub mod local_zones;
