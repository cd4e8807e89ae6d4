//! The target of a request, from its path.

use std::sync::Arc;

use super::kinds::Kind;

/// A path below `/api/v1` or `/apis/GROUP/VERSION`.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) kind: Arc<Kind>,
    pub(super) namespace: Option<String>,
    pub(super) name: Option<String>,
    pub(super) sub: Option<String>,
}

/// Parses a path; `None` if nothing is served there.
pub(super) fn parse(path: &str, kinds: &[Arc<Kind>]) -> Option<Target> {
    let mut parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let (group, version) = match parts.as_slice() {
        ["api", version, ..] => ("", *version),
        ["apis", group, version, ..] => (*group, *version),
        _ => return None,
    };
    parts.drain(..if group.is_empty() { 2 } else { 3 });
    // /namespaces/NAME/PLURAL is a list in a namespace, /namespaces/NAME the namespace itself
    let namespace = match parts.as_slice() {
        ["namespaces", name, rest, ..] if !(group.is_empty() && matches!(*rest, "status" | "finalize")) => {
            let name = (*name).to_owned();
            parts.drain(..2);
            Some(name)
        }
        _ => None,
    };
    let (plural, rest) = parts.split_first()?;
    let kind = kinds.iter().find(|k| k.group == group && k.version == version && k.plural == *plural)?.clone();
    if kind.namespaced && namespace.is_none() && !rest.is_empty() || !kind.namespaced && namespace.is_some() {
        return None;
    }
    let name = rest.first().map(|s| (*s).to_owned());
    let sub = rest.get(1).map(|s| (*s).to_owned());
    (rest.len() <= 2).then_some(Target { kind, namespace, name, sub })
}

#[cfg(test)]
mod tests {
    use super::{super::kinds::built_in, *};

    #[test]
    fn paths_are_parsed_as_on_the_real_server() {
        let kinds = built_in();
        let at = |p: &str| {
            parse(p, &kinds).map(|t| {
                (
                    t.kind.plural.clone(),
                    t.namespace.unwrap_or_default(),
                    t.name.unwrap_or_default(),
                    t.sub.unwrap_or_default(),
                )
            })
        };
        let row = |a: &str, b: &str, c: &str, d: &str| Some((a.into(), b.into(), c.into(), d.into()));
        assert_eq!(at("/api/v1/pods"), row("pods", "", "", ""));
        assert_eq!(at("/api/v1/namespaces/shop"), row("namespaces", "", "shop", ""));
        assert_eq!(at("/api/v1/namespaces/shop/pods/a/eviction"), row("pods", "shop", "a", "eviction"));
        assert_eq!(at("/apis/apps/v1/namespaces/x/daemonsets"), row("daemonsets", "x", "", ""));
        assert_eq!(at("/api/v1/nodes/n1/status"), row("nodes", "", "n1", "status"));
        assert_eq!(at("/api/v1/nonsense"), None);
        assert_eq!(at("/apis/cilium.io/v2/ciliumnodes"), None);
    }
}
