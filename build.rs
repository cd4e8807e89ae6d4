//! Tells the program which commit it is built from, where git knows one or `CUTOVER_COMMIT` names it.

use std::{
    env,
    io::{Result, Write},
    process::Command,
};

fn main() -> Result<()> {
    let mut cargo = std::io::stdout().lock();
    writeln!(cargo, "cargo::rerun-if-changed=build.rs\ncargo::rerun-if-env-changed=CUTOVER_COMMIT")?;
    let given = env::var("CUTOVER_COMMIT").ok().filter(|c| c.bytes().all(|b| b.is_ascii_alphanumeric()));
    if let Some(given) = given.filter(|c| !c.is_empty()) {
        return writeln!(cargo, "cargo::rustc-env=CUTOVER_COMMIT={given}");
    }
    // unpacked from an archive it may lie in the repository of another project
    if git(&["ls-files", "--error-unmatch", "build.rs"]).is_none() {
        return Ok(());
    }
    if env::var("PROFILE").is_ok_and(|p| p == "release") {
        for file in [Some("src".into()), git_file("HEAD"), git_file("packed-refs"), branch()].into_iter().flatten() {
            writeln!(cargo, "cargo::rerun-if-changed={file}")?;
        }
        if let Some(commit) = git(&["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]) {
            writeln!(cargo, "cargo::rustc-env=CUTOVER_COMMIT={commit}")?;
        }
        return Ok(());
    }
    // a development build is not done again for every commit: it says the one that it was begun at
    if let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) {
        writeln!(cargo, "cargo::rustc-env=CUTOVER_COMMIT={commit} or later, development build")?;
    }
    Ok(())
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok().filter(|o| o.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

fn git_file(name: &str) -> Option<String> {
    git(&["rev-parse", "--git-path", name]).filter(|path| std::path::Path::new(path).exists())
}

/// The file that moves with each commit; nothing where no branch is checked out.
fn branch() -> Option<String> {
    git_file(&git(&["symbolic-ref", "-q", "HEAD"])?)
}
