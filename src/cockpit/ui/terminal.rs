//! The terminal: entered, drawn on, and always given back as it was.

use std::io::{Stdout, Write, stdout};

use crossterm::{
    clipboard::CopyToClipboard,
    event::{DisableBracketedPaste, EnableBracketedPaste},
    execute, queue,
    terminal::{BeginSynchronizedUpdate, EndSynchronizedUpdate},
};
use ratatui::{
    DefaultTerminal,
    backend::Backend,
    buffer::Buffer,
    layout::{Position, Rect},
};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The terminal while the cockpit has it.
pub(in crate::cockpit) struct Guard {
    terminal: DefaultTerminal,
    /// What is on the terminal.
    shown: Buffer,
    /// What is drawn next.
    next: Buffer,
}

impl Guard {
    pub(in crate::cockpit) fn enter() -> std::io::Result<Self> {
        // NO_COLOR is for the theme: crossterm would drop modifiers along with colours
        crossterm::style::force_color_output(true);
        let mut terminal = ratatui::try_init()?;
        terminal.hide_cursor()?;
        // without it a paste would look like keys
        execute!(stdout(), EnableBracketedPaste)?;
        Ok(Self { terminal, shown: Buffer::default(), next: Buffer::default() })
    }

    /// Draws a frame. Where nothing has changed, nothing is written.
    pub(in crate::cockpit) fn draw(&mut self, draw: impl FnOnce(&mut Buffer)) -> std::io::Result<()> {
        let area = Rect::from((Position::ORIGIN, self.terminal.size()?));
        self.next.resize(area);
        self.next.reset();
        draw(&mut self.next);
        let resized = self.shown.area != area;
        if resized {
            self.shown = Buffer::empty(area);
        }
        let mut changed = self.shown.diff_iter(&self.next).peekable();
        if changed.peek().is_none() && !resized {
            return Ok(());
        }
        let backend = self.terminal.backend_mut();
        queue!(backend, BeginSynchronizedUpdate)?;
        if resized {
            backend.clear()?;
        }
        backend.draw(changed)?;
        execute!(backend, EndSynchronizedUpdate)?;
        std::mem::swap(&mut self.shown, &mut self.next);
        Ok(())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = execute!(stdout(), DisableBracketedPaste);
        ratatui::restore();
    }
}

/// Copies to the clipboard of the terminal, which works over ssh. A terminal that cannot ignores it.
pub(in crate::cockpit) fn copy(text: &str) {
    let mut out: Stdout = stdout();
    let _ = execute!(out, CopyToClipboard::to_clipboard_from(text));
    let _ = out.flush();
}

/// Signals that ask the program to end.
pub(in crate::cockpit) struct Signals {
    term: Signal,
    hangup: Signal,
}

impl Signals {
    pub(in crate::cockpit) fn new() -> std::io::Result<Self> {
        Ok(Self { term: signal(SignalKind::terminate())?, hangup: signal(SignalKind::hangup())? })
    }

    pub(in crate::cockpit) async fn asked_to_end(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}
