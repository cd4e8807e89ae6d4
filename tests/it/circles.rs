//! Files that use each other in a circle can be understood, tested and moved only together. The largest circle of each
//! folder may only shrink.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use crate::layers::{code, files, source};

/// How many files the largest circle of a folder may have; 1 is none.
const LARGEST: &[(&str, usize)] =
    &[("cli", 2), ("cluster", 1), ("cockpit", 1), ("domain", 13), ("engine", 3), ("hubble", 2), ("sim", 5)];

/// A path of module names, as `domain::facts::node`.
type Name = Vec<String>;

/// The modules of the crate, each with the names that it imports and those that it hands on.
struct Crate {
    modules: BTreeMap<Name, Module>,
}

#[derive(Default)]
struct Module {
    imports: Vec<Name>,
    /// `pub use`: the last name of each path, and the path.
    exports: BTreeMap<String, Name>,
}

impl Crate {
    fn read() -> Self {
        let source = source();
        let modules = files(&source).into_iter().map(|file| {
            let name = module_name(file.strip_prefix(&source).unwrap());
            let mut module = Module::default();
            for (public, path) in uses(&code(&file)) {
                let path = absolute(&name, path);
                if public {
                    let last = path.last().cloned().unwrap_or_default();
                    module.exports.insert(last, path);
                } else {
                    module.imports.push(path);
                }
            }
            (name, module)
        });
        Self { modules: modules.collect() }
    }

    /// The module in which a path ends, through what others hand on.
    fn home(&self, path: &[String], depth: usize) -> Option<Name> {
        let mut module = Name::new();
        for (i, part) in path.iter().enumerate() {
            let child = [&module[..], std::slice::from_ref(part)].concat();
            if self.modules.contains_key(&child) {
                module = child;
                continue;
            }
            let exported = self.modules.get(&module).and_then(|m| m.exports.get(part)).filter(|_| depth < 5);
            return match exported {
                Some(path_on) => self.home(&[path_on, &path[i + 1..]].concat(), depth + 1),
                None => Some(module),
            };
        }
        Some(module)
    }

    /// Which modules of a folder use which others of it.
    fn edges(&self, folder: &str) -> BTreeMap<&Name, BTreeSet<Name>> {
        let inside = |n: &Name| n.first().is_some_and(|f| f == folder);
        let of = |(name, module): (&Name, &Module)| {
            let homes = module.imports.iter().filter_map(|p| self.home(p, 0));
            homes.filter(|h| inside(h) && h != name).collect::<BTreeSet<Name>>()
        };
        self.modules.iter().filter(|(n, _)| inside(n)).map(|(n, m)| (n, of((n, m)))).collect()
    }
}

fn module_name(file: &Path) -> Name {
    let mut name: Name = file.with_extension("").iter().map(|p| p.to_string_lossy().into_owned()).collect();
    if name.last().is_some_and(|l| l == "mod" || l == "lib") {
        name.pop();
    }
    name
}

fn absolute(module: &[String], path: Name) -> Name {
    let mut base = match path.first().map(String::as_str) {
        Some("crate") => return path[1..].to_vec(),
        Some("self") => module.to_vec(),
        Some("super") => module[..module.len() - 1].to_vec(),
        // a child, or another crate: what is no module of this one leads nowhere
        _ => return [module, &path].concat(),
    };
    for part in &path[1..] {
        if part == "super" { drop(base.pop()) } else { base.push(part.clone()) }
    }
    base
}

/// Every path that is imported, and whether it is handed on.
fn uses(code: &str) -> Vec<(bool, Name)> {
    let lines = code.lines().filter(|l| !l.trim_start().starts_with("//"));
    let text = lines.collect::<Vec<_>>().join("\n");
    let mut found = Vec::new();
    for statement in text.split(';') {
        let statement = statement.rsplit('\n').scan(String::new(), |_, l| Some(l)).collect::<Vec<_>>();
        let whole: String = statement.into_iter().rev().collect::<Vec<_>>().join(" ");
        let Some(at) = whole.rfind("use ").filter(|at| {
            let before = &whole[..*at];
            before.is_empty() || before.ends_with(' ') || before.ends_with('}')
        }) else {
            continue;
        };
        let public = whole[..at].trim_end().ends_with("pub") || whole[..at].trim_end().ends_with(')');
        let mut paths = Vec::new();
        tree(&whole[at + 4..], &[], &mut paths);
        found.extend(paths.into_iter().map(|p| (public, p)));
    }
    found
}

/// The paths of `a::{b, c::{d, e}}`.
fn tree(text: &str, prefix: &[String], found: &mut Vec<Name>) {
    let (head, group) = match text.split_once('{') {
        Some((head, rest)) => (head, Some(rest.trim_end().strip_suffix('}').unwrap_or(rest))),
        None => (text, None),
    };
    let head = head.split(" as ").next().unwrap_or_default();
    let parts = head.split("::").map(str::trim).filter(|p| !p.is_empty() && *p != "*").map(str::to_owned);
    let path: Name = prefix.iter().cloned().chain(parts).collect();
    let Some(group) = group else {
        found.push(path.into_iter().filter(|p| p != "self" || prefix.is_empty()).collect());
        return;
    };
    let (mut depth, mut start) = (0, 0);
    for (at, c) in group.char_indices().chain([(group.len(), ',')]) {
        depth += i32::from(c == '{') - i32::from(c == '}');
        if c == ',' && depth == 0 {
            let one = &group[start..at];
            if !one.trim().is_empty() {
                tree(one, &path, found);
            }
            start = at + 1;
        }
    }
}

/// The circles with more than one module: each module that is reached from itself, with all that are so together.
fn circles(edges: &BTreeMap<&Name, BTreeSet<Name>>) -> Vec<BTreeSet<Name>> {
    let reached = |from: &Name| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![from.clone()]);
        while let Some(next) = open.pop() {
            for to in edges.get(&next).into_iter().flatten() {
                if seen.insert(to.clone()) {
                    open.push(to.clone());
                }
            }
        }
        seen
    };
    let all: BTreeMap<&Name, BTreeSet<Name>> = edges.keys().map(|n| (*n, reached(n))).collect();
    let mut found: BTreeSet<BTreeSet<Name>> = BTreeSet::new();
    for (name, from) in &all {
        if from.contains(*name) {
            found.insert(from.iter().filter(|n| all[n].contains(*name)).cloned().collect());
        }
    }
    found.into_iter().collect()
}

#[test]
fn circles_of_imports_do_not_grow() {
    let whole = Crate::read();
    let mut wrong = String::new();
    for (folder, allowed) in LARGEST {
        let mut circles = circles(&whole.edges(folder));
        circles.sort_by_key(BTreeSet::len);
        let largest = circles.last().map_or(1, BTreeSet::len);
        let names = |c: &BTreeSet<Name>| c.iter().map(|n| n.join("::")).collect::<Vec<_>>().join(", ");
        if largest > *allowed {
            let shown: Vec<String> = circles.iter().map(names).collect();
            wrong.push_str(&format!("{folder}: {largest} files, allowed are {allowed}:\n  {}\n", shown.join("\n  ")));
        } else if largest < *allowed {
            wrong.push_str(&format!("{folder}: {allowed} are allowed, {largest} is what there is: lower the number\n"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn the_test_sees_what_it_counts() {
    let found = uses("use super::{\n    a::{B, c},\n    d,\n};\npub use e::F;\nfn g() {\n    use crate::h::I;\n}");
    let name = |s: &str| s.split("::").map(str::to_owned).collect::<Name>();
    assert_eq!(
        found,
        [
            (false, name("super::a::B")),
            (false, name("super::a::c")),
            (false, name("super::d")),
            (true, name("e::F")),
            (false, name("crate::h::I"))
        ]
    );
    let (a, b, c) = (name("x::a"), name("x::b"), name("x::c"));
    let edges = [(&a, [b.clone()].into()), (&b, [a.clone(), c.clone()].into()), (&c, BTreeSet::new())].into();
    assert_eq!(circles(&edges), [BTreeSet::from([a, b])]);
}

#[test]
fn the_source_is_read() {
    assert!(fs::read_dir(source()).unwrap().count() > 5 && Crate::read().modules.len() > 100);
}
