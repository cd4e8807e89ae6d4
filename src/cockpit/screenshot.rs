//! A frame as a picture: SVG, made of the same buffer that a terminal would show.

use std::{borrow::Cow, cell::Cell, io::Write, rc::Rc};

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Color, Modifier},
};
use unicode_width::UnicodeWidthStr;

use super::{
    Model, Scene, Theme,
    ui::{Canvas, rgb, terminal::Painter},
    view,
};

/// How many bytes a terminal is sent for each of these frames, one after the other.
///
/// # Errors
/// None: what counts takes everything.
pub fn written(frames: impl IntoIterator<Item = Buffer>) -> std::io::Result<Vec<usize>> {
    let counted = Counted::default();
    let mut painter = Painter::new(counted.clone());
    let mut sent = |frame: Buffer| {
        painter.draw(frame.area, |next| *next = frame)?;
        Ok(counted.0.take())
    };
    frames.into_iter().map(&mut sent).collect()
}

/// Counts what is written, and keeps nothing of it.
#[derive(Clone, Default)]
struct Counted(Rc<Cell<usize>>);

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.set(self.0.get() + bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Draws one frame into a buffer.
pub fn frame(width: u16, height: u16, model: &mut Model, scene: &Scene<'_>, theme: Theme) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    view::draw(&mut Canvas::new(&mut buffer, theme), model, scene);
    buffer
}

fn colour(c: Color, default: &'static str) -> Cow<'static, str> {
    let named = match c {
        Color::Indexed(number) => {
            return rgb(number).map_or(default.into(), |[r, g, b]| format!("#{r:02x}{g:02x}{b:02x}").into());
        }
        Color::Green => "#4ec26b",
        Color::Yellow => "#e5b83f",
        Color::Red => "#ef5f6b",
        Color::Cyan => "#4cc3d9",
        Color::DarkGray => "#7f8791",
        Color::White => "#ffffff",
        _ => default,
    };
    named.into()
}

/// A buffer as SVG.
pub fn svg(buffer: &Buffer) -> String {
    const CELL_W: u32 = 9;
    const CELL_H: u32 = 19;
    let (w, h) = (u32::from(buffer.area.width), u32::from(buffer.area.height));
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" font-family=\"'DejaVu Sans Mono', Menlo, Consolas, monospace\" font-size=\"15\">\n<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#14171c\"/>\n",
        w * CELL_W + 24,
        h * CELL_H + 24
    );
    for y in 0..buffer.area.height {
        let mut x = 0;
        while x < buffer.area.width {
            let cell = &buffer[(x, y)];
            let style = (cell.fg, cell.bg, cell.modifier);
            let start = x;
            let mut text = String::new();
            while x < buffer.area.width {
                let next = &buffer[(x, y)];
                if (next.fg, next.bg, next.modifier) != style {
                    break;
                }
                text.push_str(next.symbol());
                x += 1;
            }
            let reversed = style.2.contains(Modifier::REVERSED);
            let (left, top) = (u32::from(start) * CELL_W + 12, u32::from(y) * CELL_H + 12);
            let width = u32::from(x - start) * CELL_W;
            let back = if reversed {
                Some("#c9d1d9".into())
            } else if style.1 == Color::Reset {
                None
            } else {
                Some(colour(style.1, "#14171c"))
            };
            if let Some(back) = back {
                out.push_str(&format!(
                    "<rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{CELL_H}\" fill=\"{back}\"/>\n"
                ));
            }
            let fill = if reversed { "#14171c".into() } else { colour(style.0, "#c9d1d9") };
            let bold = if style.2.contains(Modifier::BOLD) { " font-weight=\"bold\"" } else { "" };
            // each word has its own place, so that the picture holds with any font
            let mut column = u32::from(start);
            for word in text.split(' ') {
                let width = u32::try_from(word.width()).unwrap_or(0);
                if width > 0 {
                    let escaped = word.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
                    let (left, top, length) = (column * CELL_W + 12, top + 14, width * CELL_W);
                    out.push_str(&format!(
                        "<text x=\"{left}\" y=\"{top}\" fill=\"{fill}\"{bold} textLength=\"{length}\" lengthAdjust=\"spacingAndGlyphs\">{escaped}</text>\n"
                    ));
                }
                column += width + 1;
            }
        }
    }
    out.push_str("</svg>\n");
    out
}
