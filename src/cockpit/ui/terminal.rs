//! The terminal: entered, drawn on, and always given back as it was.

use std::{
    io::{IsTerminal, Stdout, Write, stdin, stdout},
    sync::Once,
};

use crossterm::{
    clipboard::CopyToClipboard,
    cursor::{Hide, Show},
    event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture},
    execute, queue,
    style::Print,
    terminal::{
        BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen, SetTitle,
        disable_raw_mode, enable_raw_mode, size,
    },
};
use ratatui::{
    backend::{Backend, CrosstermBackend},
    buffer::Buffer,
    layout::Rect,
};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The terminal keeps its title, and has it back.
const PUSH_TITLE: &str = "\x1b[22;0t";
const POP_TITLE: &str = "\x1b[23;0t";

/// Frames as a terminal is sent them: of each only what is new.
pub(in crate::cockpit) struct Painter<W: Write> {
    backend: CrosstermBackend<W>,
    /// What is on the terminal.
    shown: Buffer,
    /// What is drawn next.
    next: Buffer,
}

impl<W: Write> Painter<W> {
    pub(in crate::cockpit) fn new(out: W) -> Self {
        Self { backend: CrosstermBackend::new(out), shown: Buffer::default(), next: Buffer::default() }
    }

    /// Draws a frame. Where nothing has changed, nothing is written.
    pub(in crate::cockpit) fn draw(&mut self, area: Rect, draw: impl FnOnce(&mut Buffer)) -> std::io::Result<()> {
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
        queue!(self.backend, BeginSynchronizedUpdate)?;
        if resized {
            self.backend.clear()?;
        }
        self.backend.draw(changed)?;
        execute!(self.backend, EndSynchronizedUpdate)?;
        std::mem::swap(&mut self.shown, &mut self.next);
        Ok(())
    }
}

/// The terminal while the cockpit has it.
pub(in crate::cockpit) struct Guard {
    painter: Painter<Stdout>,
    title: String,
}

impl Guard {
    pub(in crate::cockpit) fn enter(mouse: bool) -> std::io::Result<Self> {
        static ON_PANIC: Once = Once::new();
        ON_PANIC.call_once(|| {
            let hook = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |info| {
                leave();
                hook(info);
            }));
        });
        // NO_COLOR is for the theme: crossterm would drop modifiers along with colours
        crossterm::style::force_color_output(true);
        enable_raw_mode()?;
        // without brackets a paste would look like keys
        execute!(stdout(), EnterAlternateScreen, EnableBracketedPaste, Hide, Print(PUSH_TITLE))?;
        if mouse {
            execute!(stdout(), EnableMouseCapture)?;
        }
        Ok(Self { painter: Painter::new(stdout()), title: String::new() })
    }

    pub(in crate::cockpit) fn draw(&mut self, draw: impl FnOnce(&mut Buffer)) -> std::io::Result<()> {
        let (width, height) = size()?;
        let area = Rect { width, height, ..Rect::default() };
        self.painter.draw(area, draw)
    }

    /// Titles the terminal's window; `title` is safe to write.
    pub(in crate::cockpit) fn name(&mut self, title: String) -> std::io::Result<()> {
        if self.title != title {
            execute!(self.painter.backend, SetTitle(&title))?;
            self.title = title;
        }
        Ok(())
    }

    pub(in crate::cockpit) fn ring(&mut self) -> std::io::Result<()> {
        execute!(self.painter.backend, Print('\x07'))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        leave();
    }
}

/// A terminal that is gone takes nothing back, and there is nobody to tell.
fn leave() {
    let _ =
        execute!(stdout(), Print(POP_TITLE), DisableMouseCapture, DisableBracketedPaste, LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
}

/// The terminal was closed under the program. Not every one sends SIGHUP with it.
pub(in crate::cockpit) fn is_lost() -> bool {
    !stdin().is_terminal()
}

/// Stops this process, as ctrl-z does; returns once it is continued.
pub(in crate::cockpit) fn stop() {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP);
}

/// Copies to the clipboard of the terminal, which works over ssh. A terminal that cannot ignores it.
pub(in crate::cockpit) fn copy(text: &str) {
    let mut out: Stdout = stdout();
    let _ = execute!(out, CopyToClipboard::to_clipboard_from(text));
    let _ = out.flush();
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cockpit) enum Asked {
    /// To end.
    End,
    /// To give the terminal back for a while.
    Stop,
}

/// Signals that ask the program to end, or to stop.
pub(in crate::cockpit) struct Signals {
    term: Signal,
    hangup: Signal,
    stop: Signal,
}

impl Signals {
    pub(in crate::cockpit) fn new() -> std::io::Result<Self> {
        /// tokio names no signal that stops a process.
        const SIGTSTP: i32 = rustix::process::Signal::TSTP.as_raw();
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            stop: signal(SignalKind::from_raw(SIGTSTP))?,
        })
    }

    pub(in crate::cockpit) async fn asked(&mut self) -> Asked {
        tokio::select! {
            _ = self.term.recv() => Asked::End,
            _ = self.hangup.recv() => Asked::End,
            _ = self.stop.recv() => Asked::Stop,
        }
    }
}
