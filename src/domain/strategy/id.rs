//! Names of strategies and phases: only those of a known strategy can be had.

use std::{fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use super::{FIRST, PhaseSpec, Strategy, all, phase_names};

/// The name of a phase. Two strategies may have phases of one name.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PhaseId(&'static str);

impl PhaseId {
    /// The name of this phase.
    pub const fn of(spec: &'static PhaseSpec) -> Self {
        Self(spec.id)
    }

    /// As the API spells it.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl Default for PhaseId {
    fn default() -> Self {
        Self(FIRST)
    }
}

impl fmt::Display for PhaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

impl fmt::Debug for PhaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// As an operator types it: case does not matter, and British spelling is accepted.
impl FromStr for PhaseId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let american = text.to_ascii_lowercase().replace("ise", "ize");
        let known = phase_names();
        let found = known.iter().find(|n| n.eq_ignore_ascii_case(text) || n.eq_ignore_ascii_case(&american));
        found
            .map(|n| Self(n))
            .ok_or_else(|| format!("no phase is called {text:?}; the phases are {}", known.join(", ")))
    }
}

impl Serialize for PhaseId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

impl<'de> Deserialize<'de> for PhaseId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let known = phase_names().into_iter().find(|n| *n == name);
        known.map(Self).ok_or_else(|| D::Error::custom(format!("this version knows no phase {name:?}")))
    }
}

impl JsonSchema for PhaseId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PhaseId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": phase_names() })
    }
}

/// A strategy, by its name.
#[derive(Clone, Copy)]
pub struct StrategyId(&'static dyn Strategy);

impl StrategyId {
    /// The strategy.
    pub fn get(self) -> &'static dyn Strategy {
        self.0
    }

    /// The strategy of this name.
    pub fn named(name: &str) -> Option<Self> {
        all().find(|s| s.id() == name).map(Self)
    }
}

impl Default for StrategyId {
    fn default() -> Self {
        Self(super::BUILT_IN[0])
    }
}

impl PartialEq for StrategyId {
    fn eq(&self, other: &Self) -> bool {
        self.0.id() == other.0.id()
    }
}

impl fmt::Debug for StrategyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.id())
    }
}

impl fmt::Display for StrategyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0.id())
    }
}

impl FromStr for StrategyId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known: Vec<&str> = all().map(Strategy::id).collect();
        let problem = || format!("no strategy is called {text:?}; the strategies are {}", known.join(", "));
        Self::named(&text.to_ascii_lowercase()).ok_or_else(problem)
    }
}

impl Serialize for StrategyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.id())
    }
}

impl<'de> Deserialize<'de> for StrategyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::named(&name).ok_or_else(|| D::Error::custom(format!("this version knows no strategy {name:?}")))
    }
}

impl JsonSchema for StrategyId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "StrategyId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": all().map(Strategy::id).collect::<Vec<_>>() })
    }
}
