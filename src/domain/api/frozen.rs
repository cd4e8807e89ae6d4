//! What of a Migration's spec cannot change once it has begun: it says what is on the nodes already. One table, of which
//! the definition's rules are made, the refusals of the command line, and those of the embedded API server.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::ValidationRule;
use serde_json::Value;

use super::{MigrationStatus, Stage};

/// Fields of the spec that are frozen. Consents, approvals, limits and the target stay an operator's.
pub const FROZEN: [&str; 2] = ["cilium", "strategy"];

impl MigrationStatus {
    /// The frozen fields of the spec cannot change: it has begun, and not all of it is rolled back.
    pub fn freezes(&self) -> bool {
        self.started_at.is_some() && self.phase != Stage::RolledBack
    }
}

/// The same of a status as the API has it.
fn freezes(status: &Value) -> bool {
    status["startedAt"].is_string() && status["phase"] != Stage::RolledBack.name()
}

/// The rules of the definition, which an API server evaluates at every update, by any client.
pub(super) fn rules() -> Vec<ValidationRule> {
    FROZEN.iter().map(|field| rule(field)).collect()
}

fn rule(field: &str) -> ValidationRule {
    let ended = Stage::RolledBack.name();
    let begun = format!(
        "has(oldSelf.status) && has(oldSelf.status.startedAt) && !(has(oldSelf.status.phase) && oldSelf.status.phase == '{ended}')"
    );
    ValidationRule {
        rule: format!("!({begun}) || self.spec.{field} == oldSelf.spec.{field}"),
        message: Some(format!(
            "spec.{field} cannot change once the migration has begun (status.startedAt): leave it as it is, or roll back first (spec.target: Flannel)"
        )),
        field_path: Some(format!(".spec.{field}")),
        ..ValidationRule::default()
    }
}

/// What a rule says of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// The change is allowed.
    Allowed,
    /// It is refused, with this message.
    Refused(String),
    /// It is no rule of this table.
    UnknownRule,
}

/// What a rule of the definition says of a change from one object to another.
pub fn evaluate(text: &str, before: &Value, after: &Value) -> Ruling {
    let known = FROZEN.iter().map(|f| (f, rule(f))).find(|(_, r)| r.rule == text);
    let Some((field, rule)) = known else { return Ruling::UnknownRule };
    let refused = freezes(&before["status"]) && before["spec"][field] != after["spec"][field];
    if refused { Ruling::Refused(rule.message.unwrap_or_default()) } else { Ruling::Allowed }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_has_begun_is_frozen_until_all_of_it_is_rolled_back() {
        let begun = Some(Timestamp::UNIX_EPOCH);
        for (started_at, phase, frozen) in [
            (None, Stage::default(), false),
            (begun, Stage::default(), true),
            (begun, Stage::RollingBack, true),
            (begun, Stage::Complete, true),
            (begun, Stage::RolledBack, false),
        ] {
            let status = MigrationStatus { phase, started_at, ..MigrationStatus::default() };
            assert_eq!(status.freezes(), frozen, "{phase}");
            assert_eq!(freezes(&serde_json::to_value(&status).unwrap()), frozen, "{phase}, as the API has it");
            for field in FROZEN {
                let before = json!({"spec": {field: 1, "approved": 1}, "status": status});
                let (mut other, mut same) = (before.clone(), before.clone());
                other["spec"][field] = json!(2);
                same["spec"]["approved"] = json!(2);
                let said = |after| evaluate(&rule(field).rule, &before, after);
                assert_eq!(matches!(said(&other), Ruling::Refused(_)), frozen, "{field} {phase}");
                assert_eq!(said(&same), Ruling::Allowed);
            }
        }
        assert_eq!(evaluate("self.spec.paused", &json!({}), &json!({})), Ruling::UnknownRule);
    }
}
