//! Rootwalk: a validating recursive DNS resolver that walks from the root and proves each step.

#![cfg_attr(test, allow(clippy::too_many_lines, reason = "a table of cases may be long"))]

pub mod budget;
pub mod clock;
pub mod context;
pub mod dns;
pub mod entropy;
pub mod event;
pub mod failure;
pub mod limits;
pub mod prefix;

pub mod validate;

pub mod cache;

pub mod iterate;

pub mod service;

pub mod fast;
pub mod net;

pub mod features;

pub mod app;
pub mod commands;
pub mod config;

pub mod lab;
