//! Where pbjson differs from Hubble's own programs: times, numbers without a name, and the position of a oneof.

use std::{fmt, marker::PhantomData};

use prost::Message;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, IntoDeserializer, Visitor},
    ser::SerializeStruct,
};

use super::{Flow, GetFlowsResponse, LostEvent, NodeStatusEvent, get_flows_response::Item};

/// A time on the wire: `google.protobuf.Timestamp`.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Time {
    /// Since 1970.
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    /// Within the second.
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

impl Time {
    /// `None` where no calendar has it.
    pub fn read(self) -> Option<jiff::Timestamp> {
        jiff::Timestamp::new(self.seconds, self.nanos).ok()
    }
}

impl From<jiff::Timestamp> for Time {
    fn from(time: jiff::Timestamp) -> Self {
        Self { seconds: time.as_second(), nanos: time.subsec_nanosecond() }
    }
}

impl Serialize for Time {
    /// RFC 3339 with three, six or nine digits, or none.
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Some(time) = self.read() else { return to.serialize_none() };
        match self.nanos {
            0 => to.collect_str(&format_args!("{time:.0}")),
            n if n % 1_000_000 == 0 => to.collect_str(&format_args!("{time:.3}")),
            n if n % 1_000 == 0 => to.collect_str(&format_args!("{time:.6}")),
            _ => to.collect_str(&format_args!("{time:.9}")),
        }
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let time: Result<jiff::Timestamp, _> = text.parse();
        time.map(Self::from).map_err(|e| D::Error::custom(format!("{text:?} is not a time: {e}")))
    }
}

/// The number of an enum: in JSON its name, or the number if this version has no name for it. An unknown name reads as
/// zero, so that flows of a newer Hubble are not lost.
pub(super) struct Named<E> {
    pub(super) number: i32,
    of: PhantomData<E>,
}

impl<E> Named<E> {
    pub(super) const fn new(number: i32) -> Self {
        Self { number, of: PhantomData }
    }
}

impl<E: TryFrom<i32> + Serialize> Serialize for Named<E> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match E::try_from(self.number) {
            Ok(named) => named.serialize(to),
            Err(_) => to.serialize_i32(self.number),
        }
    }
}

impl<'de, E: Deserialize<'de> + Into<i32>> Deserialize<'de> for Named<E> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(NameOrNumber(PhantomData))
    }
}

struct NameOrNumber<E>(PhantomData<E>);

impl<'de, E: Deserialize<'de> + Into<i32>> Visitor<'de> for NameOrNumber<E> {
    type Value = Named<E>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name or a number")
    }

    fn visit_str<X: Error>(self, name: &str) -> Result<Named<E>, X> {
        let named = E::deserialize(IntoDeserializer::<X>::into_deserializer(name));
        Ok(Named::new(named.map_or(0, Into::into)))
    }

    fn visit_i64<X: Error>(self, number: i64) -> Result<Named<E>, X> {
        Ok(Named::new(i32::try_from(number).unwrap_or(0)))
    }

    fn visit_u64<X: Error>(self, number: u64) -> Result<Named<E>, X> {
        Ok(Named::new(i32::try_from(number).unwrap_or(0)))
    }
}

impl Serialize for GetFlowsResponse {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let fields = usize::from(self.item.is_some())
            + usize::from(!self.node_name.is_empty())
            + usize::from(self.time.is_some());
        let mut line = to.serialize_struct("GetFlowsResponse", fields)?;
        match &self.item {
            Some(Item::Flow(flow)) => line.serialize_field("flow", flow)?,
            Some(Item::NodeStatus(status)) => line.serialize_field("node_status", status)?,
            Some(Item::LostEvents(lost)) => line.serialize_field("lost_events", lost)?,
            None => {}
        }
        if !self.node_name.is_empty() {
            line.serialize_field("node_name", &self.node_name)?;
        }
        if let Some(time) = &self.time {
            line.serialize_field("time", time)?;
        }
        line.end()
    }
}

impl<'de> Deserialize<'de> for GetFlowsResponse {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Line {
            flow: Option<Box<Flow>>,
            node_status: Option<NodeStatusEvent>,
            lost_events: Option<LostEvent>,
            node_name: String,
            time: Option<Time>,
        }
        let line = Line::deserialize(from)?;
        let item = line
            .flow
            .map(Item::Flow)
            .or(line.node_status.map(Item::NodeStatus))
            .or(line.lost_events.map(Item::LostEvents));
        Ok(Self { item, node_name: line.node_name, time: line.time })
    }
}

#[cfg(test)]
mod tests {
    use super::{super::LostEvent, *};

    #[test]
    fn times_have_as_many_digits_as_they_need() {
        for (nanos, wanted) in [
            (0, "2026-11-24T00:34:53Z"),
            (500_000_000, "2026-11-24T00:34:53.500Z"),
            (500_000, "2026-11-24T00:34:53.000500Z"),
            (1, "2026-11-24T00:34:53.000000001Z"),
        ] {
            let time = Time { seconds: 1_795_480_493, nanos };
            assert_eq!(serde_json::to_value(time).unwrap(), wanted);
            assert_eq!(serde_json::from_value::<Time>(wanted.into()).unwrap(), time);
        }
        assert!(serde_json::from_str::<Time>("\"noon\"").is_err());
    }

    #[test]
    fn a_number_without_a_name_stays_a_number() {
        for line in [
            r#"{"flow":{"verdict":"DROPPED","Type":7,"drop_reason_desc":999},"node_name":"n1"}"#,
            r#"{"lost_events":{"source":"HUBBLE_RING_BUFFER","num_events_lost":"18446744073709551615"}}"#,
        ] {
            let message: GetFlowsResponse = serde_json::from_str(line).unwrap();
            assert_eq!(serde_json::to_string(&message).unwrap(), line);
        }
        let lost: LostEvent = serde_json::from_str(r#"{"source":"A_NEW_ONE","num_events_lost":3}"#).unwrap();
        assert_eq!(lost, LostEvent { source: 0, num_events_lost: 3 });
    }
}
