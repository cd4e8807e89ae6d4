//! The client of Hubble's relay: plain text, TLS and mutual TLS, relays that restart or send duplicates, and servers
//! that are no relay.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, dead_code, reason = "tests")]

#[path = "support/generate.rs"]
mod generate;

use std::{
    io::{Read, Write},
    net::SocketAddr,
    sync::{LazyLock, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use cutover::{
    hubble::{
        channel::{NoChannel, SERVER_NAME, Security, ask, dial_address},
        client::follow,
        detail, export,
        filter::Filter,
        intake::Intake,
        shared::Flows,
        window::{Stream, Window},
        wire::{
            Endpoint, EventType, Flow, GetFlowsRequest, GetFlowsResponse, IcmPv4, Ip, Item, Layer4, LostEvent,
            Protocol, Tcp, TcpFlags, Time, Udp, masked,
        },
    },
    sim::actors::relay::{Seen, serve},
};
use futures::StreamExt;
use jiff::Timestamp;
use proptest::prelude::*;
use prost::Message;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use tokio::task::JoinSet;
use tonic::transport::{Certificate, Identity, ServerTlsConfig};

fn flow(node: &str, n: u32) -> GetFlowsResponse {
    let time = Some(Timestamp::now().into());
    let end = |pod: &str| Endpoint {
        identity: 10_517,
        namespace: "shop".into(),
        pod_name: pod.into(),
        labels: vec!["k8s:app=x".into()],
        ..Endpoint::default()
    };
    let flow = Flow {
        time,
        uuid: format!("{node}-{n}"),
        verdict: 1,
        ip: Some(Ip { source: "10.245.0.1".into(), destination: "10.245.0.2".into(), ip_version: 1, ..Ip::default() }),
        l4: Some(Layer4 {
            protocol: Some(Protocol::Tcp(Tcp { source_port: 40_000 + n, destination_port: 5432, flags: None })),
        }),
        source: Some(end("web-0")),
        destination: Some(end("db-0")),
        r#type: 1,
        node_name: node.into(),
        event_type: Some(EventType { r#type: 4, sub_type: 0 }),
        is_reply: Some(false),
        ..Flow::default()
    };
    GetFlowsResponse { item: Some(Item::Flow(Box::new(flow))), node_name: node.into(), time }
}

fn up(seen: &Seen, nodes: &[&str]) {
    let nodes: Vec<String> = nodes.iter().map(|n| (*n).to_owned()).collect();
    seen.set_state(true, nodes.clone(), &nodes);
}

async fn until(flows: &Flows, what: &str, mut holds: impl FnMut(&Window) -> bool) {
    let wait = async {
        let mut changes = flows.changes();
        loop {
            if holds(&flows.window.read().unwrap_or_else(PoisonError::into_inner)) {
                return;
            }
            changes.changed().await.unwrap();
        }
    };
    if tokio::time::timeout(Duration::from_secs(30), wait).await.is_err() {
        let window = flows.window.read().unwrap_or_else(PoisonError::into_inner);
        panic!("{what}: {:?}, {:?}, {} again", window.stream, window.counts.all, window.again);
    }
}

struct Pki {
    ca: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Pki {
    fn new() -> Self {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let ca = params.self_signed(&key).unwrap().pem();
        Self { ca, issuer: Issuer::new(params, key) }
    }

    fn signed(&self, name: &str, usage: ExtendedKeyUsagePurpose) -> (String, String) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

async fn first(address: SocketAddr, security: Security) -> Result<(), String> {
    let words = |n: NoChannel| n.why().to_owned();
    let channel = dial_address(address.to_string(), security)().await.map_err(words)?;
    let messages =
        ask(channel, masked(GetFlowsRequest { number: 1, ..GetFlowsRequest::default() })).await.map_err(words)?;
    let got = std::pin::pin!(messages).next().await;
    got.ok_or("nothing came")?.map(|_| ()).map_err(|s| s.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_tls_and_mutual_tls() {
    let (ours, theirs) = (Pki::new(), Pki::new());
    // the name that the charts put into the certificate
    let (certificate, key) = ours.signed("*.hubble-relay.cilium.io", ExtendedKeyUsagePurpose::ServerAuth);
    let server = ServerTlsConfig::new().identity(Identity::from_pem(certificate, key));
    let mutual = server.clone().client_ca_root(Certificate::from_pem(&ours.ca));
    let own = ours.signed("*.hubble-ui.cilium.io", ExtendedKeyUsagePurpose::ClientAuth);
    let stranger = theirs.signed("*.hubble-ui.cilium.io", ExtendedKeyUsagePurpose::ClientAuth);
    let tls = |pki: &Pki, own: Option<&(String, String)>, name: &str| Security::Tls {
        ca: pki.ca.clone().into_bytes(),
        own: own.map(|(c, k)| (c.clone().into_bytes(), k.clone().into_bytes())),
        name: name.into(),
    };
    let mut tasks = JoinSet::new();
    let mut at = Vec::new();
    for config in [None, Some(server), Some(mutual)] {
        let seen = Seen::default();
        up(&seen, &["n1"]);
        seen.push(flow("n1", 1));
        at.push(serve(seen, config, &mut tasks).await.unwrap());
    }
    let [plain, server, mutual] = at[..] else { panic!() };
    for (what, address, security, works) in [
        ("plain", plain, Security::Plain, true),
        ("TLS", server, tls(&ours, None, SERVER_NAME), true),
        ("mutual TLS", mutual, tls(&ours, Some(&own), SERVER_NAME), true),
        ("plain where TLS is spoken", server, Security::Plain, false),
        ("TLS where plain is spoken", plain, tls(&ours, None, SERVER_NAME), false),
        ("another CA", server, tls(&theirs, None, SERVER_NAME), false),
        ("another name", server, tls(&ours, None, "relay.example.com"), false),
        ("no certificate of our own", mutual, tls(&ours, None, SERVER_NAME), false),
        ("a stranger's certificate", mutual, tls(&ours, Some(&stranger), SERVER_NAME), false),
        ("no PEM at all", server, Security::Tls { ca: b"none".to_vec(), own: None, name: SERVER_NAME.into() }, false),
    ] {
        let got = tokio::time::timeout(Duration::from_secs(20), first(address, security)).await.unwrap();
        assert_eq!(got.is_ok(), works, "{what}: {got:?}");
        assert!(got.err().is_none_or(|why| !why.is_empty() && !why.contains("PRIVATE")), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarting_relay_leaves_no_gap_and_no_duplicates() {
    let (seen, flows) = (Seen::default(), Flows::default());
    up(&seen, &["n1", "n2"]);
    let mut tasks = JoinSet::new();
    let address = serve(seen.clone(), None, &mut tasks).await.unwrap();
    tasks.spawn(follow(dial_address(address.to_string(), Security::Plain), flows.clone()));
    until(&flows, "it is live", |w| w.stream == Stream::Live && w.nodes.len() == 2).await;
    for n in 0..50 {
        seen.push(flow("n1", n));
    }
    until(&flows, "fifty come", |w| w.counts.all.flows == 50).await;
    // the relay's pod is replaced, and n2's agent is gone by then
    let nodes: Vec<String> = vec!["n1".into(), "n2".into()];
    seen.set_state(false, nodes.clone(), &nodes);
    until(&flows, "it retries", |w| matches!(w.stream, Stream::Retrying(_))).await;
    seen.set_state(true, nodes.clone(), &nodes[..1]);
    for n in 50..60 {
        seen.push(flow("n1", n));
        seen.push(flow("n2", n));
    }
    until(&flows, "ten more come, each once", |w| w.counts.all.flows == 60 && w.stream == Stream::Live).await;
    let window = flows.window.read().unwrap();
    assert!(window.again >= 50, "earlier flows are recognized as duplicates: {}", window.again);
    assert_eq!(window.silent().map(|(n, _)| n).collect::<Vec<_>>(), ["n2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_no_relay_is_an_error_with_a_reason() {
    // a web server, one that sends noise, and one that closes the connection
    for (what, answer) in [
        ("a web server", &b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"[..]),
        ("noise", &[0xff; 64][..]),
        ("nothing", &[][..]),
    ] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                let _ = stream.write_all(answer);
                let _ = stream.read(&mut [0; 256]);
            }
        });
        let got = tokio::time::timeout(Duration::from_secs(20), first(address, Security::Plain)).await.unwrap();
        let why = got.expect_err(what);
        assert!(!why.is_empty() && !why.chars().any(char::is_control), "{what}: {why:?}");
    }
}

/// Recorded on a real cluster with Cilium 1.15.19: while mixed, with all nodes on Cilium, and drops only.
static RECORDED: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut messages = Vec::new();
    for text in
        [include_str!("flows/mixed.jsonl"), include_str!("flows/final.jsonl"), include_str!("flows/dropped.jsonl")]
    {
        cutover::hubble::capture::read(text.as_bytes(), |m| messages.push(m.encode_to_vec())).unwrap();
    }
    messages
});

/// Every form in which rows are shown and written.
fn shown(window: &Window) -> String {
    let mut text = String::new();
    for (_, row) in window.newest() {
        text.push_str(&detail::lines(row, None).join(""));
        for part in [&*row.source.label(), &row.destination.label(), &row.l7, &row.node, &row.why()] {
            text.push_str(&cutover::domain::text::safe(part));
        }
        let _ = (export::csv(row), export::json(row));
        let _ = Filter::parse("redis not dst=10.0.0.0/8 reason=policy").unwrap().matches(row);
    }
    text
}

#[test]
fn half_of_a_quiet_cluster_is_probes() {
    let (mut window, mut intake) = (Window::default(), Intake::default());
    for message in RECORDED.iter() {
        intake.take(&Bytes::from(message.clone()), &mut window, Timestamp::UNIX_EPOCH);
    }
    let all = window.counts.all;
    // the last two captures overlap
    assert_eq!((all.flows, window.unread, window.again), (801, 0, 25));
    assert_eq!(all.probes, 400);
    // each denied connection was reported as verdict and as drop
    let denied = window.counts.reasons.get(&133);
    assert_eq!((denied.flows, denied.dropped), (6, 3));
    assert_eq!(window.counts.nodes.sum(), all);
}

/// A packet between two pods.
struct Packet {
    node: &'static str,
    from: (&'static str, u16),
    to: (&'static str, u16),
    event: i32,
    reason: i32,
    reply: Option<bool>,
    syn: bool,
    udp: bool,
}

impl Packet {
    const ASKS: Self = Self {
        node: "a",
        from: ("10.245.0.1", 40_000),
        to: ("10.245.0.2", 5432),
        event: 4,
        reason: 0,
        reply: Some(false),
        syn: true,
        udp: false,
    };
    const ANSWERS: Self = Self { node: "b", from: Self::ASKS.to, to: Self::ASKS.from, reply: Some(true), ..Self::ASKS };

    fn message(&self, second: i64, nth: usize) -> Bytes {
        let mut message = flow(self.node, 0);
        let time = Some(Time { seconds: second, nanos: i32::try_from(nth).unwrap() });
        message.time = time;
        if let Some(Item::Flow(flow)) = &mut message.item {
            flow.time = time;
            flow.ip =
                Some(Ip { source: self.from.0.into(), destination: self.to.0.into(), ip_version: 1, ..Ip::default() });
            let name = |ip: &str| if ip.ends_with(".1") { "web-0" } else { "db-0" }.to_owned();
            (flow.source.as_mut().unwrap().pod_name, flow.destination.as_mut().unwrap().pod_name) =
                (name(self.from.0), name(self.to.0));
            let ports = (u32::from(self.from.1), u32::from(self.to.1));
            let flags = TcpFlags { syn: self.syn, ack: self.reply == Some(true), ..TcpFlags::default() };
            flow.l4 = Some(Layer4 {
                protocol: Some(match (ports, self.udp) {
                    ((0, 0), _) => Protocol::IcmPv4(IcmPv4 { r#type: 8, code: 0 }),
                    (_, true) => Protocol::Udp(Udp { source_port: ports.0, destination_port: ports.1 }),
                    _ => Protocol::Tcp(Tcp { source_port: ports.0, destination_port: ports.1, flags: Some(flags) }),
                }),
            });
            flow.event_type = Some(EventType { r#type: self.event, sub_type: self.reason });
            (flow.verdict, flow.drop_reason_desc) = (if self.reason == 0 { 1 } else { 2 }, self.reason);
            flow.is_reply = self.reply;
        }
        Bytes::from(message.encode_to_vec())
    }
}

/// Plays packets, each at its second, and ten seconds after the last one.
fn played(packets: &[(i64, Packet)]) -> Window {
    let (mut window, mut intake) = (Window::default(), Intake::default());
    let mut last = 0;
    for (nth, (second, packet)) in packets.iter().enumerate() {
        let now = Timestamp::from_second(1_000 + second).unwrap();
        for passing in last..=*second {
            window.tick(Timestamp::from_second(1_000 + passing).unwrap());
        }
        intake.take(&packet.message(1_000 + second, nth), &mut window, now);
        last = *second;
    }
    window.tick(Timestamp::from_second(1_010 + last).unwrap());
    window
}

#[test]
fn connections_are_counted_and_not_events() {
    let asks = |port: u16| Packet { from: (Packet::ASKS.from.0, port), ..Packet::ASKS };
    let counts = |packets: &[(i64, Packet)]| {
        let all = played(packets).counts.all;
        (all.answered, all.unanswered, all.dropped)
    };
    assert_eq!(counts(&[(0, Packet::ASKS), (0, Packet::ANSWERS)]), (1, 0, 0));
    assert_eq!(counts(&[(0, Packet::ASKS)]), (0, 1, 0), "no answer");
    assert_eq!(counts(&[(0, Packet::ASKS), (3, Packet::ASKS), (4, Packet::ANSWERS)]), (1, 0, 0), "a retransmission");
    // the answer has the Service's port
    let service = Packet { from: (Packet::ANSWERS.from.0, 80), ..Packet::ANSWERS };
    assert_eq!(counts(&[(0, Packet::ASKS), (0, service)]), (1, 0, 0));
    // a long connection counts once
    let later = |s| (s, Packet { syn: false, ..Packet::ANSWERS });
    assert_eq!(counts(&[(0, Packet::ASKS), (0, Packet::ANSWERS), later(20), later(40), later(60)]), (1, 0, 0));
    // a denied packet counts once: verdict and drop, both ends, and its retransmission
    let denied = |event, node| Packet { event, node, reason: 133, reply: None, ..Packet::ASKS };
    assert_eq!(
        counts(&[(0, denied(5, "a")), (0, denied(1, "a")), (0, denied(1, "b")), (3, denied(1, "a"))]),
        (0, 0, 1)
    );
    // datagrams between the same ports count one by one
    let ntp = |event| Packet { from: ("10.245.0.1", 123), to: ("10.245.0.2", 123), udp: true, ..denied(event, "a") };
    assert_eq!(counts(&[(0, ntp(5)), (0, ntp(1)), (2, ntp(5)), (2, ntp(1)), (4, ntp(1))]), (0, 0, 3));
    let ping = |event| Packet { from: ("10.245.0.1", 0), to: ("10.245.0.2", 0), ..denied(event, "a") };
    assert_eq!(counts(&[(0, ping(5)), (0, ping(1))]), (0, 0, 1));
    // dropped answers are failures of the client's edge
    let packets: Vec<(i64, Packet)> = (0..50)
        .flat_map(|n| {
            let answer =
                Packet { to: (Packet::ASKS.from.0, 41_000 + n), event: 1, reason: 169, reply: None, ..Packet::ANSWERS };
            [(i64::from(n), asks(41_000 + n)), (i64::from(n), answer)]
        })
        .collect();
    let mut window = played(&packets);
    assert_eq!((window.counts.edges.len(), window.counts.all.dropped, window.counts.all.unanswered), (1, 50, 0));
    let troubles = window.facts(Timestamp::from_second(1_060).unwrap()).troubles;
    assert_eq!((troubles.len(), troubles[0].failed, troubles[0].edge.port), (1, 50, 5432));
    let row = played(&[(0, Packet::ASKS)]);
    assert!(row.newest().next().unwrap().1.unanswered);
}

/// Node a reports the opening, node b the answer: success counts for the troubles of both.
#[test]
fn a_trouble_ends_when_it_works_again() {
    let asks = |port: u16| Packet { from: (Packet::ASKS.from.0, port), ..Packet::ASKS };
    let answers = |port: u16| Packet { to: (Packet::ASKS.from.0, port), ..Packet::ANSWERS };
    let mut story = vec![(0, asks(40_000)), (0, answers(40_000))];
    story.extend((1..5).map(|n| (i64::from(n) * 20, asks(40_000 + n))));
    let troubles = |story: &[(i64, Packet)], at: i64| {
        let now = Timestamp::from_second(1_000 + at).unwrap();
        played(story).facts(now).troubles
    };
    let seen = troubles(&story, 90);
    assert_eq!((seen.len(), seen[0].failed, seen[0].worked_before, &*seen[0].node), (1, 4, true, "a"));
    story.extend([(170, asks(50_000)), (170, answers(50_000))]);
    assert!(troubles(&story, 171).is_empty());
}

proptest! {
    #[test]
    fn any_message_is_survived(
        which in 0..826_usize,
        cut in 0..2_000_usize,
        changes in prop::collection::vec((0..2_000_usize, any::<u8>()), 0..12),
        text in "\\PC{0,20}|[\u{0}-\u{1f}\u{7f}-\u{9f}\u{202a}-\u{202e}\u{2066}-\u{2069}]{0,12}",
        seconds in any::<i64>(), nanos in any::<i32>(), number in any::<i32>(),
    ) {
        let message = RECORDED[which % RECORDED.len()].clone();
        let (mut window, mut intake) = (Window::default(), Intake::default());
        window.keep_probes = true;
        let mut take = |bytes: Vec<u8>, second: i64| {
            let now = Timestamp::from_second(second).unwrap();
            intake.take(&Bytes::from(bytes), &mut window, now);
            window.tick(now);
        };
        let mut bytes = message.clone();
        for (at, to) in changes {
            let at = at % bytes.len();
            bytes[at] = to;
        }
        bytes.truncate(bytes.len().saturating_sub(cut));
        take(bytes, 1_000);
        // well-formed messages with strange values
        let mut strange = GetFlowsResponse::decode(&*message).unwrap();
        if let Some(Item::Flow(flow)) = &mut strange.item {
            flow.time = Some(Time { seconds, nanos });
            (flow.verdict, flow.drop_reason_desc, flow.r#type) = (number, number, number);
            flow.node_name.clone_from(&text);
            flow.source = Some(Endpoint { namespace: text.clone(), pod_name: text.clone(), ..Endpoint::default() });
            flow.destination_names = vec![text.clone()];
        }
        strange.node_name = text;
        // a clock that goes back
        take(strange.encode_to_vec(), 10);
        take(GetFlowsResponse { item: Some(Item::LostEvents(LostEvent { source: number, num_events_lost: 3 })), ..Default::default() }.encode_to_vec(), 5);
        let said = shown(&window);
        prop_assert!(!said.chars().any(|c| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c) || ('\u{2066}'..='\u{2069}').contains(&c)), "{said:?}");
        prop_assert_eq!(window.counts.nodes.sum(), window.counts.all);
    }

    /// Counts stay exact when rows are evicted and when tables are full.
    #[test]
    fn counts_stay_exact_at_every_limit(ports in prop::collection::vec(5_000..65_000_u32, 1..300)) {
        let (mut window, mut intake) = (Window::default(), Intake::default());
        let mut times = 0;
        for (n, port) in (0_u32..).zip(ports.iter().cycle().take(11_000)) {
            let mut message = flow("n1", n % 20_000);
            if let Some(Item::Flow(flow)) = &mut message.item {
                flow.uuid = n.to_string();
                flow.l4 = Some(Layer4 { protocol: Some(Protocol::Tcp(Tcp { source_port: 1, destination_port: *port, flags: None })) });
            }
            intake.take(&Bytes::from(message.encode_to_vec()), &mut window, Timestamp::UNIX_EPOCH);
            times += 1;
        }
        prop_assert_eq!(window.counts.all.flows, times);
        prop_assert_eq!(window.shed() + window.len() as u64, times);
        prop_assert_eq!(window.counts.ports.sum(), window.counts.all);
        prop_assert_eq!(window.counts.edges.sum(), window.counts.all);
    }
}

/// `UPDATE_WIRE=1 cargo test --test hubble wire_types` writes them.
#[test]
fn wire_types_are_generated_from_the_proto_file() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/hubble/wire/generated");
    for (name, text) in generate::files() {
        let path = folder.join(name);
        if std::env::var_os("UPDATE_WIRE").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        assert!(std::fs::read_to_string(&path).unwrap() == text, "{} is stale: UPDATE_WIRE=1", path.display());
    }
}
