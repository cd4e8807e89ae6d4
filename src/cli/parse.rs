//! From the command line to what is wanted: first as it stands, then, where it is about a cluster, with what the config
//! file and `--file` say in the place of the defaults.

use std::{ffi::OsString, path::Path, sync::Arc};

use clap::{CommandFactory, FromArgMatches, Parser};

use super::{Arguments, Command, Global, Wanted, config::Config, options_file, session::Failed, settings};
use crate::{cluster::connect, domain::host::commands::quoted};

/// Why there is nothing to run.
pub(super) enum NotParsed {
    /// The parser's own answer: help, the version, what is wrong.
    Asked(clap::Error),
    Failed(Failed),
}

impl From<clap::Error> for NotParsed {
    fn from(error: clap::Error) -> Self {
        Self::Asked(error)
    }
}

impl From<Failed> for NotParsed {
    fn from(failed: Failed) -> Self {
        Self::Failed(failed)
    }
}

/// As a plugin of kubectl it is called by another name.
const PLUGIN: &str = "kubectl-cutover";

pub(super) fn parse(called: &[OsString]) -> Result<Arguments, NotParsed> {
    let mut called = called.to_vec();
    let is_plugin = called.first().and_then(|c| Path::new(c).file_name()).is_some_and(|n| n == PLUGIN);
    let program = if is_plugin { "kubectl cutover" } else { "cutover" };
    if let Some(first) = called.first_mut().filter(|_| is_plugin) {
        *first = program.into();
    }
    let mut arguments = Arguments::try_parse_from(&called)?;
    let again = again(program, &arguments.global);
    if arguments.is_about_a_cluster() {
        let config = Config::load(arguments.global.config.as_deref())?;
        let context = context(&arguments.global, &config);
        let unnamed = config.migration(context.as_deref().unwrap_or_default());
        let file = arguments.wanted_mut().and_then(|w| w.file.clone());
        let file = file.map(|f| options_file::read(&f)).transpose()?.unwrap_or_default();
        if !unnamed.is_empty() || !file.is_empty() {
            arguments = with(&called, unnamed.iter().chain(&file).cloned().collect::<Vec<_>>().as_slice())?;
            let unnamed = with(&called[..1], &unnamed)?.wanted;
            if let Some(wanted) = arguments.wanted_mut() {
                wanted.unnamed = Some(Box::new(unnamed));
            }
        }
        // the context that the config file was asked about is the one that is connected to
        arguments.global.context = context.or(arguments.global.context);
        arguments.global.settings = Arc::new(config);
    }
    arguments.global.again = again;
    Ok(arguments)
}

fn with(called: &[OsString], settings: &[settings::Setting]) -> Result<Arguments, clap::Error> {
    let matches = settings::with_defaults(Arguments::command(), settings).try_get_matches_from(called)?;
    Arguments::from_arg_matches(&matches)
}

/// The context that is meant, where the config file has something to say of one.
fn context(global: &Global, config: &Config) -> Option<String> {
    if !config.has_contexts() {
        return None;
    }
    let current = || connect::contexts(&global.named(false)).ok()?.1;
    global.context.clone().or_else(current)
}

fn again(program: &str, global: &Global) -> String {
    let mut again = program.to_owned();
    for (option, value) in [
        ("--kubeconfig", global.kubeconfig.as_ref().map(|p| p.display().to_string())),
        ("--context", global.context.clone()),
    ] {
        if let Some(value) = value {
            again.push_str(&format!(" {option} {}", quoted(&value)));
        }
    }
    again
}

impl Arguments {
    /// Files in the user's own folder have nothing to say to the others.
    fn is_about_a_cluster(&self) -> bool {
        !matches!(
            self.command,
            Some(
                Command::Demo(_)
                    | Command::Config(_)
                    | Command::Completions(_)
                    | Command::Man(_)
                    | Command::Credential(_)
                    | Command::Manifests(_)
            )
        )
    }

    fn wanted_mut(&mut self) -> Option<&mut Wanted> {
        match &mut self.command {
            None => Some(&mut self.wanted),
            Some(Command::Preflight(preflight)) => Some(&mut preflight.wanted),
            Some(Command::Plan(plan)) => Some(&mut plan.wanted),
            Some(Command::Run(run)) => Some(&mut run.wanted),
            Some(Command::Adopt(adopt)) => Some(&mut adopt.wanted),
            Some(Command::Kubespray(kubespray)) => Some(&mut kubespray.wanted),
            Some(_) => None,
        }
    }
}
