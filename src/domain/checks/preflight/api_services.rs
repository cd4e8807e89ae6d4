use super::{Check, Context, Report, Source, few, webhooks::behind};
use crate::domain::text::safe;

pub(super) static CHECK: Check = Check {
    id: "api-services",
    looks_at: "APIs that are served from pods: do they answer now",
    why: "An API that does not answer makes namespaces hang in Terminating and helm fail; that it answered before shows whether a move broke it.",
    next: "Repair it, or delete the APIService if nothing serves it any more.",
    reports: &[],
    source: Source::Asked,
    judge,
};

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    let survey = &ctx.survey().api_services;
    if let Some(why) = survey.unknown() {
        return out.unknown("apiservices", why);
    }
    let all = survey.known().map(Vec::as_slice).unwrap_or_default();
    for api in all.iter().filter(|a| !a.available) {
        let pods = behind(ctx.facts(), &api.service).map_or(0, |(pods, _)| pods);
        let message = format!("it does not answer; service {} has {pods} ready pods", api.service);
        out.warn(format!("apiservice/{}", safe(&api.name)), message, CHECK.next);
    }
    if all.iter().all(|a| a.available) {
        let names: Vec<&str> = all.iter().map(|a| a.name.as_str()).collect();
        out.fine(
            "apiservices",
            if names.is_empty() { "none is served from pods".into() } else { format!("{} answer", few(&names)) },
        );
    }
}
