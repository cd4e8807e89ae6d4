//! Arguments in, exit code out.

use std::{io::Write, process::ExitCode};

use cutover::{cli, sim};

fn main() -> color_eyre::Result<ExitCode> {
    let (panic_hook, eyre_hook) = color_eyre::config::HookBuilder::default().display_env_section(false).into_hooks();
    eyre_hook.install()?;
    // before any terminal mode is set, so that a panic finds the terminal restored; a terminal that is gone must not make
    // a second panic of the first one's report
    std::panic::set_hook(Box::new(move |info| {
        let _ = writeln!(std::io::stderr(), "{}", panic_hook.panic_report(info));
    }));
    if cli::complete(std::env::args_os())? {
        return Ok(ExitCode::SUCCESS);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if std::env::args_os().nth(1).is_some_and(|a| a == sim::helm::COMMAND) {
        let (code, said) = runtime.block_on(sim::helm::run(std::env::args_os().skip(1)));
        let mut out: Box<dyn Write> = if code == 0 { Box::new(std::io::stdout()) } else { Box::new(std::io::stderr()) };
        writeln!(out, "{said}")?;
        return Ok(ExitCode::from(code));
    }
    let exit = runtime.block_on(cli::run(std::env::args_os()));
    // requests whose answers are not awaited any more must not keep the program running
    runtime.shutdown_background();
    Ok(exit.into())
}
