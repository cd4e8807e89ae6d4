//! What Cutover says about its own work: all of it to a file where one is named, warnings to the journal as well,
//! so that the screen Log and headless lines show them.

use std::{
    fmt::{Debug, Write},
    fs::File,
    path::Path,
    sync::Mutex,
};

use jiff::Timestamp;
use tracing::{Event, Subscriber, field::Visit, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter, Layer, fmt,
    layer::{Context, SubscriberExt},
    util::SubscriberInitExt,
};

use super::{Exit, session::Failed};
use crate::{
    cluster::private,
    domain::log::{Entry, Kind},
    engine::Journal,
};

/// Begins to listen to what is traced.
pub(super) fn install(path: Option<&Path>, journal: &Journal) -> Result<(), Failed> {
    let file = path.map(open).transpose()?;
    let wanted = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,cutover=info"));
    let file = file.map(|f| fmt::layer().with_ansi(false).with_writer(Mutex::new(f)).with_filter(wanted));
    let warnings = Warnings(journal.clone()).with_filter(LevelFilter::WARN);
    // a process has one subscriber; where another program has installed its own, that one stays
    let _ = tracing_subscriber::registry().with(warnings).with(file).try_init();
    Ok(())
}

fn open(path: &Path) -> Result<File, Failed> {
    private::append(path)
        .map_err(|e| Failed::new(Exit::Usage, format!("the log {} cannot be written: {e}", path.display())))
}

/// Makes lines of the journal out of Cutover's own warnings and errors.
struct Warnings(Journal);

impl<S: Subscriber> Layer<S> for Warnings {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        if !metadata.target().starts_with(env!("CARGO_CRATE_NAME")) {
            return;
        }
        let mut said = Said::default();
        event.record(&mut said);
        let room = metadata.target().split("::").nth(1).unwrap_or_default();
        let object = format!("cutover/{room}");
        self.0.add(Entry::new(Timestamp::now(), Kind::Warning, object, said.message + &said.fields));
    }
}

#[derive(Default)]
struct Said {
    message: String,
    fields: String,
}

impl Visit for Said {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn Debug) {
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn warnings_come_into_the_journal_and_nothing_else_does() {
        let journal = Journal::default();
        let subscriber = tracing_subscriber::registry().with(Warnings(journal.clone()).with_filter(LevelFilter::WARN));
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!("a credential was read");
            tracing::warn!(target: "kube_client", "of another crate");
            tracing::warn!(node = "worker-1", "a status was not written: {}", "no answer");
            tracing::error!("the outcome of an effect is not in the audit log");
            journal.say(Kind::Note, "node/worker-1", "a line of the journal itself");
        });
        let kept = journal.kept();
        let kept = kept.lock().unwrap();
        let lines: Vec<(Kind, &str, &str)> =
            kept.numbers().filter_map(|n| kept.line(n)).map(|e| (e.kind, &*e.object, &*e.text)).collect();
        assert_eq!(
            lines,
            [
                (Kind::Warning, "cutover/cli", "a status was not written: no answer node=\"worker-1\""),
                (Kind::Warning, "cutover/cli", "the outcome of an effect is not in the audit log"),
                (Kind::Note, "node/worker-1", "a line of the journal itself"),
            ]
        );
    }

    #[test]
    fn the_file_is_appended_to_and_is_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cutover.log");
        for line in ["one\n", "two\n"] {
            std::io::Write::write_all(&mut open(&path).unwrap(), line.as_bytes()).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\ntwo\n");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(open(folder.path()).is_err());
    }
}
