//! `w`.

use super::{Dialog, OnYes, cluster};
use crate::cockpit::{request::Request, scene::ClusterName};

pub(in crate::cockpit) fn write(name: &ClusterName, writable: bool) -> Dialog {
    let (title, what): (_, &[&str]) = if writable {
        let what = "This cockpit changes nothing any more and releases the lease: the migration stops where it is.";
        ("Back to read-only?", &[what])
    } else {
        let what = "This cockpit takes the lease and runs the engine: what is approved is carried out.";
        ("Allow changes from this cockpit?", &[what, "Nothing new is approved by this."])
    };
    let mut lines = vec![cluster(name)];
    lines.extend(what.iter().map(|&l| l.to_owned()));
    Dialog::new(title, lines, OnYes::Send(Request::Write(!writable)))
}
