//! Encryption between nodes: the helm values for it, the key of IPsec, and what each kind needs. Facts by version are from
//! the sources and charts of Cilium's releases.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The Secret that agents mount where IPsec is on; Cilium's chart names it and never creates it.
pub const SECRET: &str = "cilium-ipsec-keys";
/// Its entry.
pub const ENTRY: &str = "keys";
/// UDP port of Cilium's WireGuard.
pub const WIREGUARD_PORT: u16 = 51871;

/// How traffic between pods of two nodes is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Encryption {
    /// Not at all; what the operator's own values say of it stays theirs.
    #[default]
    None,
    /// By IPsec, with one key in a Secret.
    Ipsec,
    /// By WireGuard, with a key pair that every agent makes itself.
    Wireguard,
}

impl Encryption {
    /// As the API and the command line spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Ipsec => "ipsec",
            Self::Wireguard => "wireguard",
        }
    }

    /// As agents call it in the output of `encrypt status` and `status`.
    pub const fn mode(self) -> &'static str {
        match self {
            Self::None => "Disabled",
            Self::Ipsec => "IPsec",
            Self::Wireguard => "Wireguard",
        }
    }

    /// Bytes that a pod's packet loses to the tunnel and the encryption, of 1500 (seen with 1.15).
    pub const fn overhead(self) -> u32 {
        match self {
            Self::None => 50,
            Self::Ipsec => 127,
            Self::Wireguard => 130,
        }
    }
}

impl fmt::Display for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The algorithm of a new key.
const ALGORITHM: &str = "rfc4106(gcm(aes))";
/// Its length in bytes: AES-128 and four of salt.
pub const KEY_LENGTH: usize = 20;
/// Bits of its integrity check.
const ICV: u32 = 128;
/// The last number of a key; the next one is 1.
const LAST_SPI: u8 = 15;
/// The number of the first key, as Cilium's own guide has it.
const FIRST_SPI: u8 = 3;
/// The first minor version that knows `+` behind the number: a key for each pair of nodes. Before it the line is refused.
const PER_TUNNEL: u32 = 13;

/// The key of IPsec, as the Secret has it. The key itself is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct IpsecKey {
    /// Its number, 1 to 15.
    pub spi: u8,
    /// A key for each pair of nodes is derived from it.
    pub per_tunnel: bool,
    algorithm: String,
    key: String,
    icv: String,
}

impl fmt::Debug for IpsecKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IpsecKey {{ spi: {} }}", self.spi)
    }
}

impl IpsecKey {
    /// The first key of a cluster, out of random bytes.
    pub fn first(random: [u8; KEY_LENGTH], minor: Option<u32>) -> Self {
        let per_tunnel = minor.is_none_or(|m| m >= PER_TUNNEL);
        Self { spi: FIRST_SPI, per_tunnel, algorithm: ALGORITHM.into(), key: hex(&random), icv: ICV.to_string() }
    }

    /// The next key: another number, the same algorithm and length.
    ///
    /// # Errors
    /// The key that is there has an algorithm or a length for which Cutover makes none.
    pub fn next(&self, random: [u8; KEY_LENGTH]) -> Result<Self, String> {
        if self.algorithm != ALGORITHM || self.key.len() != 2 * KEY_LENGTH {
            return Err(format!(
                "its algorithm is {} with {} bytes of key; only keys of {ALGORITHM} with {KEY_LENGTH} bytes are rotated",
                self.algorithm,
                self.key.len() / 2
            ));
        }
        Ok(Self { spi: if self.spi >= LAST_SPI { 1 } else { self.spi + 1 }, key: hex(&random), ..self.clone() })
    }

    /// The same with another text in the place of the key, for a command line.
    #[must_use]
    pub fn with_key(self, text: &str) -> Self {
        Self { key: text.into(), ..self }
    }

    /// The line that the Secret holds. A secret itself: it goes to the API server and nowhere else.
    pub fn line(&self) -> String {
        let plus = if self.per_tunnel { "+" } else { "" };
        format!("{}{plus} {} {} {}", self.spi, self.algorithm, self.key, self.icv)
    }

    /// Why agents of this minor version could not use it.
    pub fn objection(&self, minor: Option<u32>) -> Option<String> {
        (self.per_tunnel && minor.is_some_and(|m| m < PER_TUNNEL))
            .then(|| format!("Cilium before 1.{PER_TUNNEL} refuses the + behind its number"))
    }
}

/// What is wrong with it never quotes it.
impl FromStr for IpsecKey {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, Self::Err> {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [number, algorithm, key, icv] = fields[..] else {
            return Err(format!(
                "it has {} fields, and a number, an algorithm, a key and a check length are expected",
                fields.len()
            ));
        };
        let spi: u8 = number.trim_end_matches('+').parse().unwrap_or_default();
        if !(1..=LAST_SPI).contains(&spi) {
            return Err(format!("its number is none from 1 to {LAST_SPI}"));
        }
        if !algorithm.starts_with("rfc") {
            return Err("its algorithm is no AEAD one: their names begin with rfc".into());
        }
        if key.is_empty() || !key.len().is_multiple_of(2) || !key.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err("its key is not in hexadecimal digits".into());
        }
        if algorithm == ALGORITHM && !matches!(key.len() / 2, 20 | 28 | 36) {
            return Err(format!("its key has {} bytes; {ALGORITHM} takes 20, 28 or 36", key.len() / 2));
        }
        if !matches!(icv, "96" | "128" | "256") {
            return Err("its check length is not 96, 128 or 256".into());
        }
        Ok(Self {
            spi,
            per_tunnel: number.ends_with('+'),
            algorithm: algorithm.into(),
            key: key.into(),
            icv: icv.into(),
        })
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |n: u8| char::from_digit(u32::from(n), 16).unwrap_or_default();
    bytes.iter().flat_map(|b| [digit(b >> 4), digit(b & 15)]).collect()
}

/// The key that a Secret holds, as an API server sends it: its `data` decoded.
///
/// # Errors
/// What is wrong with it, without it.
pub fn key_of(decoded: Option<&[u8]>) -> Result<IpsecKey, String> {
    let text = decoded.ok_or_else(|| format!("it has no entry {ENTRY}"))?;
    let text = std::str::from_utf8(text).map_err(|_| format!("its entry {ENTRY} is no text"))?;
    text.lines().last().unwrap_or_default().parse()
}

/// How many keys an agent has in use when all is well: for each other node and each direction, and twice that while a key
/// is rotated. Before 1.13 there is one for all.
pub fn keys_in_use(minor: Option<u32>, nodes: usize) -> usize {
    if minor.is_some_and(|m| m < PER_TUNNEL) { 1 } else { 2 * nodes.saturating_sub(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_written_as_the_version_reads_it() {
        let random = [0xab; KEY_LENGTH];
        let line = |minor| IpsecKey::first(random, Some(minor)).line();
        let key = "ab".repeat(20);
        assert_eq!(line(12), format!("3 rfc4106(gcm(aes)) {key} 128"));
        assert_eq!(line(15), format!("3+ rfc4106(gcm(aes)) {key} 128"));
        let read: IpsecKey = line(15).parse().unwrap();
        assert_eq!((read.objection(Some(12)).is_some(), read.objection(Some(13))), (true, None));
        assert!(!format!("{read:?}").contains("abab"));
    }

    #[test]
    fn a_rotated_key_has_the_next_number_and_another_key() {
        let mut key: IpsecKey = format!("14+ rfc4106(gcm(aes)) {} 128", "01".repeat(20)).parse().unwrap();
        for spi in [15, 1, 2] {
            let next = key.next([spi; KEY_LENGTH]).unwrap();
            assert_eq!((next.spi, next.per_tunnel), (spi, true));
            assert_ne!(next.line(), key.line());
            key = next;
        }
        let other: IpsecKey = format!("3 rfc4106(gcm(aes)) {} 128", "01".repeat(36)).parse().unwrap();
        assert!(other.next([0; KEY_LENGTH]).is_err());
    }

    #[test]
    fn what_is_wrong_with_a_key_is_said_without_it() {
        let key = "0123456789abcdef0123456789abcdef01234567";
        for (line, wrong) in [
            (format!("3+ rfc4106(gcm(aes)) {key} 128"), None),
            (format!("3 rfc4106(gcm(aes)) {key}"), Some("3 fields")),
            (format!("16 rfc4106(gcm(aes)) {key} 128"), Some("number")),
            (format!("0 rfc4106(gcm(aes)) {key} 128"), Some("number")),
            (format!("3 cbc(aes) {key} 128"), Some("AEAD")),
            (format!("3 rfc4106(gcm(aes)) {} 128", &key[..38]), Some("19 bytes")),
            (format!("3 rfc4106(gcm(aes)) {}zz 128", &key[2..]), Some("hexadecimal")),
            (format!("3 rfc4106(gcm(aes)) {key} 64"), Some("check length")),
        ] {
            match (line.parse::<IpsecKey>(), wrong) {
                (Ok(_), None) => {}
                (Err(why), Some(wrong)) => {
                    assert!(why.contains(wrong) && !why.contains("0123456789"), "{why}");
                }
                (parsed, _) => panic!("{line}: {parsed:?}"),
            }
        }
    }
}
