//! The columns of the table of flows: their cells, and what rows are sorted by.

use std::net::IpAddr;

use crate::{
    cockpit::ui::{Cell, Column, Tone},
    domain::guard::Class,
    hubble::{
        flow::{Kind, Row as Flow},
        reason::{Verdict, class},
    },
};

/// A column, and what it sorts by where that is not the text of its cell.
pub(super) struct FlowColumn {
    pub(super) column: Column<for<'a> fn(&&'a Flow) -> Cell<'a>>,
    rank: Option<fn(&Flow) -> (u64, &'static str)>,
}

impl FlowColumn {
    pub(super) fn rank(&self, flow: &Flow) -> (u64, String) {
        match self.rank {
            Some(rank) => {
                let (number, text) = rank(flow);
                (number, text.into())
            }
            None => (0, self.column.cell(&flow).text.into_owned()),
        }
    }
}

const fn by_text(column: Column<for<'a> fn(&&'a Flow) -> Cell<'a>>) -> FlowColumn {
    FlowColumn { column, rank: None }
}

/// All of them, in their order; the first one is the time.
pub(super) const ALL: &[FlowColumn] = &[
    by_text(Column("TIME", 8, 8, |f| Cell::dim(f.time.strftime("%H:%M:%S").to_string()))),
    by_text(Column("SOURCE", 12, 46, |f| Cell::plain(f.source.label()))),
    by_text(Column("DESTINATION", 12, 46, |f| Cell::plain(f.destination.label()))),
    FlowColumn { column: Column("PORT", 5, 6, |f| Cell::plain(port(f, f.port))), rank: Some(|f| (f.port.into(), "")) },
    by_text(Column("CNI", 7, 15, |f| Cell::dim(f.way()))),
    by_text(Column("L7", 2, 30, |f| Cell::dim(&*f.l7))),
    FlowColumn {
        column: Column("VERDICT", 11, 11, |f| verdict(f)),
        // what went wrong comes first
        rank: Some(|f| (u64::from(!f.verdict.is_bad()) * 2 + u64::from(!f.unanswered), f.outcome())),
    },
    by_text(Column("REASON", 6, 28, |f| {
        Cell::new(f.why(), if class(f.reason) == Class::Noise { Tone::Dim } else { Tone::Bad })
    })),
    by_text(Column("NODE", 6, 20, |f| Cell::dim(&*f.node))),
    by_text(Column("PROTO", 6, 6, |f| Cell::dim(f.protocol))),
    FlowColumn {
        column: Column("SPORT", 5, 5, |f| Cell::dim(port(f, f.source_port))),
        rank: Some(|f| (f.source_port.into(), "")),
    },
    by_text(Column("SOURCE IP", 9, 39, |f| Cell::dim(address(f.source.ip)))),
    by_text(Column("DESTINATION IP", 9, 39, |f| Cell::dim(address(f.destination.ip)))),
];

/// The first of these are shown until others are chosen.
pub(super) const SHOWN: usize = 9;

fn port(f: &Flow, port: u16) -> String {
    if port == 0 { f.protocol.to_owned() } else { port.to_string() }
}

fn address(ip: Option<IpAddr>) -> String {
    ip.map(|i| i.to_string()).unwrap_or_default()
}

fn verdict(f: &Flow) -> Cell<'static> {
    let lock = if f.encrypted { " ∎" } else { "" };
    let (glyph, tone) = match f.kind {
        _ if f.unanswered => ("? ", Tone::Warn),
        _ if f.verdict.is_bad() && class(f.reason) == Class::Noise => ("· ", Tone::Dim),
        _ if f.verdict.is_bad() => ("✗ ", Tone::Bad),
        Kind::Reply => ("◀ ", Tone::Good),
        _ if matches!(f.verdict, Verdict::Audit) => ("! ", Tone::Warn),
        _ => ("", Tone::Good),
    };
    Cell::new(format!("{glyph}{}{lock}", f.outcome()), tone)
}
