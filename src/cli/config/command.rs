//! `cutover config`: a template of the config file, and what the one that is there says.

use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    super::{Exit, Global, output, session::Failed},
    Config, template, usual,
};

/// The config file: print a template, or check the one that is there.
#[derive(Args, Debug)]
pub(in crate::cli) struct ConfigCommand {
    #[command(subcommand)]
    command: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Print a config file with every setting there is, each commented out
    Template,
    /// Read the config file and say what is wrong with it and what it sets
    Check,
}

impl ConfigCommand {
    pub(in crate::cli) fn run(&self, global: &Global) -> Result<Exit, Failed> {
        match self.command {
            Action::Template => {
                output::line(template::text().trim_end());
                Ok(Exit::Done)
            }
            Action::Check => check(global),
        }
    }
}

fn check(global: &Global) -> Result<Exit, Failed> {
    let config = Config::load(global.config.as_deref())?;
    let contexts: Vec<&str> = config.contexts.keys().map(String::as_str).collect();
    if global.output.is_json() {
        global.output.print(&json!({"file": config.path, "contexts": contexts, "warnings": config.warnings}));
        return Ok(if config.warnings.is_empty() { Exit::Done } else { Exit::Usage });
    }
    let Some(path) = &config.path else {
        let usual = usual().map_or_else(|| "no home folder".into(), |p| p.display().to_string());
        output::line(&format!("There is no config file ({usual}). Next: cutover config template > FILE"));
        return Ok(Exit::Done);
    };
    output::line(&path.display().to_string());
    for setting in &config.migration {
        output::line(&format!("  migration         {} = {}", setting.name, setting.values.join(", ")));
    }
    for (action, keys) in &config.keys {
        output::line(&format!("  keys              {action} = {}", keys.join(", ")));
    }
    for (name, context) in &config.contexts {
        let mut said = Vec::new();
        let mut say = |set: bool, text: String| said.extend(set.then_some(text));
        say(context.production == Some(true), "production".into());
        say(context.guard.read_only.is_some(), "read-only".into());
        say(context.guard.by_name, "confirmed by its name".into());
        context.hubble.iter().for_each(|h| say(true, format!("hubble {h}")));
        context.helm.iter().for_each(|h| say(true, format!("helm {}", h.display())));
        context.audit_log.iter().for_each(|l| say(true, format!("audit log {}", l.display())));
        context.migration.iter().for_each(|s| say(true, format!("{} = {}", s.name, s.values.join(", "))));
        output::line(&format!(
            "  context {name}: {}",
            if said.is_empty() { "nothing".into() } else { said.join("; ") }
        ));
    }
    config.warnings.iter().for_each(|w| output::line(&format!("warning: {w}")));
    Ok(if config.warnings.is_empty() { Exit::Done } else { Exit::Usage })
}
