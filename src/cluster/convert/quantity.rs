//! Kubernetes quantities (`500m`, `128Mi`, `1e3`) as numbers.

/// A quantity in thousandths, rounded up as the scheduler does; 0 where it is none.
pub(super) fn milli(text: &str) -> i64 {
    let text = text.trim();
    let digits = text.find(|c: char| !matches!(c, '0'..='9' | '.' | '+' | '-')).unwrap_or(text.len());
    let (number, suffix) = text.split_at(digits);
    let Ok(number) = number.parse::<f64>() else { return 0 };
    let factor = match suffix {
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "" => 1.0,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024.0,
        "Mi" => 1024f64.powi(2),
        "Gi" => 1024f64.powi(3),
        "Ti" => 1024f64.powi(4),
        "Pi" => 1024f64.powi(5),
        "Ei" => 1024f64.powi(6),
        other => match other.strip_prefix(['e', 'E']).and_then(|e| e.parse::<i32>().ok()) {
            Some(exponent) => 10f64.powi(exponent),
            None => return 0,
        },
    };
    #[expect(clippy::cast_possible_truncation, reason = "a float becomes the nearest integer there is")]
    let milli = (number * factor * 1e3).ceil() as i64;
    milli
}

/// A quantity in whole units, rounded up.
pub(super) fn whole(text: &str) -> i64 {
    let milli = milli(text);
    milli / 1000 + i64::from(milli % 1000 > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_quantity() {
        for (text, wanted) in [
            ("500m", 500),
            ("2", 2_000),
            ("0.1", 100),
            ("1e3", 1_000_000),
            ("1k", 1_000_000),
            ("1Ki", 1_024_000),
            ("100u", 1),
            ("nonsense", 0),
            ("", 0),
        ] {
            assert_eq!(milli(text), wanted, "{text}");
        }
        assert_eq!(whole("128Mi"), 134_217_728);
        assert_eq!(whole("1500m"), 2);
    }
}
