//! From a kubeconfig to two clients: one that reads, one that changes.

use std::{path::PathBuf, time::Duration};

use kube::{
    Client, Config,
    config::{ExecInteractiveMode, KubeConfigOptions, Kubeconfig},
};
use serde_json::Value;
use thiserror::Error;

use super::error::{code, sentence};

/// What the operator named.
#[derive(Clone, Debug, Default)]
pub struct Named {
    /// `--kubeconfig`.
    pub kubeconfig: Option<PathBuf>,
    /// `--context`.
    pub context: Option<String>,
}

/// A cluster that answers.
#[derive(Clone)]
pub struct Connection {
    /// Reads; repeats what failed for a moment.
    pub read: Client,
    /// Changes; repeats nothing by itself, so that a refusal is seen when it is made.
    pub write: Client,
    /// Name of the context.
    pub context: String,
    /// The API server's address.
    pub server: String,
    /// The kubeconfig that was named, for programs that are started.
    pub kubeconfig: Option<PathBuf>,
    /// What the context says of itself under the extension `cutover.dev`.
    pub marks: Marks,
}

/// The extension `cutover.dev` of a context: `{production, hubble, helm}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// The cluster is in production: the header says so.
    pub production: bool,
    /// Address of a Hubble relay.
    pub hubble: Option<String>,
    /// The helm program for this cluster.
    pub helm: Option<PathBuf>,
}

/// Why there is no connection.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// No kubeconfig, or one that cannot be read.
    #[error("no usable kubeconfig: {0}. Name one with --kubeconfig or KUBECONFIG")]
    Kubeconfig(String),
    /// The context is not in it.
    #[error("no context {name:?} in the kubeconfig; it has {known}")]
    Context {
        /// The name that was given.
        name: String,
        /// Those there are.
        known: String,
    },
    /// Something in the kubeconfig cannot be used.
    #[error("context {context:?} cannot be used: {why}")]
    Unusable {
        /// The context.
        context: String,
        /// Why.
        why: String,
    },
    /// Nobody answers.
    #[error("{server} (context {context:?}) does not answer: {why}. Is the address right, and the network up?")]
    Unreachable {
        /// The address.
        server: String,
        /// The context.
        context: String,
        /// Why.
        why: String,
    },
    /// Somebody answers, but no API server.
    #[error("{server} (context {context:?}) answers, but not as a Kubernetes API server: {why}")]
    NotKubernetes {
        /// The address.
        server: String,
        /// The context.
        context: String,
        /// Why.
        why: String,
    },
    /// It does not let us in.
    #[error("{server} (context {context:?}) does not let you in: {why}. Log in again, then start Cutover again")]
    Credentials {
        /// The address.
        server: String,
        /// The context.
        context: String,
        /// Why.
        why: String,
    },
}

/// How long the first answer may take.
const FIRST_ANSWER: Duration = Duration::from_secs(10);

/// Connects, and asks for the version as the first word: every way in which that can fail has its message.
///
/// # Errors
/// See [`ConnectError`].
pub async fn connect(named: &Named) -> Result<Connection, ConnectError> {
    let kubeconfig = read(named)?;
    let context = named.context.clone().or_else(|| kubeconfig.current_context.clone()).unwrap_or_default();
    let known: Vec<&str> = kubeconfig.contexts.iter().map(|c| c.name.as_str()).collect();
    if !known.contains(&context.as_str()) {
        let known = if known.is_empty() { "none".into() } else { known.join(", ") };
        return Err(ConnectError::Context { name: context, known });
    }
    let marks = marks(&kubeconfig, &context);
    let unusable = |why: String| ConnectError::Unusable { context: context.clone(), why };
    let options = KubeConfigOptions { context: Some(context.clone()), cluster: None, user: None };
    let mut config =
        Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|e| unusable(super::error::root(&e)))?;
    let server = config.cluster_url.to_string();
    config.connect_timeout = Some(FIRST_ANSWER);
    config.read_timeout = None;
    // the first request may ask the operator for a password; those behind the screen must not
    let login = Client::try_from(config.clone()).map_err(|e| unusable(sentence(&e)))?;
    greet(&login, &server, &context).await?;
    if let Some(exec) = &mut config.auth_info.exec {
        exec.interactive_mode = Some(ExecInteractiveMode::Never);
    }
    let read = Client::try_from(config.clone()).map_err(|e| unusable(sentence(&e)))?;
    config.default_retry = false;
    let write = Client::try_from(config).map_err(|e| unusable(sentence(&e)))?;
    Ok(Connection { read, write, context, server, kubeconfig: named.kubeconfig.clone(), marks })
}

fn read(named: &Named) -> Result<Kubeconfig, ConnectError> {
    let refused = |e: &(dyn std::error::Error + 'static)| ConnectError::Kubeconfig(super::error::root(e));
    if let Some(path) = &named.kubeconfig {
        return Kubeconfig::read_from(path)
            .map_err(|e| ConnectError::Kubeconfig(format!("{}: {}", path.display(), super::error::root(&e))));
    }
    Kubeconfig::read().map_err(|e| refused(&e))
}

fn marks(kubeconfig: &Kubeconfig, context: &str) -> Marks {
    let extension = kubeconfig
        .contexts
        .iter()
        .find(|c| c.name == context)
        .and_then(|c| c.context.as_ref())
        .and_then(|c| c.extensions.as_ref())
        .and_then(|e| e.iter().find(|e| e.name == "cutover.dev"))
        .map_or(Value::Null, |e| serde_json::to_value(&e.extension).unwrap_or(Value::Null));
    Marks {
        production: extension["production"].as_bool().unwrap_or(false),
        hubble: extension["hubble"].as_str().map(str::to_owned),
        helm: extension["helm"].as_str().map(PathBuf::from),
    }
}

async fn greet(client: &Client, server: &str, context: &str) -> Result<(), ConnectError> {
    let (server, context) = (server.to_owned(), context.to_owned());
    let answer = tokio::time::timeout(FIRST_ANSWER, client.apiserver_version()).await;
    let Ok(answer) = answer else {
        let why = format!("no answer within {} s", FIRST_ANSWER.as_secs());
        return Err(ConnectError::Unreachable { server, context, why });
    };
    let Err(error) = answer else {
        // /version is open to everybody; whether the credentials are any good, a review of oneself tells
        return match who_am_i(client).await {
            Err(e) if code(&e) == Some(401) => Err(ConnectError::Credentials { server, context, why: sentence(&e) }),
            Err(e @ kube::Error::Auth(_)) => Err(ConnectError::Credentials { server, context, why: sentence(&e) }),
            _ => Ok(()),
        };
    };
    let why = sentence(&error);
    Err(match &error {
        kube::Error::Api(status) if matches!(status.code, 401 | 403) => {
            ConnectError::Credentials { server, context, why }
        }
        kube::Error::Auth(_) => ConnectError::Credentials { server, context, why },
        kube::Error::Api(_) | kube::Error::SerdeError(_) => ConnectError::NotKubernetes { server, context, why },
        // TLS against something that speaks plain HTTP and the like
        kube::Error::Service(_) | kube::Error::HyperError(_) => ConnectError::Unreachable { server, context, why },
        _ => ConnectError::Unusable { context, why },
    })
}

async fn who_am_i(client: &Client) -> kube::Result<()> {
    let request = http::Request::get("/api").body(Vec::new()).map_err(kube::Error::HttpError)?;
    client.request::<Value>(request).await.map(|_| ())
}
