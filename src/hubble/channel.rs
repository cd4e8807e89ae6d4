//! A channel to Hubble's relay, in plain text, by TLS or mutual TLS, and the request for flows.

use std::{sync::Arc, time::Duration};

use bytes::{Buf, Bytes};
use futures::future::BoxFuture;
use prost::Message;
use tonic::{
    Code, Request, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity},
};

use super::wire::{GET_FLOWS, GetFlowsRequest};

/// Why there is no channel, or why a stream ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoChannel {
    /// The cluster has no relay: why, and what to do about it.
    Absent(String),
    /// It failed.
    Failed(String),
    /// A message exceeds the limit: a stream from the same start would bring it again.
    TooLarge(String),
}

impl NoChannel {
    /// The reason.
    pub fn why(&self) -> &str {
        match self {
            Self::Absent(why) | Self::Failed(why) | Self::TooLarge(why) => why,
        }
    }
}

impl From<Status> for NoChannel {
    fn from(status: Status) -> Self {
        match status.code() {
            // how tonic reports a message beyond the limit of the decoder
            Code::OutOfRange => Self::TooLarge(said(&status)),
            _ => Self::Failed(said(&status)),
        }
    }
}

/// Opens a channel to the relay; the cluster layer provides it.
pub type Dial = Arc<dyn Fn() -> BoxFuture<'static, Result<Channel, NoChannel>> + Send + Sync>;

/// How the connection to the relay is secured.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Security {
    /// Plain text, the default of the charts.
    #[default]
    Plain,
    /// TLS.
    Tls {
        /// CA certificates for the relay's certificate, as PEM.
        ca: Vec<u8>,
        /// Client certificate and key, for mutual TLS.
        own: Option<(Vec<u8>, Vec<u8>)>,
        /// Server name in the relay's certificate.
        name: String,
    },
}

impl std::fmt::Debug for Security {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // keys are never printed
        match self {
            Self::Plain => f.write_str("Plain"),
            Self::Tls { name, own, .. } => write!(f, "Tls {{ name: {name:?}, mutual: {} }}", own.is_some()),
        }
    }
}

/// The charts' certificates are for `*.hubble-relay.cilium.io`.
pub const SERVER_NAME: &str = "ui.hubble-relay.cilium.io";
/// Largest accepted message; Hubble's have some hundred bytes.
const LARGEST: usize = 1 << 20;

impl Security {
    /// An endpoint for an authority, as `host:port`.
    ///
    /// # Errors
    /// What is wrong with the address or the certificates.
    pub fn endpoint(&self, authority: &str) -> Result<Endpoint, NoChannel> {
        let failed = |why: String| NoChannel::Failed(format!("{authority}: {why}"));
        let scheme = if *self == Self::Plain { "http" } else { "https" };
        let endpoint = Endpoint::from_shared(format!("{scheme}://{authority}"))
            .map_err(|e| failed(format!("not an address of the form host:port: {e}")))?
            .connect_timeout(Duration::from_secs(10))
            // a small buffer: flows that queue up behind a stalled screen are old when they are shown
            .initial_stream_window_size(256 * 1024)
            .tcp_keepalive(Some(Duration::from_secs(15)));
        let Self::Tls { ca, own, name } = self else { return Ok(endpoint) };
        let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ca)).domain_name(name);
        if let Some((certificate, key)) = own {
            tls = tls.identity(Identity::from_pem(certificate, key));
        }
        endpoint.tls_config(tls).map_err(|e| failed(format!("the certificates cannot be used: {}", root(&e))))
    }
}

/// A channel to `host:port`.
pub fn dial_address(address: String, security: Security) -> Dial {
    Arc::new(move || {
        let (address, security) = (address.clone(), security.clone());
        Box::pin(async move {
            let endpoint = security.endpoint(&address)?;
            endpoint.connect().await.map_err(|e| NoChannel::Failed(format!("{address}: {}", root(&e))))
        })
    })
}

/// The innermost cause; the outer ones only say that something went wrong.
pub fn root(error: &dyn std::error::Error) -> String {
    let mut last = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        last = cause.to_string();
        next = cause.source();
    }
    last
}

/// Requests flows.
///
/// # Errors
/// What the relay said.
pub async fn ask(
    channel: Channel,
    request: GetFlowsRequest,
) -> Result<impl futures::Stream<Item = Result<Bytes, Status>> + Send + use<>, NoChannel> {
    let mut grpc = Grpc::new(channel).max_decoding_message_size(LARGEST);
    grpc.ready().await.map_err(|e| NoChannel::Failed(root(&e)))?;
    let path = http::uri::PathAndQuery::from_static(GET_FLOWS);
    let answer = grpc.server_streaming(Request::new(request), path, Raw).await;
    Ok(answer?.into_inner())
}

/// A status in words.
pub fn said(status: &Status) -> String {
    match status.code() {
        Code::Unimplemented => "the server at this address is not a Hubble relay".into(),
        Code::Internal | Code::Unknown if status.message().contains("compression flag") => {
            "the server at this address does not speak gRPC".into()
        }
        code => format!("{code:?}: {}", status.message()),
    }
}

/// Messages as bytes: one that cannot be decoded is counted and does not end the stream.
#[derive(Clone, Copy, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = GetFlowsRequest;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = GetFlowsRequest;
    type Error = Status;

    fn encode(&mut self, item: GetFlowsRequest, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        item.encode(to).map_err(|e| Status::internal(e.to_string()))
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}
