//! The Lease on the wire. When to write is decided in `domain::lock`; here it only changes for the very version that
//! was read.

use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
};
use kube::{Api, Client, ResourceExt, api::PostParams};

use super::{error::is_not_found, port::RequestError};
use crate::domain::lock::{Claim, DURATION};

/// Name of the Lease.
const NAME: &str = "cutover";
/// Annotation with the run of the program that holds it.
const PROCESS: &str = "cutover.dev/process";

/// Reads it.
pub(super) async fn read(client: &Client, namespace: &str) -> Result<Option<Claim>, RequestError> {
    let api: Api<Lease> = Api::namespaced(client.clone(), namespace);
    match api.get(NAME).await {
        Ok(lease) => Ok(Some(claim(&lease))),
        Err(e) if is_not_found(&e) => Ok(None),
        Err(e) => Err((&e).into()),
    }
}

/// Writes it for the version in `claim`, or creates it.
pub(super) async fn write(client: &Client, namespace: &str, claim_: &Claim) -> Result<Claim, RequestError> {
    let api: Api<Lease> = Api::namespaced(client.clone(), namespace);
    let now = Some(MicroTime(Timestamp::now()));
    let lease = Lease {
        metadata: ObjectMeta {
            name: Some(NAME.into()),
            annotations: Some([(PROCESS.to_owned(), claim_.process.clone())].into()),
            resource_version: Some(claim_.version.clone()).filter(|v| !v.is_empty()),
            ..ObjectMeta::default()
        },
        spec: Some(LeaseSpec {
            holder_identity: Some(claim_.holder.clone()).filter(|h| !h.is_empty()),
            lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
            // for people: no engine computes with another machine's clock
            renew_time: now,
            lease_transitions: i32::try_from(claim_.epoch).ok(),
            ..LeaseSpec::default()
        }),
    };
    let written = if claim_.version.is_empty() {
        api.create(&PostParams::default(), &lease).await
    } else {
        api.replace(NAME, &PostParams::default(), &lease).await
    };
    written.map(|l| claim(&l)).map_err(|e| (&e).into())
}

fn claim(lease: &Lease) -> Claim {
    let spec = lease.spec.as_ref();
    Claim {
        holder: spec.and_then(|s| s.holder_identity.clone()).unwrap_or_default(),
        process: lease.annotations().get(PROCESS).cloned().unwrap_or_default(),
        epoch: spec.and_then(|s| s.lease_transitions).unwrap_or_default().into(),
        version: lease.resource_version().unwrap_or_default(),
    }
}
