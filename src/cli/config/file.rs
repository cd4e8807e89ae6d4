//! The config file, read. What is not known is a warning with its line; a value of the wrong kind is refused, because a
//! guard that is misunderstood guards nothing.

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{Config, Context, Screen};
use crate::{
    cli::{
        Exit,
        session::Failed,
        settings::{CONSENTS, Setting, meant, names},
    },
    cockpit::{self, Colours, Keymap},
};

/// The settings of each part, as the template names them.
pub(super) const PARTS: [&str; 4] = ["screen", "keys", "migration", "contexts"];
pub(super) const SCREEN: [&str; 5] = ["colour", "theme", "ascii", "bell", "mouse"];
pub(super) const CONTEXT: [&str; 7] =
    ["production", "read-only", "confirm", "hubble", "helm", "audit-log", "migration"];

/// Reads a config file.
pub(super) fn read(path: &Path, text: &str) -> Result<Config, Failed> {
    let mut file = File { path, text, warnings: vec![] };
    let parsed = DeTable::parse(text).map_err(|e| file.refused(&e.span().unwrap_or_default(), e.message()))?;
    let mut config = Config { path: Some(path.to_owned()), ..Config::default() };
    for (name, value) in parsed.get_ref() {
        match name.get_ref().as_ref() {
            "screen" => config.screen = file.screen(value)?,
            "keys" => (config.keymap, config.keys) = file.keys(value)?,
            "migration" => config.migration = file.migration(value, "migration")?,
            "contexts" => {
                for (context, value) in file.table(value, "contexts")? {
                    let context = context.get_ref().to_string();
                    let said = file.context(value, &context)?;
                    config.contexts.insert(context, said);
                }
            }
            other => file.unknown(&name.span(), "", other, PARTS),
        }
    }
    file.warnings.sort();
    config.warnings = file.warnings.into_iter().map(|(_, warning)| warning).collect();
    Ok(config)
}

struct File<'a> {
    path: &'a Path,
    text: &'a str,
    /// Each with where it begins.
    warnings: Vec<(usize, String)>,
}

type Value<'a> = Spanned<DeValue<'a>>;

impl File<'_> {
    fn place(&self, span: &Range<usize>) -> String {
        let before = self.text.get(..span.start).unwrap_or_default();
        format!("{}:{}", self.path.display(), before.matches('\n').count() + 1)
    }

    fn refused(&self, span: &Range<usize>, why: &str) -> Failed {
        Failed::new(Exit::Usage, format!("{}: {why}. Nothing was changed", self.place(span)))
    }

    fn unknown<'k>(&mut self, span: &Range<usize>, part: &str, name: &str, known: impl IntoIterator<Item = &'k str>) {
        let meant = meant(name, known);
        let warning = format!("{}: unknown setting {part}{name}, without effect{meant}", self.place(span));
        self.warnings.push((span.start, warning));
    }

    fn table<'v, 'a>(&self, value: &'v Value<'a>, name: &str) -> Result<&'v DeTable<'a>, Failed> {
        value.get_ref().as_table().ok_or_else(|| self.refused(&value.span(), &format!("{name}: expected a table")))
    }

    fn yes(&self, value: &Value<'_>, name: &str) -> Result<bool, Failed> {
        let expected = || self.refused(&value.span(), &format!("{name}: expected true or false"));
        value.get_ref().as_bool().ok_or_else(expected)
    }

    fn text(&self, value: &Value<'_>, name: &str) -> Result<String, Failed> {
        let expected = || self.refused(&value.span(), &format!("{name}: expected a text in quotes"));
        value.get_ref().as_str().map(str::to_owned).ok_or_else(expected)
    }

    /// A path is meant from the folder of the file.
    fn file(&self, value: &Value<'_>, name: &str) -> Result<PathBuf, Failed> {
        let folder = self.path.parent().unwrap_or_else(|| Path::new(""));
        Ok(folder.join(self.text(value, name)?))
    }

    fn theme(&self, value: &Value<'_>) -> Result<Colours, Failed> {
        let names = Colours::NAMED.map(|(name, _)| name).join(", ");
        let expected = || self.refused(&value.span(), &format!("theme: expected one of {names}"));
        Colours::named(&self.text(value, "theme")?).ok_or_else(expected)
    }

    fn screen(&mut self, value: &Value<'_>) -> Result<Screen, Failed> {
        let mut screen = Screen::default();
        for (key, value) in self.table(value, "screen")? {
            match key.get_ref().as_ref() {
                "colour" => screen.colour = Some(self.yes(value, "colour")?),
                "theme" => screen.theme = Some(self.theme(value)?),
                "ascii" => screen.ascii = Some(self.yes(value, "ascii")?),
                "bell" => screen.bell = self.yes(value, "bell")?,
                "mouse" => screen.mouse = self.yes(value, "mouse")?,
                other => self.unknown(&key.span(), "screen.", other, SCREEN),
            }
        }
        Ok(screen)
    }

    fn keys(&mut self, value: &Value<'_>) -> Result<(Keymap, Vec<(String, Vec<String>)>), Failed> {
        let names: Vec<String> = cockpit::actions().into_iter().map(|(name, ..)| name).collect();
        let (mut chosen, mut spans) = (Vec::new(), Vec::new());
        for (key, value) in self.table(value, "keys")? {
            let name = key.get_ref().to_string();
            if !names.contains(&name) {
                self.unknown(&key.span(), "keys.", &name, names.iter().map(String::as_str));
                continue;
            }
            let expected = || self.refused(&value.span(), &format!("{name}: expected a key, or a list of keys"));
            let keys = texts(value.get_ref()).ok_or_else(expected)?;
            spans.push(value.span());
            chosen.push((name, keys));
        }
        let keymap = cockpit::remapped(&chosen)
            .map_err(|(nth, why)| self.refused(&spans[nth], &format!("{}: {why}", chosen[nth].0)))?;
        Ok((keymap, chosen))
    }

    fn context(&mut self, value: &Value<'_>, name: &str) -> Result<Context, Failed> {
        let mut context = Context::default();
        for (key, value) in self.table(value, name)? {
            let place = self.place(&key.span());
            match key.get_ref().as_ref() {
                "production" => context.production = Some(self.yes(value, "production")?),
                "read-only" => context.guard.read_only = self.yes(value, "read-only")?.then_some(place),
                "confirm" => {
                    context.guard.by_name = match self.text(value, "confirm")?.as_str() {
                        "context" => true,
                        "yes" => false,
                        _ => return Err(self.refused(&value.span(), "confirm: expected \"yes\" or \"context\"")),
                    };
                }
                "hubble" => context.hubble = Some(self.text(value, "hubble")?),
                // a name without a slash is looked for in PATH
                "helm" => {
                    let named = self.text(value, "helm")?;
                    context.helm = Some(if named.contains('/') { self.file(value, "helm")? } else { named.into() });
                }
                "audit-log" => context.audit_log = Some(self.file(value, "audit-log")?),
                "migration" => context.migration = self.migration(value, &format!("contexts.{name}.migration"))?,
                other => self.unknown(&key.span(), &format!("contexts.{name}."), other, CONTEXT),
            }
        }
        Ok(context)
    }

    fn migration(&mut self, value: &Value<'_>, part: &str) -> Result<Vec<Setting>, Failed> {
        let mut known = names();
        known.retain(|n| !CONSENTS.contains(&n.as_str()));
        let mut found = Vec::new();
        for (key, value) in self.table(value, part)? {
            let name = key.get_ref().to_string();
            if !known.contains(&name) {
                self.unknown(&key.span(), &format!("{part}."), &name, known.iter().map(String::as_str));
                continue;
            }
            let expected = "expected a text, a number, true, false, or a list of texts";
            let values =
                texts(value.get_ref()).ok_or_else(|| self.refused(&value.span(), &format!("{name}: {expected}")))?;
            let place = self.place(&key.span());
            found.push(Setting { name, values, place }.checked(self.path.parent())?);
        }
        Ok(found)
    }
}

fn texts(value: &DeValue<'_>) -> Option<Vec<String>> {
    let one = |value: &DeValue<'_>| match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.to_string()),
        DeValue::Boolean(yes) => Some(yes.to_string()),
        _ => None,
    };
    match value {
        DeValue::Array(values) => values.iter().map(|v| one(v.get_ref())).collect(),
        value => one(value).map(|v| vec![v]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::strategy::Approval;

    fn config(text: &str) -> Result<Config, String> {
        read(Path::new("/etc/config.toml"), text).map_err(|f| f.message)
    }

    #[test]
    fn what_is_not_known_warns_with_its_line_and_the_rest_holds() {
        let text = "[screen]\nbel = true\nbell = true\n[colors]\n[contexts.prod]\nreadonly = true\nproduction = true\n\
                    [contexts.prod.migration]\nobserv = 3\nconsent = \"DeleteBarePod:a/b\"\nobserve = 90\n[migration]\nobserve = 60\n";
        let config = config(text).unwrap();
        assert_eq!(
            config.warnings,
            [
                "/etc/config.toml:2: unknown setting screen.bel, without effect (did you mean bell?)",
                "/etc/config.toml:4: unknown setting colors, without effect",
                "/etc/config.toml:6: unknown setting contexts.prod.readonly, without effect (did you mean read-only?)",
                "/etc/config.toml:9: unknown setting contexts.prod.migration.observ, without effect (did you mean observe?)",
                "/etc/config.toml:10: unknown setting contexts.prod.migration.consent, without effect",
            ]
        );
        assert!(config.screen.bell);
        let values = |context: &str| config.migration(context).iter().map(|s| s.values.join("")).collect::<Vec<_>>();
        assert_eq!((values("prod"), values("other")), (vec!["60".into(), "90".into()], vec!["60".to_owned()]));
    }

    #[test]
    fn a_guard_that_cannot_be_read_is_refused() {
        for (text, wanted) in [
            ("[contexts.prod]\nread-only = \"yes\"", "/etc/config.toml:2: read-only: expected true or false"),
            ("[contexts.prod]\nconfirm = \"always\"", "/etc/config.toml:2: confirm: expected \"yes\" or \"context\""),
            ("[contexts.prod]\nread-only = true\nread-only = false", "/etc/config.toml:3: duplicate key"),
            ("[migration]\nmax-unavailable = 0", "/etc/config.toml:2: max-unavailable: invalid value '0'"),
            ("[screen]\ntheme = \"pink\"", "/etc/config.toml:2: theme: expected one of terminal, dark, light, "),
            ("[keys]\nhelp = \"hh\"", "/etc/config.toml:2: help: there is no key \"hh\""),
            ("[keys]\n\npause = \"esc\"", "/etc/config.toml:3: pause: esc cannot be given to another action"),
            (
                "[keys]\ncopy = \"Y\"\npause = \"y\"",
                "/etc/config.toml:3: pause: y says yes in dialogs, so it opens none",
            ),
            ("[keys]\npause = \"x\"", "/etc/config.toml:2: pause: x is the key of replies, too"),
            ("[keys]\nhelp = \"z\"\npause = [\"Z\", \"z\"]", "/etc/config.toml:3: pause: z is the key of help, too"),
            ("contexts = 3", "/etc/config.toml:1: contexts: expected a table"),
            ("[contexts.prod\n", "/etc/config.toml:1: "),
        ] {
            let said = config(text).unwrap_err();
            assert!(said.starts_with(wanted), "{said}");
        }
    }

    #[test]
    fn keys_that_change_places_are_no_conflict() {
        let config = config("[keys]\nadvance = \"r\"\nroll-back = \"a\"\nquit = []\nhelpp = \"h\"\n").unwrap();
        let wanted = "/etc/config.toml:5: unknown setting keys.helpp, without effect (did you mean help?)";
        assert_eq!(config.warnings, [wanted]);
        assert_eq!(config.keys.len(), 3);
    }

    #[test]
    fn guards_are_of_their_context_alone() {
        let config = config("[contexts.\"prod:eu\"]\nread-only = true\nconfirm = \"context\"\n[contexts.lab]").unwrap();
        let prod = config.guard("prod:eu");
        let refused = prod.permits("prod:eu").unwrap_err().message;
        assert!(refused.contains("context prod:eu is read-only (/etc/config.toml:2: "), "{refused}");
        assert_eq!(prod.at_least(Approval::Key), Approval::ContextName);
        assert_eq!(prod.at_least(Approval::None), Approval::None);
        for other in ["lab", "prod", ""] {
            assert!(config.guard(other).permits(other).is_ok());
            assert_eq!(config.guard(other).at_least(Approval::Key), Approval::Key);
        }
    }
}
