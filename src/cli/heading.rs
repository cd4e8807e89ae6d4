//! What a command's text begins and ends with: the cluster that it is about, and what to type next.

use super::{Global, output, session::Session};
use crate::domain::text::count;

/// The cluster and the context, as the first line.
pub(super) fn print(session: &Session) {
    let (connection, facts) = (&session.connection, session.store.read());
    let production = if connection.marks.production { "  PRODUCTION" } else { "" };
    let version = &facts.surroundings.server_version;
    let version = if version.is_empty() { String::new() } else { format!("Kubernetes {version}, ") };
    output::line(&format!("cluster   {} at {}{production}", connection.context, connection.server));
    output::line(&format!("          {version}{}", count(facts.nodes.len(), "node")));
}

/// The command to type next, as the last line; nothing on a cluster that ends with this program.
pub(super) fn next(global: &Global, command: &str, why: &str) {
    if global.again.is_empty() {
        return;
    }
    let why = if why.is_empty() { String::new() } else { format!("   # {why}") };
    output::line(&format!("\nNext: {} {command}{why}", global.again));
}
