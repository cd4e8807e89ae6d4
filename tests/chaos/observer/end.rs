//! An end is an end: nothing is changed after it until an operator wants something else.

use serde_json::Value;

use super::{Change, Observer, scope::only_its_finalizer};

impl Observer {
    pub(super) fn not_ended(&self, process: &str, change: &Change) {
        let Some(migration) = self.server.look("migrations.cutover.dev", "", "cutover") else { return };
        let at = &change.at;
        // a task pod that was left behind is tidied up
        let tidies = at.resource == "pods" && at.namespace == "kube-system" && at.name.starts_with("cutover-");
        let lets_go = at.resource == "migrations" && at.sub.is_empty() && only_its_finalizer(&change.sent);
        if has_ended(&migration) && !tidies && !lets_go {
            let phase = &migration["status"]["phase"];
            self.breaks(format!("{process} sent {} {} after the end ({phase})", change.method, change.path));
        }
    }
}

fn has_ended(migration: &Value) -> bool {
    let status = &migration["status"];
    (status["phase"] == "Complete" || status["phase"] == "RolledBack")
        && status["finishedAt"].is_string()
        && status["observedGeneration"] == migration["metadata"]["generation"]
}
