//! What every screen is drawn with. Nothing here knows what is drawn.

mod beneath;
mod canvas;
mod chrome;
mod glyphs;
mod overlay;
mod pager;
mod palette;
mod pane;
mod table;
pub(super) mod terminal;
mod text;
mod theme;
mod tone;

pub(super) use beneath::{beneath, detail};
pub(super) use canvas::{Border, Canvas};
pub(super) use chrome::{Badge, Header, Hint, header, hints, tabs};
pub(super) use overlay::{choices, pane, prompt};
pub(super) use pager::Pager;
pub(super) use palette::rgb;
pub(super) use pane::Pane;
pub(super) use table::{Cell, Column, Look, Table, Words};
pub(super) use text::wrap;
pub use theme::{Colours, Theme};
pub(super) use tone::Tone;
