//! The window, shared by the task that fills it and the screen that draws it.

use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::watch;

use super::{
    directory::Directory,
    window::{Stream, Window},
};

/// The shared window.
#[derive(Clone)]
pub struct Flows {
    /// The window itself.
    pub window: Arc<RwLock<Window>>,
    changed: watch::Sender<u64>,
    directory: watch::Sender<Arc<Directory>>,
}

impl Default for Flows {
    fn default() -> Self {
        Self { window: Arc::default(), changed: watch::Sender::new(0), directory: watch::Sender::default() }
    }
}

impl Flows {
    /// Changes when flows arrive.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// The owners of addresses, whenever they change.
    pub(super) fn directories(&self) -> watch::Receiver<Arc<Directory>> {
        self.directory.subscribe()
    }

    /// Sets the owners of addresses.
    pub fn know(&self, directory: Directory) {
        self.directory.send_replace(Arc::new(directory));
    }

    /// Changes the window and notifies its readers.
    pub fn change<T>(&self, f: impl FnOnce(&mut Window) -> T) -> T {
        let out = f(&mut self.window.write().unwrap_or_else(PoisonError::into_inner));
        self.changed.send_modify(|n| *n += 1);
        out
    }

    /// Sets the state of the stream.
    pub fn stream(&self, stream: Stream) {
        let same = self.window.read().unwrap_or_else(PoisonError::into_inner).stream == stream;
        if !same {
            self.change(|w| w.stream = stream);
        }
    }
}
