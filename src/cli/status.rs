//! `cutover status`.

use super::{
    Exit, Global, Output, output,
    session::{Failed, Session},
};

pub(super) async fn run(global: &Global) -> Result<Exit, Failed> {
    let session = Session::open(global).await?;
    let facts = session.facts();
    match global.output {
        Output::Json => output::json(&output::objects_of(&facts)),
        Output::Table => output::standing(&facts),
    }
    Ok(Exit::Done)
}
