//! Consents on the command line.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;

use super::{Exit, session::Failed};
use crate::domain::consent::{Consent, ConsentKind};

/// Consents for named objects.
#[derive(Args, Clone, Debug)]
pub(super) struct Consents {
    /// Consent for one object, as DeleteBarePod:namespace/pod or LoseEmptyDir:namespace/Kind/name
    #[arg(long, help_heading = "Consents", value_name = "KIND:OBJECT")]
    pub consent: Vec<String>,
    /// Consents from a file, one a line; `preflight --consents` prints those that are needed
    #[arg(long, help_heading = "Consents", value_name = "FILE")]
    consent_file: Option<PathBuf>,
}

impl Consents {
    /// Those that are given, in this user's name, now.
    pub(super) fn read(&self) -> Result<Vec<Consent>, Failed> {
        let usage = |message: String| Failed { exit: Exit::Usage, message };
        let mut texts: Vec<String> = self.consent.clone();
        if let Some(path) = &self.consent_file {
            let text = std::fs::read_to_string(path)
                .map_err(|e| usage(format!("consent file {} cannot be read: {e}", path.display())))?;
            let lines = text.lines().map(|l| l.split('#').next().unwrap_or_default().trim());
            texts.extend(lines.filter(|l| !l.is_empty()).map(str::to_owned));
        }
        let (by, at) = (crate::engine::identity(), Timestamp::now());
        let consent = |text: &String| {
            let names: Vec<&str> = ConsentKind::ALL.iter().map(|k| k.name()).collect();
            let bad =
                || usage(format!("consent {text}: expected KIND:OBJECT, where KIND is one of {}", names.join(", ")));
            let (kind, object) =
                text.split_once(':').filter(|(_, o)| o.contains('/') || o.contains("->")).ok_or_else(bad)?;
            let kind = ConsentKind::parse(kind).ok_or_else(bad)?;
            Ok(Consent { kind, object: object.to_owned(), by: by.clone(), at })
        };
        texts.iter().map(consent).collect()
    }
}
