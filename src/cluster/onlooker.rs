//! Who runs the engine, for those who run none: the Lease, read now and then.

use std::time::Duration;

use kube::Client;
use tokio::time::{Instant, sleep};

use super::{lease, store::FactStore};
use crate::domain::{
    lease::Holder,
    lock::{LOOK, Onlooker, RENEW},
    rights::NAMESPACE,
};

/// Keeps who holds the Lease among the facts, for as long as it is polled.
pub async fn keep(client: Client, store: FactStore) {
    let (mut onlooker, began) = (Onlooker::default(), Instant::now());
    loop {
        let holder = match lease::read(&client, NAMESPACE).await {
            Ok(lease) => onlooker.look(lease, began.elapsed()),
            Err(e) => Holder::Unreadable(e.to_string()),
        };
        let pause: Duration = if holder == Holder::Unknown { LOOK } else { RENEW };
        store.fold(|facts| std::mem::replace(&mut facts.engine, holder.clone()) != holder);
        sleep(pause).await;
    }
}
