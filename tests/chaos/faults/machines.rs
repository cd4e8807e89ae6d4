//! What goes wrong on the machines that operators run Cutover from.

use tokio::time::Instant;

use super::{Fault, World};
use crate::workstation::Workstation;

/// An hour, in milliseconds.
const HOUR: i64 = 3_600_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MachineFault {
    /// kill -9, and started again.
    Restarted,
    /// kill -9, and another operator goes on from the other workstation.
    Replaced,
    ShortSleep,
    LongSleep,
    ClockAhead,
    ClockBehind,
    /// An operator takes the lock from an engine that is well.
    TakeOver,
    DiskFull,
    /// A newer Migration and a newer record arrive between a decision and the write of its statuses.
    Overtaken,
}

impl MachineFault {
    pub(super) async fn begin(self, world: &World<'_>, fault: &Fault, stations: &mut [Workstation]) {
        let here = fault.which % stations.len();
        let other = (here + 1) % stations.len();
        match self {
            Self::Restarted => stations[here].restart(world.cluster, world.began).await,
            Self::Replaced => {
                stations[here].kill().await;
                stations[other].start(world.cluster, world.began);
            }
            Self::ShortSleep | Self::LongSleep => {
                world.observer.deaf(stations[here].name, None);
                stations[here].machine.sleep(true);
            }
            // a program reads its machine's clock when it starts
            Self::ClockAhead | Self::ClockBehind => {
                stations[here].machine.set_clock(if self == Self::ClockAhead { HOUR } else { -HOUR });
                stations[here].restart(world.cluster, world.began).await;
            }
            Self::TakeOver => {
                stations[here].start(world.cluster, world.began);
                stations[here].take_over.send_modify(|n| *n += 1);
            }
            Self::DiskFull => stations[here].machine.fill_disk(true),
            Self::Overtaken => stations[here].machine.overtake(fault.share, world.node(fault)),
        }
    }

    pub(super) fn end(self, world: &World<'_>, station: &Workstation) {
        let machine = &station.machine;
        match self {
            Self::ShortSleep | Self::LongSleep => {
                world.observer.deaf(station.name, Some(Instant::now()));
                machine.sleep(false);
            }
            Self::ClockAhead | Self::ClockBehind => machine.set_clock(0),
            Self::DiskFull => machine.fill_disk(false),
            Self::Overtaken => machine.overtake(0, ""),
            Self::Restarted | Self::Replaced | Self::TakeOver => {}
        }
    }
}
