//! What an operator types on a host, or Cutover sends through `ssh`, to do what a task does.

use std::borrow::Cow;

use super::HostTask;
use crate::domain::facts::NodeFact;

/// Runs standard input as root, whichever user logs in, with the environment that the script reads.
const AS_ROOT: &str = "if [ \"$(id -u)\" = 0 ]; then exec env HOST_ROOT= REPORT=- sh -s -- \"$@\"; else exec sudo -n env HOST_ROOT= REPORT=- sh -s -- \"$@\"; fi";

impl HostTask {
    /// The `ssh` command whose standard input is the script. Everything that varies is quoted.
    pub fn ssh(&self, target: &str) -> Vec<String> {
        let args = self.args();
        let remote = ["sh", "-c", AS_ROOT, "cutover", self.name()].into_iter().chain(args.iter().map(String::as_str));
        let options = ["ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "--", target];
        options.map(str::to_owned).into_iter().chain([command(remote)]).collect()
    }

    /// What an operator types to do the same by hand. Where a few words are not enough it is the very script
    /// that Cutover runs: `cutover manifests --host-script` prints it.
    pub fn by_hand(&self, node: &str) -> Vec<String> {
        let net = "/etc/cni/net.d";
        match self {
            Self::Look | Self::Probe => vec![],
            Self::Restore => vec![
                format!(
                    "[ -e {net}/10-flannel.conflist ] || mv {net}/10-flannel.conflist.cilium_bak {net}/10-flannel.conflist"
                ),
                format!("mkdir -p /var/lib/cutover/backup && mv {net}/05-cilium.conf* /var/lib/cutover/backup/"),
            ],
            Self::Reboot { .. } => vec!["systemctl reboot".into()],
            Self::Hold
            | Self::Clean { .. }
            | Self::PutBack
            | Self::CleanCilium
            | Self::CleanMultus
            | Self::Release { .. } => {
                let args = self.args();
                let words = [self.name()].into_iter().chain(args.iter().map(String::as_str));
                vec![format!(
                    "cutover manifests --host-script | ssh {node} sudo env HOST_ROOT= REPORT=- sh -s -- {}",
                    command(words)
                )]
            }
        }
    }
}

/// A word for a POSIX shell, quoted where it has to be.
pub fn quoted(word: &str) -> Cow<'_, str> {
    // only a NUL cannot be quoted, and no argument holds one
    shlex::try_quote(word).unwrap_or_default()
}

/// Words as one command of a POSIX shell.
pub fn command<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    shlex::try_join(words).unwrap_or_default()
}

/// The SSH destination of a node.
pub fn ssh_target(pattern: &str, node: &NodeFact) -> String {
    let address = node.addresses.first().map(ToString::to_string).unwrap_or_default();
    pattern.replace("{node}", &node.name).replace("{address}", &address)
}
