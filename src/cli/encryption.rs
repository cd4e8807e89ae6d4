//! `cutover encryption`: what is done about encryption after the migration.

use std::time::Duration;

use clap::{Args, Subcommand};
use futures::FutureExt;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::{
    Exit, Global,
    confirm::Confirm,
    output,
    session::{Failed, Session},
};
use crate::{
    cluster::ipsec,
    domain::{effect::ipsec::secret, strategy::Approval, text},
};

/// Rotate the key of IPsec.
#[derive(Args, Debug)]
pub(super) struct Encryption {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Put the next key into the Secret, and wait until every agent uses it
    Rotate {
        #[command(flatten)]
        confirm: Confirm,
        /// Stop waiting after so many seconds; agents follow all the same
        #[arg(long, value_name = "SECONDS", default_value_t = 300)]
        timeout: u64,
    },
}

/// How often the agents are asked.
const PAUSE: Duration = Duration::from_secs(2);

impl Encryption {
    pub(super) async fn run(&self, global: &Global) -> Result<Exit, Failed> {
        let Command::Rotate { confirm, timeout } = &self.command;
        let session = Session::open(global).await?;
        let namespace = session.facts().cilium_namespace().to_owned();
        let object = secret(&namespace).to_string();
        let connection = &session.connection;
        let question = format!("On {} ({}): rotate the key of IPsec?", connection.context, connection.server);
        confirm.ask(&session, &question, Approval::Key)?;
        let rotate = ipsec::rotate(&connection.write, &namespace).boxed();
        let spi = session.audit()?.request(&object, "rotate the key of IPsec", rotate).await?;
        output::note(&format!("{object}: key {spi}; agents follow within a minute"));
        let end = Instant::now() + Duration::from_secs(*timeout);
        let mut said = usize::MAX;
        loop {
            let nodes = ipsec::advertised(&connection.read).await?;
            let open: Vec<&str> =
                nodes.iter().filter(|(_, key)| **key != u64::from(spi)).map(|(n, _)| n.as_str()).collect();
            if open.is_empty() {
                if global.output.is_json() {
                    global.output.print(&json!({"key": spi, "nodes": nodes.len()}));
                } else {
                    output::line(&format!("{} use key {spi}.", text::count(nodes.len(), "node")));
                }
                return Ok(Exit::Done);
            }
            if open.len() != said {
                said = open.len();
                output::note(&format!("{} of {} use it", nodes.len() - said, nodes.len()));
            }
            if Instant::now() >= end {
                let message = format!(
                    "after {timeout} s these agents do not use key {spi}: {}. The Secret holds it; look at their logs",
                    open.join(", ")
                );
                return Err(Failed::new(Exit::Blocked, message));
            }
            sleep(PAUSE).await;
        }
    }
}
