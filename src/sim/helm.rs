//! Stands in for helm: a hidden command of the same program, called as a process like the real one. It knows one
//! chart, Cilium's, and makes the objects that a migration reads.

use std::{ffi::OsString, path::PathBuf};

use clap::{Parser, Subcommand};
use kube::{
    Api, Client, Config, ResourceExt,
    api::{ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::{Value, json};

use crate::domain::effect::release::Revision;

/// The hidden command.
pub const COMMAND: &str = "embedded-helm";

#[derive(Parser)]
#[command(name = "helm", version = "v4.3.1")]
struct Arguments {
    #[arg(long, global = true)]
    kubeconfig: Option<PathBuf>,
    #[arg(long, global = true)]
    kube_context: Option<String>,
    #[arg(long, short, global = true, default_value = "default")]
    namespace: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print the version
    Version {
        #[arg(long)]
        template: Option<String>,
    },
    /// Install or upgrade a release
    Upgrade {
        release: String,
        chart: String,
        #[arg(long)]
        install: bool,
        #[arg(long, default_value = "1.15.19")]
        version: String,
        #[arg(long, short = 'f')]
        values: Vec<PathBuf>,
        #[arg(long)]
        create_namespace: bool,
        #[arg(long)]
        description: Option<String>,
    },
    /// Uninstall a release
    Uninstall { release: String },
    /// The revisions of a release
    History {
        release: String,
        #[arg(long, default_value_t = 256)]
        max: usize,
        #[arg(long, short, default_value = "json")]
        output: String,
    },
    /// What is known of a release
    Get {
        #[command(subcommand)]
        what: Get,
    },
    /// Roll a release back to a revision; to the last one that was deployed without one
    Rollback { release: String, revision: Option<u64> },
}

#[derive(Subcommand)]
enum Get {
    /// The values that were given
    Values {
        release: String,
        #[arg(long, short, default_value = "json")]
        output: String,
    },
}

/// Runs as helm would; returns the exit code and the output.
pub async fn run(arguments: impl Iterator<Item = OsString>) -> (u8, String) {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(e) => return (u8::from(e.use_stderr()), e.to_string()),
    };
    match act(&arguments).await {
        Ok(said) => (0, said),
        Err(why) => (1, format!("Error: {why}")),
    }
}

async fn act(arguments: &Arguments) -> Result<String, String> {
    match &arguments.command {
        Command::Version { template: Some(_) } => Ok("v4.3.1".into()),
        Command::Version { template: None } => Ok("version.BuildInfo{Version:\"v4.3.1\"}".into()),
        Command::Upgrade { release, chart, version, values, description, .. } => {
            if !chart.contains("cilium") {
                return Err(format!("repo {chart} not found"));
            }
            let mut merged = json!({});
            for file in values {
                let text = std::fs::read_to_string(file).map_err(|e| format!("open {}: {e}", file.display()))?;
                let layer = crate::domain::values::parse(&text)?;
                crate::domain::values::merge(&mut merged, &layer);
            }
            let client = client(arguments).await?;
            let description = description.as_deref();
            let revision = upgrade(&client, &arguments.namespace, release, version, &merged, description).await?;
            Ok(format!(
                "Release {release:?} has been upgraded. Happy Helming!\nNAME: {release}\nNAMESPACE: {}\nSTATUS: deployed\nREVISION: {revision}",
                arguments.namespace
            ))
        }
        Command::History { release, .. } => {
            let client = client(arguments).await?;
            let revisions = revisions(&client, &arguments.namespace, release).await?;
            if revisions.is_empty() {
                return Err("release: not found".into());
            }
            let shown = revisions.iter().map(|r| json!({"revision": r.number, "updated": r.at.map(|t| t.to_string()), "status": r.status, "chart": r.chart, "app_version": "", "description": r.description}));
            Ok(Value::Array(shown.collect()).to_string())
        }
        Command::Get { what: Get::Values { release, .. } } => {
            let client = client(arguments).await?;
            let revisions = revisions(&client, &arguments.namespace, release).await?;
            let last = revisions.last().ok_or("release: not found")?;
            let secrets = secrets(&client, &arguments.namespace);
            let secret = secrets.get(&secret_name(release, last.number)).await.map_err(|e| e.to_string())?;
            Ok(secret.annotations().get(VALUES).cloned().unwrap_or_default())
        }
        Command::Rollback { release, revision } => {
            let client = client(arguments).await?;
            rollback(&client, &arguments.namespace, release, *revision).await?;
            Ok("Rollback was a success! Happy Helming!".into())
        }
        Command::Uninstall { release } => {
            let client = client(arguments).await?;
            uninstall(&client, &arguments.namespace, release).await?;
            Ok(format!("release {release:?} uninstalled"))
        }
    }
}

async fn client(arguments: &Arguments) -> Result<Client, String> {
    let kubeconfig = match &arguments.kubeconfig {
        Some(path) => Kubeconfig::read_from(path),
        None => Kubeconfig::read(),
    };
    let options = KubeConfigOptions { context: arguments.kube_context.clone(), ..KubeConfigOptions::default() };
    let config = Config::from_custom_kubeconfig(kubeconfig.map_err(|e| e.to_string())?, &options)
        .await
        .map_err(|e| e.to_string())?;
    Client::try_from(config).map_err(|e| e.to_string())
}

fn api(client: &Client, object: &Value) -> Result<(Api<DynamicObject>, DynamicObject), String> {
    let parsed: DynamicObject = serde_json::from_value(object.clone()).map_err(|e| e.to_string())?;
    let types = parsed.types.clone().unwrap_or_default();
    let (group, version) = types.api_version.split_once('/').unwrap_or(("", &types.api_version));
    let resource = ApiResource::from_gvk(&kube::api::GroupVersionKind::gvk(group, version, &types.kind));
    let api = match &parsed.metadata.namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    Ok((api, parsed))
}

/// The minor version whose chart creates a namespace for secrets. Seen on real clusters: 1.19 does, 1.15 does not.
const SECRETS_NAMESPACE: u32 = 19;

/// The minor version whose agents write their CNI configuration themselves.
const AGENT_WRITES: u32 = 14;

/// The minor version of `v1.15.19`, or of an image's name that ends with it.
pub(super) fn minor(version: &str) -> u32 {
    version.rsplit_once("v1.").and_then(|(_, rest)| rest.split('.').next()?.parse().ok()).unwrap_or(15)
}

/// The chart's objects for these values, in the order in which helm creates them.
fn chart(namespace: &str, version: &str, values: &Value) -> Vec<Value> {
    let custom = values["cni"]["customConf"] == true;
    let mut config = json!({
        "cluster-pool-ipv4-cidr": values["ipam"]["operator"]["clusterPoolIPv4PodCIDRList"].as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        "cluster-pool-ipv4-mask-size": values["ipam"]["operator"]["clusterPoolIPv4MaskSize"].to_string(),
        "ipam": "cluster-pool", "routing-mode": "tunnel", "tunnel-protocol": "vxlan", "tunnel-port": values["tunnelPort"].to_string(),
        "custom-cni-conf": custom.to_string(), "enable-policy": values["policyEnforcementMode"].as_str().unwrap_or("default"),
        "enable-hubble": "true", "cni-uninstall": "false",
    });
    if values["policyAuditMode"] == true {
        config["policy-audit-mode"] = json!("true");
    }
    // with customConf the chart renders neither of these
    if !custom && minor(&format!("v{}", version.trim_start_matches('v'))) >= AGENT_WRITES {
        config["write-cni-conf-when-ready"] = json!("/host/etc/cni/net.d/05-cilium.conflist");
        config["cni-exclusive"] = json!("true");
    }
    if values["encryption"]["enabled"] == true {
        let kind = values["encryption"]["type"].as_str().unwrap_or("ipsec");
        config[format!("enable-{kind}")] = json!("true");
        config["enable-l7-proxy"] = json!((values["l7Proxy"] != false).to_string());
    }
    let labels = |app: &str, name: &str| json!({"k8s-app": app, "app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "cilium"});
    let template = |labels: &Value, host_network: bool, containers: Value| {
        json!({"metadata": {"labels": labels}, "spec": {
            "hostNetwork": host_network, "containers": containers, "tolerations": [{"operator": "Exists"}], "terminationGracePeriodSeconds": 1}})
    };
    let version = format!("v{}", version.trim_start_matches('v'));
    let agent = labels("cilium", "cilium-agent");
    let mut operator = labels("cilium-operator", "cilium-operator");
    operator["io.cilium/app"] = json!("operator");
    operator["name"] = json!("cilium-operator");
    let relay = labels("hubble-relay", "hubble-relay");
    let account = |name: &str| json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}});
    let mut objects = vec![];
    if minor(&version) >= SECRETS_NAMESPACE {
        objects.push(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "cilium-secrets"}}));
    }
    objects.extend([
        account("cilium"),
        account("cilium-operator"),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cilium-config", "namespace": namespace}, "data": config}),
        json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "cilium", "namespace": namespace, "labels": agent}, "spec": {
            "selector": {"matchLabels": {"k8s-app": "cilium"}}, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 2}},
            "template": template(&agent, true, json!([{"name": "cilium-agent", "image": format!("quay.io/cilium/cilium:{version}")}]))}}),
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "cilium-operator", "namespace": namespace, "labels": operator}, "spec": {
            "replicas": 1, "selector": {"matchLabels": {"name": "cilium-operator"}},
            "template": template(&operator, true, json!([{"name": "cilium-operator", "image": format!("quay.io/cilium/operator-generic:{version}")}]))}}),
    ]);
    if values["hubble"]["relay"]["enabled"] == true {
        objects.push(json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "hubble-relay", "namespace": namespace, "labels": relay}, "spec": {
            "replicas": 1, "selector": {"matchLabels": {"k8s-app": "hubble-relay"}},
            "template": {"metadata": {"labels": relay}, "spec": {"terminationGracePeriodSeconds": 1, "containers": [{"name": "hubble-relay", "image": format!("quay.io/cilium/hubble-relay:{version}")}]}}}}));
        objects.push(json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "hubble-relay", "namespace": namespace}, "spec": {
            "selector": {"k8s-app": "hubble-relay"}, "ports": [{"port": 80, "targetPort": "grpc", "protocol": "TCP"}]}}));
    }
    objects
}

/// Annotations of a revision: what helm keeps in its payload.
const VERSION: &str = "cutover.dev/embedded-version";
const VALUES: &str = "cutover.dev/embedded-values";
const DESCRIPTION: &str = "cutover.dev/embedded-description";

pub(super) async fn upgrade(
    client: &Client,
    namespace: &str,
    release: &str,
    version: &str,
    values: &Value,
    description: Option<&str>,
) -> Result<u64, String> {
    let known = revisions(client, namespace, release).await?;
    if known.last().is_some_and(|r| r.status.starts_with("pending-")) {
        return Err("UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress".into());
    }
    let pending = if known.is_empty() { "pending-install" } else { "pending-upgrade" };
    let said = description.unwrap_or(if known.is_empty() { "Install complete" } else { "Upgrade complete" });
    operate(client, namespace, release, (pending, said), version, values).await
}

/// Makes the release as it was at a revision; the last one that was deployed where none is named.
pub(super) async fn rollback(client: &Client, namespace: &str, release: &str, to: Option<u64>) -> Result<u64, String> {
    let known = revisions(client, namespace, release).await?;
    let was_deployed = |r: &&Revision| matches!(r.status.as_str(), "deployed" | "superseded");
    let to =
        to.or_else(|| known.iter().rev().find(was_deployed).map(|r| r.number)).ok_or("release has no 0 version")?;
    let secret = secrets(client, namespace).get(&secret_name(release, to)).await.map_err(|e| e.to_string())?;
    let kept = |key: &str| secret.annotations().get(key).cloned().unwrap_or_default();
    let values = serde_json::from_str(&kept(VALUES)).map_err(|e| e.to_string())?;
    let said = format!("Rollback to {to}");
    operate(client, namespace, release, ("pending-rollback", &said), &kept(VERSION), &values).await
}

/// One operation: on record as pending before the first object is written, as helm does it. Killed half way it stays so.
async fn operate(
    client: &Client,
    namespace: &str,
    release: &str,
    (pending, said): (&str, &str),
    version: &str,
    values: &Value,
) -> Result<u64, String> {
    let secrets = secrets(client, namespace);
    let before = revisions(client, namespace, release).await?;
    let number = before.last().map_or(0, |r| r.number) + 1;
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1", "metadata": {
        "name": secret_name(release, number), "namespace": namespace,
        "annotations": {VERSION: version, VALUES: values.to_string(), DESCRIPTION: said},
        "labels": {"owner": "helm", "name": release, "status": pending, "version": number.to_string()}}});
    let secret: DynamicObject = serde_json::from_value(secret).map_err(|e| e.to_string())?;
    secrets.create(&PostParams::default(), &secret).await.map_err(|e| e.to_string())?;
    let applied = apply(client, &chart(namespace, version, values)).await;
    let status = if applied.is_ok() { "deployed" } else { "failed" };
    if applied.is_ok() {
        for old in before.iter().filter(|r| r.status != "superseded") {
            mark(&secrets, &secret_name(release, old.number), "superseded").await?;
        }
    }
    mark(&secrets, &secret_name(release, number), status).await?;
    applied.map(|()| number)
}

async fn apply(client: &Client, objects: &[Value]) -> Result<(), String> {
    for object in objects {
        let (api, parsed) = api(client, object)?;
        let name = parsed.metadata.name.clone().unwrap_or_default();
        api.patch(&name, &PatchParams::apply("helm").force(), &Patch::Apply(object))
            .await
            .map_err(|e| format!("{name}: {e}"))?;
    }
    Ok(())
}

async fn mark(secrets: &Api<DynamicObject>, name: &str, status: &str) -> Result<(), String> {
    let labels = json!({"metadata": {"labels": {"status": status}}});
    secrets.patch(name, &PatchParams::default(), &Patch::Merge(&labels)).await.map(|_| ()).map_err(|e| e.to_string())
}

fn secret_name(release: &str, number: u64) -> String {
    format!("sh.helm.release.v1.{release}.v{number}")
}

/// The revisions of a release, the newest last.
pub(super) async fn revisions(client: &Client, namespace: &str, release: &str) -> Result<Vec<Revision>, String> {
    let own = ListParams::default().labels(&format!("owner=helm,name={release}"));
    let list = secrets(client, namespace).list(&own).await.map_err(|e| e.to_string())?;
    let label = |s: &DynamicObject, key: &str| s.labels().get(key).cloned().unwrap_or_default();
    let mut revisions: Vec<Revision> = list
        .iter()
        .map(|s| Revision {
            number: label(s, "version").parse().unwrap_or_default(),
            status: label(s, "status"),
            at: s.metadata.creation_timestamp.as_ref().map(|t| t.0),
            chart: format!("cilium-{}", s.annotations().get(VERSION).map_or("", String::as_str)),
            description: s.annotations().get(DESCRIPTION).cloned().unwrap_or_default(),
        })
        .collect();
    revisions.sort_by_key(|r| r.number);
    Ok(revisions)
}

fn secrets(client: &Client, namespace: &str) -> Api<DynamicObject> {
    Api::namespaced_with(
        client.clone(),
        namespace,
        &ApiResource::from_gvk(&kube::api::GroupVersionKind::gvk("", "v1", "Secret")),
    )
}

pub(super) async fn uninstall(client: &Client, namespace: &str, release: &str) -> Result<(), String> {
    let secrets = secrets(client, namespace);
    let own = secrets
        .list(&ListParams::default().labels(&format!("owner=helm,name={release}")))
        .await
        .map_err(|e| e.to_string())?;
    if own.items.is_empty() {
        return Err(format!("uninstall: Release not loaded: {release}: release: not found"));
    }
    let everything = json!({"hubble": {"relay": {"enabled": true}}});
    for object in chart(namespace, "1.19.5", &everything) {
        let (api, parsed) = api(client, &object)?;
        let name = parsed.metadata.name.clone().unwrap_or_default();
        match api.delete(&name, &DeleteParams::background()).await {
            Err(kube::Error::Api(s)) if s.code == 404 => {}
            Err(e) => return Err(format!("{name}: {e}")),
            Ok(_) => {}
        }
    }
    for secret in own.items {
        let name = secret.metadata.name.unwrap_or_default();
        match secrets.delete(&name, &DeleteParams::default()).await {
            Err(kube::Error::Api(s)) if s.code == 404 => {}
            Err(e) => return Err(format!("{name}: {e}")),
            Ok(_) => {}
        }
    }
    Ok(())
}
