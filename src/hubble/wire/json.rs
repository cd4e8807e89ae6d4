//! Hubble's JSON: enums by name, long integers as text, times as RFC 3339; what is zero is left out.

#![expect(clippy::trivially_copy_pass_by_ref, clippy::ref_option, reason = "serde hands references over")]

use serde::{Deserialize, Deserializer, Serializer};

use super::names::Names;

pub(super) const fn is_zero(n: &i32) -> bool {
    *n == 0
}
pub(super) const fn is_naught(n: &u32) -> bool {
    *n == 0
}
pub(super) const fn is_none(n: &u64) -> bool {
    *n == 0
}
pub(super) const fn is_false(b: &bool) -> bool {
    !*b
}

#[derive(Deserialize)]
#[serde(untagged)]
enum NameOrNumber {
    Name(String),
    Number(i64),
}

fn write<S: Serializer>(names: &Names, number: i32, to: S) -> Result<S::Ok, S::Error> {
    match names.name(number) {
        Some(name) => to.serialize_str(name),
        None => to.serialize_i32(number),
    }
}

/// A name that is not known reads as zero: a newer Hubble is no reason to lose a flow.
fn read<'de, D: Deserializer<'de>>(names: &Names, from: D) -> Result<i32, D::Error> {
    Ok(match NameOrNumber::deserialize(from)? {
        NameOrNumber::Name(name) => names.number(&name).unwrap_or(0),
        NameOrNumber::Number(number) => i32::try_from(number).unwrap_or(0),
    })
}

macro_rules! named {
    ($($module:ident: $names:ident),* $(,)?) => {$(
        pub(super) mod $module {
            use serde::{Deserializer, Serializer};
            pub(in super::super) fn serialize<S: Serializer>(number: &i32, to: S) -> Result<S::Ok, S::Error> {
                super::write(&super::super::names::$names, *number, to)
            }
            pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<i32, D::Error> {
                super::read(&super::super::names::$names, from)
            }
        }
    )*};
}
named! {
    verdict: VERDICT, kind: KIND, direction: TRAFFIC_DIRECTION, ip_version: IP_VERSION, auth: AUTH, l7_kind: L7_KIND,
    tunnel: TUNNEL, trace_reason: TRACE_REASON, node_state: NODE_STATE, lost_source: LOST_SOURCE,
    point: OBSERVATION_POINT, drop_reason: DROP_REASON,
}

pub(super) mod long {
    use super::{Deserialize, Deserializer, NameOrNumber, Serializer};

    pub(in super::super) fn serialize<S: Serializer>(number: &u64, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(number)
    }
    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        Ok(match NameOrNumber::deserialize(from)? {
            NameOrNumber::Name(text) => text.parse().unwrap_or(0),
            NameOrNumber::Number(number) => u64::try_from(number).unwrap_or(0),
        })
    }
}

/// A time of the wire.
pub mod moment {
    use prost_types::Timestamp as Wire;

    use super::{Deserialize, Deserializer, Serializer};

    /// From the wire; `None` where no calendar has it.
    pub fn read(time: &Wire) -> Option<jiff::Timestamp> {
        jiff::Timestamp::new(time.seconds, time.nanos).ok()
    }

    /// To the wire.
    pub fn write(time: jiff::Timestamp) -> Wire {
        Wire { seconds: time.as_second(), nanos: time.subsec_nanosecond() }
    }

    pub(in super::super) fn serialize<S: Serializer>(time: &Option<Wire>, to: S) -> Result<S::Ok, S::Error> {
        match time.as_ref().and_then(read) {
            Some(time) => to.collect_str(&format_args!("{time:.9}")),
            None => to.serialize_none(),
        }
    }
    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Wire>, D::Error> {
        let Some(text) = Option::<String>::deserialize(from)? else { return Ok(None) };
        let time: jiff::Timestamp = text.parse().map_err(|e| super::no_time(&text, &e))?;
        Ok(Some(write(time)))
    }
}

fn no_time<E: serde::de::Error>(text: &str, why: &jiff::Error) -> E {
    E::custom(format!("{text:?} is no time: {why}"))
}
