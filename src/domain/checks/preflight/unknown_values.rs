use super::{Check, Context, MIGRATION, Report, Source, few};

pub(super) static CHECK: Check = Check {
    id: "unknown-values",
    looks_at: "top-level options in your helm values that no chart of Cilium is known to have",
    why: "helm drops a misspelt option without a word.",
    next: "Compare with `helm show values` of the chart.",
    reports: &[],
    source: Source::Watched,
    judge,
};

/// Top-level options of Cilium's charts from 1.12 to 1.20.
const OPTIONS: &str = "MTU affinity agent agentNotReadyTaintKey aksbyocni alibabacloud annotateK8sNode annotations apiRateLimit \
authentication autoDirectNodeRoutes azure bandwidthManager bgp bgpControlPlane bpf bpfClockProbe certgen cgroup ciliumEndpointSlice \
cleanBpfState cleanState cluster clustermesh cni cniConfigVersion commonLabels conntrackGCInterval conntrackGCMaxInterval \
containerRuntime crdWaitTimeout customCalls daemon dashboards debug defaultLBServiceIPAM devices directRoutingSkipUnreachable \
disableEndpointCRD dnsPolicy dnsProxy egressGateway enableCiliumEndpointSlice enableCnpStatusUpdates enableCriticalPriorityClass \
enableIPv4BIGTCP enableIPv4Masquerade enableIPv6BIGTCP enableIPv6Masquerade enableInternalTrafficPolicy enableK8sEventHandover \
enableK8sTerminatingEndpoint enableLBIPAM enableMasqueradeRouteSource enableNoServiceEndpointsRoutable enableNonDefaultDenyPolicies \
enableRuntimeDeviceDetection enableTunnelBIGTCP enableXTSocketFallback encryption endpointHealthChecking endpointLockdownOnMapOverflow \
endpointRoutes endpointStatus eni envoy envoyConfig etcd externalIPs externalWorkloads extraArgs extraConfig extraContainers extraEnv \
extraHostPathMounts extraInitContainers extraVolumeMounts extraVolumes forceDeviceDetection gatewayAPI gke global healthChecking \
healthCheckICMPFailureThreshold healthPort highScaleIPcache hostAliases hostFirewall hostPort hostServices hubble identityAllocationMode \
identityChangeGracePeriod identityManagementMode image imagePullSecrets ingressController initResources installIptablesRules \
installNoConntrackIptablesRules ipMasqAgent ipam ipv4 ipv4NativeRoutingCIDR ipv6 ipv6NativeRoutingCIDR k8s k8sClientExponentialBackoff \
k8sClientRateLimit k8sNetworkPolicy k8sServiceHost k8sServiceHostRef k8sServiceLookupConfigMapName k8sServiceLookupNamespace \
k8sServicePort keepDeprecatedLabels keepDeprecatedProbes kubeConfigPath kubeProxyReplacement kubeProxyReplacementHealthzBindAddr \
kubernetes l2NeighDiscovery l2announcements l2podAnnouncements l7Proxy livenessProbe loadBalancer localRedirectPolicy \
localRedirectPolicies logSystemLoad maglev monitor name nameOverride namespaceOverride nat nat46x64Gateway nodePort nodeSelector \
nodeSelectorLabels nodeinit nodeIPAM operator pmtuDiscovery podAnnotations podLabels podSecurityContext policyAuditMode \
policyCIDRMatchMode policyDenyResponse policyEnforcementMode pprof preflight priorityClassName prometheus proxy rbac readinessProbe \
remoteNodeIdentity resourceQuotas resources rollOutCiliumPods routingMode sctp schedulerName scheduling sctp secretsNamespaceAnnotations \
secretsNamespaceLabels securityContext serviceAccounts serviceNoBackendResponse sleepAfterInit socketLB standaloneDnsProxy startupProbe \
svcSourceRangeCheck synchronizeK8sNodes terminationGracePeriodSeconds tls tmpVolume tolerations tunnel tunnelPort tunnelProtocol \
tunnelSourcePortRange underlayProtocol updateStrategy upgradeCompatibility vtep waitForKubeProxy wellKnownIdentities wireguard \
xdp ztunnel";

/// How keys begin that are for people, by custom.
const NOTE: &str = "x-";

/// Is this a top-level option of Cilium's chart?
pub(super) fn is_option(key: &str) -> bool {
    OPTIONS.split_whitespace().any(|option| option == key)
}

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    let own = ctx.cilium().values.as_object();
    let unknown = own.into_iter().flatten().map(|(key, _)| key).filter(|key| !is_option(key));
    // YAML anchors and what is kept for other tools begin so
    let unknown: Vec<&String> = unknown.filter(|key| !key.starts_with(['_', '.']) && !key.starts_with(NOTE)).collect();
    if unknown.is_empty() {
        return out.fine(MIGRATION, "every top-level option is known");
    }
    let object = format!("values/{}", unknown[0]);
    out.warn(object, format!("not known to be options of Cilium's chart: {}", few(&unknown)), CHECK.next);
}
