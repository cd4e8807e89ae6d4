//! The state of the helm release, and what has to be done about it before it is upgraded or uninstalled.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::RELEASE;

/// How long helm may take from its start to its revision, which may be dated a second before it.
const FIRST_WRITE: (SignedDuration, SignedDuration) = (SignedDuration::from_secs(-1), SignedDuration::from_secs(120));

/// How Cutover describes the revisions that it makes. helm's own words stand there otherwise.
pub const DESCRIPTION: &str = "cutover";
/// How helm describes a revision that takes back what came after an earlier one.
const ROLLBACK_TO: &str = "Rollback to ";

/// One revision of the release, as `helm history -o json` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// Its number.
    pub number: u64,
    /// `deployed`, `superseded`, `failed`, `pending-install`, `pending-upgrade`, `pending-rollback`, …
    pub status: String,
    /// When it was begun.
    pub at: Option<Timestamp>,
    /// The chart with its version, as `cilium-1.15.19`.
    pub chart: String,
    /// What is said of it.
    pub description: String,
}

/// The release as it is on the cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Installed {
    /// The chart with its version, as `cilium-1.15.19`.
    pub chart: String,
    /// The values that it was installed with.
    pub values: Value,
    /// What is deployed was made by Cutover.
    pub ours: bool,
}

/// What has to be done before an upgrade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Before {
    /// Nothing.
    Go,
    /// This operation of ours died half way: helm refuses every other one until the release is rolled back to the
    /// revision, or uninstalled where none was ever deployed.
    Resolve {
        /// The revision, and its status.
        pending: Revision,
        /// The last one that was deployed.
        deployed: Option<u64>,
    },
    /// An operation is at work, or is another actor's.
    Wait(Revision),
    /// What is deployed is not what Cutover left: another actor upgraded the release.
    Changed {
        /// The revision that is deployed.
        by: Revision,
        /// Cutover's last one before it.
        ours: Option<u64>,
    },
}

/// The revisions, the newest last.
///
/// # Errors
/// What cannot be read.
pub fn history(json: &str) -> Result<Vec<Revision>, String> {
    let revisions: Vec<Value> = serde_json::from_str(json).map_err(|e| format!("helm history cannot be read: {e}"))?;
    let mut revisions: Vec<Revision> = revisions
        .iter()
        .map(|r| Revision {
            number: r["revision"].as_u64().unwrap_or_default(),
            status: r["status"].as_str().unwrap_or_default().to_owned(),
            at: r["updated"].as_str().and_then(|t| t.parse().ok()),
            chart: r["chart"].as_str().unwrap_or_default().to_owned(),
            description: r["description"].as_str().unwrap_or_default().to_owned(),
        })
        .collect();
    revisions.sort_by_key(|r| r.number);
    Ok(revisions)
}

/// What has to be done before an upgrade. `ours`: the operation was begun by this migration and not seen to end. `here`:
/// when helms were started on this machine since the last one that ended well; none runs any more. Without both it may
/// be another actor's, or at work elsewhere.
pub fn before(history: &[Revision], ours: bool, here: &[Timestamp]) -> Before {
    let Some(last) = history.last().filter(|r| r.status.starts_with("pending-")) else {
        return changed(history).unwrap_or(Before::Go);
    };
    let took = |at: Timestamp, started: &Timestamp| at.duration_since(*started);
    let fits = |took: SignedDuration| FIRST_WRITE.0 <= took && took <= FIRST_WRITE.1;
    let began_here = last.at.is_some_and(|at| here.iter().any(|started| fits(took(at, started))));
    if !ours || !began_here {
        return Before::Wait(last.clone());
    }
    let deployed = history.iter().rev().find(|r| matches!(r.status.as_str(), "deployed" | "superseded"));
    Before::Resolve { pending: last.clone(), deployed: deployed.map(|r| r.number) }
}

/// What is deployed was made by another actor.
pub fn changed(history: &[Revision]) -> Option<Before> {
    let by = history.iter().rev().find(|r| r.status == "deployed").filter(|r| !is_cutovers(history, r))?;
    let ours = history.iter().rev().find(|r| r.number < by.number && is_cutovers(history, r)).map(|r| r.number);
    Some(Before::Changed { by: by.clone(), ours })
}

/// Cutover has made it, or somebody has rolled the release back to one that Cutover made.
fn is_cutovers(history: &[Revision], revision: &Revision) -> bool {
    let back_to = |r: &Revision| r.description.strip_prefix(ROLLBACK_TO)?.parse::<u64>().ok().filter(|n| *n < r.number);
    match back_to(revision) {
        Some(number) => history.iter().find(|r| r.number == number).is_some_and(|r| is_cutovers(history, r)),
        None => revision.description == DESCRIPTION,
    }
}

/// helm's arguments for the last revisions of the release.
pub fn history_arguments(namespace: &str) -> Vec<String> {
    ["history", RELEASE, "--namespace", namespace, "--max", "20", "--output", "json"].map(str::to_owned).to_vec()
}

/// helm's arguments for the values of the release.
pub fn values_arguments(namespace: &str) -> Vec<String> {
    ["get", "values", RELEASE, "--namespace", namespace, "--output", "json"].map(str::to_owned).to_vec()
}

/// helm's arguments that resolve a pending operation.
pub fn resolve_arguments(namespace: &str, deployed: Option<u64>) -> Vec<String> {
    let what = deployed.map_or_else(|| vec!["uninstall".into()], |n| vec!["rollback".into(), n.to_string()]);
    let mut arguments = what;
    arguments.insert(1, RELEASE.to_owned());
    arguments.extend(["--namespace".to_owned(), namespace.to_owned()]);
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    const HISTORY: &str = r#"[{"revision":1,"updated":"2026-11-26T10:00:00Z","status":"superseded","chart":"cilium-1.15.19"},
        {"revision":3,"updated":"2026-11-26T10:20:00.123456789+01:00","status":"pending-upgrade","chart":"cilium-1.15.19"},
        {"revision":2,"updated":"2026-11-26T10:10:00Z","status":"deployed","chart":"cilium-1.15.19","description":"cutover"}]"#;

    #[test]
    fn a_release_that_another_actor_upgraded_is_left_alone_until_it_is_rolled_back() {
        let revision = |number: u64, status: &str, description: &str| Revision {
            number,
            status: status.into(),
            at: None,
            chart: "cilium-1.15.19".into(),
            description: description.into(),
        };
        let mut seen = vec![revision(1, "superseded", DESCRIPTION), revision(2, "deployed", "Upgrade complete")];
        let changed = |by: &Revision, ours| Before::Changed { by: by.clone(), ours };
        assert_eq!(before(&seen, false, &[]), changed(&seen[1], Some(1)));
        assert_eq!(before(&seen, true, &[]), changed(&seen[1], Some(1)), "whatever was begun");
        seen[1].status = "superseded".into();
        seen.push(revision(3, "deployed", "Rollback to 1"));
        assert_eq!(before(&seen, false, &[]), Before::Go);
        seen[2].description = "Rollback to 2".into();
        assert_eq!(before(&seen, false, &[]), changed(&seen[2], Some(1)));
        seen[2].description = "Rollback to 3".into();
        assert_eq!(before(&seen, false, &[]), changed(&seen[2], Some(1)), "nonsense is no proof");
        // an upgrade of Cutover's that failed leaves the one before it deployed
        let failed =
            [revision(1, "deployed", DESCRIPTION), revision(2, "failed", "Upgrade \"cilium\" failed: timed out")];
        assert_eq!(before(&failed, false, &[]), Before::Go);
        let foreign = [revision(1, "deployed", "Install complete")];
        assert_eq!(before(&foreign, false, &[]), changed(&foreign[0], None));
    }

    #[test]
    fn only_an_operation_of_ours_that_is_not_at_work_any_more_is_resolved() {
        let seen = history(HISTORY).unwrap();
        let pending = seen.last().unwrap().clone();
        assert_eq!((pending.number, pending.status.as_str()), (3, "pending-upgrade"));
        let at = |t: &str| t.parse::<Timestamp>().unwrap();
        let resolve = Before::Resolve { pending: pending.clone(), deployed: Some(2) };
        // its own start, and that of the helm that was to resolve it and died, too
        let here = [at("2026-11-26T09:19:58Z"), at("2026-11-26T09:25:00Z")];
        assert_eq!(before(&seen, true, &here), resolve);
        assert_eq!(before(&seen, true, &[]), Before::Wait(pending.clone()), "it may be at work elsewhere");
        assert_eq!(before(&seen, true, &[at("2026-11-26T09:10:00Z")]), Before::Wait(pending.clone()), "another one");
        assert_eq!(before(&seen, false, &here), Before::Wait(pending.clone()), "it is not ours");
        assert_eq!(before(&seen[..2], false, &[]), Before::Go);
        assert_eq!(before(&[], true, &here), Before::Go);
        let install = [Revision { number: 1, status: "pending-install".into(), ..pending.clone() }];
        let Before::Resolve { deployed, .. } = before(&install, true, &here) else { panic!() };
        assert_eq!(resolve_arguments("kube-system", deployed), ["uninstall", "cilium", "--namespace", "kube-system"]);
        assert_eq!(resolve_arguments("kube-system", Some(2))[..3], ["rollback", "cilium", "2"]);
    }
}
