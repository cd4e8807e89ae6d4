//! A capture: flows as JSON lines, as Hubble's own programs write them.

use std::io::BufRead;

use bytes::Bytes;
use prost::Message;

use super::{
    intake::Intake,
    shared::Flows,
    window::Stream,
    wire::{Flow, GetFlowsResponse, Item, Time},
};
use crate::domain::text::between;

/// Summary of reading a capture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// Number of messages.
    pub messages: u64,
    /// Number of lines that are not messages.
    pub bad: u64,
    /// The first such line: its number and what is wrong with it.
    pub first_bad: Option<String>,
}

/// Longest accepted line.
const LONGEST: usize = 1 << 20;

impl Read {
    fn take(&mut self, line: u64, parsed: Result<GetFlowsResponse, String>, message: impl FnOnce(GetFlowsResponse)) {
        match parsed {
            Ok(found) => {
                self.messages += 1;
                message(found);
            }
            Err(why) => {
                self.bad += 1;
                self.first_bad.get_or_insert_with(|| format!("line {line}: {why}"));
            }
        }
    }
}

/// Reads messages one by one: a line each, or over several lines as `jq` writes them, in a list or without one. Other
/// lines are counted and skipped, as Hubble's own program does.
///
/// # Errors
/// When the file cannot be read.
pub fn read(mut from: impl BufRead, mut message: impl FnMut(GetFlowsResponse)) -> std::io::Result<Read> {
    let mut read = Read::default();
    let mut line = Vec::new();
    let mut number = 0_u64;
    let mut spread: Option<Spread> = None;
    loop {
        line.clear();
        let got = limited(&mut from, &mut line)?;
        if got == 0 {
            if let Some(cut) = spread {
                read.take(cut.line, Err("it ends in the middle".into()), &mut message);
            }
            return Ok(read);
        }
        number += 1;
        let text = String::from_utf8_lossy(&line);
        if let Some(mut object) = spread.take() {
            match object.take(&text) {
                Part::Inside => {
                    spread = Some(object);
                    continue;
                }
                Part::End => {
                    read.take(object.line, object.parse(), &mut message);
                    continue;
                }
                Part::Another => read.take(object.line, Err("it ends in the middle".into()), &mut message),
            }
        }
        let text = text.trim_end();
        match text.trim_start() {
            "" => {}
            "{" => spread = Some(Spread::begin(number, text)),
            // around pretty-printed messages that are one list
            "[" | "]" if text.len() == 1 => {}
            _ if got > LONGEST => read.take(number, Err("longer than any flow".into()), &mut message),
            text => read.take(number, parse(text), &mut message),
        }
    }
}

/// A message over several lines: from a line with nothing but its brace to the one that closes it, as far indented.
struct Spread {
    line: u64,
    indent: usize,
    text: String,
    too_long: bool,
}

/// What a line is to a message over several lines.
enum Part {
    Inside,
    End,
    /// It is not of it: the message was cut off.
    Another,
}

impl Spread {
    fn begin(line: u64, text: &str) -> Self {
        Self { line, indent: text.len() - 1, text: "{".into(), too_long: false }
    }

    fn take(&mut self, line: &str) -> Part {
        let line = line.trim_end();
        let inside = line.trim_start();
        let part = match line.len() - inside.len() {
            _ if inside.is_empty() => Part::Inside,
            indent if indent > self.indent => Part::Inside,
            indent if indent == self.indent && matches!(inside, "}" | "},") => Part::End,
            _ => return Part::Another,
        };
        self.too_long |= self.text.len() + inside.len() > LONGEST;
        if !self.too_long {
            self.text.push_str(if matches!(part, Part::End) { "}" } else { inside });
            self.text.push('\n');
        }
        part
    }

    fn parse(&self) -> Result<GetFlowsResponse, String> {
        if self.too_long { Err("longer than any flow".into()) } else { parse(&self.text) }
    }
}

/// Reads a line, keeps at most [`LONGEST`] bytes of it, and returns its full length.
fn limited(from: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<usize> {
    let mut length = 0;
    loop {
        let buffer = from.fill_buf()?;
        if buffer.is_empty() {
            return Ok(length);
        }
        let end = buffer.iter().position(|b| *b == b'\n');
        let part = &buffer[..end.unwrap_or(buffer.len())];
        let room = LONGEST.saturating_sub(line.len());
        line.extend_from_slice(&part[..part.len().min(room)]);
        let used = part.len() + usize::from(end.is_some());
        length += used;
        from.consume(used);
        if end.is_some() {
            return Ok(length);
        }
    }
}

/// Parses one line: a message as the relay sends it, or the flow alone as exporters write it.
fn parse(text: &str) -> Result<GetFlowsResponse, String> {
    if !text.starts_with('{') {
        return Err("not a JSON object".into());
    }
    let response: GetFlowsResponse = serde_json::from_str(text).map_err(|e| e.to_string())?;
    if response.item.is_some() {
        return Ok(response);
    }
    let flow: Flow = serde_json::from_str(text).map_err(|e| e.to_string())?;
    if flow.time.is_none() || flow.verdict == 0 {
        return Err("not a Hubble flow".into());
    }
    let (node_name, time) = (flow.node_name.clone(), flow.time);
    Ok(GetFlowsResponse { item: Some(Item::Flow(Box::new(flow))), node_name, time })
}

/// A longer gap between two flows is a broken clock.
const JUMP: std::time::Duration = std::time::Duration::from_secs(24 * 3_600);

/// Replays a capture into a window at the times of its flows; returns the time of the last one.
///
/// # Errors
/// When the file cannot be read.
pub fn replay(from: impl BufRead, flows: &Flows) -> std::io::Result<(Read, jiff::Timestamp)> {
    let mut intake = Intake::default();
    flows.change(|window| {
        let mut now = jiff::Timestamp::UNIX_EPOCH;
        let read = read(from, |message| {
            // the clock of a node may go back or be years ahead: that does not move the capture's time
            let time = message.time.and_then(Time::read).filter(|t| *t >= now);
            let jumps = |t: &jiff::Timestamp| now > jiff::Timestamp::UNIX_EPOCH && between(now, *t) > JUMP;
            now = time.filter(|t| !jumps(t)).unwrap_or(now);
            intake.take(&Bytes::from(message.encode_to_vec()), window, now);
            window.tick(now);
        })?;
        window.stream = Stream::Replayed;
        window.unread += read.bad;
        Ok((read, now))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hubble::window::Window;

    fn recorded() -> Vec<&'static str> {
        include_str!("../../tests/flows/mixed.jsonl")
            .lines()
            .chain(include_str!("../../tests/flows/final.jsonl").lines())
            .chain(include_str!("../../tests/flows/dropped.jsonl").lines())
            .collect()
    }

    #[test]
    fn recorded_flows_are_written_byte_for_byte_as_hubble_wrote_them() {
        for line in recorded() {
            let message = parse(line).unwrap();
            let again = GetFlowsResponse::decode(message.encode_to_vec().as_slice()).unwrap();
            assert_eq!(crate::hubble::export::line(&again).unwrap(), line);
        }
    }

    #[test]
    fn other_lines_are_counted_and_no_flow_is_lost() {
        let good = recorded()[0];
        let long = format!("{{\"flow\":{{\"Summary\":\"{}\"}}}}", "x".repeat(LONGEST));
        let text =
            [good, "", "no json", "{\"a\":", "{}", "[1]", &long, "{\"flow\": 7}", "\u{1b}]0;x\u{7}", good].join("\n");
        let mut messages = 0;
        let read = read(text.as_bytes(), |_| messages += 1).unwrap();
        assert_eq!((messages, read.messages, read.bad), (2, 2, 7), "{read:?}");
        assert!(read.first_bad.unwrap().starts_with("line 3: "));
    }

    #[test]
    fn pretty_printed_messages_are_read_and_cut_ones_take_no_other_with_them() {
        let pretty = |line: &str| format!("{:#}", serde_json::from_str::<serde_json::Value>(line).unwrap());
        let indented = |text: &str| format!("  {}", text.replace('\n', "\n  "));
        let flows: Vec<&str> = recorded().into_iter().take(3).collect();
        let [a, b, c] = [pretty(flows[0]), pretty(flows[1]), pretty(flows[2])];
        let list = format!("[\n{},\n{}\n]\n", indented(&a), indented(&b));
        let half = a.lines().take(4).flat_map(|l| [l, "\r\n"]).collect::<String>();
        for (text, wanted, bad) in [
            (format!("{a}\n{b}\n\n{c}\n"), 3, 0),
            (list, 2, 0),
            (a.replace('\n', "\r\n"), 1, 0),
            // cut off, and then another one, spread or on its line
            (format!("{half}{b}"), 1, 1),
            (format!("{half}{}", flows[1]), 1, 1),
            (format!("{}\n{half}", flows[1]), 1, 1),
            (format!("{{\n  \"flow\": \"{}\"\n}}\n{}", "x".repeat(LONGEST), flows[1]), 1, 1),
        ] {
            let mut found = Vec::new();
            let read = read(text.as_bytes(), |m| found.push(m.encode_to_vec())).unwrap();
            assert_eq!((read.messages, read.bad), (wanted, bad), "{:?}", read.first_bad);
            let known = |m: &Vec<u8>| flows.iter().any(|f| parse(f).unwrap().encode_to_vec() == *m);
            assert!(found.iter().all(known), "a message was changed");
        }
    }

    #[test]
    fn names_and_fields_of_a_newer_hubble_get_through() {
        let line = r#"{"flow":{"time":"2026-11-24T01:18:20.5Z","verdict":"TELEPORTED","drop_reason_desc":"NEWEST","l4":{"QUIC":{"x":1}},"novel":{"a":[1]},"Type":"L3_L4"},"node_name":"n1"}"#;
        let message = parse(line).unwrap();
        let mut window = Window::default();
        let mut intake = Intake::default();
        intake.take(&Bytes::from(message.encode_to_vec()), &mut window, jiff::Timestamp::UNIX_EPOCH);
        assert_eq!((window.counts.all.flows, window.unread), (1, 0));
    }
}
