//! A cluster of any size that exists only as answers of an API server: lists, page by page, in the shape and about
//! the size of real ones. It is in the middle of its migration: a third of the nodes are on Cilium, one drains.

use std::{future::Future, pin::Pin, sync::Arc, task::Poll};

use http::{Request, Response};
use kube::{Client, client::Body};

/// Pods that every node has: Flannel's, Cilium's and one of the metrics.
const DAEMONS: usize = 3;
/// Replicas of a workload.
const REPLICAS: usize = 5;
/// Pods of a namespace.
const NAMESPACE: usize = 100;

/// How large the cluster is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Nodes.
    pub nodes: usize,
    /// Pods, those of DaemonSets among them.
    pub pods: usize,
}

impl Size {
    fn apps(self) -> usize {
        self.pods.saturating_sub(self.nodes * DAEMONS)
    }

    fn workloads(self) -> usize {
        self.apps().div_ceil(REPLICAS)
    }

    fn namespaces(self) -> usize {
        self.apps().div_ceil(NAMESPACE)
    }

    fn moved(self) -> usize {
        self.nodes / 3
    }
}

/// A client of this cluster's API server. Watches never say anything.
pub fn client(size: Size) -> Client {
    Client::new(Api { size }, "default")
}

#[derive(Clone)]
struct Api {
    size: Size,
}

impl tower::Service<Request<Body>> for Api {
    type Response = Response<Body>;
    type Error = std::convert::Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let size = self.size;
        Box::pin(async move {
            let query = request.uri().query().unwrap_or_default();
            if query.contains("watch=true") {
                std::future::pending::<()>().await;
            }
            let text = |name: &str| query.split('&').find_map(|p| p.strip_prefix(name)?.strip_prefix('='));
            let number = |name: &str| text(name).and_then(|n| n.parse::<usize>().ok());
            let body = match request.uri().path() {
                "/version" | "/readyz" => "{}".to_owned(),
                path => {
                    let (kind, all) = size.list(path, text("fieldSelector"), text("labelSelector"));
                    let from = number("continue").unwrap_or(0);
                    page(from, number("limit").unwrap_or(usize::MAX), all, kind)
                }
            };
            Ok(Response::new(Body::from(body.into_bytes())))
        })
    }
}

type Item = Arc<dyn Fn(usize) -> String + Send + Sync>;

fn page(from: usize, limit: usize, all: usize, item: Item) -> String {
    let to = from.saturating_add(limit).min(all);
    let items: Vec<String> = (from..to).map(|i| item(i)).collect();
    let next = if to < all { format!(r#","continue":"{to}""#) } else { String::new() };
    format!(r#"{{"metadata":{{"resourceVersion":"1"{next}}},"items":[{}]}}"#, items.join(","))
}

fn node_name(i: usize) -> String {
    format!("ip-172-16-{}-{}.eu-central-1.compute.internal", i / 256, i % 256)
}

fn meta(namespace: &str, name: &str, uid: usize, more: &str) -> String {
    let namespace = if namespace.is_empty() { String::new() } else { format!(r#""namespace":"{namespace}","#) };
    // about what three field managers leave on a pod
    let fields = r#""f:metadata":{"f:labels":{".":{},"f:app":{},"f:pod-template-hash":{}},"f:ownerReferences":{".":{},"k:{\"uid\":\"0\"}":{}}},"f:spec":{"f:containers":{"k:{\"name\":\"app\"}":{".":{},"f:env":{".":{},"k:{\"name\":\"PORT\"}":{".":{},"f:name":{},"f:value":{}}},"f:image":{},"f:imagePullPolicy":{},"f:name":{},"f:resources":{".":{},"f:limits":{".":{},"f:memory":{}},"f:requests":{".":{},"f:cpu":{},"f:memory":{}}}}},"f:dnsPolicy":{},"f:restartPolicy":{}}"#;
    format!(
        r#""metadata":{{{namespace}"name":"{name}","uid":"00000000-0000-4000-8000-{uid:012}","resourceVersion":"1","generation":1,"creationTimestamp":"2026-01-01T00:00:00Z","managedFields":[{{"manager":"kube-controller-manager","operation":"Update","apiVersion":"v1","time":"2026-01-01T00:00:00Z","fieldsType":"FieldsV1","fieldsV1":{{{fields}}}}}]{more}}}"#
    )
}

#[allow(clippy::unused_self, reason = "the makers of all collections have one signature")]
impl Size {
    /// The objects of a collection: how each is made, and how many there are.
    fn list(self, path: &str, field: Option<&str>, label: Option<&str>) -> (Item, usize) {
        let plural = path.rsplit('/').next().unwrap_or_default();
        let item = |f: fn(Self, usize) -> String| -> Item { Arc::new(move |i| f(self, i)) };
        match plural {
            "nodes" => (item(Self::node), self.nodes),
            "pods" => (item(Self::pod), self.pods),
            "poddisruptionbudgets" => (item(Self::budget), self.workloads()),
            "deployments" => (item(Self::deployment), self.workloads()),
            // all of them have an owner
            "replicasets" if label.is_none() => (item(Self::replica_set), self.workloads() * 3),
            "daemonsets" => (item(Self::daemon_set), DAEMONS),
            "namespaces" => (item(Self::namespace), self.namespaces()),
            "networkpolicies" => (item(Self::policy), self.namespaces()),
            "persistentvolumes" => (item(Self::volume), self.apps() / 10),
            "persistentvolumeclaims" => (item(Self::claim), self.apps() / 10),
            "volumeattachments" => (item(Self::attachment), self.apps() / 10),
            "customresourcedefinitions" => (item(Self::definition), 60),
            "ciliumnodes" => (item(Self::cilium_node), self.nodes),
            "ciliumnodeconfigs" => (item(Self::node_config), 1),
            "migrations" => (item(Self::migration), 1),
            "nodemigrations" => (item(Self::record), self.nodes),
            "configmaps" => match field.and_then(|f| f.rsplit("%3D").next()) {
                Some("cilium-config") => (item(Self::cilium_config), 1),
                Some("kube-flannel-cfg") => (item(Self::flannel_config), 1),
                _ => (item(Self::cilium_config), 0),
            },
            _ => (item(Self::namespace), 0),
        }
    }

    fn node(self, i: usize) -> String {
        let name = node_name(i);
        let moved = i < self.moved();
        let drains = i == self.moved();
        let switched = if moved { r#","io.cilium.migration/cilium-default":"true""# } else { "" };
        let role = if i + 3 >= self.nodes { r#","node-role.kubernetes.io/control-plane":"""# } else { "" };
        let labels = ["a", "b", "c", "d", "e", "f"]
            .map(|n| format!(r#","example.com/label-{n}":"value-{n}","example.com/second-label-{n}":"value-{n}""#))
            .concat();
        let cordon = if drains { r#","cutover.dev/cordoned":"true""# } else { "" };
        let more = format!(
            r#","labels":{{"kubernetes.io/hostname":"{name}","kubernetes.io/os":"linux","kubernetes.io/arch":"amd64","topology.kubernetes.io/zone":"zone-{}"{labels}{switched}{role}}},"annotations":{{"flannel.alpha.coreos.com/backend-type":"vxlan"{cordon}}}"#,
            i % 3
        );
        let images: String = (0..30)
            .map(|n| format!(r#"{{"names":["registry.example.com/team/image-{n}@sha256:{n:064}","registry.example.com/team/image-{n}:v1.2.{n}"],"sizeBytes":123456789}}"#))
            .collect::<Vec<_>>()
            .join(",");
        let spec = if drains {
            r#","unschedulable":true,"taints":[{"key":"node.kubernetes.io/unschedulable","effect":"NoSchedule"},{"key":"cutover.dev/switching","effect":"NoSchedule"}]"#
        } else {
            ""
        };
        format!(
            r#"{{{},"spec":{{"podCIDR":"10.{}.{}.0/24","podCIDRs":["10.{}.{}.0/24"]{spec}}},"status":{{"allocatable":{{"cpu":"7910m","memory":"31Gi","pods":"110"}},"conditions":[{{"type":"Ready","status":"True","reason":"KubeletReady","message":"kubelet is posting ready status","lastHeartbeatTime":"2026-01-01T00:00:00Z","lastTransitionTime":"2026-01-01T00:00:00Z"}}],"addresses":[{{"type":"InternalIP","address":"172.16.{}.{}"}}],"nodeInfo":{{"architecture":"amd64","bootID":"{i}","containerRuntimeVersion":"containerd://2.1","kernelVersion":"6.8.0-45-generic","kubeProxyVersion":"v1.33.1","kubeletVersion":"v1.33.1","machineID":"{i}","operatingSystem":"linux","osImage":"Debian","systemUUID":"{i}"}},"images":[{images}]}}}}"#,
            meta("", &name, i, &more),
            64 + i / 256,
            i % 256,
            64 + i / 256,
            i % 256,
            i / 256,
            i % 256,
        )
    }

    /// DaemonSets' pods first, then workloads with five replicas each, spread over the nodes.
    fn pod(self, i: usize) -> String {
        if let Some(daemon) = (i < self.nodes * DAEMONS).then_some(i % DAEMONS) {
            return self.daemon_pod(i, daemon);
        }
        let n = i - self.nodes * DAEMONS;
        let (app, on) = (n / REPLICAS, n % self.nodes);
        let name = format!("app-{app}-7bbf79967d-{n:05x}");
        let labels = format!(
            r#""app":"app-{app}","app.kubernetes.io/name":"app-{app}","app.kubernetes.io/part-of":"shop","pod-template-hash":"7bbf79967d""#
        );
        let owner = format!(r#""kind":"ReplicaSet","name":"app-{app}-7bbf79967d""#);
        let claim = if n.is_multiple_of(10) {
            format!(r#",{{"name":"data","persistentVolumeClaim":{{"claimName":"data-{n}"}}}}"#)
        } else {
            String::new()
        };
        // every other workload keeps its replicas apart, as most charts have it
        let affinity = if app.is_multiple_of(2) {
            format!(
                r#","affinity":{{"podAntiAffinity":{{"requiredDuringSchedulingIgnoredDuringExecution":[{{"labelSelector":{{"matchLabels":{{"app":"app-{app}"}}}},"topologyKey":"kubernetes.io/hostname"}}]}}}}"#
            )
        } else {
            String::new()
        };
        let moved = on < self.moved();
        let ip = format!("10.{}.{}.{}", if moved { 128 } else { 64 } + on / 256, on % 256, 10 + n / self.nodes % 240);
        pod(
            &format!("team-{}", n / NAMESPACE),
            &name,
            i,
            &labels,
            &owner,
            &node_name(on),
            &ip,
            &affinity,
            &claim,
            false,
        )
    }

    fn daemon_pod(self, i: usize, daemon: usize) -> String {
        let on = i / DAEMONS;
        let node = node_name(on);
        let (set, labels) = [
            ("kube-flannel", r#""app":"flannel","k8s-app":"flannel""#),
            ("cilium", r#""k8s-app":"cilium","app.kubernetes.io/part-of":"cilium""#),
            ("node-exporter", r#""app":"node-exporter""#),
        ][daemon];
        let affinity = format!(
            r#","affinity":{{"nodeAffinity":{{"requiredDuringSchedulingIgnoredDuringExecution":{{"nodeSelectorTerms":[{{"matchFields":[{{"key":"metadata.name","operator":"In","values":["{node}"]}}]}}]}}}}}}"#
        );
        let owner = format!(r#""kind":"DaemonSet","name":"{set}""#);
        let name = format!("{set}-{on:05x}");
        pod(
            "kube-system",
            &name,
            i,
            labels,
            &owner,
            &node,
            &format!("172.16.{}.{}", on / 256, on % 256),
            &affinity,
            "",
            true,
        )
    }

    fn workload_meta(self, i: usize, name: &str, owner: &str) -> String {
        let more = format!(
            r#","labels":{{"app":"app-{i}"}},"annotations":{{"deployment.kubernetes.io/revision":"1"}}{owner}"#
        );
        meta(&format!("team-{}", i * REPLICAS / NAMESPACE), name, i, &more)
    }

    fn budget(self, i: usize) -> String {
        let allowed = usize::from(!i.is_multiple_of(50));
        format!(
            r#"{{{},"spec":{{"minAvailable":4,"selector":{{"matchLabels":{{"app":"app-{i}"}}}}}},"status":{{"observedGeneration":1,"disruptionsAllowed":{allowed},"currentHealthy":5,"desiredHealthy":{},"expectedPods":5}}}}"#,
            self.workload_meta(i, &format!("app-{i}"), ""),
            5 - allowed
        )
    }

    fn deployment(self, i: usize) -> String {
        format!(
            r#"{{{},"spec":{{"replicas":5,"selector":{{"matchLabels":{{"app":"app-{i}"}}}},"template":{}}},"status":{{"replicas":5,"readyReplicas":5,"updatedReplicas":5,"observedGeneration":1}}}}"#,
            self.workload_meta(i, &format!("app-{i}"), ""),
            template("app", "registry.example.com/team/app:v1.2.3")
        )
    }

    fn replica_set(self, i: usize) -> String {
        let (app, old) = (i / 3, i % 3);
        let owner = format!(
            r#","ownerReferences":[{{"apiVersion":"apps/v1","kind":"Deployment","name":"app-{app}","uid":"x","controller":true}}]"#
        );
        format!(
            r#"{{{},"spec":{{"replicas":0,"selector":{{}},"template":{}}},"status":{{"replicas":0}}}}"#,
            self.workload_meta(app, &format!("app-{app}-7bbf79967{old}"), &owner),
            template("app", "registry.example.com/team/app:v1.2.3")
        )
    }

    fn daemon_set(self, i: usize) -> String {
        let (name, container) =
            [("kube-flannel", "kube-flannel"), ("cilium", "cilium-agent"), ("node-exporter", "exporter")][i];
        let n = self.nodes;
        format!(
            r#"{{{},"spec":{{"selector":{{}},"template":{}}},"status":{{"observedGeneration":1,"desiredNumberScheduled":{n},"currentNumberScheduled":{n},"numberReady":{n},"numberMisscheduled":0,"updatedNumberScheduled":{n}}}}}"#,
            meta("kube-system", name, i, ""),
            // all three are on the hosts' network
            template(container, "quay.io/cilium/cilium:v1.15.19").replacen(
                r#""spec":{"#,
                r#""spec":{"hostNetwork":true,"#,
                1
            )
        )
    }

    fn namespace(self, i: usize) -> String {
        format!("{{{}}}", meta("", &format!("team-{i}"), i, ""))
    }

    fn policy(self, i: usize) -> String {
        let rules: Vec<String> = (0..20)
            .map(|n| {
                format!(
                    r#"{{"from":[{{"podSelector":{{"matchLabels":{{"app":"app-{n}"}}}}}}],"ports":[{{"port":80{n}}}]}}"#
                )
            })
            .collect();
        format!(
            r#"{{{},"spec":{{"podSelector":{{}},"ingress":[{}]}}}}"#,
            meta(&format!("team-{i}"), "default", i, ""),
            rules.join(",")
        )
    }

    fn volume(self, i: usize) -> String {
        format!(
            r#"{{{},"spec":{{"capacity":{{"storage":"8Gi"}},"csi":{{"driver":"ebs.csi.aws.com","volumeHandle":"vol-{i:017}"}},"nodeAffinity":{{"required":{{"nodeSelectorTerms":[{{"matchExpressions":[{{"key":"topology.kubernetes.io/zone","operator":"In","values":["zone-{}"]}}]}}]}}}}}}}}"#,
            meta("", &format!("pvc-{i:032}"), i, ""),
            i * 10 % self.nodes % 3
        )
    }

    fn claim(self, i: usize) -> String {
        let n = i * 10;
        format!(
            r#"{{{},"spec":{{"volumeName":"pvc-{i:032}","accessModes":["ReadWriteOnce"]}},"status":{{"phase":"Bound"}}}}"#,
            meta(&format!("team-{}", n / NAMESPACE), &format!("data-{n}"), i, "")
        )
    }

    fn attachment(self, i: usize) -> String {
        format!(
            r#"{{{},"spec":{{"attacher":"ebs.csi.aws.com","nodeName":"{}","source":{{"persistentVolumeName":"pvc-{i:032}"}}}},"status":{{"attached":true}}}}"#,
            meta("", &format!("csi-{i:064}"), i, ""),
            node_name(i * 10 % self.nodes)
        )
    }

    fn definition(self, i: usize) -> String {
        let (group, plural, version) = match i {
            0 => ("cutover.dev", "migrations".to_owned(), "v1alpha1"),
            1 => ("cutover.dev", "nodemigrations".into(), "v1alpha1"),
            2 => ("cilium.io", "ciliumnodes".into(), "v2"),
            3 => ("cilium.io", "ciliumnodeconfigs".into(), "v2alpha1"),
            _ => ("example.com", format!("things{i}"), "v1"),
        };
        let properties: Vec<String> = (0..300)
            .map(|n| format!(r#""field{n}":{{"type":"object","description":"What the {n}th field of this kind is for, in a sentence of the usual length.","properties":{{"a":{{"type":"string"}},"b":{{"type":"integer","format":"int32"}}}}}}"#))
            .collect();
        format!(
            r#"{{{},"spec":{{"group":"{group}","scope":"Cluster","names":{{"plural":"{plural}","kind":"Kind{i}"}},"versions":[{{"name":"{version}","served":true,"storage":true,"schema":{{"openAPIV3Schema":{{"type":"object","properties":{{{}}}}}}}}}]}},"status":{{"conditions":[{{"type":"Established","status":"True","reason":"x","message":"","lastTransitionTime":"2026-01-01T00:00:00Z"}}]}}}}"#,
            meta("", &format!("{plural}.{group}"), i, ""),
            properties.join(",")
        )
    }

    fn cilium_node(self, i: usize) -> String {
        format!(
            r#"{{"apiVersion":"cilium.io/v2","kind":"CiliumNode",{},"spec":{{"ipam":{{"podCIDRs":["10.{}.{}.0/24"]}}}}}}"#,
            meta("", &node_name(i), i, ""),
            128 + i / 256,
            i % 256
        )
    }

    fn node_config(self, i: usize) -> String {
        format!(
            r#"{{"apiVersion":"cilium.io/v2alpha1","kind":"CiliumNodeConfig",{},"spec":{{"nodeSelector":{{"matchLabels":{{"io.cilium.migration/cilium-default":"true"}}}}}}}}"#,
            meta("kube-system", "cilium-default", i, "")
        )
    }

    fn cilium_config(self, i: usize) -> String {
        format!(
            r#"{{{},"data":{{"custom-cni-conf":"true","enable-policy":"never","cluster-pool-ipv4-cidr":"10.128.0.0/10"}}}}"#,
            meta("kube-system", "cilium-config", i, "")
        )
    }

    fn flannel_config(self, i: usize) -> String {
        format!(
            r#"{{{},"data":{{"net-conf.json":"{{\"Network\":\"10.64.0.0/10\",\"Backend\":{{\"Type\":\"vxlan\"}}}}"}}}}"#,
            meta("kube-system", "kube-flannel-cfg", i, "")
        )
    }

    fn migration(self, i: usize) -> String {
        format!(
            r#"{{"apiVersion":"cutover.dev/v1alpha1","kind":"Migration",{},"spec":{{"approved":"Migrate","cilium":{{"version":"1.15.19","chart":"cilium/cilium","podCidr":"10.128.0.0/10"}},"nodes":{{"maxUnavailable":10}}}},"status":{{"phase":"Migrate","phases":[{{"name":"Preflight","state":"Done"}},{{"name":"Install","state":"Done"}},{{"name":"Migrate","state":"Running"}}],"startedAt":"2026-01-01T00:00:00Z"}}}}"#,
            meta("", "cutover", i, "")
        )
    }

    fn record(self, i: usize) -> String {
        let at = r#""2026-01-01T00:00:00Z""#;
        let steps = |names: &[&str]| {
            let steps: Vec<String> =
                names.iter().map(|s| format!(r#"{{"step":"{s}","startedAt":{at},"finishedAt":{at}}}"#)).collect();
            steps.join(",")
        };
        let evidence = format!(
            r#"{{"bootIdBefore":"a","bootIdAfter":"{i}","switched":true,"host":{{"task":"look","cniFiles":["05-cilium.conflist","10-flannel.conflist.cilium_bak"],"cniState":"Ok","at":{at}}},"probe":{{"address":"10.128.0.9","apiReached":true}},"moved":[{{"workload":"team-0/Deployment/app-0","ready":5}},{{"workload":"team-0/Deployment/app-1","ready":5}}]}}"#
        );
        let all = ["Check", "Cordon", "Drain", "Switch", "Restart", "Verify", "Uncordon", "Observe"];
        let status = match i.cmp(&self.moved()) {
            std::cmp::Ordering::Less => format!(
                r#"{{"step":"Done","direction":"Cilium","attempt":1,"steps":[{}],"evidence":{evidence}}}"#,
                steps(&all)
            ),
            std::cmp::Ordering::Equal => format!(
                r#"{{"step":"Drain","direction":"Cilium","attempt":1,"since":{at},"steps":[{}],"evidence":{{"host":null}}}}"#,
                steps(&all[..2])
            ),
            std::cmp::Ordering::Greater => {
                r#"{"step":"Pending","waiting":{"reason":"Queued","message":"queued behind a node that drains"}}"#
                    .to_owned()
            }
        };
        format!(
            r#"{{"apiVersion":"cutover.dev/v1alpha1","kind":"NodeMigration",{},"spec":{{}},"status":{status}}}"#,
            meta("", &node_name(i), i, "")
        )
    }
}

fn template(container: &str, image: &str) -> String {
    let env: Vec<String> =
        (0..10).map(|n| format!(r#"{{"name":"SETTING_{n}","value":"a value of some length {n}"}}"#)).collect();
    format!(
        r#"{{"metadata":{{"labels":{{"app":"x"}}}},"spec":{{"containers":[{{"name":"{container}","image":"{image}","env":[{}],"resources":{{"requests":{{"cpu":"100m","memory":"256Mi"}}}}}}]}}}}"#,
        env.join(",")
    )
}

#[expect(clippy::too_many_arguments, reason = "the parts of one text")]
fn pod(
    namespace: &str,
    name: &str,
    uid: usize,
    labels: &str,
    owner: &str,
    node: &str,
    ip: &str,
    affinity: &str,
    volumes: &str,
    daemon: bool,
) -> String {
    let more = format!(
        r#","labels":{{{labels}}},"ownerReferences":[{{"apiVersion":"apps/v1",{owner},"uid":"x","controller":true}}]"#
    );
    let env: Vec<String> =
        (0..10).map(|n| format!(r#"{{"name":"SETTING_{n}","value":"a value of some length {n}"}}"#)).collect();
    let tolerations = if daemon {
        r#"{"operator":"Exists","effect":"NoExecute"},{"key":"node.kubernetes.io/not-ready","operator":"Exists","effect":"NoExecute"},{"key":"node.kubernetes.io/unreachable","operator":"Exists","effect":"NoExecute"},{"key":"node.kubernetes.io/disk-pressure","operator":"Exists","effect":"NoSchedule"},{"key":"node.kubernetes.io/memory-pressure","operator":"Exists","effect":"NoSchedule"},{"key":"node.kubernetes.io/pid-pressure","operator":"Exists","effect":"NoSchedule"},{"key":"node.kubernetes.io/unschedulable","operator":"Exists","effect":"NoSchedule"},{"key":"node.kubernetes.io/network-unavailable","operator":"Exists","effect":"NoSchedule"}"#
    } else {
        r#"{"key":"node.kubernetes.io/not-ready","operator":"Exists","effect":"NoExecute","tolerationSeconds":300},{"key":"node.kubernetes.io/unreachable","operator":"Exists","effect":"NoExecute","tolerationSeconds":300}"#
    };
    format!(
        r#"{{{},"spec":{{"nodeName":"{node}","hostNetwork":{daemon},"serviceAccountName":"default","schedulerName":"default-scheduler","priority":0,"volumes":[{{"name":"kube-api-access-x","projected":{{"sources":[{{"serviceAccountToken":{{"expirationSeconds":3607,"path":"token"}}}},{{"configMap":{{"name":"kube-root-ca.crt","items":[{{"key":"ca.crt","path":"ca.crt"}}]}}}}]}}}}{volumes}],"containers":[{{"name":"app","image":"registry.example.com/team/app:v1.2.3","env":[{}],"resources":{{"limits":{{"memory":"512Mi"}},"requests":{{"cpu":"100m","memory":"256Mi"}}}},"volumeMounts":[{{"name":"kube-api-access-x","readOnly":true,"mountPath":"/var/run/secrets/kubernetes.io/serviceaccount"}}]}}],"tolerations":[{tolerations}]{affinity}}},"status":{{"phase":"Running","podIP":"{ip}","podIPs":[{{"ip":"{ip}"}}],"hostIP":"172.16.0.1","startTime":"2026-01-01T00:00:00Z","qosClass":"Burstable","conditions":[{{"type":"Initialized","status":"True","lastTransitionTime":"2026-01-01T00:00:00Z"}},{{"type":"Ready","status":"True","lastTransitionTime":"2026-01-01T00:00:00Z"}},{{"type":"ContainersReady","status":"True","lastTransitionTime":"2026-01-01T00:00:00Z"}},{{"type":"PodScheduled","status":"True","lastTransitionTime":"2026-01-01T00:00:00Z"}}],"containerStatuses":[{{"name":"app","ready":true,"restartCount":0,"image":"registry.example.com/team/app:v1.2.3","imageID":"registry.example.com/team/app@sha256:{uid:064}","containerID":"containerd://{uid:064}","started":true,"state":{{"running":{{"startedAt":"2026-01-01T00:00:00Z"}}}}}}]}}}}"#,
        meta(namespace, name, uid, &more),
        env.join(",")
    )
}
