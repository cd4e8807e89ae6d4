//! What every screen is drawn with. Nothing here knows what is drawn.

mod canvas;
mod chrome;
mod glyphs;
mod overlay;
mod palette;
mod pane;
mod table;
pub(super) mod terminal;
mod text;
mod theme;

pub(super) use canvas::{Border, Canvas};
pub(super) use chrome::{Badge, Header, Hint, header, hints, tabs};
pub(super) use overlay::{Scroll, choices, pane, prompt, scrolled};
pub(super) use palette::rgb;
pub(super) use pane::Pane;
pub(super) use table::{Cell, Column, Look, Table, Words};
pub(super) use text::wrap;
pub(super) use theme::Tone;
pub use theme::{Colours, Theme};
