//! A channel to Hubble's relay: in plain text, by TLS or by mutual TLS; and the one question that is asked on it.

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
    /// A message is longer than any flow: a stream that begins at the same place would bring it again.
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

/// How a channel to the relay is had: the cluster layer knows.
pub type Dial = Arc<dyn Fn() -> BoxFuture<'static, Result<Channel, NoChannel>> + Send + Sync>;

/// How a relay is spoken to.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Security {
    /// In plain text, as the charts set it up unless told otherwise.
    #[default]
    Plain,
    /// By TLS.
    Tls {
        /// Certificates of whoever signed the relay's, as PEM.
        ca: Vec<u8>,
        /// Our own certificate and key, where the relay asks for them (mutual TLS).
        own: Option<(Vec<u8>, Vec<u8>)>,
        /// The name in the relay's certificate.
        name: String,
    },
}

impl std::fmt::Debug for Security {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // a key appears nowhere
        match self {
            Self::Plain => f.write_str("Plain"),
            Self::Tls { name, own, .. } => write!(f, "Tls {{ name: {name:?}, mutual: {} }}", own.is_some()),
        }
    }
}

/// The charts' certificates are for `*.hubble-relay.cilium.io`.
pub const SERVER_NAME: &str = "ui.hubble-relay.cilium.io";
/// A message of Hubble's has some hundred bytes.
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
            .map_err(|e| failed(format!("no address of the form host:port: {e}")))?
            .connect_timeout(Duration::from_secs(10))
            // what waits while the screen stalls is old when it is shown
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

/// The innermost cause: what is around it says only that something went wrong.
pub fn root(error: &dyn std::error::Error) -> String {
    let mut last = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        last = cause.to_string();
        next = cause.source();
    }
    last
}

/// Asks for flows.
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

/// What a status says, in our words where it is known.
pub fn said(status: &Status) -> String {
    match status.code() {
        Code::Unimplemented => "whoever answers there is no Hubble relay".into(),
        Code::Internal | Code::Unknown if status.message().contains("compression flag") => {
            "whoever answers there does not speak gRPC".into()
        }
        code => format!("{code:?}: {}", status.message()),
    }
}

/// Messages as they came: what cannot be read is counted, and does not end the stream.
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
