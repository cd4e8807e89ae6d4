//! The question before anything is changed: a yes, or the context's name where the way back is not cheap.

use std::io::{IsTerminal, stdin};

use clap::Args;

use super::{
    Exit, output,
    session::{Failed, Session},
};
use crate::domain::strategy::Approval;

/// How an operator confirms without being asked.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Confirm {
    /// Do not ask
    #[arg(long, short)]
    pub(super) yes: bool,
    /// Confirm what is not undone cheaply, by the context's name: phases that need it typed, and the rollback of everything
    #[arg(long, value_name = "NAME")]
    pub(super) confirm_context: Option<String>,
}

/// What is still missing for a confirmation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Missing {
    Nothing,
    Yes,
    Name,
    /// A name was given, of another context than the one that is connected to.
    OtherContext,
}

impl Confirm {
    fn missing(&self, context: &str, needs: Approval) -> Missing {
        match (self.confirm_context.as_deref(), needs) {
            (Some(name), _) if name != context => Missing::OtherContext,
            (None, Approval::ContextName) => Missing::Name,
            (Some(_), Approval::ContextName) | (_, Approval::None) => Missing::Nothing,
            (_, Approval::Key) if self.yes => Missing::Nothing,
            (_, Approval::Key) => Missing::Yes,
        }
    }

    /// Asks for what is missing, on a terminal and unless `--yes` forbids it.
    pub(super) fn ask(&self, session: &Session, question: &str, needs: Approval) -> Result<(), Failed> {
        let refused = |why: String| Err(Failed::new(Exit::Usage, format!("{why}. Nothing was changed")));
        let context = session.connection.context.as_str();
        let needs = session.guard.at_least(needs);
        let missing = self.missing(context, needs);
        let typed = match missing {
            Missing::Nothing => return Ok(()),
            Missing::OtherContext => {
                let given = self.confirm_context.as_deref().unwrap_or_default();
                return refused(format!("--confirm-context names {given:?}, but the context is {context:?}"));
            }
            Missing::Name if self.yes || !stdin().is_terminal() => {
                return refused(format!("{question} --yes is not enough for that: add --confirm-context {context}"));
            }
            Missing::Yes if !stdin().is_terminal() => {
                return refused("no terminal for confirmation: use --yes".into());
            }
            Missing::Name => answer(&format!("{question} Type the context's name, {context}:")),
            Missing::Yes => answer(&format!("{question} [y/N]")),
        };
        let confirmed = if missing == Missing::Name { typed == context } else { typed.eq_ignore_ascii_case("y") };
        if confirmed { Ok(()) } else { refused("not confirmed".into()) }
    }
}

fn answer(question: &str) -> String {
    output::note(question);
    let mut answer = String::new();
    let _ = stdin().read_line(&mut answer);
    answer.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_yes_is_no_context_name_and_another_context_confirms_nothing() {
        let given = |yes, name: Option<&str>| Confirm { yes, confirm_context: name.map(str::to_owned) };
        for (confirm, needs, missing) in [
            (given(false, None), Approval::Key, Missing::Yes),
            (given(true, None), Approval::Key, Missing::Nothing),
            (given(true, None), Approval::ContextName, Missing::Name),
            (given(false, None), Approval::ContextName, Missing::Name),
            (given(false, Some("prod")), Approval::ContextName, Missing::Nothing),
            (given(true, Some("prod")), Approval::ContextName, Missing::Nothing),
            (given(false, Some("prod")), Approval::Key, Missing::Yes),
            (given(true, Some("staging")), Approval::ContextName, Missing::OtherContext),
            (given(true, Some("staging")), Approval::Key, Missing::OtherContext),
        ] {
            assert_eq!(confirm.missing("prod", needs), missing, "{confirm:?} for {needs:?}");
        }
    }
}
