//! What an engine does with the Lease: the one state that engine, cockpit and command line speak of.

use serde::Serialize;

use super::text::safe;

/// Who holds the Lease, as everybody sees it who reads it now and then.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "state", content = "holder", rename_all = "camelCase")]
pub enum Holder {
    /// Not known yet.
    #[default]
    Unknown,
    /// No engine does: nothing moves.
    None,
    /// This engine, which renews it.
    Renewing(String),
    /// This engine, which does not renew it any more: nothing moves until it does, or another one takes the Lease.
    Silent(String),
    /// It could not be read: why.
    Unreadable(String),
}

impl Holder {
    /// As a sentence.
    pub fn words(&self) -> String {
        match self {
            Self::Unknown => "unknown".into(),
            Self::None => "none, nothing will move".into(),
            Self::Renewing(who) => safe(who).into_owned(),
            Self::Silent(who) => format!("{} holds the Lease and does not renew it, nothing will move", safe(who)),
            Self::Unreadable(why) => format!("unknown, the Lease cannot be read: {}", safe(why)),
        }
    }
}

/// What the engine of this program does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum EngineState {
    /// No engine runs here, or it has not tried to take the lease yet.
    #[default]
    Off,
    /// It holds the lease and acts.
    Acting,
    /// It has taken the lease from another engine, which needs time to notice before this one acts.
    TakingOver,
    /// Another engine holds the lease: which one.
    Elsewhere(String),
    /// The API server does not accept the credentials.
    Unauthorized(String),
    /// The lease could not be taken or renewed: why.
    LeaseUnknown(String),
}

impl EngineState {
    /// As a sentence.
    pub fn words(&self) -> String {
        match self {
            Self::Off => "the engine does not run".into(),
            Self::Acting => "this engine holds the lease and acts".into(),
            Self::TakingOver => "the lease is taken over; the engine that held it has some seconds to notice".into(),
            Self::Elsewhere(who) => format!("{} runs the engine; this is a view until it stops", safe(who)),
            Self::Unauthorized(why) => {
                format!("{}. Log in again in another terminal: the engine continues by itself", safe(why))
            }
            Self::LeaseUnknown(why) => format!("the lease could not be renewed: {}", safe(why)),
        }
    }
}
