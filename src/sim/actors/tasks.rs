//! Cutover's task pods: the embedded host reports what the script reports on a real one.

use std::{fmt::Write, net::IpAddr, sync::Arc, time::Duration};

use kube::ResourceExt;
use serde_json::json;

use super::{
    cache::{Kind, Object},
    cni,
    host::{Agent, Plugin},
    kubelet::Kubelet,
};

pub(super) async fn run(kubelet: &Arc<Kubelet>, pod: &Object, task: &str, ip: IpAddr) {
    kubelet.cluster.pace.wait(Duration::from_millis(500)).await;
    let command = pod.data["spec"]["containers"][0]["command"].as_array().cloned().unwrap_or_default();
    let arguments: Vec<String> = command.iter().skip(5).filter_map(|a| a.as_str().map(str::to_owned)).collect();
    let argument = arguments.first().cloned().unwrap_or_default();
    let mut report = String::new();
    let mut code = 0;
    let mut reboots = false;
    match task {
        "look" => {}
        "restore" => {
            if !kubelet.hosts.with(&kubelet.node, super::host::Host::restore) {
                code = 1;
            }
        }
        "hold" => {
            if !kubelet.hosts.with(&kubelet.node, super::host::Host::hold) {
                code = 1;
            }
        }
        "clean-multus" => {
            if !kubelet.hosts.with(&kubelet.node, super::host::Host::clean_multus) {
                code = 1;
            }
        }
        "clean" => {
            if !kubelet.hosts.with(&kubelet.node, super::host::Host::clean) {
                code = 1;
            }
        }
        "clean-cilium" => {
            if !kubelet.hosts.with(&kubelet.node, super::host::Host::clean_cilium) {
                code = 1;
            }
        }
        "put-back" => kubelet.hosts.with(&kubelet.node, super::host::Host::put_back),
        "release" => {
            kubelet.hosts.with(&kubelet.node, super::host::Host::unhold);
            for what in &arguments {
                let released = kubelet.hosts.with(&kubelet.node, |h| h.release(what));
                let (_, name) = what.split_once('=').unwrap_or_default();
                let _ = writeln!(report, "{}={name}", if released { "released" } else { "kept" });
            }
        }
        "reboot" => {
            reboots = kubelet.hosts.with(&kubelet.node, |h| h.boot_id == argument);
            let _ = writeln!(
                report,
                "{}",
                if reboots { format!("rebooting={argument}") } else { "rebooted=already".into() }
            );
        }
        "probe" => {
            let _ = writeln!(report, "address={ip}\napi=ok");
        }
        other => {
            let _ = writeln!(report, "error=no task {other}");
            code = 1;
        }
    }
    if matches!(task, "look" | "hold" | "restore" | "clean" | "put-back" | "clean-cilium" | "clean-multus" | "release")
    {
        look(kubelet, &mut report);
    }
    if code == 0 {
        report.push_str("done=1\n");
    } else if task == "restore" {
        report.push_str("error_code=missing-file\n");
        report.push_str("error=no 10-flannel.conflist to put back; 05-cilium.conflist was left\n");
    } else if task == "clean-cilium" {
        report.push_str("error_code=missing-file\n");
        report.push_str("error=10-flannel.conflist is not the CNI configuration of this host; nothing was removed\n");
    } else if task == "clean-multus" {
        report.push_str("error_code=missing-file\n");
        report.push_str("error=00-multus.conf is the only CNI configuration of this host; it was left\n");
    } else if task == "hold" {
        report.push_str("error=00-multus.conf is the CNI configuration: pods cannot be held back before it\n");
    } else if task == "clean" {
        report.push_str("error_code=missing-file\n");
        report.push_str("error=no 05-cilium.conflist: Flannel's configuration is the only one; nothing was removed\n");
    }
    finish(kubelet, pod, code, &report).await;
    if reboots {
        // the reboot is the host's: it happens even if the pod is deleted
        let kubelet = Arc::clone(kubelet);
        tokio::spawn(async move {
            kubelet.cluster.pace.wait(Duration::from_secs(3)).await;
            // the timer is in memory: a host that went down meanwhile has lost it
            if kubelet.hosts.with(&kubelet.node, |h| h.up && h.boot_id == argument) {
                kubelet.reboot().await;
            }
        });
    }
}

/// The lines at the end of every host task, as assets/host.sh writes them.
fn look(kubelet: &Kubelet, report: &mut String) {
    kubelet.hosts.with(&kubelet.node, |h| {
        let _ = writeln!(report, "boot={}", h.boot_id);
        for conf in &h.confs {
            let _ = writeln!(report, "conf={conf}");
        }
        if let (Some(Plugin::Multus), [Some(first), Some(second)]) = (h.conf(), h.multus) {
            let name = |plugin| if plugin == Plugin::Cilium { "cilium-cni" } else { "flannel" };
            let _ = writeln!(report, "multus={} {}", name(first), name(second));
        }
        // a busy one does not answer within the time that the script gives it
        let answers = fastrand::u8(..) >= 16;
        if let Some(agent) = h.agent.as_ref().filter(|_| answers) {
            let _ = writeln!(report, "encryption={}", agent.encryption);
            encrypted(kubelet, agent, report);
            // an older agent does not say
            let state = match agent {
                Agent { by_hooks: true, .. } => None,
                Agent { wrote: true, .. } => Some("Ok"),
                Agent { manages: true, .. } => Some("Warning"),
                Agent { .. } => Some("Disabled"),
            };
            if let Some(state) = state {
                let _ = writeln!(report, "cni={state}");
            }
        }
        for link in ["flannel.1", "cni0", "cilium_host"].iter().filter(|l| h.links.contains(*l)) {
            let _ = writeln!(report, "link={link}");
        }
        for left in h.of_cilium() {
            let _ = writeln!(report, "cilium={left}");
        }
        for (is, folder) in [(h.subnet_env, "/run/flannel"), (!h.leases.is_empty(), "/var/lib/cni/networks/cbr0")] {
            if is {
                let _ = writeln!(report, "folder={folder}");
            }
        }
        let _ = writeln!(report, "rules={}", if h.chains { 12 } else { 0 });
        for (number, endpoint) in h.endpoint_list().filter(|(_, e)| answers && e.pod != "/").take(60) {
            let _ = writeln!(report, "endpoint={number} {}", endpoint.ip);
        }
        for ip in h.leases.keys().take(80) {
            let _ = writeln!(report, "lease={ip}");
        }
        let _ = writeln!(report, "leases={}", h.leases.len());
    });
}

/// Traffic flows between all nodes: keys or peers for each of them, and bytes.
fn encrypted(kubelet: &Kubelet, agent: &Agent, report: &mut String) {
    let nodes = kubelet.cluster.all(Kind::Node);
    let others = nodes.iter().filter(|n| n.name_any() != kubelet.node);
    let count = others.clone().count();
    match agent.encryption {
        "IPsec" if agent.by_hooks => report.push_str("keys=1\nerrors=0\n"),
        "IPsec" => drop(write!(report, "keys={}\nerrors=0\n", 2 * count)),
        "Wireguard" => drop(writeln!(report, "peers={count}")),
        _ => return,
    }
    for node in others.take(40) {
        let address = node.data["status"]["addresses"][0]["address"].as_str().unwrap_or_default();
        let _ = writeln!(report, "peer={address} 4096");
    }
}

async fn finish(kubelet: &Kubelet, pod: &Object, code: i32, report: &str) {
    let now = crate::sim::clock::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let container = json!({"name": "task", "image": pod.data["spec"]["containers"][0]["image"], "imageID": "", "ready": false, "restartCount": 0,
        "state": {"terminated": {"exitCode": code, "reason": if code == 0 { "Completed" } else { "Error" }, "message": report, "finishedAt": now, "startedAt": now}}});
    let status = json!({"phase": if code == 0 { "Succeeded" } else { "Failed" }, "startTime": now, "containerStatuses": [container]});
    kubelet.cluster.status(Kind::Pod, &pod.namespace().unwrap_or_default(), &pod.name_any(), &status).await;
    kubelet.hosts.with(&kubelet.node, |h| cni::del(h, &pod.uid().unwrap_or_default()));
}
