//! Kubernetes quantities (`500m`, `128Mi`, `1e3`) as numbers, exactly.

/// A quantity in thousandths, rounded up as the scheduler does; 0 where it is none.
pub(super) fn milli(text: &str) -> i64 {
    parse(text.trim()).unwrap_or(0)
}

/// A quantity in whole units, rounded up.
pub(super) fn whole(text: &str) -> i64 {
    let milli = milli(text);
    milli / 1000 + i64::from(milli % 1000 > 0)
}

fn parse(text: &str) -> Option<i64> {
    let end = text.find(|c: char| !matches!(c, '0'..='9' | '.' | '+' | '-')).unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let (binary, decimal) = match suffix {
        "n" => (0, -9),
        "u" => (0, -6),
        "m" => (0, -3),
        "" => (0, 0),
        "k" => (0, 3),
        "M" => (0, 6),
        "G" => (0, 9),
        "T" => (0, 12),
        "P" => (0, 15),
        "E" => (0, 18),
        "Ki" => (10, 0),
        "Mi" => (20, 0),
        "Gi" => (30, 0),
        "Ti" => (40, 0),
        "Pi" => (50, 0),
        "Ei" => (60, 0),
        other => (0, other.strip_prefix(['e', 'E'])?.parse::<i32>().ok()?),
    };
    let power = decimal + 3 - i32::try_from(fraction.len()).ok()?;
    let ten = 10_i128.checked_pow(power.unsigned_abs())?;
    let scaled = digits.checked_mul(1 << binary)?;
    let milli = if power < 0 {
        scaled.div_euclid(ten) + i128::from(scaled.rem_euclid(ten) > 0)
    } else {
        scaled.checked_mul(ten)?
    };
    Some(i64::try_from(milli).unwrap_or(i64::MAX))
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
            (".5", 500),
            ("1.", 1_000),
            ("1e3", 1_000_000),
            ("12e-1", 1_200),
            ("1k", 1_000_000),
            ("1Ki", 1_024_000),
            ("0.5Ki", 512_000),
            ("100u", 1),
            ("-1500u", -1),
            ("1.0005", 1_001),
            ("9Ei", i64::MAX),
            ("nonsense", 0),
            ("1x", 0),
            ("", 0),
        ] {
            assert_eq!(milli(text), wanted, "{text}");
        }
        assert_eq!(whole("128Mi"), 134_217_728);
        assert_eq!(whole("1500m"), 2);
    }
}
