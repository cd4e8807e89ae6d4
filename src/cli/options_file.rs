//! `--file cutover.yaml`: the options of a migration in a file that can be reviewed and kept, in the place of many flags.

use std::{fmt, path::Path};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::Value;
use serde_saphyr::Spanned;

use super::{
    Exit,
    session::Failed,
    settings::{Setting, meant, names},
};

/// Reads the file. A key that is no option is refused, with its line: a misspelt limit must not be passed over.
pub(super) fn read(path: &Path) -> Result<Vec<Setting>, Failed> {
    let name = path.display();
    let refused = |why: String| Failed::new(Exit::Usage, format!("{why}. Nothing was changed"));
    let text = std::fs::read_to_string(path).map_err(|e| refused(format!("{name} cannot be read: {e}")))?;
    if text.lines().all(|l| l.trim().is_empty() || l.trim_start().starts_with('#')) {
        return Ok(vec![]);
    }
    let Pairs(pairs) = serde_saphyr::from_str(&text).map_err(|e| {
        let said = e.to_string();
        refused(format!("{name} is no mapping of options: {}", said.lines().next().unwrap_or_default()))
    })?;
    let known = names();
    let mut found: Vec<Setting> = Vec::new();
    for (key, value) in pairs {
        let place = format!("{name}:{}", key.referenced.line());
        let key = key.value;
        if !known.contains(&key) {
            let meant = meant(&key, known.iter().map(String::as_str));
            return Err(refused(format!("{place}: unknown key {key:?}{meant}")));
        }
        if let Some(before) = found.iter().find(|s| s.name == key) {
            return Err(refused(format!("{place}: {key} is given twice, first in {}", before.place)));
        }
        let values = texts(&value).ok_or_else(|| {
            refused(format!("{place}: {key}: expected a text, a number, true, false, or a list of texts"))
        })?;
        found.push(Setting { name: key, values, place }.checked(path.parent())?);
    }
    Ok(found)
}

fn texts(value: &Value) -> Option<Vec<String>> {
    let one = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        _ => None,
    };
    match value {
        Value::Array(values) => values.iter().map(one).collect(),
        value => one(value).map(|v| vec![v]),
    }
}

/// A mapping with the places of its keys.
struct Pairs(Vec<(Spanned<String>, Value)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping of options")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Vec<Setting>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cutover.yaml");
        std::fs::write(&path, text).unwrap();
        let name = format!("{}/", folder.path().display());
        read(&path).map_err(|f| f.message.replace(&name, "")).map(|mut found| {
            found.iter_mut().for_each(|s| s.place = s.place.replace(&name, ""));
            found.iter_mut().flat_map(|s| &mut s.values).for_each(|v| *v = v.replace(&name, "./"));
            found
        })
    }

    #[test]
    fn every_line_is_an_option() {
        let text = "# of prod\nmax-unavailable: 2\nfirst:\n  - worker-1\n  - worker-2\nno-flow-guard: true\nvalues: own.yaml\n";
        let found = read_text(text).unwrap();
        let found: Vec<_> = found.iter().map(|s| (s.name.as_str(), s.values.join(" "), s.place.as_str())).collect();
        assert_eq!(
            found,
            [
                ("max-unavailable", "2".into(), "cutover.yaml:2"),
                ("first", "worker-1 worker-2".into(), "cutover.yaml:3"),
                ("no-flow-guard", "true".into(), "cutover.yaml:6"),
                ("values", "./own.yaml".into(), "cutover.yaml:7"),
            ]
        );
        assert_eq!(read_text("# nothing yet\n").unwrap(), []);
    }

    #[test]
    fn what_is_no_option_is_refused_with_its_line() {
        for (text, wanted) in [
            (
                "canaries: 1\n\nmax-unavailabe: 2\n",
                "cutover.yaml:3: unknown key \"max-unavailabe\" (did you mean max-unavailable?)",
            ),
            ("file: other.yaml\n", "cutover.yaml:1: unknown key \"file\""),
            ("canaries: 1\ncanaries: 2\n", "canaries"),
            ("max-unavailable: 0\n", "cutover.yaml:1: max-unavailable: invalid value '0'"),
            ("max-unavailable: [1, 2]\n", "cutover.yaml:1: max-unavailable: expected one value"),
            ("host-access: telnet\n", "[possible values: pod, ssh, manual]"),
            ("no-flow-guard: maybe\n", "cutover.yaml:1: no-flow-guard: expected true or false"),
            ("observe: {seconds: 3}\n", "cutover.yaml:1: observe: expected a text, a number"),
            ("- canaries\n", "cutover.yaml is no mapping of options"),
        ] {
            let said = read_text(text).unwrap_err();
            assert!(said.contains(wanted), "{text:?}: {said}");
            assert!(said.ends_with("Nothing was changed"), "{said}");
        }
    }
}
