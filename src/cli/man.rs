//! `cutover man`: manual pages, made of what `--help` says.

use std::path::{Path, PathBuf};

use clap::{Args, Command};

use super::{Exit, output, session::Failed};

/// Print the manual page.
#[derive(Args, Debug)]
pub(super) struct Manual {
    /// The page of this command instead, as `run` or `audit list`
    #[arg(value_name = "COMMAND", conflicts_with = "dir")]
    command: Vec<String>,
    /// Write every page into this folder instead
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Manual {
    pub(super) fn run(&self, mut program: Command) -> Result<Exit, Failed> {
        program.build();
        if let Some(folder) = &self.dir {
            let pages = write_all(&program, folder)?;
            output::line(&format!("{pages} pages written to {}", folder.display()));
            return Ok(Exit::Done);
        }
        let mut page = &program;
        for name in &self.command {
            page = page.find_subcommand(name).filter(|c| !c.is_hide_set()).ok_or_else(|| {
                let known: Vec<&str> = shown(page).map(Command::get_name).collect();
                let known = if known.is_empty() { String::new() } else { format!("; there are {}", known.join(", ")) };
                Failed::new(Exit::Usage, format!("{} has no command {name:?}{known}", page.get_name()))
            })?;
        }
        output::line(rendered(page)?.trim_end());
        Ok(Exit::Done)
    }
}

/// The commands below this one that have a page.
fn shown(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|c| !c.is_hide_set() && c.get_name() != "help")
}

fn rendered(command: &Command) -> Result<String, Failed> {
    let mut page = Vec::new();
    let rendered = clap_mangen::Man::new(command.clone()).render(&mut page);
    rendered.map_err(|e| Failed::new(Exit::Failed, format!("the page of {}: {e}", command.get_name())))?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}

fn write_all(command: &Command, folder: &Path) -> Result<usize, Failed> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    let path = folder.join(format!("{name}.1"));
    let page = rendered(command)?;
    std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, page)).map_err(|e| {
        let left = "pages that were written before stay";
        Failed::new(Exit::Failed, format!("{} was not written: {e}; {left}", path.display()))
    })?;
    shown(command).try_fold(1, |pages, below| Ok(pages + write_all(below, folder)?))
}
