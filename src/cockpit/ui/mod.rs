//! What every screen is drawn with. Nothing here knows what is drawn.

mod beneath;
mod canvas;
mod chrome;
mod overlay;
mod pane;
mod table;
pub(super) mod terminal;
mod text;
mod theme;

pub(super) use beneath::{beneath, detail};
pub(super) use canvas::{Border, Canvas};
pub(super) use chrome::{Badge, Header, Hint, header, hints, tabs};
pub(super) use overlay::{Scroll, choices, pane, prompt, scrolled};
pub(super) use pane::Pane;
pub(super) use table::{Cell, Column, Look, Table, Words};
pub(super) use text::wrap;
pub use theme::Theme;
pub(super) use theme::Tone;
