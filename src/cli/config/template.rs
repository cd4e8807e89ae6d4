//! The template of the config file. The options of a migration in it are made of the command line's own, so that it
//! names every one of them.

use std::fmt::Write;

use crate::{
    cli::{
        settings::{CONSENTS, FILE},
        wanted,
    },
    cockpit,
};

const HEAD: &str = r#"# Cutover's config file: ~/.config/cutover/config.toml, or --config FILE (CUTOVER_CONFIG).
# Every setting is shown with its default or an example; remove the # to use it. The command line, the
# environment and the file of a migration (--file cutover.yaml) go before this file.

[screen]
#colour = false           # false: no colours, as NO_COLOR
#theme = "light"          # terminal (its own 16 colours), dark, light, high-contrast, colour-blind; as --theme (CUTOVER_THEME)
#ascii = true             # no glyphs beyond ASCII, as CUTOVER_ASCII
#bell = true              # ring when something begins to wait for you, as --bell
#mouse = true             # the wheel scrolls, a click selects a row; the terminal's own selection needs shift then

# Keys: a letter, one with ctrl- (but h, i and m), f1 to f12, space, tab, up, down, left, right, pgup, pgdn, home, end,
# delete; many in a list, none with []. Esc, enter, ctrl-c and ctrl-z stay, and so do the dialogs in front of every change.
[keys]
@KEYS@
# What holds for one context of the kubeconfig.
#[contexts."prod-eu"]
#production = true        # the header says PROD
#read-only = true         # Cutover changes nothing there: a guard against the wrong terminal
#confirm = "context"      # every change is confirmed by the context's name: typed, or --confirm-context
#hubble = "relay.prod-eu.example.org:4245"
#helm = "/usr/local/bin/helm"
#audit-log = "prod-eu.jsonl"
# [migration], for this context alone:
#[contexts."prod-eu".migration]
#max-unavailable = 2

# Options of a migration. They are read when it is created: one that there is keeps what it has.
[migration]
"#;

/// The template.
pub(super) fn text() -> String {
    let mut text = HEAD.replace("@KEYS@", &keys());
    let command = wanted::command();
    for option in command.get_arguments() {
        let Some(name) = option.get_long().filter(|n| *n != FILE && *n != "help" && !CONSENTS.contains(n)) else {
            continue;
        };
        let help = option.get_help().map(ToString::to_string).unwrap_or_default();
        let default = option.get_default_values().first().map(|v| v.to_string_lossy().into_owned());
        let value = match default.or_else(|| example(option)) {
            Some(v) if v.parse::<u64>().is_ok() || v == "true" || v == "false" => v,
            Some(v) => format!("{v:?}"),
            None => continue,
        };
        let value = if option.get_action().takes_values() && takes_many(option) { format!("[{value}]") } else { value };
        let _ = writeln!(text, "# {help}\n#{name} = {value}");
    }
    text
}

/// Every action with its usual keys.
fn keys() -> String {
    let line = |(name, keys, help): (String, Vec<String>, &str)| {
        let value = if let [key] = &*keys { format!("{key:?}") } else { format!("{keys:?}") };
        format!("# {help}\n#{name} = {value}\n")
    };
    cockpit::actions().into_iter().map(line).collect()
}

fn takes_many(option: &clap::Arg) -> bool {
    matches!(option.get_action(), clap::ArgAction::Append)
}

/// A value for an option without a default: its own placeholder, or the last of its words.
fn example(option: &clap::Arg) -> Option<String> {
    if !option.get_action().takes_values() {
        return Some("true".into());
    }
    let name = option.get_value_names()?.first()?.to_string();
    Some(name.rsplit('|').next().filter(|n| *n != "N").map_or_else(|| "1".into(), str::to_owned))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{super::file, *};
    use crate::cli::settings::names;

    /// Every setting of it in use: lines that are an assignment or a head, without their #.
    fn used() -> String {
        let is_setting = |l: &str| {
            let named = l.split_once(" = ").is_some_and(|(n, _)| n.chars().all(|c| c.is_ascii_lowercase() || c == '-'));
            named || l.starts_with('[')
        };
        let lines = text();
        let lines = lines.lines().map(|l| l.strip_prefix('#').filter(|l| is_setting(l)).unwrap_or(l));
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_template_parses_as_it_is_and_with_everything_in_use() {
        for (text, everything) in [(text(), false), (used(), true)] {
            let config = file::read(Path::new("/etc/config.toml"), &text).map_err(|f| f.message).unwrap();
            assert_eq!(config.warnings, Vec::<String>::new());
            assert_eq!(config.has_contexts(), everything, "{text}");
            let all = config.migration("");
            assert_eq!(all.is_empty(), !everything);
            if everything {
                let named: Vec<&str> = all.iter().map(|s| s.name.as_str()).collect();
                let wanted = names().into_iter().filter(|n| !CONSENTS.contains(&n.as_str()));
                wanted.for_each(|n| assert!(named.contains(&n.as_str()), "{n} is not in the template"));
            }
        }
    }

    #[test]
    fn the_template_names_every_setting_that_is_read() {
        let used = used();
        let named: Vec<&str> = used.lines().filter_map(|l| Some(l.split_once(" = ")?.0)).collect();
        for setting in file::SCREEN.iter().chain(&file::CONTEXT).filter(|s| **s != "migration") {
            assert!(named.contains(setting), "{setting}");
        }
        for part in file::PARTS {
            assert!(used.lines().any(|l| l.starts_with(&format!("[{part}"))), "{part}");
        }
    }
}
