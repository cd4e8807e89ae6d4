//! What is done to Cutover's own objects: the Lease, the Migration, the nodes' records.

use serde_json::json;

use super::World;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordFault {
    LockTaken,
    LockDeleted,
    /// The Migration gets a new version all the time.
    Touched,
    /// A node's record is deleted.
    Deleted,
    Paused,
}

impl RecordFault {
    pub(super) async fn begin(self, world: &World<'_>, node: &str) {
        match self {
            Self::LockTaken => {
                world.merge("Lease", "cutover", &json!({"spec": {"holderIdentity": "somebody"}})).await;
            }
            Self::LockDeleted => world.delete("Lease", "cutover").await,
            Self::Deleted => {
                world.observer.disturbed();
                world.delete("NodeMigration", node).await;
            }
            Self::Paused => world.merge("Migration", "cutover", &json!({"spec": {"paused": true}})).await,
            Self::Touched => {}
        }
    }

    pub(super) async fn during(self, world: &World<'_>, tick: u64) {
        if self == Self::Touched {
            let note = json!({"metadata": {"annotations": {"example.com/touched": tick.to_string()}}});
            world.merge("Migration", "cutover", &note).await;
        }
    }

    pub(super) async fn end(self, world: &World<'_>) {
        if self == Self::Paused {
            world.merge("Migration", "cutover", &json!({"spec": {"paused": false}})).await;
        }
    }
}
