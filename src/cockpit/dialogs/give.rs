//! `a` on what is approved already and waits: consents, and nothing else.

use super::{Asked, Dialog, cluster, consents};
use crate::{
    cockpit::scene::{ClusterName, Scene},
    domain::consent::ConsentKind,
};

/// Asks for consents; nothing where none is missing. `what` they are for, and `why` that waits.
pub(super) fn give(name: &ClusterName, asked: Vec<Asked>, what: &str, why: String) -> Option<Dialog> {
    if asked.is_empty() {
        return None;
    }
    let mut lines = vec![cluster(name), why];
    lines.extend(consents::lines(&asked));
    lines.push(String::new());
    lines.push("Those that are ticked are added to spec.consents, with your name and the time.".into());
    Some(Dialog::change(format!("Give consents for {what}?"), lines, vec![]).asking(asked).confirmed_by("consent"))
}

/// Asks for the consent to one connection that fails.
pub(super) fn connection(name: &ClusterName, scene: &Scene<'_>, edge: &str) -> Dialog {
    let mut asked = consents::missing(scene.facts, None);
    asked.retain(|a| a.consent.kind == ConsentKind::BrokenFlow && a.consent.object == edge);
    let none = || Dialog::refuse("Nothing to do", format!("{edge} holds no node, or is consented to already."));
    give(name, asked, edge, format!("failing   {edge}")).unwrap_or_else(none)
}
