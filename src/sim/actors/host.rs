//! A node's host: the state of its disk, kernel and container runtime.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The plugin that gave a sandbox its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plugin {
    Flannel,
    Cilium,
    Host,
    /// It calls both others, in the order of [`Host::multus`].
    Multus,
}

/// A pod's sandbox.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sandbox {
    pub(super) ip: IpAddr,
    /// The plugin that gave it its first address.
    pub(super) plugin: Plugin,
    /// The address of its second interface.
    pub(super) second: Option<IpAddr>,
}

impl Sandbox {
    /// One with a single interface.
    pub(super) const fn new(ip: IpAddr, plugin: Plugin) -> Self {
        Self { ip, plugin, second: None }
    }

    /// The address of Cilium's that it has.
    pub(super) const fn of_cilium(&self) -> Option<IpAddr> {
        if matches!(self.plugin, Plugin::Cilium) { Some(self.ip) } else { self.second }
    }
}

/// An endpoint of Cilium's.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    pub(super) ip: IpAddr,
    /// The agent calls it `namespace/name`; an endpoint that belongs to no pod has the name `/`.
    pub(super) pod: String,
}

/// The endpoint by which agents probe each other's health: identity `reserved:health`, no pod.
const HEALTH: &str = "cilium-health";

/// A running Cilium agent.
#[derive(Clone, Debug)]
pub(super) struct Agent {
    pub(super) uid: String,
    /// It manages the CNI directory: writes its configuration and renames others.
    pub(super) manages: bool,
    /// It has written its configuration.
    pub(super) wrote: bool,
    /// Hooks of its pod write the configuration when it starts, before it works, and take it away when it ends: so it
    /// was up to 1.13.
    pub(super) by_hooks: bool,
    /// How it encrypts: `Disabled`, `IPsec`, `Wireguard`.
    pub(super) encryption: &'static str,
}

/// A host.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Debug, Default)]
pub(super) struct Host {
    pub(super) boot_id: String,
    /// Number of boots: work that began before a reboot ends with it.
    pub(super) boots: u64,
    pub(super) up: bool,
    /// Its kubelet is up, but its runtime fails.
    pub(super) unready: bool,
    /// `/etc/cni/net.d`.
    pub(super) confs: BTreeSet<String>,
    /// The delegates in Multus' configuration, in their order.
    pub(super) multus: [Option<Plugin>; 2],
    /// The account in Multus' kubeconfig, by namespace and name.
    pub(super) multus_account: Option<(String, String)>,
    /// Multus can use the address of the API server in it.
    pub(super) multus_reaches: bool,
    /// `/var/lib/cni/networks/cbr0`: address to sandbox (a pod's UID).
    pub(super) leases: BTreeMap<IpAddr, String>,
    /// The last address of host-local: it cycles through the range before it reuses one.
    pub(super) last_lease: Option<IpAddr>,
    /// Cilium's endpoints, by sandbox (a pod's UID); the agent's own health endpoint has a name instead.
    pub(super) endpoints: BTreeMap<String, Endpoint>,
    pub(super) last_endpoint: Option<IpAddr>,
    pub(super) links: BTreeSet<&'static str>,
    /// `/run/flannel/subnet.env`.
    pub(super) subnet_env: bool,
    /// Flannel's iptables chains.
    pub(super) chains: bool,
    /// Cilium's chains in the firewall.
    pub(super) cilium_rules: bool,
    /// `/opt/cni/bin/cilium-cni`.
    pub(super) cilium_plugin: bool,
    pub(super) agent: Option<Agent>,
    pub(super) sandboxes: BTreeMap<String, Sandbox>,
    /// Files that were moved to the backup.
    pub(super) backup: Vec<String>,
    /// What the task `clean` removed, for `put-back`.
    pub(super) cleaned: Option<Cleaned>,
}

/// State that the task `clean` removed.
#[derive(Debug)]
pub(super) struct Cleaned {
    confs: Vec<String>,
    leases: BTreeMap<IpAddr, String>,
    subnet_env: bool,
    chains: bool,
    links: Vec<&'static str>,
}

fn is_ciliums_conf(name: &str) -> bool {
    name == CILIUM || name == OLD_CILIUM
}

fn is_ciliums(link: &str) -> bool {
    link.starts_with("cilium_") || link == "lxc_health"
}

/// The number of an endpoint, derived from its sandbox.
fn endpoint_number(sandbox: &str) -> String {
    let sum = sandbox.bytes().fold(7_u32, |n, b| n.wrapping_mul(31).wrapping_add(u32::from(b)));
    (sum % 60_000 + 100).to_string()
}

const HOLD: &str = "00-cutover-hold.conflist";
const FLANNEL: &str = "10-flannel.conflist";
const MULTUS: &str = "00-multus.conf";
const CILIUM: &str = "05-cilium.conflist";
/// The same up to 1.13.
const OLD_CILIUM: &str = "05-cilium.conf";
const BAK: &str = ".cilium_bak";

impl Host {
    /// The configuration in use: the first by name.
    pub(super) fn conf(&self) -> Option<Plugin> {
        let first = self.confs.iter().find(|c| !c.ends_with(BAK) && *c != HOLD)?;
        Some(match first.as_str() {
            MULTUS => Plugin::Multus,
            first if is_ciliums_conf(first) => Plugin::Cilium,
            _ => Plugin::Flannel,
        })
    }

    /// True while a plugin in front of the others refuses every new pod.
    pub(super) fn holds(&self) -> bool {
        self.confs.contains(HOLD)
    }

    /// The task `hold`. False where the configuration is none that it can be put before.
    pub(super) fn hold(&mut self) -> bool {
        let holds = matches!(self.conf(), Some(Plugin::Flannel | Plugin::Cilium));
        if holds {
            self.confs.insert(HOLD.into());
        }
        holds
    }

    /// Removes the leftovers of a hold that is over.
    pub(super) fn unhold(&mut self) {
        if !self.holds() {
            self.confs.remove(&format!("{HOLD}{BAK}"));
        }
    }

    /// Flannel's init container writes its file.
    pub(super) fn flannel_writes(&mut self) {
        self.confs.insert(FLANNEL.into());
    }

    /// Multus' pod writes its file, with these delegates.
    pub(super) fn multus_writes(&mut self, delegates: [Option<Plugin>; 2]) {
        self.multus = delegates;
        self.confs.insert(MULTUS.into());
    }

    /// The task `clean-multus`. False where nothing else would be left to start pods with.
    pub(super) fn clean_multus(&mut self) -> bool {
        if !self.confs.iter().any(|c| *c == FLANNEL || is_ciliums_conf(c)) {
            return false;
        }
        for gone in [MULTUS.to_owned(), format!("{MULTUS}{BAK}")] {
            if self.confs.remove(&gone) {
                self.backup.push(gone);
            }
        }
        true
    }

    /// An agent that manages the folder renames what others wrote into it.
    pub(super) fn agent_cleans(&mut self) {
        if self.agent.as_ref().is_some_and(|a| a.manages && a.wrote) {
            self.rename_others();
        }
    }

    /// The agent writes its file and renames every other one.
    pub(super) fn cilium_writes(&mut self) {
        let by_hooks = self.agent.as_ref().is_some_and(|a| a.by_hooks);
        self.confs.insert(if by_hooks { OLD_CILIUM } else { CILIUM }.into());
        if let Some(agent) = &mut self.agent {
            agent.wrote = true;
        }
        self.rename_others();
    }

    /// The pod of an agent ends.
    pub(super) fn agent_ends(&mut self) {
        if self.agent.take().is_some_and(|a| a.by_hooks) {
            self.confs.remove(OLD_CILIUM);
        }
    }

    fn rename_others(&mut self) {
        let others: Vec<String> =
            self.confs.iter().filter(|c| !is_ciliums_conf(c) && !c.ends_with(BAK)).cloned().collect();
        for other in others {
            self.confs.remove(&other);
            self.confs.insert(format!("{other}{BAK}"));
        }
    }

    /// The task `restore`. False if there is no file to restore.
    pub(super) fn restore(&mut self) -> bool {
        let bak = format!("{FLANNEL}{BAK}");
        if !self.confs.contains(FLANNEL) && self.confs.remove(&bak) {
            self.confs.insert(FLANNEL.into());
        }
        if !self.confs.contains(FLANNEL) {
            return false;
        }
        self.confs.remove(HOLD);
        self.unhold();
        for gone in [CILIUM.to_owned(), OLD_CILIUM.to_owned(), bak] {
            if self.confs.remove(&gone) {
                self.backup.push(gone);
            }
        }
        true
    }

    /// The task `clean`; repeatable. False where Flannel's configuration is the only one.
    pub(super) fn clean(&mut self) -> bool {
        if !self.confs.iter().any(|c| is_ciliums_conf(c)) {
            return false;
        }
        let bak = format!("{FLANNEL}{BAK}");
        let confs = [FLANNEL.to_owned(), bak].into_iter().filter(|c| self.confs.remove(c)).collect();
        let links = ["flannel.1", "cni0"].into_iter().filter(|l| self.links.remove(l)).collect();
        let cleaned = Cleaned {
            confs,
            leases: std::mem::take(&mut self.leases),
            subnet_env: std::mem::take(&mut self.subnet_env),
            chains: std::mem::take(&mut self.chains),
            links,
        };
        self.cleaned.get_or_insert(cleaned);
        true
    }

    /// What an agent leaves on a host.
    pub(super) fn of_cilium(&self) -> Vec<String> {
        let mut left: Vec<String> = self.links.iter().filter(|l| is_ciliums(l)).map(|l| format!("link {l}")).collect();
        if self.cilium_rules {
            left.push("40 firewall rules".into());
        }
        if self.cilium_plugin {
            left.push("/opt/cni/bin/cilium-cni".into());
        }
        // the maps live as long as the rules: until a reboot, or until they are cleaned
        if self.cilium_rules {
            left.push("/sys/fs/bpf/tc/globals/cilium_calls_00001".into());
        }
        left
    }

    /// The task `clean-cilium`; repeatable. False where Flannel's configuration is not the one in use, or an agent runs.
    pub(super) fn clean_cilium(&mut self) -> bool {
        if self.conf() != Some(Plugin::Flannel) || self.agent.is_some() {
            return false;
        }
        self.links.retain(|l| !is_ciliums(l));
        (self.cilium_rules, self.cilium_plugin) = (false, false);
        true
    }

    /// The task `put-back`.
    pub(super) fn put_back(&mut self) {
        let Some(cleaned) = self.cleaned.take() else { return };
        self.confs.extend(cleaned.confs);
        self.leases.extend(cleaned.leases);
        self.links.extend(cleaned.links);
        self.subnet_env |= cleaned.subnet_env;
        self.chains |= cleaned.chains;
    }

    /// At an agent's start: restores the endpoints of living sandboxes and forgets the others.
    pub(super) fn restore_endpoints(&mut self) {
        let sandboxes = &self.sandboxes;
        self.endpoints.retain(|sandbox, _| sandboxes.contains_key(sandbox));
    }

    /// Starts the health endpoint, once the agent has its range: with a new address at each start.
    pub(super) fn launch_health(&mut self, ip: IpAddr) {
        self.endpoints.insert(HEALTH.into(), Endpoint { ip, pod: "/".into() });
        self.links.insert("lxc_health");
    }

    /// The address of the health endpoint.
    pub(super) fn health(&self) -> Option<IpAddr> {
        self.endpoints.get(HEALTH).map(|e| e.ip)
    }

    /// The output of `cilium-dbg endpoint list`: number, address and pod.
    pub(super) fn endpoint_list(&self) -> impl Iterator<Item = (String, &Endpoint)> {
        self.endpoints.iter().map(|(sandbox, e)| (endpoint_number(sandbox), e))
    }

    /// The task `release`: only for addresses without a sandbox.
    pub(super) fn release(&mut self, what: &str) -> bool {
        match what.split_once('=') {
            Some(("lease", ip)) => {
                let Ok(ip) = ip.parse::<IpAddr>() else { return false };
                let lives = self.leases.get(&ip).is_some_and(|owner| self.sandboxes.contains_key(owner));
                !lives && self.leases.remove(&ip).is_some()
            }
            Some(("endpoint", number)) => {
                let found = self.endpoints.keys().find(|uid| endpoint_number(uid) == number).cloned();
                found.is_some_and(|uid| {
                    uid != HEALTH && !self.sandboxes.contains_key(&uid) && self.endpoints.remove(&uid).is_some()
                })
            }
            _ => false,
        }
    }

    /// Boots: only the disk survives.
    pub(super) fn boot(&mut self, boot_id: String) {
        self.boot_id = boot_id;
        self.boots += 1;
        self.up = true;
        self.links.clear();
        self.subnet_env = false;
        (self.chains, self.cilium_rules) = (false, false);
        self.agent = None;
        self.endpoints.clear();
    }
}

/// All hosts.
#[derive(Clone, Debug, Default)]
pub(in crate::sim) struct Hosts(Arc<Mutex<BTreeMap<String, Host>>>);

impl Hosts {
    /// The names in a host's `/etc/cni/net.d`; none of a host that is not there.
    pub(in crate::sim) fn cni_configs(&self, node: &str) -> Vec<String> {
        self.lock().get(node).map(|h| h.confs.iter().cloned().collect()).unwrap_or_default()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Host>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a function with a host.
    pub(super) fn with<T>(&self, node: &str, f: impl FnOnce(&mut Host) -> T) -> T {
        f(self.lock().entry(node.to_owned()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_that_manages_the_directory_renames_flannels_file() {
        let mut host = Host {
            agent: Some(Agent {
                uid: "a".into(),
                manages: true,
                wrote: false,
                by_hooks: false,
                encryption: "Disabled",
            }),
            ..Host::default()
        };
        host.flannel_writes();
        assert_eq!(host.conf(), Some(Plugin::Flannel));
        host.cilium_writes();
        host.flannel_writes();
        assert_eq!(host.conf(), Some(Plugin::Cilium));
        host.agent_cleans();
        assert_eq!(host.confs.iter().collect::<Vec<_>>(), ["05-cilium.conflist", "10-flannel.conflist.cilium_bak"]);
    }

    #[test]
    fn cilium_sorts_first_even_when_its_agent_has_let_go() {
        let mut host = Host::default();
        host.cilium_writes();
        host.flannel_writes();
        assert_eq!(host.conf(), Some(Plugin::Cilium), "removing the label rolls nothing back");
        assert!(host.restore());
        assert_eq!(host.conf(), Some(Plugin::Flannel));
    }
}
