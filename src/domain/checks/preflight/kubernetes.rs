use super::{Check, Context, Report, Source};
use crate::domain::{text::safe, versions};

pub(super) static CHECK: Check = Check {
    id: "kubernetes",
    looks_at: "the Kubernetes version against those that the wanted Cilium is tested with",
    why: "An untested pair mostly works; where it does not, it is an API that one of both no longer has.",
    next: "Choose a Cilium whose tests have this Kubernetes (`cutover preflight --help` lists them), or try it elsewhere first.",
    reports: &["cilium/cilium#47774"],
    source: Source::Watched,
    judge,
};

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    let server = &ctx.facts().surroundings.server_version;
    let Some((_, minor)) = versions::parse(server) else {
        return out.unknown("cluster", "the API server's version was not read yet");
    };
    let wanted = &ctx.cilium().version;
    let Some(row) = versions::of(wanted) else { return };
    let pair = format!("Kubernetes {} with Cilium {}", safe(server), safe(wanted));
    match row.kubernetes {
        Some((first, last)) if (first..=last).contains(&minor) => out.fine("cluster", format!("{pair}: tested")),
        Some((first, last)) => {
            let message = format!("{pair} is untested: its project tests 1.{first} to 1.{last}");
            out.info("cluster", message, CHECK.next);
        }
        None => out.fine("cluster", format!("{pair}: what it was tested with is not known")),
    }
}
