//! Help: every action of this screen, out of the one table.

use super::super::actions::{self, Screen};

pub(super) fn lines(screen: Screen) -> Vec<String> {
    let mut out = vec![format!("Keys on {}", screen.title()), String::new()];
    for a in actions::on(screen) {
        let risk =
            if a.risk > crate::domain::step::Risk::Read { format!("  ({})", a.risk.word()) } else { String::new() };
        out.push(format!("  {:<8} {}{risk}", a.keys, a.help));
    }
    out.push(String::new());
    out.push("Glyphs: ✓ done  ▶ at work  ◀ on the way back  · to come  ! failed  ? waits for you".into());
    out
}
