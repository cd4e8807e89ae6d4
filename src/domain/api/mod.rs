//! The two custom resources: what is wanted (`spec`) and what was seen (`status`).

mod frozen;
mod limits;
mod migration;
mod node;
mod parts;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde_json::json;

pub use super::{
    consent::{Consent, ConsentKind},
    guard::GuardSpec,
};
pub use frozen::{FROZEN, Ruling, evaluate};
pub use limits::{fits, spec_problems};
pub use migration::{
    Condition, Finding, FlowTrouble, Migration, MigrationSpec, MigrationStatus, PhaseState, PhaseStatus, Pin, Pins,
    Severity, Stage, Target,
};
pub use node::{NodeMigration, NodeMigrationSpec, NodeMigrationStatus, StepError, StepTiming};
pub use parts::{CiliumSpec, HostAccess, HostsSpec, Installer, NodesSpec, RestartBy, minor_of};

/// The one Migration of a cluster has this name; the API refuses any other.
pub const MIGRATION: &str = "cutover";

/// Both definitions as they are installed: the derived ones, the Migration's name pinned, and what cannot change.
pub fn crds() -> Vec<CustomResourceDefinition> {
    let mut migration = Migration::crd();
    for version in &mut migration.spec.versions {
        let Some(schema) = version.schema.as_mut().and_then(|s| s.open_api_v3_schema.as_mut()) else { continue };
        schema.x_kubernetes_validations = Some(frozen::rules());
        if let Some(properties) = schema.properties.as_mut() {
            let pinned =
                json!({ "type": "object", "properties": { "name": { "type": "string", "enum": [MIGRATION] } } });
            if let Ok(pinned) = serde_json::from_value(pinned) {
                properties.insert("metadata".into(), pinned);
            }
        }
    }
    vec![migration, NodeMigration::crd()]
}
