use super::{Check, Context, MIGRATION, Report, Source, unknown_values::is_option};
use crate::domain::{text::safe, values};

pub(super) static CHECK: Check = Check {
    id: "values",
    looks_at: "your helm values: secrets in them, values under a parent chart's key, options that the version does not have",
    why: "The Migration's spec can be read by many. helm drops what the chart does not know without a word, and the chart fails on options that were removed.",
    next: "Correct the values file.",
    reports: &[],
    source: Source::Watched,
    judge,
};

/// Options that a minor of the chart no longer has: path, since which minor, what took their place.
const REMOVED: &[(&str, u32, &str)] = &[
    ("tunnel", 15, "routingMode and tunnelProtocol"),
    ("encryption.keyFile", 16, "encryption.ipsec.keyFile"),
    ("encryption.mountPath", 16, "encryption.ipsec.mountPath"),
    ("encryption.secretName", 16, "encryption.ipsec.secretName"),
    ("encryption.interface", 16, "encryption.ipsec.interface"),
    ("encryption.strictMode", 20, "encryption.strictMode.egress"),
];

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    let own = &ctx.cilium().values;
    let before = out.count();
    if let Some(path) = values::private(own) {
        out.block(
            MIGRATION,
            format!("the value {} looks like a secret, and this spec can be read by many", safe(&path)),
            "Take it out of spec.cilium.values; create its Secret and name that in the values.",
        );
    }
    for (key, value) in own.as_object().into_iter().flatten().filter(|(key, _)| !is_option(key)) {
        let inside = value.as_object().into_iter().flatten().map(|(k, _)| k.as_str());
        if let Some(option) = inside.into_iter().find(|k| is_option(k)) {
            let key = safe(key);
            out.block(
                format!("values/{key}"),
                format!("{option} and what is beside it stand under the key {key}: Cilium's own chart drops all of it"),
                &format!(
                    "Put them at the top of the file: the key {key} is for a chart that has Cilium as a dependency."
                ),
            );
        }
    }
    let minor = crate::domain::versions::parse(&ctx.cilium().version).map_or(0, |(_, minor)| minor);
    for (path, since, instead) in REMOVED.iter().filter(|(_, since, _)| minor >= *since) {
        let pointer = format!("/{}", path.replace('.', "/"));
        if own.pointer(&pointer).is_some() {
            let message = format!("the chart of 1.{minor} has no {path} any more (since 1.{since})");
            out.block(format!("values/{path}"), message, &format!("Use {instead}."));
        }
    }
    if out.count() == before {
        out.fine(
            MIGRATION,
            if own.as_object().is_none_or(serde_json::Map::is_empty) {
                "none of your own"
            } else {
                "nothing in your values is dropped or secret"
            },
        );
    }
}
