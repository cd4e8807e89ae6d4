//! The window as it is shared: by whoever fills it, and by whoever draws it.

use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::watch;

use super::{
    directory::Directory,
    window::{Stream, Window},
};

/// The window, shared with whoever draws it.
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
    /// Told when flows have come.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Whose addresses they are, whenever that changes.
    pub(super) fn directories(&self) -> watch::Receiver<Arc<Directory>> {
        self.directory.subscribe()
    }

    /// Whose addresses they are, from now on.
    pub fn know(&self, directory: Directory) {
        self.directory.send_replace(Arc::new(directory));
    }

    /// Changes the window and tells everybody.
    pub fn change<T>(&self, f: impl FnOnce(&mut Window) -> T) -> T {
        let out = f(&mut self.window.write().unwrap_or_else(PoisonError::into_inner));
        self.changed.send_modify(|n| *n += 1);
        out
    }

    /// Says how the stream is.
    pub fn stream(&self, stream: Stream) {
        let same = self.window.read().unwrap_or_else(PoisonError::into_inner).stream == stream;
        if !same {
            self.change(|w| w.stream = stream);
        }
    }
}
