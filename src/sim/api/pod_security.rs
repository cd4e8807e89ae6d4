//! Pod Security admission: a label of a namespace says what its pods may be, and a pod that is more is refused. The
//! checks of the levels `baseline` and `restricted` that a pod of this cluster can fail, in the order and with the words
//! of the real server; what is left out is in no pod here (AppArmor, SELinux, sysctls, procMount, Windows).

use serde_json::Value;

use super::{
    answer::{Failure, Result},
    store::Inner,
};

/// What every level but `privileged` lets a container add.
const CAPABILITIES: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];
/// Volumes of the level `restricted`.
const VOLUMES: [&str; 8] =
    ["configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"];

/// Refuses a pod that its namespace does not allow.
pub(super) fn admit(inner: &Inner, pod: &Value) -> Result<()> {
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let namespace = text(&pod["metadata"]["namespace"]);
    let Some(found) = inner.get("namespaces", &(String::new(), namespace)) else { return Ok(()) };
    let labels = &found["metadata"]["labels"];
    let level = text(&labels["pod-security.kubernetes.io/enforce"]);
    let reasons = reasons(&level, &pod["spec"]);
    if reasons.is_empty() {
        return Ok(());
    }
    let version = labels["pod-security.kubernetes.io/enforce-version"].as_str().unwrap_or("latest");
    let why = format!("violates PodSecurity \"{level}:{version}\": {}", reasons.join(", "));
    Err(Failure::refused("pods", &text(&pod["metadata"]["name"]), &why))
}

/// What a level objects to in a pod.
fn reasons(level: &str, spec: &Value) -> Vec<String> {
    let restricted = level == "restricted";
    if !restricted && level != "baseline" {
        return vec![];
    }
    let baseline = [
        if restricted { None } else { capabilities(spec) },
        host_namespaces(spec),
        if restricted { None } else { host_path(spec) },
        host_ports(spec),
        privileged(spec),
    ];
    let more =
        [privilege_escalation(spec), all_capabilities(spec), volume_types(spec), root(spec), user(spec), seccomp(spec)];
    let more = more.into_iter().filter(|_| restricted);
    baseline.into_iter().chain(more).flatten().collect()
}

fn containers(spec: &Value) -> impl Iterator<Item = &Value> {
    ["initContainers", "containers", "ephemeralContainers"]
        .into_iter()
        .flat_map(|k| spec[k].as_array().into_iter().flatten())
}

/// Names as the messages have them, singular or plural; nothing where there are none.
fn named<'a>(what: &str, all: impl Iterator<Item = &'a Value>) -> Option<String> {
    let names: Vec<String> = all.map(|c| c["name"].to_string()).collect();
    let plural = if names.len() > 1 { "s" } else { "" };
    (!names.is_empty()).then(|| format!("{what}{plural} {}", names.join(", ")))
}

fn bad<'a>(spec: &'a Value, is: impl Fn(&Value) -> bool + 'a) -> Option<String> {
    named("container", containers(spec).filter(move |c| is(&c["securityContext"])))
}

fn host_namespaces(spec: &Value) -> Option<String> {
    let shared: Vec<String> = ["hostNetwork", "hostPID", "hostIPC"]
        .into_iter()
        .filter(|k| spec[k] == true)
        .map(|k| format!("{k}=true"))
        .collect();
    (!shared.is_empty()).then(|| format!("host namespaces ({})", shared.join(", ")))
}

fn host_path(spec: &Value) -> Option<String> {
    let volumes = spec["volumes"].as_array().into_iter().flatten();
    named("volume", volumes.filter(|v| v["hostPath"].is_object())).map(|v| format!("hostPath volumes ({v})"))
}

fn host_ports(spec: &Value) -> Option<String> {
    let ports =
        |c: &Value| c["ports"].as_array().into_iter().flatten().filter_map(|p| p["hostPort"].as_u64()).collect();
    let mut all: Vec<u64> = vec![];
    let with = containers(spec).filter(|c| {
        let own: Vec<u64> = ports(c);
        all.extend(own.iter().filter(|p| **p > 0));
        own.iter().any(|p| *p > 0)
    });
    let names = named("container", with)?;
    let mut all: Vec<String> = all.iter().map(u64::to_string).collect();
    all.sort();
    all.dedup();
    let verb = if names.starts_with("containers") { "use" } else { "uses" };
    let plural = if all.len() > 1 { "s" } else { "" };
    Some(format!("hostPort ({names} {verb} hostPort{plural} {})", all.join(", ")))
}

fn privileged(spec: &Value) -> Option<String> {
    bad(spec, |c| c["privileged"] == true)
        .map(|c| format!("privileged ({c} must not set securityContext.privileged=true)"))
}

/// What containers add that is not among these.
fn added(spec: &Value, allowed: &[&str]) -> (Option<String>, Vec<String>) {
    let mut all: Vec<String> = vec![];
    let foreign = |c: &Value| -> Vec<String> {
        let added = c["securityContext"]["capabilities"]["add"].as_array().into_iter().flatten();
        added.filter(|a| !allowed.iter().any(|d| **a == **d)).map(Value::to_string).collect()
    };
    let with = named(
        "container",
        containers(spec).filter(|c| {
            let own = foreign(c);
            let any = !own.is_empty();
            all.extend(own);
            any
        }),
    );
    all.sort();
    all.dedup();
    (with, all)
}

fn capabilities(spec: &Value) -> Option<String> {
    let (with, all) = added(spec, &CAPABILITIES);
    with.map(|c| {
        format!(
            "non-default capabilities ({c} must not include {} in securityContext.capabilities.add)",
            all.join(", ")
        )
    })
}

fn privilege_escalation(spec: &Value) -> Option<String> {
    bad(spec, |c| c["allowPrivilegeEscalation"] != false).map(|c| {
        format!("allowPrivilegeEscalation != false ({c} must set securityContext.allowPrivilegeEscalation=false)")
    })
}

fn all_capabilities(spec: &Value) -> Option<String> {
    let drops = |c: &Value| c["capabilities"]["drop"].as_array().is_some_and(|d| d.iter().any(|v| v == "ALL"));
    let keeps =
        bad(spec, move |c| !drops(c)).map(|c| format!("{c} must set securityContext.capabilities.drop=[\"ALL\"]"));
    let (with, all) = added(spec, &["NET_BIND_SERVICE"]);
    let adds = with.map(|c| format!("{c} must not include {} in securityContext.capabilities.add", all.join(", ")));
    let both: Vec<String> = keeps.into_iter().chain(adds).collect();
    (!both.is_empty()).then(|| format!("unrestricted capabilities ({})", both.join("; ")))
}

fn volume_types(spec: &Value) -> Option<String> {
    let volumes = || spec["volumes"].as_array().into_iter().flatten();
    let kind = |v: &Value| v.as_object().and_then(|o| o.keys().find(|k| *k != "name").cloned()).unwrap_or_default();
    let is_foreign = |v: &&Value| !VOLUMES.contains(&kind(v).as_str());
    let names = named("volume", volumes().filter(is_foreign))?;
    let mut kinds: Vec<String> = volumes().filter(is_foreign).map(|v| format!("{:?}", kind(v))).collect();
    kinds.sort();
    kinds.dedup();
    let (verb, plural) =
        (if names.starts_with("volumes") { "use" } else { "uses" }, if kinds.len() > 1 { "s" } else { "" });
    Some(format!("restricted volume types ({names} {verb} restricted volume type{plural} {})", kinds.join(", ")))
}

/// A field that the pod sets for all of its containers, unless one sets its own: who sets it wrongly, and which containers
/// nobody sets it for.
fn setters(spec: &Value, is_set: fn(&Value) -> bool, ok: fn(&Value) -> bool) -> (Vec<String>, Option<String>) {
    let pods = &spec["securityContext"];
    let whole = ok(pods);
    let wrong = (is_set(pods) && !whole).then(|| "pod".to_owned());
    let wrong = wrong.into_iter().chain(bad(spec, move |c| is_set(c) && !ok(c))).collect();
    (wrong, bad(spec, move |c| !is_set(c) && !whole))
}

fn root(spec: &Value) -> Option<String> {
    let (wrong, unset) = setters(spec, |c| c["runAsNonRoot"].is_boolean(), |c| c["runAsNonRoot"] == true);
    let reason = |detail: String| format!("runAsNonRoot != true ({detail})");
    if !wrong.is_empty() {
        return Some(reason(format!("{} must not set securityContext.runAsNonRoot=false", wrong.join(" and "))));
    }
    unset.map(|c| reason(format!("pod or {c} must set securityContext.runAsNonRoot=true")))
}

fn user(spec: &Value) -> Option<String> {
    let zero = |c: &Value| c["runAsUser"] == 0;
    let pod = zero(&spec["securityContext"]).then(|| "pod".to_owned());
    let all: Vec<String> = pod.into_iter().chain(bad(spec, zero)).collect();
    (!all.is_empty()).then(|| format!("runAsUser=0 ({} must not set runAsUser=0)", all.join(" and ")))
}

fn seccomp(spec: &Value) -> Option<String> {
    let kind = |c: &Value| c["seccompProfile"]["type"].as_str().map(str::to_owned);
    let (wrong, unset) = setters(
        spec,
        |c| c["seccompProfile"].is_object(),
        |c| matches!(c["seccompProfile"]["type"].as_str(), Some("RuntimeDefault" | "Localhost")),
    );
    if !wrong.is_empty() {
        let contexts = containers(spec).map(|c| &c["securityContext"]).chain([&spec["securityContext"]]);
        let fine = |k: &String| matches!(k.as_str(), "RuntimeDefault" | "Localhost");
        let mut kinds: Vec<String> = contexts.filter_map(kind).filter(|k| !fine(k)).map(|k| format!("{k:?}")).collect();
        kinds.sort();
        kinds.dedup();
        let (wrong, kinds) = (wrong.join(" and "), kinds.join(", "));
        return Some(format!("seccompProfile ({wrong} must not set securityContext.seccompProfile.type to {kinds})"));
    }
    unset.map(|c| {
        format!(
            "seccompProfile (pod or {c} must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\")"
        )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_level_refuses_what_is_beyond_it() {
        let plain = json!({"containers": [{"name": "c"}]});
        let safe = json!({"securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{"name": "c", "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}]});
        let host = json!({"hostPID": true, "containers": [{"name": "c", "securityContext": {"privileged": true}}]});
        for (level, spec, refused) in [
            ("", &host, 0),
            ("privileged", &host, 0),
            ("baseline", &plain, 0),
            ("baseline", &host, 2),
            ("restricted", &plain, 4),
            ("restricted", &safe, 0),
            ("restricted", &host, 6),
            ("restricted", &json!({"volumes": [{"name": "v", "hostPath": {}}]}), 1),
        ] {
            assert_eq!(reasons(level, spec).len(), refused, "{level} {spec}: {:?}", reasons(level, spec));
        }
    }
}
