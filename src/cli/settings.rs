//! Options out of files: `cutover.yaml` and the config file. They take the place of an option's default, so that the
//! command line and the environment go before them, and one parser judges them all.

use std::path::Path;

use clap::{Arg, ArgAction, Command, ValueHint};

use super::{Exit, session::Failed, wanted};

/// Options that a file cannot hold: the file itself, and in the config file what is agreed to for one object.
pub(super) const FILE: &str = "file";
pub(super) const CONSENTS: [&str; 2] = ["consent", "consent-file"];

/// An option of a migration out of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    /// Its name without dashes.
    pub(super) name: String,
    pub(super) values: Vec<String>,
    /// The file and the line, as `cutover.yaml:3`.
    pub(super) place: String,
}

impl Setting {
    /// Checks it as the command line would. Paths are meant from the folder of the file.
    pub(super) fn checked(mut self, folder: Option<&Path>) -> Result<Self, Failed> {
        let command = wanted::command();
        let Some(option) = option(&command, &self.name) else { return Err(self.refused("unknown")) };
        if option.get_value_hint() == ValueHint::AnyPath
            && let Some(folder) = folder
        {
            for value in &mut self.values {
                *value = folder.join(&*value).to_string_lossy().into_owned();
            }
        }
        let arguments: Vec<String> = if is_switch(option) {
            match self.values.as_slice() {
                [value] if value == "true" => vec![format!("--{}", self.name)],
                [value] if value == "false" => vec![],
                _ => return Err(self.refused("expected true or false")),
            }
        } else if self.values.len() != 1 && !matches!(option.get_action(), ArgAction::Append) {
            return Err(self.refused("expected one value"));
        } else {
            self.values.iter().map(|v| format!("--{}={v}", self.name)).collect()
        };
        wanted::of(arguments).map_err(|why| {
            let why = why.message;
            let first = why.split("\n\nFor more").next().unwrap_or_default().trim_start_matches("error: ");
            self.refused(&first.split_whitespace().collect::<Vec<_>>().join(" "))
        })?;
        Ok(self)
    }

    fn refused(&self, why: &str) -> Failed {
        Failed::new(Exit::Usage, format!("{}: {}: {why}. Nothing was changed", self.place, self.name))
    }
}

fn is_switch(option: &Arg) -> bool {
    matches!(option.get_action(), ArgAction::SetTrue)
}

fn option<'a>(command: &'a Command, name: &str) -> Option<&'a Arg> {
    command.get_arguments().find(|a| a.get_long() == Some(name))
}

/// The options of a migration by their names, in the order of `--help`.
pub(super) fn names() -> Vec<String> {
    let command = wanted::command();
    let names = command.get_arguments().filter_map(Arg::get_long).filter(|n| *n != "help" && *n != FILE);
    names.map(str::to_owned).collect()
}

/// What may have been meant by a name that is not known.
pub(super) fn meant<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let near = known.into_iter().map(|k| (strsim::jaro_winkler(name, k), k)).filter(|(near, _)| *near > 0.8);
    near.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, k)| format!(" (did you mean {k}?)")).unwrap_or_default()
}

/// The program with these as defaults, wherever it takes the options of a migration. The last of one name counts.
pub(super) fn with_defaults(command: Command, settings: &[Setting]) -> Command {
    let set = |mut command: Command| {
        // of the commands only those that take the options of a migration take their file
        if option(&command, FILE).is_none() {
            return command;
        }
        for setting in settings {
            if let Some(id) = option(&command, &setting.name).map(|o| o.get_id().to_string()) {
                command = command.mut_arg(id, |option| option.default_values(setting.values.clone()));
            }
        }
        command
    };
    set(command.mut_subcommands(set))
}
