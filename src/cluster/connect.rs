//! From a kubeconfig to two clients: one that reads, one that changes.

use std::{path::PathBuf, time::Duration};

use k8s_openapi::api::core::v1::Node;
use kube::{
    Api, Client, Config,
    api::ListParams,
    config::{ExecConfig, ExecInteractiveMode, KubeConfigOptions, Kubeconfig},
};
use serde_json::Value;

pub use super::kubeconfig::{ConnectError, Named};
use super::{
    auditing::AuditingService,
    credentials::Renewing,
    error::{code, sentence},
    identity,
    kubeconfig::{self, Chosen},
    plugin,
};

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
    /// With the service account of the pod that this runs in.
    pub in_pod: bool,
    named: Named,
    reading: Renewing,
    writing: Renewing,
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

/// How long the first answer may take.
const FIRST_ANSWER: Duration = Duration::from_secs(10);

/// Connects, and asks for the version as the first word: every way in which that can fail has its message.
///
/// # Errors
/// See [`ConnectError`].
pub async fn connect(named: &Named) -> Result<Connection, ConnectError> {
    let way = Way::find(named).await?;
    way.log_in().await?;
    // whatever becomes the current context later: credentials are renewed for this cluster
    let named = &Named { context: (!way.in_pod).then(|| way.context.clone()), ..named.clone() };
    let cluster = identity::of(&way.client(true)?).await;
    let reading = way.renewing(named, cluster.as_deref(), true)?;
    let writing = way.renewing(named, cluster.as_deref(), false)?;
    Ok(Connection {
        read: Client::new(reading.clone(), "default"),
        write: Client::new(AuditingService(writing.clone()), "default"),
        context: way.context,
        server: way.server,
        kubeconfig: named.kubeconfig.clone(),
        marks: way.marks,
        in_pod: way.in_pod,
        named: named.clone(),
        reading,
        writing,
    })
}

impl Connection {
    /// The identity of the cluster, whatever its address; nothing where it cannot be read.
    pub async fn cluster(&self) -> Option<String> {
        identity::of(&self.read).await
    }

    /// Asks for credentials on the terminal, which has to be free for it, and uses them from now on.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub async fn log_in(&self) -> Result<(), ConnectError> {
        let way = Way::find(&self.named).await?;
        way.log_in().await?;
        self.reading.exchange(way.client(true)?);
        self.writing.exchange(way.client(false)?);
        Ok(())
    }
}

/// How to reach a cluster, as the kubeconfig says it now.
struct Way {
    config: Config,
    context: String,
    server: String,
    marks: Marks,
    in_pod: bool,
    /// The user, as messages name it.
    user: String,
    says: Option<fn(&str)>,
}

impl Way {
    async fn find(named: &Named) -> Result<Self, ConnectError> {
        if named.in_cluster && named.kubeconfig.is_none() && named.context.is_none() {
            let config = Config::incluster().map_err(|e| ConnectError::Kubeconfig(super::error::root(&e)))?;
            return Ok(Self { in_pod: true, ..Self::of(config, "in-cluster".into(), Marks::default()) });
        }
        let Chosen { kubeconfig, context, user } = kubeconfig::choose(named)?;
        let marks = marks(&kubeconfig, &context);
        let options = KubeConfigOptions { context: Some(context.clone()), cluster: None, user: None };
        let config = Config::from_custom_kubeconfig(kubeconfig, &options)
            .await
            .map_err(|e| ConnectError::Unusable { context: context.clone(), why: super::error::root(&e) })?;
        Ok(Self { user, says: named.says, ..Self::of(config, context, marks) })
    }

    fn of(mut config: Config, context: String, marks: Marks) -> Self {
        config.connect_timeout = Some(FIRST_ANSWER);
        config.read_timeout = None;
        let server = config.cluster_url.to_string();
        Self { config, context, server, marks, in_pod: false, user: String::new(), says: None }
    }

    fn unusable(&self, why: String) -> ConnectError {
        ConnectError::Unusable { context: self.context.clone(), why }
    }

    /// The first request may ask the operator for a password; those behind the screen must not.
    async fn log_in(&self) -> Result<(), ConnectError> {
        let mut config = self.config.clone();
        Box::pin(plugin::log_in(&mut config.auth_info, &self.user, self.says))
            .await
            .map_err(|why| self.unusable(why))?;
        let login = Client::try_from(config).map_err(|e| self.unusable(sentence(&e)))?;
        greet(&login, &self.server, &self.context).await
    }

    /// A client that neither asks nor paints. One that reads repeats what failed for a moment.
    fn client(&self, reads: bool) -> Result<Client, ConnectError> {
        let mut config = self.config.clone();
        if let Some(exec) = &mut config.auth_info.exec {
            quiet(exec);
        }
        config.default_retry = reads;
        Client::try_from(config).map_err(|e| self.unusable(sentence(&e)))
    }

    /// `cluster`: its UID, where it could be read.
    fn renewing(&self, named: &Named, cluster: Option<&str>, reads: bool) -> Result<Renewing, ConnectError> {
        let (named, cluster) = (named.clone(), cluster.map(str::to_owned));
        Ok(Renewing::new(self.client(reads)?, move || {
            let (named, cluster) = (named.clone(), cluster.clone());
            Box::pin(async move {
                let way = Self::find(&named).await?;
                let (context, server) = (way.context.clone(), way.server.clone());
                // making a client runs the plugin, and waits for it
                let made = tokio::task::spawn_blocking(move || way.client(reads)).await;
                let client =
                    made.map_err(|e| ConnectError::Unusable { context: context.clone(), why: e.to_string() })??;
                let now = identity::of(&client).await;
                let another = cluster.zip(now).is_some_and(|(then, now)| then != now);
                if another { Err(ConnectError::AnotherCluster { server, context }) } else { Ok(client) }
            })
        }))
    }
}

/// The plugin is run by this program's own `credential`, in a session without a terminal and with an end.
fn quiet(exec: &mut ExecConfig) {
    exec.interactive_mode = Some(ExecInteractiveMode::Never);
    if let (Some(command), Ok(own)) = (exec.command.take(), std::env::current_exe()) {
        let mut args = vec!["credential".to_owned(), "--".to_owned(), command];
        args.extend(exec.args.take().unwrap_or_default());
        exec.command = Some(own.to_string_lossy().into_owned());
        exec.args = Some(args);
    }
}

/// The contexts of the kubeconfig, and the one that is meant where none is named.
///
/// # Errors
/// There is no usable kubeconfig.
pub fn contexts(named: &Named) -> Result<(Vec<String>, Option<String>), ConnectError> {
    kubeconfig::contexts(named)
}

/// The names of the cluster's nodes, without asking the operator for anything.
///
/// # Errors
/// See [`ConnectError`].
pub async fn node_names(named: &Named) -> Result<Vec<String>, ConnectError> {
    let way = Way::find(named).await?;
    let nodes: Api<Node> = Api::all(way.client(true)?);
    let listed = nodes.list_metadata(&ListParams::default()).await.map_err(|e| way.unusable(sentence(&e)))?;
    Ok(listed.items.into_iter().filter_map(|n| n.metadata.name).collect())
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
        // /version is open to everybody: only a request that needs credentials shows whether they are accepted
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
