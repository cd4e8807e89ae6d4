//! The product from outside, in one program: one link of the crate instead of one for each file. What the README and
//! `.ci/run` name (`chaos`, `crash`, `screens`, …) stays a program of its own.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, dead_code, reason = "tests")]

#[path = "../../benches/scale/cluster.rs"]
mod cluster;
#[path = "../support/fixture.rs"]
mod fixture;
#[path = "../support/playbooks.rs"]
mod playbooks;
#[path = "../support/mod.rs"]
mod support;

mod admission;
mod adoption;
mod build;
mod cases;
mod checks;
mod circles;
mod cli;
mod client;
mod command_line;
mod decide;
mod docs;
mod draining;
mod embedded;
mod enforcement;
mod engines;
mod flow_guard;
mod host_script;
mod krew;
mod layers;
mod multus;
mod obedient;
mod open_world;
mod outage;
mod playbook;
mod previews;
mod scenarios;
mod sources;
mod words;
