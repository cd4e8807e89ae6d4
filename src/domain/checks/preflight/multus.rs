use std::collections::BTreeMap;

use super::{Check, Context, Report, Source, few, host_ports::controller};
use crate::domain::{
    api::{Severity, Target},
    effect::Chaining,
    facts::{ATTACHMENTS, NETWORKS, Order},
    inventory::Part,
};

pub(super) static CHECK: Check = Check {
    id: "multus",
    looks_at: "meta plugins that give pods further networks, what defines such networks, and pods that ask for them",
    why: "Cilium's exclusive mode renames Multus' configuration, silently: pods start without their further networks. Where it is kept, it is read before Cilium's and calls the plugin that it found when it started, which is Flannel.",
    next: "Nothing is changed yet, and definitions of networks can stay. Take Multus off first: delete its DaemonSet, then at once 00-multus.conf on every host (no pod starts between the two), and restart the pods that are named; install it again after the migration, with cni.exclusive: false, where it finds Cilium.",
    reports: &["k8snetworkplumbingwg/multus-cni#972", "siderolabs/talos#10468"],
    source: Source::Watched,
    judge,
};

/// What a strategy does with a Multus that is there.
#[derive(Clone, Copy)]
enum Fate {
    /// It writes the same file itself.
    Overwritten,
    /// The agents rename its file on every node at once.
    RenamedEverywhere,
    /// A node's agent renames its file when the node is switched.
    RenamedByNode,
    /// Its file stays the first one, before Cilium's.
    Before,
}

impl Fate {
    fn of(ctx: &Context<'_>) -> Self {
        let strategy = ctx.view.strategy;
        if strategy.rolls().any(|roll| roll.network(Target::Cilium).multus.is_some()) {
            Self::Overwritten
        } else if strategy.has_outage() {
            Self::RenamedEverywhere
        } else if Chaining::of(&ctx.cilium().values).exclusive {
            Self::RenamedByNode
        } else {
            Self::Before
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Overwritten => {
                "this strategy brings a Multus of its own, and cannot keep another one: two of them write the same file"
            }
            Self::RenamedEverywhere => {
                "Cilium's agents rename 00-multus.conf on every node at once, and pods start without these networks"
            }
            Self::RenamedByNode => {
                "the agent of each moved node renames 00-multus.conf, and pods start there without these networks"
            }
            Self::Before => {
                "with cni.exclusive: false 00-multus.conf stays before Cilium's file and calls Flannel, so that no node could be moved"
            }
        }
    }

    /// How grave it is that a Multus may be on the hosts, of which the cluster shows no DaemonSet.
    const fn of_suspicion(self) -> Severity {
        match self {
            Self::Overwritten | Self::RenamedEverywhere => Severity::Block,
            Self::RenamedByNode | Self::Before => Severity::Warn,
        }
    }
}

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    let before = out.count();
    let fate = Fate::of(ctx);
    let own = Order::BOTH.map(|order| format!("daemonset/{}", order.daemon_set(&ctx.cilium().namespace)));
    let mut runs = false;
    // those of the migration itself, once it has begun; before that the check of leftovers names them
    for actor in ctx.inventory.that(Part::MetaPlugin).filter(|a| !own.contains(&a.object)) {
        if actor.writes_files {
            runs = true;
            let message = format!("{} gives pods further networks: {}", actor.program, fate.words());
            out.block(actor.object.clone(), message, CHECK.next);
        } else {
            let message = format!("its image is called like {}'s, and it mounts no folder of its host", actor.program);
            let remedy = "Nothing is done about it: it can write no CNI configuration.";
            out.info(actor.object.clone(), message, remedy);
        }
    }
    let defined = ctx.facts().crds.contains_key(ATTACHMENTS);
    if defined && !runs {
        let message =
            "networks are defined for Multus, and no DaemonSet of it is seen: a distribution may run it on the hosts";
        out.about(
            fate.of_suspicion(),
            vec![format!("customresourcedefinition/{ATTACHMENTS}")],
            message,
            suspicion(fate),
        );
    }
    pods(ctx, fate, runs, defined, out);
    let brought = matches!(fate, Fate::Overwritten);
    if brought && out.count() == before && !ctx.view.is_started() {
        out.warn(
            "migration/cutover",
            "this strategy empties every node three times, and restarts every pod as often",
            "Take it where the overlays cannot share the routing of a node; elsewhere --strategy rolling does the same with one restart.",
        );
    }
    if out.count() == before {
        out.fine("cluster", "no meta plugin");
    }
}

/// What to do where a Multus is suspected.
const fn suspicion(fate: Fate) -> &'static str {
    match fate {
        Fate::RenamedByNode | Fate::Before => {
            "Each host is checked before its node is cordoned: one with 00-multus.conf is left as it is, with the reason. On a host: ls /etc/cni/net.d"
        }
        Fate::Overwritten | Fate::RenamedEverywhere => {
            "No host can be checked before they are all changed. See /etc/cni/net.d on each; where nothing of Multus is there, delete the definition, or take --strategy rolling, which checks each host first."
        }
    }
}

/// Pods that ask for further networks, with their workloads.
fn pods(ctx: &Context<'_>, fate: Fate, runs: bool, defined: bool, out: &mut Report<'_>) {
    let mut asking: BTreeMap<String, &str> = BTreeMap::new();
    for pod in ctx.facts().pods.values().filter(|p| p.wants_networks()) {
        asking.entry(pod.object()).or_insert_with(|| pod.networks.as_deref().unwrap_or_default());
    }
    if asking.is_empty() {
        return;
    }
    let named: Vec<String> = asking.iter().map(|(object, networks)| format!("{object} ({networks})")).collect();
    let objects: Vec<String> = asking.keys().map(|object| controller(object)).collect();
    let annotation = format!("Remove the annotation {NETWORKS} from their templates");
    let (severity, message, remedy) = if runs {
        let message = format!("pods have further networks, which they lose: {}", few(&named));
        (Severity::Block, message, format!("{annotation}, or wait with the migration until they can do without."))
    } else if matches!(fate, Fate::Overwritten) {
        let message = format!("pods ask for networks that nothing attaches: {}", few(&named));
        let why =
            "The Multus of this strategy would look for them at the next start of each pod, and it would not start";
        (Severity::Block, message, format!("{why}. {annotation}, or take --strategy rolling."))
    } else {
        let severity = if defined { fate.of_suspicion() } else { Severity::Warn };
        let message = format!("pods ask for further networks, and no DaemonSet attaches them: {}", few(&named));
        let has = "See whether they have them (kubectl exec … -- ip address)";
        (severity, message, format!("{has}: they would lose them. {annotation} where they have not."))
    };
    out.about(severity, objects, message, &remedy);
}
