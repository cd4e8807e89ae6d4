//! CNI ADD and DEL. DEL uses the current configuration, and so leaks what another one added.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use super::host::{Endpoint, Host, Plugin, Sandbox};

/// ADD: gives a sandbox an address from the plugin of the current configuration.
///
/// # Errors
/// The runtime's message.
pub(super) fn add(
    host: &mut Host,
    uid: &str,
    pod: &str,
    flannel: Option<IpNet>,
    cilium: Option<IpNet>,
) -> Result<Sandbox, String> {
    if host.holds() {
        return Err("Cutover holds new pods back while this node changes its CNI".into());
    }
    let sandbox = match host.conf() {
        None => return Err("NetworkPluginNotReady: cni plugin not initialized".into()),
        Some(Plugin::Flannel | Plugin::Host) => Sandbox::new(by_flannel(host, uid, flannel)?, Plugin::Flannel),
        Some(Plugin::Cilium) => Sandbox::new(by_cilium(host, uid, pod, cilium)?, Plugin::Cilium),
        Some(Plugin::Multus) => {
            let [first, second] = host.multus;
            let mut by = |plugin| match plugin {
                Some(Plugin::Flannel) => by_flannel(host, uid, flannel).map(Some),
                Some(Plugin::Cilium) => by_cilium(host, uid, pod, cilium).map(Some),
                _ => Ok(None),
            };
            let added = by(first).and_then(|ip| Ok((ip, by(second)?)));
            match (added, first) {
                (Ok((Some(ip), second)), Some(plugin)) => Sandbox { ip, plugin, second },
                (Ok(_), _) => return Err("Multus: no delegates".into()),
                // what the first one has given goes with the sandbox
                (Err(why), _) => {
                    del(host, uid);
                    return Err(why);
                }
            }
        }
    };
    host.sandboxes.insert(uid.to_owned(), sandbox);
    Ok(sandbox)
}

fn by_flannel(host: &mut Host, uid: &str, range: Option<IpNet>) -> Result<IpAddr, String> {
    if !host.subnet_env {
        return Err("loadFlannelSubnetEnv failed: open /run/flannel/subnet.env: no such file or directory".into());
    }
    let range = range.ok_or("node has no pod CIDR")?;
    let ip = next(range, host.last_lease, |ip| host.leases.contains_key(ip))
        .ok_or("no IP addresses available in range set")?;
    host.leases.insert(ip, uid.to_owned());
    host.last_lease = Some(ip);
    host.links.insert("cni0");
    Ok(ip)
}

fn by_cilium(host: &mut Host, uid: &str, pod: &str, range: Option<IpNet>) -> Result<IpAddr, String> {
    if host.agent.is_none() {
        return Err("unable to connect to Cilium agent: dial unix /var/run/cilium/cilium.sock: connect: no such file or directory".into());
    }
    let range = range.ok_or("Cilium has no pod CIDR for the node yet")?;
    let ip = endpoint_address(host, range).ok_or("all pod CIDR ranges are exhausted")?;
    host.endpoints.insert(uid.to_owned(), Endpoint { ip, pod: pod.to_owned() });
    Ok(ip)
}

/// The next free address of Cilium's range.
pub(super) fn endpoint_address(host: &mut Host, range: IpNet) -> Option<IpAddr> {
    let ip = next(range, host.last_endpoint, |ip| host.endpoints.values().any(|e| e.ip == *ip))?;
    host.last_endpoint = Some(ip);
    Some(ip)
}

/// DEL: removes a sandbox. Only the plugin of the current configuration is called.
pub(super) fn del(host: &mut Host, uid: &str) {
    host.sandboxes.remove(uid);
    let conf = host.conf();
    if matches!(conf, Some(Plugin::Flannel | Plugin::Multus)) {
        host.leases.retain(|_, owner| owner != uid);
    }
    if matches!(conf, Some(Plugin::Cilium | Plugin::Multus)) && host.agent.is_some() {
        host.endpoints.remove(uid);
    }
}

/// The next free address after the last one, without the range's first two (network and gateway).
fn next(range: IpNet, last: Option<IpAddr>, taken: impl Fn(&IpAddr) -> bool) -> Option<IpAddr> {
    let IpNet::V4(range) = range else { return None };
    let (first, end) = (u32::from(range.network()) + 2, u32::from(range.broadcast()));
    let last = match last {
        Some(IpAddr::V4(ip)) if range.contains(&ip) => u32::from(ip) + 1,
        _ => first,
    };
    (last..end).chain(first..last.min(end)).map(|n| IpAddr::V4(Ipv4Addr::from(n))).find(|ip| !taken(ip))
}

#[cfg(test)]
mod tests {
    use super::{super::host::Agent, *};

    fn host() -> Host {
        let mut host = Host { up: true, subnet_env: true, ..Host::default() };
        host.flannel_writes();
        host
    }

    const FLANNEL: &str = "10.233.64.0/24";
    const CILIUM: &str = "10.245.0.0/24";

    fn add_pod(host: &mut Host, uid: &str) -> Sandbox {
        add(host, uid, "shop/web", FLANNEL.parse().ok(), CILIUM.parse().ok()).unwrap()
    }

    #[test]
    fn a_pod_deleted_after_the_switch_leaks_its_lease() {
        let mut host = host();
        add_pod(&mut host, "a");
        add_pod(&mut host, "b");
        del(&mut host, "b");
        assert_eq!(host.leases.len(), 1, "before the switch nothing leaks");
        host.agent =
            Some(Agent { uid: "x".into(), manages: true, wrote: false, by_hooks: false, encryption: "Disabled" });
        host.cilium_writes();
        del(&mut host, "a");
        assert_eq!(host.leases.len(), 1, "host-local was not called");
        assert_eq!(add_pod(&mut host, "c").plugin, Plugin::Cilium);
        host.restore();
        del(&mut host, "c");
        assert_eq!(host.endpoints.len(), 1, "the endpoint stays until the agent restarts");
    }

    #[test]
    fn multus_adds_both_and_what_cilium_took_over_leaks() {
        let mut host = host();
        let agent = Agent { uid: "x".into(), manages: false, wrote: false, by_hooks: false, encryption: "Disabled" };
        host.agent = Some(agent);
        host.multus_writes([Some(Plugin::Flannel), Some(Plugin::Cilium)]);
        let pod = add_pod(&mut host, "a");
        assert_eq!((pod.plugin, pod.second, pod.of_cilium()), (Plugin::Flannel, pod.of_cilium(), pod.second));
        assert!(pod.second.is_some() && host.leases.len() == 1 && host.endpoints.len() == 1);
        host.multus_writes([Some(Plugin::Cilium), Some(Plugin::Flannel)]);
        assert_eq!(add_pod(&mut host, "b").plugin, Plugin::Cilium);
        del(&mut host, "a");
        assert_eq!((host.leases.len(), host.endpoints.len()), (1, 1), "DEL calls both");
        host.cilium_writes();
        assert_eq!(host.conf(), Some(Plugin::Cilium), "{:?}", host.confs);
        del(&mut host, "b");
        assert_eq!((host.leases.len(), host.endpoints.len()), (1, 0), "Flannel's lease leaks");
    }

    #[test]
    fn without_subnet_env_nothing_starts_on_flannel() {
        let mut host = host();
        host.boot("new".into());
        assert!(add(&mut host, "a", "shop/web", FLANNEL.parse().ok(), None).unwrap_err().contains("subnet.env"));
    }
}
