//! The pure core: what a migration is, what is known, and what to do next.
//!
//! Nothing in here reads a clock, a network or a file. [`decide::decide`] is a function of
//! ([`facts::Facts`], now); everything else feeds it or reads what it says.

pub mod adopt;
pub mod api;
pub mod audit;
pub mod checks;
pub mod consent;
pub mod decide;
pub mod drain;
pub mod effect;
pub mod encryption;
pub mod enforcement;
pub mod eta;
pub mod evidence;
pub mod facts;
pub mod flannel;
pub mod guard;
pub mod history;
pub mod host;
pub mod intent;
pub mod inventory;
pub mod kubespray;
pub mod lease;
pub mod lock;
pub mod log;
pub mod metrics;
pub mod placement;
pub mod plan;
pub mod playbook;
pub mod problem;
pub mod progress;
pub mod reason;
pub mod rights;
pub mod steps;
pub mod storage;
pub mod strategy;
pub mod text;
pub mod totals;
pub mod turn;
pub mod values;
pub mod versions;
pub mod view;
