//! What an operator types on a host, or Cutover through `ssh`, to do what a task does.

use super::HostTask;
use crate::domain::facts::NodeFact;

/// Runs what comes on standard input as root, whoever logs in; the script's surroundings go along.
const AS_ROOT: &str = "if [ \"$(id -u)\" = 0 ]; then exec env HOST_ROOT= REPORT=- sh -s -- \"$@\"; else exec sudo -n env HOST_ROOT= REPORT=- sh -s -- \"$@\"; fi";

impl HostTask {
    /// The `ssh` command whose standard input is the script. Everything that varies is quoted.
    pub fn ssh(&self, target: &str) -> Vec<String> {
        let mut remote = format!("sh -c {} cutover {}", quoted(AS_ROOT), self.name());
        for argument in self.args() {
            remote.push(' ');
            remote.push_str(&quoted(&argument));
        }
        let options = ["-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "--"];
        let mut command = vec!["ssh".to_owned()];
        command.extend(options.map(str::to_owned));
        command.extend([target.to_owned(), remote]);
        command
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
                format!("mkdir -p /var/lib/cutover/backup && mv {net}/05-cilium.conflist /var/lib/cutover/backup/"),
            ],
            Self::Reboot { .. } => vec!["systemctl reboot".into()],
            Self::Hold | Self::Clean { .. } | Self::PutBack | Self::Release { .. } => {
                let arguments: Vec<String> = self.args().iter().map(|a| quoted(a)).collect();
                vec![format!(
                    "cutover manifests --host-script | ssh {node} sudo env HOST_ROOT= REPORT=- sh -s -- {} {}",
                    self.name(),
                    arguments.join(" ")
                )]
            }
        }
    }
}

/// A word for a POSIX shell.
pub fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Whom `ssh` connects to for a node.
pub fn ssh_target(pattern: &str, node: &NodeFact) -> String {
    let address = node.addresses.first().map(ToString::to_string).unwrap_or_default();
    pattern.replace("{node}", &node.name).replace("{address}", &address)
}
