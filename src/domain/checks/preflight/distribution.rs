use super::{Check, Context, Report, Source};

pub(super) static CHECK: Check = Check {
    id: "distribution",
    looks_at: "who installed the cluster, and whether that installs Flannel again",
    why: "RKE, RKE2, k3s, Talos, kops and managed services own their network plugin: they restore what is deleted, at their next run or at once.",
    next: "Switch the network plugin off where the distribution is configured, before the phase Remove.",
    reports: &["rancher/rancher#52553", "kubernetes-sigs/kubespray#2493", "k3s-io/k3s#8303"],
    source: Source::Asked,
    judge,
};

/// Its playbooks run when somebody runs them: nothing comes back by itself.
const BY_HAND: &str = "Kubespray";

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    let found = &ctx.inventory.distribution;
    let what = format!("{} ({})", found.name, crate::domain::text::safe(&found.evidence));
    match found.restores {
        _ if found.managed => out.warn(
            "cluster",
            format!("{what}: its provider owns the network's components"),
            "Ask the provider whether another CNI is supported; its control plane may reach pods by routes that are not seen here.",
        ),
        Some(restores) if found.name == BY_HAND => out.info("cluster", what, &capitalised(restores)),
        Some(restores) => out.warn("cluster", format!("{what} brings Flannel back"), &capitalised(restores)),
        None => out.fine("cluster", what),
    }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|c| c.to_uppercase().chain(chars).collect::<String>() + ".").unwrap_or_default()
}
