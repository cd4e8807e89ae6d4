//! Kubeconfigs, read as kubectl reads them: files that do not exist are passed over in a list, the first one that has an
//! entry wins, and nothing but what the chosen context needs has to make sense. No message quotes what stands in a file.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use kube::config::{AuthInfo, Cluster, Context, Kubeconfig, NamedAuthInfo, NamedCluster, NamedContext};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use thiserror::Error;

use crate::domain::values::place;

/// What the operator named.
#[derive(Clone, Debug, Default)]
pub struct Named {
    /// `--kubeconfig`.
    pub kubeconfig: Option<PathBuf>,
    /// `--context`.
    pub context: Option<String>,
    /// Without either: the service account of the pod that this runs in.
    pub in_cluster: bool,
    /// Tells the operator what is waited for.
    pub says: Option<fn(&str)>,
}

/// Why there is no connection.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// No kubeconfig, or one that cannot be read.
    #[error("no usable kubeconfig: {0}. Name one with --kubeconfig or KUBECONFIG")]
    Kubeconfig(String),
    /// The context is not in it.
    #[error("no context {name:?} in the kubeconfig; it has {known}")]
    View {
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
    /// The kubeconfig leads to another cluster than at the start.
    #[error(
        "context {context:?} leads to another cluster now, at {server}: nothing is done on it. Start Cutover again"
    )]
    AnotherCluster {
        /// The address.
        server: String,
        /// The context.
        context: String,
    },
    /// It refuses the credentials.
    #[error("{server} (context {context:?}) refuses the credentials: {why}. Log in again, then start Cutover again")]
    Credentials {
        /// The address.
        server: String,
        /// The context.
        context: String,
        /// Why.
        why: String,
    },
}

/// The context that was chosen, with what it needs, and where each comes from.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) kubeconfig: Kubeconfig,
    pub(super) context: String,
    /// The user, as messages name it: with the file that it comes from.
    pub(super) user: String,
}

/// A file that was read.
struct File {
    path: PathBuf,
    content: Value,
}

/// Reads what the operator named, or what the environment does.
pub(super) fn choose(named: &Named) -> Result<Chosen, ConnectError> {
    pick(&files(named)?, named.context.as_deref())
}

/// The names of the contexts, and the one that is meant where none is named.
pub(super) fn contexts(named: &Named) -> Result<(Vec<String>, Option<String>), ConnectError> {
    let files = files(named)?;
    let current = files.iter().find_map(|f| f.content["current-context"].as_str().filter(|c| !c.is_empty()));
    Ok((names(&files, "contexts"), current.map(str::to_owned)))
}

fn files(named: &Named) -> Result<Vec<File>, ConnectError> {
    match &named.kubeconfig {
        Some(path) => Ok(vec![load(path)?.ok_or_else(|| missing(std::slice::from_ref(path)))?]),
        None => from_list(&listed()),
    }
}

/// The files that the environment names: those of `KUBECONFIG`, otherwise the usual one.
fn listed() -> Vec<PathBuf> {
    let named = std::env::var_os("KUBECONFIG").unwrap_or_default();
    let paths: Vec<PathBuf> = std::env::split_paths(&named).filter(|p| !p.as_os_str().is_empty()).collect();
    if !paths.is_empty() {
        return paths;
    }
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    vec![home.join(".kube").join("config")]
}

fn from_list(paths: &[PathBuf]) -> Result<Vec<File>, ConnectError> {
    let mut files = Vec::new();
    for path in paths {
        files.extend(load(path)?);
    }
    if files.is_empty() { Err(missing(paths)) } else { Ok(files) }
}

fn missing(paths: &[PathBuf]) -> ConnectError {
    let names: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
    let verb = if names.len() == 1 { "does not exist" } else { "do not exist" };
    ConnectError::Kubeconfig(format!("{} {verb}", names.join(" and ")))
}

/// A file's first document; nothing where there is no such file.
fn load(path: &Path) -> Result<Option<File>, ConnectError> {
    let refused = |why: String| ConnectError::Kubeconfig(format!("{}: {why}", path.display()));
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(refused(format!("it cannot be read: {e}"))),
    };
    let text = decode(&bytes).ok_or_else(|| refused("it is no text".into()))?;
    let documents: Vec<Value> =
        serde_saphyr::from_multiple(&text).map_err(|e| refused(format!("it is not YAML{}", place(&e))))?;
    let content = documents.into_iter().next().unwrap_or_default();
    if !(content.is_object() || content.is_null()) {
        return Err(refused("it is YAML, but no kubeconfig".into()));
    }
    Ok(Some(File { path: path.to_owned(), content }))
}

/// Text with or without a byte order mark, as editors of any system leave it.
fn decode(bytes: &[u8]) -> Option<String> {
    let wide = |rest: &[u8], order: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = rest.chunks_exact(2).map(|pair| order([pair[0], pair[1]])).collect();
        String::from_utf16(&units).ok()
    };
    match bytes {
        [0xFF, 0xFE, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8(rest.to_vec()).ok(),
        _ => String::from_utf8(bytes.to_vec()).ok(),
    }
}

/// The first entry of this name in a list of entries, with its file.
fn entry<'a>(files: &'a [File], list: &str, name: &str) -> Option<(&'a Path, &'a Value)> {
    files.iter().find_map(|file| {
        let entries = file.content[list].as_array()?;
        let found = entries.iter().find(|e| e["name"].as_str() == Some(name))?;
        Some((file.path.as_path(), found))
    })
}

/// The names in a list of entries, over all files.
fn names(files: &[File], list: &str) -> Vec<String> {
    let all = files.iter().flat_map(|f| f.content[list].as_array().into_iter().flatten());
    all.filter_map(|e| e["name"].as_str().map(str::to_owned)).collect()
}

fn pick(files: &[File], named: Option<&str>) -> Result<Chosen, ConnectError> {
    let places: Vec<String> = files.iter().map(|f| f.path.display().to_string()).collect();
    let places = places.join(" and ");
    let current = files.iter().find_map(|f| f.content["current-context"].as_str().filter(|c| !c.is_empty()));
    let context = named.or(current).unwrap_or_default().to_owned();
    let unusable = |why: String| ConnectError::Unusable { context: context.clone(), why };
    let Some((path, found)) = entry(files, "contexts", &context) else {
        let known = names(files, "contexts");
        let known = if known.is_empty() { "none".into() } else { known.join(", ") };
        if context.is_empty() {
            let why = format!("{places} has no current context: name one with --context; it has {known}");
            return Err(ConnectError::Kubeconfig(why));
        }
        return Err(ConnectError::View { name: context, known });
    };
    let at = path.display();
    let inner: Context = typed(&found["context"], &format!("contexts[{context}] of {at}")).map_err(unusable)?;
    if inner.cluster.is_empty() {
        return Err(unusable(format!("contexts[{context}] of {at} names no cluster")));
    }
    let missing = |list: &str, name: &str| unusable(format!("{list}[{name}], which it names, is in none of {places}"));
    let (path, found) = entry(files, "clusters", &inner.cluster).ok_or_else(|| missing("clusters", &inner.cluster))?;
    let name = format!("clusters[{}] of {}", inner.cluster, path.display());
    let mut cluster: Cluster = typed(&found["cluster"], &name).map_err(unusable)?;
    cluster.certificate_authority = cluster.certificate_authority.map(|f| beside(path, f));
    let mut user = (String::from("no user"), AuthInfo::default());
    if let Some(wanted) = inner.user.as_ref().filter(|u| !u.is_empty()) {
        let (path, found) = entry(files, "users", wanted).ok_or_else(|| missing("users", wanted))?;
        let name = format!("users[{wanted}] of {}", path.display());
        let mut info: AuthInfo = typed(&found["user"], &name).map_err(unusable)?;
        for file in [&mut info.client_certificate, &mut info.client_key, &mut info.token_file] {
            *file = file.take().map(|f| beside(path, f));
        }
        if let Some(command) = info.exec.as_mut().and_then(|e| e.command.as_mut()) {
            // a bare name is looked for in PATH
            if command.contains(std::path::MAIN_SEPARATOR) {
                *command = beside(path, std::mem::take(command));
            }
        }
        user = (name, info);
    }
    let server =
        cluster.server.take().filter(|s| !s.is_empty()).ok_or_else(|| unusable(format!("{name} names no server")))?;
    cluster.server = Some(with_scheme(server, &cluster, &user.1));
    let kubeconfig = Kubeconfig {
        clusters: vec![NamedCluster { name: inner.cluster.clone(), cluster: Some(cluster), ..NamedCluster::default() }],
        auth_infos: vec![NamedAuthInfo {
            name: inner.user.clone().unwrap_or_default(),
            auth_info: Some(user.1),
            ..NamedAuthInfo::default()
        }],
        contexts: vec![NamedContext { name: context.clone(), context: Some(inner), ..NamedContext::default() }],
        current_context: Some(context.clone()),
        ..Kubeconfig::default()
    };
    Ok(Chosen { kubeconfig, context, user: user.0 })
}

/// A path in a file is relative to that file.
fn beside(file: &Path, path: String) -> String {
    let folder = file.parent().filter(|_| Path::new(&path).is_relative());
    folder.and_then(|f| f.join(&path).to_str().map(str::to_owned)).unwrap_or(path)
}

/// Without a scheme a server is HTTPS where anything of TLS is set up, as client-go has it.
fn with_scheme(server: String, cluster: &Cluster, user: &AuthInfo) -> String {
    if server.contains("://") {
        return server;
    }
    let tls = cluster.certificate_authority.is_some()
        || cluster.certificate_authority_data.is_some()
        || cluster.insecure_skip_tls_verify == Some(true)
        || user.client_certificate.is_some()
        || user.client_certificate_data.is_some();
    format!("{}://{server}", if tls { "https" } else { "http" })
}

/// Without what is null: it says no more than what is not there.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.iter().filter(|(_, v)| !v.is_null());
            Value::Object(kept.map(|(k, v)| (k.clone(), without_nulls(v))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(without_nulls).collect()),
        other => other.clone(),
    }
}

/// An entry as its type; what is wrong is named by its field, and not quoted.
fn typed<T: DeserializeOwned>(value: &Value, name: &str) -> Result<T, String> {
    let value = without_nulls(value);
    let map = match value {
        Value::Object(map) => map,
        Value::Null => Map::new(),
        _ => return Err(format!("{name} is no mapping")),
    };
    if let Ok(read) = serde_json::from_value(Value::Object(map.clone())) {
        return Ok(read);
    }
    // the field without which it can be read, or that is missing
    let wrong = map.keys().find(|key| {
        let mut rest = map.clone();
        rest.remove(*key);
        serde_json::from_value::<T>(Value::Object(rest)).is_ok()
    });
    Err(match wrong {
        Some(field) => format!("{name}: the field {field} has not the form that it needs"),
        None => format!("{name} has not the form that it needs: a field is missing, or more than one is wrong"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "apiVersion: v1\nkind: Config\ncurrent-context: here\n\
        clusters: [{name: c, cluster: {server: 'https://10.0.0.1:6443', certificate-authority: pki/ca.crt}}]\n\
        users: [{name: u, user: {token: SECRET-TOKEN-9}}]\n\
        contexts: [{name: here, context: {cluster: c, user: u}}]\n";

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn file(&self, name: &str, text: &str) -> PathBuf {
            let path = self.0.path().join(name);
            fs::write(&path, text).unwrap();
            path
        }
    }

    fn folder() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn chosen(paths: &[PathBuf], context: Option<&str>) -> Result<Chosen, String> {
        from_list(paths).and_then(|files| pick(&files, context)).map_err(|e| e.to_string())
    }

    fn server(chosen: &Chosen) -> String {
        chosen.kubeconfig.clusters[0].cluster.clone().unwrap().server.unwrap()
    }

    #[test]
    fn files_of_a_list_complete_each_other_and_missing_ones_are_passed_over() {
        let folder = folder();
        let gone = folder.0.path().join("gone");
        let half = folder.file("half", &PLAIN.replace("users: [{name: u, user: {token: SECRET-TOKEN-9}}]\n", ""));
        let users = folder.file("users", "users: [{name: u, user: {token: first}}]");
        let empty = folder.file("empty", "");
        let late = folder.file("late", "current-context: other\nusers: [{name: u, user: {token: second}}]");
        let found = chosen(&[gone.clone(), empty, half.clone(), users, late], None).unwrap();
        assert_eq!((found.context.as_str(), server(&found).as_str()), ("here", "https://10.0.0.1:6443"));
        let cluster = found.kubeconfig.clusters[0].cluster.clone().unwrap();
        assert_eq!(cluster.certificate_authority.unwrap(), folder.0.path().join("pki/ca.crt").display().to_string());
        assert!(found.user.starts_with("users[u] of ") && found.user.ends_with("users"), "{}", found.user);
        let why = chosen(std::slice::from_ref(&gone), None).unwrap_err();
        assert!(why.contains("gone does not exist"), "{why}");
        let why = chosen(&[half], None).unwrap_err();
        assert!(why.contains("users[u]") && why.contains("half"), "{why}");
    }

    #[test]
    fn broken_entries_of_other_contexts_do_no_harm() {
        let folder = folder();
        for (name, more) in [
            ("a", "- {name: dead, context: null}"),
            ("b", "- {context: {cluster: x, user: y}}"),
            ("c", "- {name: half, context: {cluster: c}}"),
            ("d", "- 17"),
        ] {
            let contexts = format!("contexts:\n- {{name: here, context: {{cluster: c, user: u}}}}\n{more}\n");
            let text = PLAIN.replace("contexts: [{name: here, context: {cluster: c, user: u}}]\n", &contexts);
            assert!(chosen(&[folder.file(name, &text)], None).is_ok(), "{more}");
        }
        let users = "users:\n- {name: gke, user: {auth-provider: {name: gcp, config: null}}}\n- {user: {token: SECRET-TOKEN-9}}\n\
            - {name: eks, user: {exec: {command: aws, args: 7}}}\n- {name: nobody}\n- {name: u, user: {token: t, exec: null}}\n";
        let text = PLAIN.replace("users: [{name: u, user: {token: SECRET-TOKEN-9}}]\n", users);
        assert!(chosen(&[folder.file("users", &text)], None).is_ok());
    }

    #[test]
    fn a_server_without_a_scheme_has_one() {
        let folder = folder();
        for (cluster, wanted) in [
            ("server: '10.0.0.1:6443', insecure-skip-tls-verify: true", "https://10.0.0.1:6443"),
            ("server: '10.0.0.1:8080'", "http://10.0.0.1:8080"),
            ("server: 'http://x:1'", "http://x:1"),
        ] {
            let text = PLAIN.replace("server: 'https://10.0.0.1:6443', certificate-authority: pki/ca.crt", cluster);
            assert_eq!(server(&chosen(&[folder.file("s", &text)], None).unwrap()), wanted);
        }
    }

    #[test]
    fn an_error_names_file_and_entry_and_quotes_nothing() {
        let folder = folder();
        for (name, from, to, words) in [
            ("tabs", "kind: Config", "\tkind: Config", &["tabs", "not YAML at line"][..]),
            ("list", PLAIN, "- SECRET-TOKEN-9", &["list", "no kubeconfig"]),
            ("cluster", "cluster: c, user", "cluster: nope, user", &["clusters[nope]", "cluster"]),
            ("user", "user: u}", "user: nope}", &["users[nope]"]),
            ("server", "server: 'https://10.0.0.1:6443', ", "", &["clusters[c] of", "names no server"]),
            ("type", "{token: SECRET-TOKEN-9}", "{token: x, exec: SECRET-TOKEN-9}", &["users[u] of", "field exec"]),
            ("map", "{token: SECRET-TOKEN-9}", "SECRET-TOKEN-9", &["users[u] of", "no mapping"]),
            ("current", "current-context: here\n", "", &["no current context", "it has here"]),
            ("none", "current-context: here", "current-context: there", &["\"there\"", "it has here"]),
        ] {
            let why = chosen(&[folder.file(name, &PLAIN.replace(from, to))], None).unwrap_err();
            assert!(words.iter().all(|w| why.contains(w)), "{name}: {why}");
            assert!(!why.contains("SECRET"), "{name}: {why}");
        }
    }

    #[test]
    fn text_is_read_with_the_mark_that_editors_leave() {
        assert_eq!(decode(b"\xEF\xBB\xBFa: 1").unwrap(), "a: 1");
        assert_eq!(decode(b"\xFF\xFEa\0").unwrap(), "a");
        assert_eq!(decode(b"\xFE\xFF\0a").unwrap(), "a");
        assert_eq!(decode(b"\x80\x81"), None);
    }
}
