//! The audit log's file: appended line by line, each on the disk before what it announces is done.

use std::{
    fs::{File, TryLockError},
    io::{Read, Seek, SeekFrom, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use futures::future::BoxFuture;
use jiff::Timestamp;
use thiserror::Error;
use tokio::runtime::RuntimeFlavor;

use super::{auditing::record_requests, error::UNKNOWN, private};
use crate::domain::{
    audit::{Actor, Anchor, Entry, START, follow, seal},
    problem::{Problem, ProblemKind},
};

/// How long a request may take: definitions have to be served before a Migration can be created.
const REQUEST: Duration = Duration::from_secs(45);

/// How long another program may hold the file.
const HELD: Duration = Duration::from_secs(2);

/// Why something could not be written to the audit log, or read from it.
#[derive(Debug, Error)]
pub enum AuditError {
    /// There is no folder for it.
    #[error("no place for the audit log: {0}")]
    NoFolder(String),
    /// It cannot be used.
    #[error("the audit log {path} cannot be written: {why}")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: Fault,
    },
    /// It is not the chain that was written.
    #[error("{path}: {why}. Put it aside (do not delete it) and start again: a new one is begun")]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: Fault,
    },
}

/// What is wrong with the log's file.
#[derive(Debug, Error)]
pub enum Fault {
    /// The file system's answer.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// It is no text.
    #[error("{0}")]
    Text(#[from] std::string::FromUtf8Error),
    /// Another program holds it.
    #[error("another program holds it")]
    Held,
    /// It became shorter.
    #[error("it was cut while it was written")]
    Cut,
    /// It is another file now.
    #[error("the file was moved or deleted while it was written")]
    Moved,
    /// Its lines do not follow from each other.
    #[error("{0}")]
    Chain(String),
    /// The thread that writes it has ended.
    #[error("{0}")]
    Thread(#[from] tokio::task::JoinError),
}

impl From<AuditError> for Problem {
    fn from(error: AuditError) -> Self {
        let remedy = "Nothing was changed: what is not in the audit log is not done.";
        Self::new("the audit log", error.to_string(), remedy)
    }
}

/// The log of this machine about one cluster. Several programs may write it: each line is added under a lock.
#[derive(Clone)]
pub struct Audit {
    file: Arc<Mutex<Open>>,
    /// How far it has come, for readers that must not wait for the disk.
    end: Arc<Mutex<Anchor>>,
    path: Arc<Path>,
    actor: Actor,
    mirror: Arc<OnceLock<fn(&str)>>,
}

struct Open {
    file: File,
    /// How far it was read.
    read: u64,
    end: Anchor,
}

/// `cutover` in the user's state folder.
///
/// # Errors
/// When the user has no home.
pub(super) fn state_folder() -> Result<PathBuf, AuditError> {
    use etcetera::BaseStrategy;
    let base = etcetera::choose_base_strategy().map_err(|e| AuditError::NoFolder(e.to_string()))?;
    Ok(base.state_dir().unwrap_or_else(|| base.data_dir()).join("cutover"))
}

/// Where logs are kept: `cutover/audit` in the user's state folder.
///
/// # Errors
/// When the user has no home.
pub fn folder() -> Result<PathBuf, AuditError> {
    Ok(state_folder()?.join("audit"))
}

impl Audit {
    /// Opens a log, or begins one.
    ///
    /// # Errors
    /// It cannot be written, or it was changed.
    pub fn open(path: &Path, actor: Actor) -> Result<Self, AuditError> {
        let failed = |e: std::io::Error| AuditError::Unusable { path: path.into(), why: e.into() };
        if let Some(folder) = path.parent() {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        }
        // a pipe or a device keeps no lines that could be read again, and may never open
        if std::fs::metadata(path).is_ok_and(|m| !m.is_file()) {
            return Err(failed(std::io::Error::new(std::io::ErrorKind::InvalidInput, "it is not a regular file")));
        }
        let file = private::append(path).map_err(failed)?;
        let log = uuid::Uuid::new_v4().to_string();
        let mut open = Open { file, read: 0, end: Anchor { log, head: START.into(), ..Anchor::default() } };
        open.locked(Open::catch_up).map_err(|why| AuditError::Broken { path: path.into(), why })?;
        let end = Arc::new(Mutex::new(open.end.clone()));
        Ok(Self { file: Arc::new(Mutex::new(open)), end, path: path.into(), actor, mirror: Arc::default() })
    }

    /// Every line is printed as well: a pod's file goes with the pod.
    pub fn mirror(&self, print: fn(&str)) {
        let _ = self.mirror.set(print);
    }

    /// How far it has come.
    pub fn end(&self) -> Anchor {
        self.end.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// An entry of now.
    pub fn entry(&self, kind: &'static str, epoch: i64, effect: &str, object: &str, what: &str) -> Entry {
        Entry {
            at: Timestamp::now(),
            kind,
            actor: self.actor.clone(),
            epoch,
            effect: effect.to_owned(),
            object: object.to_owned(),
            what: what.to_owned(),
            requests: vec![],
            result: None,
        }
    }

    /// Does what an operator requests, written down before and after.
    ///
    /// # Errors
    /// What the work says, or that the log cannot be written: then nothing was done.
    pub async fn request<T>(
        &self,
        object: &str,
        what: &str,
        work: BoxFuture<'_, Result<T, Problem>>,
    ) -> Result<T, Problem> {
        let name = format!("request/{object}");
        let entry = |kind| self.entry(kind, 0, &name, object, what);
        self.add(entry("intent")).await?;
        let (result, requests) = record_requests(None, tokio::time::timeout(REQUEST, work)).await;
        let result = result.unwrap_or_else(|_| {
            let message = format!("no answer within {} s", REQUEST.as_secs());
            Err(Problem::new(object, message, UNKNOWN).of_kind(ProblemKind::Unknown))
        });
        let said = match &result {
            Ok(_) => "done".to_owned(),
            Err(p) if p.kind == ProblemKind::Unknown => format!("unknown: {}", p.message),
            Err(p) => format!("refused: {}", p.message),
        };
        self.add(Entry { requests, result: Some(said), ..entry("outcome") }).await?;
        result
    }

    /// Adds a line and waits until the disk has it.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn add(&self, entry: Entry) -> Result<(), AuditError> {
        let (file, path, mirror) = (Arc::clone(&self.file), Arc::clone(&self.path), Arc::clone(&self.mirror));
        let (end, at) = (Arc::clone(&self.end), Arc::clone(&self.path));
        let write = move || {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            let added = file.locked(|open| open.append(&entry, &at, mirror.get().copied()));
            end.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&file.end);
            added
        };
        let added = match tokio::runtime::Handle::current().runtime_flavor() {
            // nothing else runs meanwhile, so that the order of things stays the same every time
            RuntimeFlavor::CurrentThread => write(),
            _ => tokio::task::spawn_blocking(write).await.unwrap_or_else(|e| Err(e.into())),
        };
        added.map_err(|why| AuditError::Unusable { path: path.to_path_buf(), why })
    }
}

impl Open {
    /// Does something while no other program writes.
    #[expect(clippy::disallowed_methods, reason = "on a thread for what waits, or before anything else runs")]
    fn locked(&mut self, work: impl FnOnce(&mut Self) -> Result<(), Fault>) -> Result<(), Fault> {
        let patience = Instant::now() + HELD;
        while let Err(e) = self.file.try_lock() {
            match e {
                TryLockError::WouldBlock if Instant::now() < patience => std::thread::sleep(Duration::from_millis(5)),
                TryLockError::WouldBlock => return Err(Fault::Held),
                TryLockError::Error(e) => return Err(e.into()),
            }
        }
        let result = work(self);
        self.file.unlock()?;
        result
    }

    /// Takes in what others have added, and cuts off a line that a crash tore: what it announced was not done.
    fn catch_up(&mut self) -> Result<(), Fault> {
        let length = self.file.metadata()?.len();
        if length == self.read {
            return Ok(());
        }
        if length < self.read {
            return Err(Fault::Cut);
        }
        let mut all = Vec::new();
        self.file.seek(SeekFrom::Start(0))?;
        self.file.read_to_end(&mut all)?;
        // bytes: a line may be torn in the middle of a letter
        let whole = all.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        if whole < all.len() {
            self.file.set_len(whole as u64)?;
            all.truncate(whole);
        }
        let all = String::from_utf8(all)?;
        if !all.is_empty() {
            self.end = follow(&all).map_err(Fault::Chain)?.end;
        }
        self.read = whole as u64;
        Ok(())
    }

    fn append(&mut self, entry: &Entry, path: &Path, mirror: Option<fn(&str)>) -> Result<(), Fault> {
        let here = self.file.metadata().and_then(|file| Ok((file.ino(), std::fs::metadata(path)?.ino())));
        if !here.is_ok_and(|(open, named)| open == named) {
            return Err(Fault::Moved);
        }
        self.catch_up()?;
        let number = self.end.lines + 1;
        let (mut line, hash) = seal(entry, &self.end.log, number, &self.end.head);
        line.push('\n');
        let written = self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data());
        if let Err(e) = written {
            // a full disk may have taken half of it
            let _ = self.file.set_len(self.read);
            return Err(e.into());
        }
        if let Some(print) = mirror {
            print(line.trim_end());
        }
        self.read += line.len() as u64;
        (self.end.lines, self.end.head) = (number, hash);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn two_programs_write_one_chain_and_a_torn_line_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep").join("log.jsonl");
        let (a, b) = (Audit::open(&path, Actor::default()).unwrap(), Audit::open(&path, Actor::default()).unwrap());
        for (n, audit) in [&a, &b, &b, &a].into_iter().enumerate() {
            audit.add(audit.entry("intent", 1, &format!("e{n}"), "node/x", "cordon")).await.unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(follow(&text).unwrap().end.lines, 4);
        assert_eq!(follow(&text).unwrap().end, Anchor { host: String::new(), ..a.end() });
        std::fs::write(&path, format!("{text}{{\"log\":\"half")).unwrap();
        let c = Audit::open(&path, Actor::default()).unwrap();
        c.add(c.entry("intent", 2, "e", "node/x", "cordon")).await.unwrap();
        assert_eq!(follow(&std::fs::read_to_string(&path).unwrap()).unwrap().end.lines, 5);
        // torn in the middle of a letter
        let mut torn = std::fs::read(&path).unwrap();
        torn.extend(b"{\"what\":\"\xe2");
        std::fs::write(&path, torn).unwrap();
        Audit::open(&path, Actor::default()).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(
            c.add(c.entry("intent", 2, "e", "node/x", "cordon"))
                .await
                .unwrap_err()
                .to_string()
                .contains("moved or deleted")
        );
        std::fs::write(&path, text.replace("cordon", "uncordon")).unwrap();
        assert!(Audit::open(&path, Actor::default()).err().unwrap().to_string().contains("it was changed"));
    }
}
