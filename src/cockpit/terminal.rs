//! The terminal: entered, drawn on, and always given back as it was.

use std::io::{Stdout, Write, stdout};

use crossterm::{
    clipboard::CopyToClipboard,
    execute,
    terminal::{BeginSynchronizedUpdate, EndSynchronizedUpdate},
};
use ratatui::{DefaultTerminal, Frame};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The terminal while the cockpit has it.
pub(super) struct Guard {
    terminal: DefaultTerminal,
}

impl Guard {
    pub(super) fn enter() -> std::io::Result<Self> {
        // NO_COLOR is the theme's business: crossterm would drop modifiers along with colours
        crossterm::style::force_color_output(true);
        Ok(Self { terminal: ratatui::try_init()? })
    }

    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> std::io::Result<()> {
        execute!(stdout(), BeginSynchronizedUpdate)?;
        self.terminal.draw(draw)?;
        execute!(stdout(), EndSynchronizedUpdate)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// Copies to the clipboard of the terminal, which works over ssh. A terminal that cannot ignores it.
pub(super) fn copy(text: &str) {
    let mut out: Stdout = stdout();
    let _ = execute!(out, CopyToClipboard::to_clipboard_from(text));
    let _ = out.flush();
}

/// Signals that ask the program to end.
pub(super) struct Signals {
    term: Signal,
    hangup: Signal,
}

impl Signals {
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self { term: signal(SignalKind::terminate())?, hangup: signal(SignalKind::hangup())? })
    }

    pub(super) async fn asked_to_end(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}
