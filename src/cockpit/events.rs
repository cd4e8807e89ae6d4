//! What is typed. It is read on a thread of its own: crossterm reads a terminal that is gone again and again within one
//! call (0.29 reads 0 bytes for ever), which must not keep the engine from being stopped.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crossterm::event::{self, Event};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};

/// How soon the thread sees that it is to stop.
const TURN: Duration = Duration::from_millis(100);

/// Events as they arrive, each with all that has come together with it.
pub(super) struct Events {
    batches: mpsc::Receiver<(Instant, Vec<Event>)>,
    stopped: Arc<AtomicBool>,
}

impl Events {
    pub(super) fn new() -> Self {
        let (sender, batches) = mpsc::channel(8);
        let stopped = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stopped);
        // not waited for: where the terminal is gone it ends with the process alone
        std::thread::spawn(move || {
            while !seen.load(Ordering::Relaxed) {
                let Ok(batch) = batch() else { return };
                if !batch.is_empty() && sender.blocking_send((Instant::now(), batch)).is_err() {
                    return;
                }
            }
        });
        Self { batches, stopped }
    }

    /// The next ones; nothing once there are none any more.
    pub(super) async fn next(&mut self) -> Option<(Instant, Vec<Event>)> {
        self.batches.recv().await
    }

    /// Stops reading: what is typed next is for another program.
    pub(super) async fn stop(mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        while let Ok(Some(_)) = timeout(TURN * 5, self.batches.recv()).await {}
    }
}

fn batch() -> std::io::Result<Vec<Event>> {
    let mut batch = Vec::new();
    let mut wait = TURN;
    while event::poll(wait)? {
        batch.push(event::read()?);
        wait = Duration::ZERO;
    }
    Ok(batch)
}
