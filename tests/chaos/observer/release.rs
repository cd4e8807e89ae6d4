//! helm works on a release only as Cutover left it.

use cutover::sim::local::LocalService;
use serde_json::Value;

use super::Observer;

const VERSION: &str = "cutover.dev/embedded-version";
const VALUES: &str = "cutover.dev/embedded-values";

/// A revision of Cilium's release.
pub struct Deployed {
    pub number: u64,
    pub status: String,
    pub version: String,
    pub values: Value,
}

/// The newest revision.
pub fn newest(server: &LocalService) -> Option<Deployed> {
    revisions(server).into_iter().max_by_key(|r| r.number)
}

fn revisions(server: &LocalService) -> Vec<Deployed> {
    let secrets = server.look_at_all("secrets");
    let is_its = |s: &&std::sync::Arc<Value>| {
        let meta = &s["metadata"];
        meta["namespace"] == "kube-system" && meta["labels"]["owner"] == "helm" && meta["labels"]["name"] == "cilium"
    };
    secrets.iter().filter(is_its).map(|s| read(s)).collect()
}

fn read(secret: &Value) -> Deployed {
    let meta = &secret["metadata"];
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    Deployed {
        number: text(&meta["labels"]["version"]).parse().unwrap_or_default(),
        status: text(&meta["labels"]["status"]),
        version: text(&meta["annotations"][VERSION]),
        values: serde_json::from_str(&text(&meta["annotations"][VALUES])).unwrap_or_default(),
    }
}

impl Observer {
    /// Cutover's helm begins an upgrade, or takes back one that died.
    pub(super) fn helm_begins(&self, process: &str, sent: &Value) {
        self.is_cutovers(process, "changed");
        let begun = read(sent);
        self.seen.lock().unwrap().releases.insert((begun.version, begun.values.to_string()));
    }

    pub(super) fn helm_uninstalls(&self, process: &str) {
        self.is_cutovers(process, "uninstalled");
    }

    fn is_cutovers(&self, process: &str, done: &str) {
        let deployed = revisions(&self.server).into_iter().filter(|r| r.status == "deployed").max_by_key(|r| r.number);
        let Some(deployed) = deployed else { return };
        let known = (deployed.version.clone(), deployed.values.to_string());
        let ours = self.seen.lock().unwrap().releases.contains(&known);
        if !ours && !self.may_not_know_the_release() {
            let (number, version) = (deployed.number, deployed.version);
            self.breaks(format!(
                "{process} {done} the release at revision {number} ({version}), which others have made"
            ));
        }
    }
}
