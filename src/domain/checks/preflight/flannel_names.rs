use super::{Check, Context, Report, Source, few};
use crate::domain::{flannel::LEASES, inventory::FlannelConfig, text::safe};

pub(super) static CHECK: Check = Check {
    id: "flannel-names",
    looks_at: "names of Flannel's links, bridge, lease folder and CNI file against those that host tasks work on",
    why: "Host tasks look for certain names. Under other names they would count no lease and remove no link, and call a host clean that they have not seen.",
    next: "Bring Flannel's ConfigMap back to the usual names, or move these hosts by hand.",
    reports: &["cloudfoundry-incubator/kubo-release#320", "rancher/rke2-charts#462", "flannel-io/flannel#532"],
    source: Source::Watched,
    judge,
};

/// What the host script works on.
const LINKS: [&str; 2] = ["flannel.1", "flannel-v6.1"];
const BRIDGE: &str = "cni0";
const NETWORK: &str = "cbr0";
const CONF: &str = "/etc/cni/net.d";
const BIN: &str = "/opt/cni/bin";
const FILE: &str = "/etc/cni/net.d/10-flannel.conflist";

fn others(config: &FlannelConfig) -> Vec<String> {
    let link = config.links.iter().filter(|l| !LINKS.contains(&l.as_str()));
    let mut found: Vec<String> = link.map(|l| format!("link {l} (not {})", LINKS[0])).collect();
    // without a CNI configuration in the ConfigMap nothing is said of these
    if !config.bridge.is_empty() && config.bridge != BRIDGE {
        found.push(format!("bridge {} (not {BRIDGE})", config.bridge));
    }
    let leases = format!("{LEASES}/{NETWORK}");
    if !config.leases.is_empty() && config.leases != leases {
        found.push(format!("leases in {} (not {leases})", config.leases));
    }
    found
}

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    let before = out.count();
    for set in &ctx.inventory.flannel {
        // a file with another host's path in front is the same one inside its container
        let is_other = |f: &&String| !f.ends_with(FILE);
        let files: Vec<String> =
            set.conf_files.iter().filter(is_other).map(|f| format!("CNI file {f} (not {FILE})")).collect();
        let folders = set.folders.iter().filter(|f| ![CONF, BIN].contains(&f.as_str()));
        let folders = folders.map(|f| format!("folder {f} (not {CONF} or {BIN})"));
        let files: Vec<String> = files.into_iter().chain(folders).collect();
        let config = set.config.as_ref();
        let names = config.map(others).unwrap_or_default().into_iter().chain(files).collect::<Vec<_>>();
        if !names.is_empty() {
            let object = config.map_or(&set.object, |c| &c.object);
            let message = format!("Flannel's names are not those that host tasks work on: {}", few(&names));
            out.block(object.clone(), safe(&message), CHECK.next);
        }
    }
    let cni = &ctx.cilium().values["cni"];
    for (key, usual) in [("confPath", CONF), ("binPath", BIN)] {
        let named = cni[key].as_str().map(|p| p.trim_end_matches('/')).filter(|p| *p != usual);
        if let Some(path) = named {
            let message = format!("the values have CNI files in {}; host tasks work in {usual}", safe(path));
            out.block(format!("values/cni.{key}"), message, "Such hosts have to be moved by hand.");
        }
    }
    if out.count() == before && ctx.facts().flannel().next().is_some() {
        out.fine("hosts", "links, bridge, lease folder and CNI file have the usual names");
    }
}
