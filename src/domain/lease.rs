//! What an engine does with the Lease: the one state that engine, cockpit and command line speak of.

use super::text::safe;

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
