//! A real control plane on loopback: etcd, kube-apiserver, kube-controller-manager and kube-scheduler,
//! built from Go modules by `tests/control-plane/build`. What ends by itself is started again, as a kubelet does
//! with static pods. Ended by process id when dropped; its folder is kept when a test has failed, with the logs in it.

use std::{
    fs::{self, File},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU16, Ordering},
    },
    time::{Duration, Instant},
};

use k8s_openapi::api::{
    core::v1::ServiceAccount,
    rbac::v1::{ClusterRoleBinding, RoleBinding},
};
use kube::{Api, Client, api::PostParams};
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair};
use serde_json::json;

use super::client;

pub struct ControlPlane {
    pub folder: PathBuf,
    bin: PathBuf,
    server: Vec<String>,
    programs: Arc<Mutex<Vec<Program>>>,
}

struct Program {
    name: &'static str,
    command: Command,
    child: Child,
}

impl Program {
    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts again what has ended: a scheduler ends itself when it finds that it has missed what happened while the
/// API server was down.
fn look_after(programs: Arc<Mutex<Vec<Program>>>) {
    let programs = Arc::downgrade(&programs);
    tokio::spawn(async move {
        while let Some(programs) = programs.upgrade() {
            for program in programs.lock().unwrap_or_else(PoisonError::into_inner).iter_mut() {
                if program.child.try_wait().is_ok_and(|ended| ended.is_some()) {
                    eprintln!("{} has ended and is started again", program.name);
                    program.child = program.command.spawn().unwrap();
                }
            }
            drop(programs);
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    });
}

/// Ends its processes, whatever happens.
impl Drop for ControlPlane {
    fn drop(&mut self) {
        let mut programs = self.programs.lock().unwrap_or_else(PoisonError::into_inner);
        programs.iter_mut().rev().for_each(Program::end);
        programs.clear();
        if std::thread::panicking() {
            eprintln!("the control plane's logs are in {}", self.folder.display());
        } else {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// A free port below those that the kernel gives to connections: nothing else takes it before its program listens.
fn port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 20_000 + u16::try_from(std::process::id() % 100).unwrap() * 100;
    let mut candidates = std::iter::repeat_with(|| first + NEXT.fetch_add(1, Ordering::Relaxed) % 2_000);
    candidates.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}

/// Builds the programs if they are not built yet. Fails without Go: a suite that did not run must not
/// look as if it had passed.
fn build() -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/control-plane/build");
    let output = Command::new(script).stderr(Stdio::inherit()).output().expect("tests/control-plane/build runs");
    assert!(output.status.success(), "the control plane was not built");
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
}

impl ControlPlane {
    pub async fn start() -> Self {
        let bin = build();
        let folder = std::env::temp_dir().join(format!("cutover-control-plane-{}-{}", std::process::id(), port()));
        fs::create_dir_all(&folder).unwrap();
        let (etcd, peer, secure) = (port(), port(), port());
        let mut this = Self { folder, bin, server: vec![], programs: Arc::default() };
        this.certificates(secure);
        let f = |name: &str| this.folder.join(name).display().to_string();
        let etcd_url = format!("http://127.0.0.1:{etcd}");
        let peer_url = format!("http://127.0.0.1:{peer}");
        let etcd_args: Vec<String> = [
            "--data-dir",
            &f("etcd"),
            "--unsafe-no-fsync",
            "--listen-client-urls",
            &etcd_url,
            "--advertise-client-urls",
            &etcd_url,
            "--listen-peer-urls",
            &peer_url,
            "--initial-advertise-peer-urls",
            &peer_url,
            "--initial-cluster",
            &format!("default={peer_url}"),
        ]
        .map(str::to_owned)
        .to_vec();
        this.server = vec![
            format!("--etcd-servers={etcd_url}"),
            "--bind-address=127.0.0.1".into(),
            format!("--secure-port={secure}"),
            format!("--tls-cert-file={}", f("server.crt")),
            format!("--tls-private-key-file={}", f("server.key")),
            format!("--client-ca-file={}", f("ca.crt")),
            "--authorization-mode=RBAC".into(),
            "--service-account-issuer=https://kubernetes.default.svc".into(),
            format!("--service-account-key-file={}", f("sa.pub")),
            format!("--service-account-signing-key-file={}", f("sa.key")),
            "--service-cluster-ip-range=10.233.0.0/18".into(),
            "--allow-privileged=true".into(),
            "--disable-admission-plugins=ServiceAccount".into(),
        ];
        let manager: Vec<String> = vec![
            format!("--kubeconfig={}", f("admin.conf")),
            format!("--service-account-private-key-file={}", f("sa.key")),
            format!("--root-ca-file={}", f("ca.crt")),
            "--leader-elect=false".into(),
            "--allocate-node-cidrs=true".into(),
            "--cluster-cidr=10.233.64.0/18".into(),
            "--node-cidr-mask-size=24".into(),
            "--controllers=*".into(),
            "--secure-port=0".into(),
            "--use-service-account-credentials=false".into(),
        ];
        let scheduler =
            vec![format!("--kubeconfig={}", f("admin.conf")), "--leader-elect=false".into(), "--secure-port=0".into()];
        this.spawn("etcd", &etcd_args);
        this.spawn("kube-apiserver", &this.server);
        this.ready().await;
        this.spawn("kube-controller-manager", &manager);
        this.spawn("kube-scheduler", &scheduler);
        look_after(Arc::clone(&this.programs));
        let client = client(&this.admin()).await;
        let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "default");
        this.wait("the controllers", || async { accounts.get_opt("default").await.is_ok_and(|a| a.is_some()) }).await;
        grant(&client).await;
        this
    }

    fn spawn(&self, name: &'static str, arguments: &[String]) {
        let log = File::options().append(true).create(true).open(self.folder.join(format!("{name}.log"))).unwrap();
        let mut command = Command::new(self.bin.join(name));
        command.args(arguments).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.spawn().unwrap_or_else(|e| panic!("{name}: {e}"));
        self.programs.lock().unwrap().push(Program { name, command, child });
    }

    /// The API server is gone, as by a crash.
    pub fn stop_api_server(&self) {
        let mut programs = self.programs.lock().unwrap();
        let at = programs.iter().position(|p| p.name == "kube-apiserver").unwrap();
        programs.remove(at).end();
    }

    /// And there again.
    pub async fn start_api_server(&self) {
        self.spawn("kube-apiserver", &self.server);
        self.ready().await;
    }

    async fn ready(&self) {
        let client = client(&self.admin()).await;
        self.wait("the API server", || async {
            let request = http::Request::get("/readyz").body(vec![]).unwrap();
            client.request_text(request).await.is_ok()
        })
        .await;
    }

    async fn wait<F: Future<Output = bool>>(&self, what: &str, ready: impl Fn() -> F) {
        let began = Instant::now();
        while !ready().await {
            assert!(
                began.elapsed() < Duration::from_secs(90),
                "{what} did not come up; logs in {}",
                self.folder.display()
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Kubeconfig of a member of `system:masters`.
    pub fn admin(&self) -> PathBuf {
        self.folder.join("admin.conf")
    }

    /// Kubeconfig of a user with the rights that `cutover manifests --rbac` asks for, and no more.
    pub fn operator(&self) -> PathBuf {
        self.folder.join("operator.conf")
    }

    /// A kubeconfig with a token of a service account in kube-system.
    pub async fn service_account(&self, admin: &Client, name: &str) -> PathBuf {
        let path = format!("/api/v1/namespaces/kube-system/serviceaccounts/{name}/token");
        let body = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": [], "expirationSeconds": 3600}});
        let request = http::Request::post(path).body(body.to_string().into_bytes()).unwrap();
        let answer: serde_json::Value = admin.request(request).await.unwrap();
        let mut config: serde_json::Value = serde_json::from_str(&fs::read_to_string(self.admin()).unwrap()).unwrap();
        config["users"][0]["user"] = json!({"token": answer["status"]["token"]});
        let file = self.folder.join(format!("{name}.conf"));
        fs::write(&file, config.to_string()).unwrap();
        file
    }

    /// Lets a kubeconfig name a helm.
    pub fn mark_file(path: &Path, helm: &Path) {
        let mut config: serde_json::Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        config["contexts"][0]["context"]["extensions"] = json!([{"name": "cutover.dev", "extension": {"helm": helm}}]);
        fs::write(path, config.to_string()).unwrap();
    }

    /// Lets the operator's kubeconfig name a helm and a relay, as a user would.
    pub fn mark(&self, helm: &Path, hubble: &str) {
        let path = self.operator();
        let mut config: serde_json::Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        config["contexts"][0]["context"]["extensions"] =
            json!([{"name": "cutover.dev", "extension": {"helm": helm, "hubble": hubble}}]);
        fs::write(path, config.to_string()).unwrap();
    }

    fn certificates(&self, secure: u16) {
        let write = |name: &str, text: &str| fs::write(self.folder.join(name), text).unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name = subject("cutover-test-ca", None);
        let ca_key = KeyPair::generate().unwrap();
        let ca = params.self_signed(&ca_key).unwrap();
        write("ca.crt", &ca.pem());
        let issuer = Issuer::new(params, ca_key);
        let issue = |name: DistinguishedName, alternatives: Vec<String>| {
            let mut params = CertificateParams::new(alternatives).unwrap();
            params.distinguished_name = name;
            let key = KeyPair::generate().unwrap();
            let certificate = params.signed_by(&key, &issuer).unwrap();
            (certificate.pem(), key.serialize_pem())
        };
        let (cert, key) = issue(
            subject("kube-apiserver", None),
            ["127.0.0.1", "10.233.0.1", "localhost"].map(str::to_owned).to_vec(),
        );
        write("server.crt", &cert);
        write("server.key", &key);
        let accounts = KeyPair::generate().unwrap();
        write("sa.key", &accounts.serialize_pem());
        write("sa.pub", &accounts.public_key_pem());
        for (user, group) in [("admin", Some("system:masters")), ("operator", None)] {
            let (cert, key) = issue(subject(user, group), vec![]);
            write(&format!("{user}.crt"), &cert);
            write(&format!("{user}.key"), &key);
            let f = |n: String| self.folder.join(n).display().to_string();
            let config = json!({
                "apiVersion": "v1", "kind": "Config", "current-context": "test",
                "clusters": [{"name": "test", "cluster": {"server": format!("https://127.0.0.1:{secure}"), "certificate-authority": f("ca.crt".into())}}],
                "users": [{"name": user, "user": {"client-certificate": f(format!("{user}.crt")), "client-key": f(format!("{user}.key"))}}],
                "contexts": [{"name": "test", "context": {"cluster": "test", "user": user}}],
            });
            write(&format!("{user}.conf"), &config.to_string());
        }
    }
}

fn subject(name: &str, group: Option<&str>) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    if let Some(group) = group {
        subject.push(DnType::OrganizationName, group);
    }
    subject
}

/// Gives the operator what `cutover manifests --rbac` prints.
async fn grant(client: &Client) {
    let output = super::program().args(["manifests", "--rbac"]).output().unwrap();
    for document in String::from_utf8(output.stdout).unwrap().split("---\n") {
        let role = cutover::domain::values::parse(document).unwrap();
        cutover::sim::world::put(client, role).await.unwrap();
    }
    let binding: ClusterRoleBinding = serde_json::from_value(json!({
        "metadata": {"name": "cutover-operator"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cutover-operator"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "operator"}],
    }))
    .unwrap();
    Api::<ClusterRoleBinding>::all(client.clone()).create(&PostParams::default(), &binding).await.unwrap();
    let binding: RoleBinding = serde_json::from_value(json!({
        "metadata": {"name": "cutover-operator", "namespace": "kube-system"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "cutover-operator"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "operator"}],
    }))
    .unwrap();
    let bindings: Api<RoleBinding> = Api::namespaced(client.clone(), "kube-system");
    bindings.create(&PostParams::default(), &binding).await.unwrap();
}
