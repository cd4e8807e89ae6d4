use super::{Check, Context, Report, Source, few};
use crate::domain::{inventory::Part, text::safe};

pub(super) static CHECK: Check = Check {
    id: "chained-plugins",
    looks_at: "plugins in Flannel's CNI configuration beside flannel and portmap, and programs that write CNI files",
    why: "Cilium's configuration takes the place of Flannel's whole chain. A service mesh that redirects through CNI, bandwidth limits or address tuning end without a word on each moved node; Cilium's exclusive mode renames other programs' files.",
    next: "Set cni.exclusive: false (and for a mesh its own Cilium settings) in the values, or do without it; then watch a canary.",
    reports: &["kubernetes/minikube#20286", "istio/istio#49538", "k8snetworkplumbingwg/multus-cni#972"],
    source: Source::Watched,
    judge,
};

/// What Cilium does by itself, and what the check `host-ports` is about.
const EXPECTED: [&str; 2] = ["flannel", "portmap"];

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    let before = out.count();
    let plugins: Vec<&String> =
        ctx.inventory.chained_plugins.iter().filter(|p| !EXPECTED.contains(&p.as_str())).collect();
    if !plugins.is_empty() {
        let configs = ctx.inventory.flannel.iter().filter_map(|s| s.config.as_ref());
        let object = configs.map(|c| c.object.clone()).next().unwrap_or_else(|| "cluster".into());
        let message = format!("pods on Cilium do without plugins of Flannel's chain: {}", few(&plugins));
        out.warn(object, message, CHECK.next);
    }
    for actor in ctx.inventory.that(Part::CniPlugin) {
        let message = format!("{} takes part in the CNI chain; Cilium's configuration leaves it out", actor.program);
        out.warn(safe(&actor.object), message, CHECK.next);
    }
    if out.count() == before {
        out.fine("cluster", "nothing is chained behind Flannel that Cilium would leave out");
    }
}
