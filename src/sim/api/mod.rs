//! An API server that speaks the Kubernetes API over HTTP: as much of it as a client can tell.

#![expect(clippy::result_large_err, reason = "failures are answers: made once a request, never in a loop")]

mod answer;
mod apply;
mod discovery;
mod eviction;
mod kinds;
mod query;
mod requests;
mod schema;
mod server;
mod store;
mod strategic;
mod table;
mod users;
mod watch;
mod writes;

pub(super) use server::fresh;
pub use server::{Server, serve};

/// A UID. Out of the thread's own chance, which tests may fix.
pub(super) fn random_uid() -> String {
    uuid::Builder::from_random_bytes(fastrand::u128(..).to_le_bytes()).into_uuid().to_string()
}

/// Letters as the real server appends to `generateName`.
pub(crate) fn random_tail(length: usize) -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    std::iter::repeat_with(|| char::from(LETTERS[fastrand::usize(..LETTERS.len())])).take(length).collect()
}
