//! The config file, and `cutover config`: what holds for every command, and what holds for one context.

mod command;
mod file;
mod template;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

pub(super) use command::ConfigCommand;
use etcetera::BaseStrategy;

use super::{Exit, session::Failed, settings::Setting};
use crate::{
    cluster::connect::Marks,
    cockpit::{Colours, Keymap},
    domain::strategy::Approval,
};

/// What the config file says.
#[derive(Clone, Debug, Default)]
pub(super) struct Config {
    /// The file, where there is one.
    pub(super) path: Option<PathBuf>,
    pub(super) screen: Screen,
    /// Keys that were chosen for actions, and as they are said.
    pub(super) keymap: Keymap,
    keys: Vec<(String, Vec<String>)>,
    /// Options of a migration, for every context.
    migration: Vec<Setting>,
    contexts: BTreeMap<String, Context>,
    /// What in it is not known, and so without effect.
    pub(super) warnings: Vec<String>,
}

/// How the cockpit looks.
#[derive(Clone, Debug, Default)]
pub(super) struct Screen {
    pub(super) colour: Option<bool>,
    pub(super) theme: Option<Colours>,
    pub(super) ascii: Option<bool>,
    pub(super) bell: bool,
    pub(super) mouse: bool,
}

/// What holds for one context.
#[derive(Clone, Debug, Default)]
struct Context {
    production: Option<bool>,
    guard: Guard,
    hubble: Option<String>,
    helm: Option<PathBuf>,
    audit_log: Option<PathBuf>,
    migration: Vec<Setting>,
}

/// What keeps from harm on one context.
#[derive(Clone, Debug, Default)]
pub(super) struct Guard {
    /// Nothing is changed: where that is said.
    read_only: Option<String>,
    /// Every change is confirmed by the context's name.
    by_name: bool,
}

impl Guard {
    /// Nothing is changed where the config file forbids it.
    pub(super) fn permits(&self, context: &str) -> Result<(), Failed> {
        match &self.read_only {
            None => Ok(()),
            Some(place) => {
                let why = format!("context {context} is read-only ({place}: read-only = true). Nothing was changed");
                Err(Failed::new(Exit::Usage, why))
            }
        }
    }

    /// What has to be given before a change that needs this much by itself.
    pub(super) fn at_least(&self, needs: Approval) -> Approval {
        if self.by_name && needs != Approval::None { Approval::ContextName } else { needs }
    }

    pub(super) const fn is_by_name(&self) -> bool {
        self.by_name
    }
}

/// The default place, `cutover/config.toml` in the user's config folder.
fn usual() -> Option<PathBuf> {
    Some(etcetera::choose_base_strategy().ok()?.config_dir().join("cutover").join("config.toml"))
}

impl Config {
    /// Reads the file that is named, or the one in its default place, where there may be none.
    pub(super) fn load(named: Option<&Path>) -> Result<Self, Failed> {
        let Some(path) = named.map(Path::to_path_buf).or_else(usual) else { return Ok(Self::default()) };
        match std::fs::read_to_string(&path) {
            Ok(text) => file::read(&path, &text),
            Err(e) if named.is_none() && e.kind() != std::io::ErrorKind::PermissionDenied => Ok(Self::default()),
            Err(e) => Err(Failed::new(Exit::Usage, format!("{} cannot be read: {e}", path.display()))),
        }
    }

    /// Something in it holds for one context alone.
    pub(super) fn has_contexts(&self) -> bool {
        !self.contexts.is_empty()
    }

    /// The options of a migration on a context: first what holds for all, then its own.
    pub(super) fn migration(&self, context: &str) -> Vec<Setting> {
        let own = self.contexts.get(context).into_iter().flat_map(|c| &c.migration);
        self.migration.iter().chain(own).cloned().collect()
    }

    /// What it says of a context, over what its kubeconfig says.
    pub(super) fn mark(&self, context: &str, marks: &mut Marks) {
        let Some(context) = self.contexts.get(context) else { return };
        marks.production = context.production.unwrap_or(marks.production);
        marks.hubble = context.hubble.clone().or(marks.hubble.take());
        marks.helm = context.helm.clone().or(marks.helm.take());
    }

    pub(super) fn guard(&self, context: &str) -> Guard {
        self.contexts.get(context).map(|c| c.guard.clone()).unwrap_or_default()
    }

    pub(super) fn audit_log(&self, context: &str) -> Option<&Path> {
        self.contexts.get(context)?.audit_log.as_deref()
    }
}
