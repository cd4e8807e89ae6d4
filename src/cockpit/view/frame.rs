//! Header, tabs and footer.

use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
};
use unicode_width::UnicodeWidthStr;

use super::super::{
    EngineState, Scene, actions,
    actions::Screen,
    model::Model,
    theme::{Role, Theme},
};
use crate::{
    domain::{
        facts::{Facts, Freshness, Source},
        text::{between, duration, safe},
    },
    hubble::window::Stream,
};

/// `PROD  context ▸ server   READ-ONLY   ● live   hubble ●`
pub(super) fn header(frame: &mut Frame<'_>, area: Rect, model: &Model, scene: &Scene<'_>, theme: Theme) {
    let mut left = Vec::new();
    if model.cluster.production {
        left.push((" PROD ".to_owned(), Role::Danger));
    }
    let server = model
        .cluster
        .server
        .trim_start_matches("https://")
        .trim_start_matches("http://")
        .trim_end_matches('/')
        .to_owned();
    left.push((format!(" {} ▸ {} ", safe(&model.cluster.context), safe(&server)), Role::Title));
    left.push(match (model.armed, scene.engine) {
        (false, _) => (" READ-ONLY ".into(), Role::Good),
        (true, EngineState::Here) => (" ARMED ".into(), Role::Warn),
        (true, EngineState::Elsewhere(who)) => (format!(" VIEW: {} runs it ", safe(who)), Role::Accent),
        (true, EngineState::TakingOver) => (" ARMED, taking over ".into(), Role::Warn),
        (true, EngineState::Unauthorized(_)) => (" LOG IN AGAIN ".into(), Role::Bad),
        (true, EngineState::LeaseUnknown(_)) => (" ARMED, NO LOCK ".into(), Role::Bad),
        (true, EngineState::Off) => (" ARMED, starting ".into(), Role::Warn),
    });
    if scene.facts.migration.as_ref().is_some_and(|m| m.spec.paused) {
        left.push((" PAUSED ".into(), Role::Danger));
    }
    let right = [freshness(scene), hubble(scene)];
    let line = |parts: &[(String, Role)]| {
        Line::from(
            parts.iter().map(|(t, r)| Span::styled(theme.text(t).into_owned(), theme.style(*r))).collect::<Vec<_>>(),
        )
    };
    let buffer = frame.buffer_mut();
    buffer.set_line(area.x, area.y, &line(&left), area.width);
    let width: usize = right.iter().map(|(t, _)| t.width()).sum();
    let used: usize = left.iter().map(|(t, _)| t.width()).sum();
    if let Ok(width) = u16::try_from(width)
        && usize::from(width) + used < usize::from(area.width)
    {
        buffer.set_line(area.right() - width, area.y, &line(&right), width);
    }
}

/// The worst source speaks for all.
fn freshness(scene: &Scene<'_>) -> (String, Role) {
    let sources = &scene.facts.sources;
    let broken = sources.iter().find_map(|(name, f)| match f {
        Freshness::Retrying { since, .. } => Some((name, between(*since, scene.now))),
        _ => None,
    });
    if let Some((name, since)) = broken {
        return (format!("○ {name}: retry {} ", duration(since)), Role::Bad);
    }
    if sources.iter().any(|(_, f)| *f == Freshness::Starting) {
        return ("◐ loading ".into(), Role::Warn);
    }
    match scene.facts.latency {
        Some(limit) => (format!("● <{limit}ms "), Role::Good),
        None => ("● live ".into(), Role::Good),
    }
}

fn hubble(scene: &Scene<'_>) -> (String, Role) {
    match &scene.window.stream {
        Stream::Starting => ("hubble ◐ ".into(), Role::Dim),
        Stream::None(_) => ("hubble — ".into(), Role::Dim),
        Stream::Live if scene.window.silent().next().is_some() => ("hubble ◐ ".into(), Role::Warn),
        Stream::Live => ("hubble ● ".into(), Role::Good),
        Stream::Replayed => ("capture ".into(), Role::Accent),
        Stream::Retrying(_) => ("hubble ○ ".into(), Role::Warn),
    }
}

pub(super) fn tabs(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme) {
    let mut spans = Vec::new();
    for (i, screen) in Screen::ALL.into_iter().enumerate() {
        let role = if screen == model.screen { Role::Selected } else { Role::Dim };
        let title = if area.width < 72 {
            screen.title().split(' ').next().unwrap_or_default().to_owned()
        } else {
            screen.title().to_owned()
        };
        spans.push(Span::styled(format!(" {} {title} ", i + 1), theme.style(role)));
        spans.push(Span::raw(" "));
    }
    frame.buffer_mut().set_line(area.x, area.y, &Line::from(spans), area.width);
}

/// What was just said, or what the keys do: the weightiest that fit.
pub(super) fn footer(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme) {
    let line = if let Some(toast) = &model.toast {
        Line::styled(
            format!(" {}", theme.text(&safe(&toast.text))),
            theme.style(if toast.bad { Role::Bad } else { Role::Accent }),
        )
    } else if model.busy {
        Line::styled(" the wish is being carried out…", theme.style(Role::Accent))
    } else {
        hints(model, theme, usize::from(area.width))
    };
    frame.buffer_mut().set_line(area.x, area.y, &line, area.width);
}

fn hints(model: &Model, theme: Theme, width: usize) -> Line<'static> {
    let mut fitting: Vec<&actions::Action> = actions::on(model.screen).filter(|a| a.weight > 0).collect();
    let long = |a: &actions::Action| a.keys.width() + a.label.width() + 4;
    fitting.sort_by_key(|a| std::cmp::Reverse(a.weight));
    let mut left = width;
    fitting.retain(|a| {
        let fits = long(a) <= left;
        if fits {
            left -= long(a);
        }
        fits
    });
    let mut spans = Vec::new();
    for a in actions::on(model.screen).filter(|a| fitting.iter().any(|f| f.keys == a.keys)) {
        let off = !model.armed && a.risk > crate::domain::step::Risk::Read && a.does != actions::Does::Arm;
        spans.push(Span::styled(format!(" {}", a.keys), theme.style(if off { Role::Dim } else { Role::Accent })));
        spans.push(Span::styled(format!(" {} ", a.label), theme.style(if off { Role::Dim } else { Role::Plain })));
    }
    Line::from(spans)
}

/// What every screen shows instead of an empty table while something is missing.
pub(super) fn why_empty(facts: &Facts, source: Source) -> Option<String> {
    match &facts.sources[source] {
        Freshness::Starting => Some("loading…".into()),
        Freshness::Retrying { error, .. } => Some(format!("cannot be read: {}", safe(error))),
        Freshness::Live | Freshness::Absent => None,
    }
}
