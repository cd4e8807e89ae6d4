//! `cutover flows`: flows without a screen, live or from a capture.

use std::{
    collections::VecDeque,
    fs::File,
    io::{BufRead, Write},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use clap::Args;
use futures::StreamExt;
use jiff::Timestamp;
use prost::Message;

use super::{
    Exit, Global, Output, output,
    session::{Failed, Session},
};
use crate::{
    domain::text::safe,
    hubble::{
        capture,
        channel::{Dial, NoChannel, ask, dial_address},
        connections::Connections,
        directory::Directory,
        export,
        filter::{FIELDS, Filter},
        flow::{Reader, Row},
        intake::{Intake, Received},
        packed::unpacked,
        wire::{GetFlowsRequest, GetFlowsResponse, masked},
    },
};

/// Show flows, live or from a capture
#[expect(clippy::struct_excessive_bools, reason = "independent switches of a command line")]
#[derive(Args, Debug)]
pub(super) struct Flows {
    /// Filter, as verdict=dropped src=shop/* dport=6379 not dst=world (see --fields)
    #[arg(value_name = "FILTER")]
    filter: Vec<String>,
    /// Keep streaming new flows
    #[arg(long, short)]
    follow: bool,
    /// Start with the last N flows of each node
    #[arg(long, value_name = "N", default_value_t = 20)]
    last: u64,
    /// Start this long ago, as 30s, 5m or 2h, or at a time, as 2026-11-24T01:18:20Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,
    /// Replay a capture: JSON as Hubble or jq writes it, also in gzip or zstd; - is standard input. Needs no cluster
    #[arg(long, value_name = "FILE", conflicts_with_all = ["follow", "since"])]
    input: Option<PathBuf>,
    /// Show Cilium's own health probes as well
    #[arg(long)]
    probes: bool,
    /// Print CSV
    #[arg(long)]
    csv: bool,
    /// Only print the fields of a filter
    #[arg(long)]
    fields: bool,
}

pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    let ago = || {
        let (number, unit) = text.split_at(text.len().checked_sub(1)?);
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            _ => return None,
        };
        let back = Duration::from_secs(number.parse::<u64>().ok()?.checked_mul(seconds)?);
        Timestamp::now().checked_sub(back).ok()
    };
    ago().map_or_else(|| text.parse().map_err(|_| "30s, 5m, 2h, or a time as 2026-11-24T01:18:20Z".into()), Ok)
}

impl Flows {
    pub(super) async fn run(&self, global: &Global) -> Result<Exit, Failed> {
        if self.fields {
            FIELDS.iter().for_each(|(field, what)| output::line(&format!("{field:<10} {what}")));
            return Ok(Exit::Done);
        }
        let filter = Filter::parse(&self.filter.join(" ")).map_err(|why| Failed::new(Exit::Usage, why))?;
        let mut print = Print {
            form: match (self.csv, global.output) {
                (true, Output::Json | Output::Jsonl) => {
                    return Err(Failed::new(Exit::Usage, "either --csv or -o json"));
                }
                (true, Output::Table) => Form::Csv,
                (false, Output::Json | Output::Jsonl) => Form::Json,
                (false, Output::Table) => Form::Lines,
            },
            probes: self.probes || filter.names_probes(),
            filter,
            out: std::io::BufWriter::with_capacity(64 * 1024, std::io::stdout()),
            head: false,
            hidden: 0,
            held: None,
        };
        if print.filter.asks_for_answers() || self.csv {
            print.held = Some(Held::default());
        }
        let result = match &self.input {
            Some(path) => replay(path, &mut print),
            None => self.live(global, &mut print).await,
        };
        let rest = print.release(None);
        // a reader that closes the pipe, as `| head` does, is not a failure
        match rest.and_then(|()| print.out.flush()) {
            Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
                return Err(Failed::new(Exit::Failed, format!("cannot be written: {e}")));
            }
            _ => {}
        }
        if print.hidden > 0 {
            output::note(&format!("{} of Cilium's own health probes hidden; show them with --probes", print.hidden));
        }
        result
    }

    async fn live(&self, global: &Global, print: &mut Print) -> Result<Exit, Failed> {
        let (dial, session) = way(global).await?;
        let mut interrupt = std::pin::pin!(super::interrupt::interrupted());
        let mut intake = Intake::default();
        let mut since = self.since;
        let mut first = true;
        loop {
            let round = self.round(&dial, session.as_ref(), &mut intake, since, print);
            let ended = tokio::select! {
                () = &mut interrupt => return Ok(Exit::Done),
                ended = round => ended,
            };
            let why = match ended {
                Err(End::Closed) => return Ok(Exit::Done),
                Ok(()) if !self.follow => return Ok(Exit::Done),
                Ok(()) => "the relay ended the stream".to_owned(),
                Err(End::Broken(end)) if !self.follow || first => {
                    return Err(Failed::new(Exit::Unreachable, format!("no flows: {}", safe(end.why()))));
                }
                Err(End::Broken(end)) => end.why().to_owned(),
            };
            first = false;
            output::note(&format!("{}; reconnecting", safe(&why)));
            since = intake.since(Timestamp::now()).or(since);
            tokio::select! {
                () = &mut interrupt => return Ok(Exit::Done),
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
            }
        }
    }

    async fn round(
        &self,
        dial: &Dial,
        session: Option<&Session>,
        intake: &mut Intake,
        since: Option<Timestamp>,
        print: &mut Print,
    ) -> Result<(), End> {
        let channel = dial().await.map_err(End::Broken)?;
        let mut request = GetFlowsRequest {
            number: if since.is_some() { 1 } else { self.last },
            follow: self.follow,
            since: since.map(Into::into),
            whitelist: print.filter.for_relay(),
            blacklist: if print.probes { vec![] } else { Filter::probes() },
            ..GetFlowsRequest::default()
        };
        if !matches!(print.form, Form::Json) {
            request = masked(request);
        }
        if !self.follow && since.is_some() {
            request.number = 0;
        }
        let mut messages = std::pin::pin!(ask(channel, request).await.map_err(End::Broken)?.ready_chunks(256));
        let mut known = tokio::time::Instant::now();
        know(intake, session);
        while let Some(batch) = messages.next().await {
            if known.elapsed() > Duration::from_secs(2) {
                known = tokio::time::Instant::now();
                know(intake, session);
            }
            for message in batch {
                let message = message.map_err(|s| End::Broken(s.into()))?;
                print.message(intake.read(&message, Timestamp::now())).map_err(|_| End::Closed)?;
            }
            print.out.flush().map_err(|_| End::Closed)?;
        }
        Ok(())
    }
}

fn know(intake: &mut Intake, session: Option<&Session>) {
    if let Some(session) = session {
        intake.know(Arc::new(Directory::of(&session.store.read())));
    }
}

enum End {
    Broken(NoChannel),
    /// The reader of the output is gone.
    Closed,
}

/// Connects to the relay, and to the cluster for names if there is one.
async fn way(global: &Global) -> Result<(Dial, Option<Session>), Failed> {
    match (Session::open(global).await, &global.hubble) {
        (Ok(session), _) => Ok((session.dial(global)?, Some(session))),
        (Err(failed), Some(address)) => {
            output::note(&format!("{}: addresses are shown without names", failed.message));
            Ok((dial_address(address.clone(), global.security()?.unwrap_or_default()), None))
        }
        (Err(failed), None) => Err(failed),
    }
}

fn replay(path: &PathBuf, print: &mut Print) -> Result<Exit, Failed> {
    let name = path.display();
    let failed = |e: std::io::Error| Failed::new(Exit::Usage, format!("capture {name} cannot be read: {e}"));
    let from: Box<dyn BufRead> = if path.as_os_str() == "-" {
        unpacked(std::io::stdin()).map_err(failed)?
    } else {
        unpacked(File::open(path).map_err(failed)?).map_err(failed)?
    };
    let mut intake = Intake::default();
    let (mut full, mut rows) = (false, 0_u64);
    let read = capture::read(from, |message| {
        let came = intake.read(&Bytes::from(message.encode_to_vec()), Timestamp::MAX);
        rows += 1;
        full = full || print.message(came).is_err();
    });
    let read = read.map_err(|e| {
        let left = if rows == 0 { String::new() } else { format!(" after {rows} messages, which are printed") };
        Failed::new(Exit::Usage, format!("capture {name} cannot be read{left}: {e}"))
    })?;
    if let Some(why) = read.first_bad {
        output::note(&format!(
            "{} skipped, the first: {}",
            crate::domain::text::count(usize::try_from(read.bad).unwrap_or(usize::MAX), "line"),
            safe(&why)
        ));
    }
    if read.messages == 0 && read.bad > 0 {
        return Err(Failed::new(
            Exit::Usage,
            format!("{} is not a Hubble capture: none of its lines is a flow", path.display()),
        ));
    }
    Ok(Exit::Done)
}

#[derive(Clone, Copy)]
enum Form {
    Lines,
    Json,
    Csv,
}

struct Print {
    filter: Filter,
    form: Form,
    probes: bool,
    out: std::io::BufWriter<std::io::Stdout>,
    head: bool,
    hidden: u64,
    held: Option<Held>,
}

/// Rows that are held back until it is known whether they got an answer.
#[derive(Default)]
struct Held {
    rows: VecDeque<(Row, GetFlowsResponse)>,
    /// Number of the first row.
    first: u64,
    connections: Connections,
    reader: Reader,
    now: Timestamp,
}

/// How long a row is held back: longer than a connection waits for its answer.
const WAIT: Duration = Duration::from_secs(6);
/// Upper bound on rows that are held back: beyond it the oldest are printed as they are.
const MOST: usize = 200_000;

impl Print {
    fn message(&mut self, came: Received) -> std::io::Result<()> {
        match came {
            Received::Flow(row, message) if self.held.is_some() => self.hold(*row, message),
            Received::Flow(row, message) => self.row(&row, &message),
            Received::Duplicate => Ok(()),
            Received::Lost(n) => {
                output::note(&format!("Hubble lost {n} events: the output is incomplete"));
                Ok(())
            }
            Received::Nodes(status) if status.state_change > 1 => {
                output::note(&format!(
                    "relay not connected to {}: {}",
                    safe(&status.node_names.join(", ")),
                    safe(&status.message)
                ));
                Ok(())
            }
            Received::Nodes(_) => Ok(()),
            Received::Undecodable => {
                output::note("a message could not be decoded");
                Ok(())
            }
        }
    }

    fn hold(&mut self, row: Row, message: GetFlowsResponse) -> std::io::Result<()> {
        let Some(held) = &mut self.held else { return Ok(()) };
        held.now = held.now.max(row.time);
        if !row.probe && row.port > 0 {
            let edge = held.reader.edge(&row);
            held.connections.saw(&row, &edge, held.first + held.rows.len() as u64, held.now);
        }
        held.rows.push_back((row, message));
        for open in held.connections.overdue(held.now) {
            let at = open.at.checked_sub(held.first).and_then(|i| usize::try_from(i).ok());
            if let Some((row, _)) = at.and_then(|at| held.rows.get_mut(at)) {
                row.unanswered = true;
            }
        }
        let before = held.now.checked_sub(WAIT).unwrap_or(Timestamp::MIN);
        self.release(Some(before))
    }

    /// Prints the held rows older than a time, or all of them.
    fn release(&mut self, before: Option<Timestamp>) -> std::io::Result<()> {
        loop {
            let Some(held) = &mut self.held else { return Ok(()) };
            let due = |(row, _): &(Row, GetFlowsResponse)| before.is_none_or(|b| row.time < b);
            if held.rows.len() <= MOST && !held.rows.front().is_some_and(due) {
                return Ok(());
            }
            let Some((row, message)) = held.rows.pop_front() else { return Ok(()) };
            held.first += 1;
            self.row(&row, &message)?;
        }
    }

    fn row(&mut self, row: &Row, message: &GetFlowsResponse) -> std::io::Result<()> {
        if !self.filter.matches(row) {
            return Ok(());
        }
        if row.probe && !self.probes {
            self.hidden += 1;
            return Ok(());
        }
        match self.form {
            Form::Lines => {
                let way = row.way();
                writeln!(
                    self.out,
                    "{} {:<12} {} -> {}{} {} {} {}{}{}",
                    row.time.strftime("%H:%M:%S%.3f"),
                    safe(&row.node),
                    safe(&row.source.label()),
                    safe(&row.destination.label()),
                    if row.port == 0 { String::new() } else { format!(":{}", row.port) },
                    row.protocol,
                    way,
                    row.outcome(),
                    if row.reason == 0 { String::new() } else { format!(": {}", row.why()) },
                    if row.l7.is_empty() { String::new() } else { format!("  {}", safe(&row.l7)) },
                )
            }
            Form::Csv => {
                if !std::mem::replace(&mut self.head, true) {
                    writeln!(self.out, "{}", export::csv_head())?;
                }
                writeln!(self.out, "{}", export::csv(row))
            }
            Form::Json => {
                writeln!(self.out, "{}", export::line(message)?)
            }
        }
    }
}
