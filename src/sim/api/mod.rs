//! An API server that speaks the Kubernetes API over HTTP, as far as clients can observe it.

#![expect(clippy::result_large_err, reason = "failures are answers: made once a request, never in a loop")]

mod answer;
mod apply;
mod discovery;
mod eviction;
mod kinds;
mod pod_security;
mod query;
mod requests;
mod schema;
mod server;
mod store;
mod strategic;
mod table;
mod tls;
mod users;
mod watch;
mod writes;

pub(super) use server::{Look, fresh};
pub use server::{Server, serve};

/// A UID, from the thread's random generator, which tests may seed.
pub(super) fn random_uid() -> String {
    uuid::Builder::from_random_bytes(fastrand::u128(..).to_le_bytes()).into_uuid().to_string()
}

/// A suffix, as the real server appends it to `generateName`.
pub(crate) fn random_tail(length: usize) -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    std::iter::repeat_with(|| char::from(LETTERS[fastrand::usize(..LETTERS.len())])).take(length).collect()
}
