//! What texts mean: a theme gives each meaning its colours.

/// What a piece of text means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cockpit) enum Tone {
    Plain,
    Dim,
    Good,
    Warn,
    Bad,
    Accent,
    Title,
    Selected,
    Danger,
    /// It waits for the operator: no normal work looks like it.
    Turn,
}
