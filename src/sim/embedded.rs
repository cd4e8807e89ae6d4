//! A complete embedded cluster: server, actors, and the files to reach it.

use std::{
    fs::{OpenOptions, Permissions},
    io::Write,
    net::SocketAddr,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use kube::{Client, Config};
use serde_json::json;
use tokio_rustls::rustls::pki_types::{CertificateDer, pem::PemObject};

use super::{
    actors::{self, Actors, Cast},
    api::{self, Server},
    clock::Pace,
    helm::COMMAND,
    world,
};

/// The context that its kubeconfig begins with.
pub const CONTEXT: &str = "embedded";

/// Settings of an embedded cluster.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Number of nodes.
    pub nodes: usize,
    /// Speed of its clock.
    pub pace: Pace,
}

impl Default for Settings {
    fn default() -> Self {
        Self { nodes: 12, pace: Pace::MAX }
    }
}

/// An embedded cluster. It stops when this is dropped.
pub struct Embedded {
    /// Its API server.
    pub server: Server,
    /// Address of its Hubble relay.
    pub hubble: SocketAddr,
    /// Its kubeconfig.
    pub kubeconfig: PathBuf,
    /// The stand-in for helm.
    pub helm: PathBuf,
    _actors: Actors,
}

impl Embedded {
    /// Starts a cluster with its files in `folder` and waits until every pod runs.
    ///
    /// # Errors
    /// A sentence.
    pub async fn start(settings: Settings, folder: &Path) -> Result<Self, String> {
        std::fs::create_dir_all(folder).map_err(|e| format!("cannot make {}: {e}", folder.display()))?;
        let server = api::serve(0).await.map_err(|e| format!("no port for the embedded API server: {e}"))?;
        let client = client(&server)?;
        world::create(&client, settings.nodes).await?;
        let actors = actors::start(client.clone(), Cast::All, settings.pace)
            .await
            .map_err(|e| format!("no port for the embedded Hubble relay: {e}"))?;
        let helm = helm_wrapper(folder)?;
        let hubble = actors.hubble;
        let kubeconfig = folder.join("kubeconfig");
        let certificate = folder.join("ca.crt");
        write(&certificate, &server.certificate, PRIVATE)?;
        let certificate = std::path::absolute(certificate).map_err(|e| e.to_string())?;
        write(&kubeconfig, &kubeconfig_text(&server, &certificate, hubble, &helm), PRIVATE)?;
        write(&folder.join("hubble"), &format!("{hubble}\n"), PRIVATE)?;
        world::settle(&client).await?;
        Ok(Self { server, hubble, kubeconfig, helm, _actors: actors })
    }
}

impl Embedded {
    /// A client with all rights.
    ///
    /// # Errors
    /// A sentence.
    pub fn client(&self) -> Result<Client, String> {
        client(&self.server)
    }
}

fn client(server: &Server) -> Result<Client, String> {
    let url = format!("https://{}", server.address).parse().map_err(|e| format!("{}: {e}", server.address))?;
    let mut config = Config::new(url);
    let certificate = CertificateDer::from_pem_slice(server.certificate.as_bytes()).map_err(|e| e.to_string())?;
    config.root_cert = Some(vec![certificate.to_vec()]);
    config.auth_info.token = Some(server.tokens.admin.clone().into());
    Client::try_from(config).map_err(|e| e.to_string())
}

/// For this user alone: a kubeconfig holds tokens.
const PRIVATE: u32 = 0o600;

fn write(path: &Path, text: &str, mode: u32) -> Result<(), String> {
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(path)?;
        // one that is there already keeps its mode otherwise
        file.set_permissions(Permissions::from_mode(mode))?;
        file.write_all(text.as_bytes())
    };
    write().map_err(|e: std::io::Error| format!("cannot write {}: {e}", path.display()))
}

/// Writes a script by which this program stands in for helm.
///
/// # Errors
/// A sentence.
pub fn helm_wrapper(folder: &Path) -> Result<PathBuf, String> {
    let wrapper = folder.join("helm");
    let own = std::env::current_exe().map_err(|e| format!("cannot find the own program: {e}"))?;
    // tests run inside a test binary: the program is beside it, or one folder up
    let own = if own.file_stem().is_some_and(|s| s == "cutover") { own } else { beside(&own).unwrap_or(own) };
    let quoted = own.display().to_string().replace('\'', r"'\''");
    write(&wrapper, &format!("#!/bin/sh\nexec '{quoted}' {COMMAND} \"$@\"\n"), 0o700)?;
    std::path::absolute(&wrapper).map_err(|e| e.to_string())
}

fn beside(own: &Path) -> Option<PathBuf> {
    let mut folders = own.ancestors().skip(1).take(2);
    folders.find_map(|f| Some(f.join("cutover")).filter(|p| p.is_file()))
}

fn kubeconfig_text(server: &Server, certificate: &Path, hubble: SocketAddr, helm: &Path) -> String {
    let context = |name: &str, user: &str| {
        json!({"name": name, "context": {"cluster": "embedded", "user": user, "extensions": [
        {"name": "cutover.dev", "extension": {"hubble": hubble.to_string(), "helm": helm}}]}})
    };
    let user = |name: &str, token: &str| json!({"name": name, "user": {"token": token}});
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": CONTEXT,
        "clusters": [{"name": "embedded", "cluster": {"server": format!("https://{}", server.address), "certificate-authority": certificate}}],
        "users": [user("admin", &server.tokens.admin), user("viewer", &server.tokens.viewer), user("expired", "expired")],
        "contexts": [context(CONTEXT, "admin"), context("embedded-viewer", "viewer"), context("embedded-expired", "expired")],
    });
    // JSON is YAML
    format!("{config:#}\n")
}
