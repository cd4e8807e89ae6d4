//! The manifest of `kubectl cutover` keeps to the rules of krew: those that its index refuses (structure, versions,
//! checksums, selectors) and those of its guide to manifests and names.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

const MANIFEST: &str = include_str!("../../assets/krew/cutover.yaml");

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Manifest {
    api_version: String,
    kind: String,
    metadata: Metadata,
    spec: Spec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Spec {
    version: String,
    short_description: String,
    description: String,
    #[serde(rename = "caveats")]
    _caveats: Option<String>,
    homepage: String,
    platforms: Vec<Platform>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Platform {
    uri: String,
    sha256: String,
    selector: Selector,
    files: Option<Vec<BTreeMap<String, String>>>,
    bin: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Selector {
    match_labels: BTreeMap<String, String>,
}

/// What krew would refuse of a manifest in a file of this name.
fn refused(file: &str, text: &str) -> Vec<String> {
    let manifest: Manifest = match serde_saphyr::from_str(text) {
        Ok(manifest) => manifest,
        Err(e) => return vec![e.to_string()],
    };
    let Manifest { metadata: Metadata { name }, spec, .. } = &manifest;
    let mut wrong = Vec::new();
    let mut rule = |holds: bool, words: &str| wrong.extend((!holds).then(|| words.to_owned()));
    rule(manifest.api_version == "krew.googlecontainertools.github.com/v1alpha2", "apiVersion");
    rule(manifest.kind == "Plugin", "kind");
    rule(file == format!("{name}.yaml"), "the file is named after the plugin");
    let kebab = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    rule(kebab && !name.starts_with("kube"), "a name in lower case with hyphens, without kube");
    let version = spec.version.strip_prefix('v').map(|v| v.split('.').map(str::parse::<u32>).collect::<Vec<_>>());
    rule(version.is_some_and(|v| v.len() == 3 && v.iter().all(Result::is_ok)), "a semantic version with a v");
    let short = &spec.short_description;
    rule(!short.is_empty() && !short.contains(['\r', '\n']), "a short description in one line");
    rule(short.len() <= 50 && !short.ends_with('.'), "a short description of a few words");
    rule(!spec.description.is_empty(), "a description");
    rule(spec.homepage.starts_with("https://"), "a homepage");
    rule(!spec.platforms.is_empty(), "a platform");
    let mut seen = Vec::new();
    for platform in &spec.platforms {
        let archive = [".tar.gz", ".zip"].iter().any(|end| platform.uri.ends_with(end));
        rule(platform.uri.starts_with("https://") && archive, "an archive");
        let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        rule(platform.sha256.len() == 64 && platform.sha256.chars().all(hex), "a sha256");
        rule(!platform.bin.is_empty() && !platform.bin.starts_with('/') && !platform.bin.contains(".."), "bin");
        let copies = |f: &BTreeMap<String, String>| f.contains_key("from") && f.contains_key("to");
        rule(platform.files.as_ref().is_none_or(|f| !f.is_empty() && f.iter().all(copies)), "files");
        let labels = &platform.selector.match_labels;
        rule(!labels.is_empty() && labels.keys().all(|k| k == "os" || k == "arch"), "a selector of os and arch");
        rule(!seen.contains(&labels), "a selector twice");
        seen.push(labels);
        rule(platform.uri.contains(&spec.version), "the archive of this version");
    }
    wrong
}

#[test]
fn the_manifest_keeps_to_the_rules_of_krew() {
    assert_eq!(refused("cutover.yaml", MANIFEST), Vec::<String>::new());
    assert!(MANIFEST.contains(concat!("version: v", env!("CARGO_PKG_VERSION"), "\n")), "another version");
}

#[test]
fn the_test_of_the_manifest_sees_what_krew_refuses() {
    let good: Value = serde_saphyr::from_str(MANIFEST).unwrap();
    for (path, bad) in [
        ("/kind", json!("Plugins")),
        ("/apiVersion", json!("krew/v1")),
        ("/metadata/name", json!("Cutover")),
        ("/metadata/name", json!("kube-cutover")),
        ("/spec/version", json!("0.1.0")),
        ("/spec/version", json!("v0.1")),
        ("/spec/shortDescription", json!("two\nlines")),
        ("/spec/platforms", json!([])),
        ("/spec/platforms/0/sha256", json!("abc")),
        ("/spec/platforms/0/uri", json!("https://example.org/cutover-v0.1.0")),
        ("/spec/platforms/0/bin", json!("")),
        ("/spec/platforms/0/files", json!([])),
        ("/spec/platforms/0/selector/matchLabels", json!({"libc": "musl"})),
        ("/spec/platforms/0/selector/matchLabels", json!({})),
        ("/spec/platforms/1/selector/matchLabels/arch", json!("amd64")),
    ] {
        let mut changed = good.clone();
        match changed.pointer_mut(path) {
            Some(place) => *place = bad.clone(),
            None => changed["spec"]["platforms"][0]["files"] = bad.clone(),
        }
        assert!(!refused("cutover.yaml", &changed.to_string()).is_empty(), "{path}: {bad}");
    }
    assert!(!refused("other.yaml", MANIFEST).is_empty());
}
