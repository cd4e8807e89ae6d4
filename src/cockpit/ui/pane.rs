//! What the keys do with a table, whatever its rows are.

/// A table as the keys know it.
pub(in crate::cockpit) trait Pane {
    /// Moves the selection by this many rows.
    fn step(&mut self, rows: isize);
    /// Moves it by half of the rows that the last frame had room for.
    fn half_page(&mut self, down: bool);
    /// To the first row, or to the last one.
    fn end(&mut self, last: bool);
    /// Stays on the object that the last frame showed as selected, wherever its row goes.
    fn pin(&mut self);
    /// Selects the row that the last frame drew there. False where there is none.
    fn click(&mut self, column: u16, row: u16) -> bool;
    /// What is shown: the words that were typed after `/`.
    fn filter(&self) -> &str;
    /// Shows only what matches.
    fn set_filter(&mut self, text: &str);
    /// Lets go of a table that is held still. False when it was not.
    fn thaw(&mut self) -> bool;
}
