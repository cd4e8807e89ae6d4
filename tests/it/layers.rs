//! Which layer may use which others, and how long a file may be.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A layer, and what it may use of the others.
const LAYERS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("hubble", &["domain"]),
    ("cluster", &["domain", "hubble"]),
    ("engine", &["domain", "cluster"]),
    ("cockpit", &["domain", "hubble"]),
    ("sim", &["domain", "hubble"]),
    ("cli", &["domain", "hubble", "cluster", "engine", "cockpit", "sim"]),
];

pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found
}

/// The code of a file without its unit tests.
pub fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    text.split("#[cfg(test)]").next().unwrap_or_default().to_owned()
}

pub fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Modules of the own crate that a file names.
fn used(code: &str) -> Vec<&'static str> {
    let lines: Vec<&str> = code.lines().filter(|l| !l.trim_start().starts_with("//")).collect();
    let code = lines.join(" ").split_whitespace().collect::<Vec<_>>().join(" ");
    let mut found = Vec::new();
    for (layer, _) in LAYERS {
        let direct = code.contains(&format!("crate::{layer}"));
        // `use crate::{ a::…, b::… }`
        let grouped = code.match_indices("crate::{").any(|(at, _)| {
            let group = &code[at + 8..];
            let mut depth = 1;
            let end = group.find(|c| {
                depth += i32::from(c == '{') - i32::from(c == '}');
                depth == 0
            });
            group[..end.unwrap_or(group.len())]
                .split([',', ' ', '{'])
                .any(|w| w == *layer || w.starts_with(&format!("{layer}::")))
        });
        if direct || grouped {
            found.push(*layer);
        }
    }
    found
}

#[test]
fn no_layer_uses_what_it_must_not() {
    for (layer, allowed) in LAYERS {
        for file in files(&source().join(layer)) {
            for other in used(&code(&file)) {
                assert!(other == *layer || allowed.contains(&other), "{} uses {other}", file.display());
            }
        }
    }
}

#[test]
fn the_test_sees_what_it_forbids() {
    assert_eq!(used("use crate::cluster::helm;"), ["cluster"]);
    assert_eq!(used("use crate::{\n    cluster::{helm, lease},\n    domain::api,\n};"), ["domain", "cluster"]);
    assert!(used("// crate::cluster\nuse std::fs;").is_empty());
}

/// What decides and counts without a clock, a network or a file. Beside the domain, the flow window.
fn pure() -> Vec<PathBuf> {
    let window = ["connections", "directory", "filter", "flow", "intake", "observation", "rollup", "window"];
    let window = window.map(|name| source().join("hubble").join(name).with_extension("rs"));
    files(&source().join("domain")).into_iter().chain(window).collect()
}

/// Without clock, network, files and threads.
#[test]
fn the_domain_is_pure() {
    for file in pure() {
        let code = code(&file);
        for outside in [
            "tokio",
            "std::fs",
            "std::net::Tcp",
            "std::env",
            "std::process",
            "std::thread",
            "Timestamp::now",
            "SystemTime",
            "Instant::now",
            "kube::Client",
            "kube::Api",
        ] {
            assert!(!code.contains(outside), "{} uses {outside}", file.display());
        }
    }
}

#[test]
fn the_cockpit_knows_no_client() {
    for file in files(&source().join("cockpit")) {
        let code = code(&file);
        assert!(!code.contains("kube::") && !code.contains("hubble::client"), "{}", file.display());
    }
}

#[test]
fn only_three_layers_open_sockets() {
    for layer in ["domain", "engine", "cockpit"] {
        for file in files(&source().join(layer)) {
            let code = code(&file);
            for socket in ["TcpStream", "TcpListener", "UdpSocket", "tonic::", "hyper"] {
                assert!(!code.contains(socket), "{} uses {socket}", file.display());
            }
        }
    }
}

#[test]
fn files_are_short() {
    let mut lengths = Vec::new();
    // nobody reads what is generated
    for file in files(&source()).iter().filter(|f| !f.components().any(|c| c.as_os_str() == "generated")) {
        let lines = code(file).lines().count();
        assert!(lines <= 500, "{} has {lines} lines", file.display());
        lengths.push(lines);
    }
    lengths.sort_unstable();
    assert!(lengths[lengths.len() / 2] < 150, "the median file has {} lines", lengths[lengths.len() / 2]);
}

/// The rooms of the cockpit in their order: each uses only those before it.
const ROOMS: &[&str] = &[
    "ui",
    "actions",
    "components",
    "request",
    "outlook",
    "scene",
    "screens",
    "dialogs",
    "model",
    "keys",
    "view",
    "typing",
    "events",
    "input",
];

/// What a file takes out of a module: the first names after its path, alone or in a group.
fn taken<'a>(code: &'a str, module: &str) -> Vec<&'a str> {
    let name = |text: &'a str| text.trim().split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
    let mut found = Vec::new();
    for (at, _) in code.match_indices(module) {
        let rest = &code[at + module.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            found.push(name(rest));
            continue;
        };
        let (mut depth, mut start) = (0, 0);
        for (i, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth > 0 => depth -= 1,
                ',' | '}' if depth == 0 => {
                    found.push(name(&group[start..i]));
                    start = i + 1;
                    if c == '}' {
                        break;
                    }
                }
                _ => {}
            }
        }
    }
    found
}

#[test]
fn the_cockpits_rooms_use_those_before_them() {
    let cockpit = source().join("cockpit");
    for file in files(&cockpit) {
        let inside = file.strip_prefix(&cockpit).unwrap();
        let room = inside.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs");
        let Some(own) = ROOMS.iter().position(|r| *r == room) else { continue };
        let code = code(&file);
        let at_the_door = inside.iter().count() == 1 || inside.iter().count() == 2 && file.ends_with("mod.rs");
        let mut used = taken(&code, "cockpit::");
        used.extend(taken(&code, if at_the_door { "use super::" } else { "super::super::" }));
        for other in used {
            if let Some(at) = ROOMS.iter().position(|r| *r == other) {
                assert!(at <= own, "{} uses {other}", inside.display());
            }
        }
    }
}

#[test]
fn the_test_of_rooms_sees_what_is_used() {
    let code = "use super::{\n    ui::{Canvas, Tone},\n    view,\n};\nuse crate::{cockpit::{model::Model, scene}, domain::api};";
    assert_eq!(taken(code, "use super::"), ["ui", "view", ""]);
    assert_eq!(taken(code, "cockpit::"), ["model", "scene"]);
    assert_eq!(taken("use super::ui::Canvas;", "use super::"), ["ui"]);
}
