//! What the README says of the procedure and of the guards is what the program and their list say.

use cutover::domain::{checks, strategy, versions};

/// The part of the README between its marks is this text.
#[track_caller]
fn is_generated(part: &str, text: &str) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(path).unwrap();
    let (begin, end) = (format!("<!-- {part} -->\n"), format!("<!-- /{part} -->"));
    let (head, rest) = readme.split_once(&begin).unwrap();
    let (_, tail) = rest.split_once(&end).unwrap();
    let wanted = format!("{head}{begin}{text}{end}{tail}");
    if std::env::var("INSTA_UPDATE").is_ok_and(|v| v == "always") {
        return std::fs::write(path, &wanted).unwrap();
    }
    assert!(readme == wanted, "the README's part {part}: INSTA_UPDATE=always cargo test --test it docs:: writes it");
}

#[test]
fn the_readmes_strategies_and_guards_are_the_programs() {
    is_generated("strategies", &strategy::markdown());
    is_generated("checks", &checks::markdown());
    is_generated("versions", &versions::markdown());
    let guards = include_str!("../guards/guards.toml");
    let names = guards.lines().filter_map(|l| l.strip_prefix("name = \"")?.strip_suffix('"'));
    is_generated("guards", &names.flat_map(|n| ["- ", n, "\n"]).collect::<String>());
}
