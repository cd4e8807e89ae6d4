//! Runs a kubeconfig's credential plugin for the first request, when it may still ask on the terminal: with an end, and
//! with messages that name it. What it prints is given to nobody but the client.

use std::{io::IsTerminal, process::Stdio, time::Duration};

use kube::config::{AuthInfo, ExecConfig, ExecInteractiveMode};
use serde_json::{Value, json};
use tokio::{
    process::Command,
    time::{sleep, timeout},
};

/// How long one may take that cannot ask anybody, and one that can.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(180));
/// After this an operator is told what is waited for.
const SILENCE: Duration = Duration::from_secs(3);

/// Runs the plugin of a user, where it has one, and puts the credentials that it prints in its place.
///
/// # Errors
/// A sentence that names the plugin and the user.
pub(super) async fn log_in(auth: &mut AuthInfo, user: &str, says: Option<fn(&str)>) -> Result<(), String> {
    let Some(exec) = auth.exec.clone() else { return Ok(()) };
    let command = exec.command.clone().ok_or_else(|| format!("{user}: exec names no command"))?;
    let failed = |why: &str| {
        let hint = exec.install_hint.as_deref().map(|h| format!(". {}", h.trim())).unwrap_or_default();
        format!("the credential plugin {command} of {user} {why}{hint}")
    };
    let asks = exec.interactive_mode != Some(ExecInteractiveMode::Never) && std::io::stdin().is_terminal();
    if exec.interactive_mode == Some(ExecInteractiveMode::Always) && !asks {
        return Err(failed("has to ask, and there is no terminal"));
    }
    let mut child = Command::new(&command);
    child.args(exec.args.iter().flatten()).env("KUBERNETES_EXEC_INFO", info(&exec, asks).to_string());
    for env in exec.env.iter().flatten() {
        if let (Some(name), Some(value)) = (env.get("name"), env.get("value")) {
            child.env(name, value);
        }
    }
    let ask = |yes: bool| if yes { Stdio::inherit() } else { Stdio::null() };
    child.stdin(ask(asks)).stdout(Stdio::piped()).kill_on_drop(true);
    child.stderr(if asks { Stdio::inherit() } else { Stdio::piped() });
    let child = child.spawn().map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => failed("is not installed"),
        _ => failed(&format!("cannot be started: {e}")),
    })?;
    let patience = if asks { PATIENCE.1 } else { PATIENCE.0 };
    let output = tokio::select! {
        output = timeout(patience, child.wait_with_output()) => output,
        never = remind(failed("has not answered yet"), patience, says) => match never {},
    };
    let output = output
        .map_err(|_| failed(&format!("did not end within {} s: does it wait for a login?", patience.as_secs())))?
        .map_err(|e| failed(&e.to_string()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().rfind(|l| !l.trim().is_empty()).unwrap_or("it said nothing");
        return Err(failed(&format!("failed ({}): {}", output.status, last.trim())));
    }
    let status = credential(&output.stdout).ok_or_else(|| failed("printed no ExecCredential"))?;
    let text = |key: &str| status[key].as_str().filter(|t| !t.is_empty()).map(str::to_owned);
    let (token, certificate, key) = (text("token"), text("clientCertificateData"), text("clientKeyData"));
    if token.is_none() && (certificate.is_none() || key.is_none()) {
        return Err(failed("printed neither a token nor a certificate with its key"));
    }
    auth.exec = None;
    auth.token = token.map(Into::into);
    if let (Some(certificate), Some(key)) = (certificate, key) {
        // in a kubeconfig these are base64; as they are printed they are not
        auth.client_certificate_data = Some(base64(&certificate));
        auth.client_key_data = Some(base64(&key).into());
    }
    Ok(())
}

/// Says once what is waited for.
async fn remind(what: String, patience: Duration, says: Option<fn(&str)>) -> std::convert::Infallible {
    sleep(SILENCE).await;
    if let Some(says) = says {
        says(&format!("{what}; it is given {} s", patience.as_secs()));
    }
    std::future::pending().await
}

/// What a plugin is told.
fn info(exec: &ExecConfig, asks: bool) -> Value {
    let mut spec = json!({"interactive": asks});
    if let Some(cluster) = exec.cluster.as_ref().filter(|_| exec.provide_cluster_info) {
        spec["cluster"] = serde_json::to_value(cluster).unwrap_or_default();
    }
    json!({"apiVersion": exec.api_version, "kind": "ExecCredential", "spec": spec})
}

/// The status of an ExecCredential.
fn credential(printed: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(printed).ok()?;
    let value: Value = serde_saphyr::from_str(text).ok()?;
    (value["kind"] == "ExecCredential" && value["status"].is_object()).then(|| value["status"].clone())
}

fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |n: u32| char::from(DIGITS[(n & 63) as usize]);
    let mut out = String::with_capacity(text.len().div_ceil(3) * 4);
    for chunk in text.as_bytes().chunks(3) {
        let byte = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        out.extend([digit(bits >> 18), digit(bits >> 12)]);
        out.push(if chunk.len() > 1 { digit(bits >> 6) } else { '=' });
        out.push(if chunk.len() > 2 { digit(bits) } else { '=' });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exec(command: &str, args: &[&str]) -> AuthInfo {
        let exec = ExecConfig {
            command: Some(command.into()),
            args: Some(args.iter().map(|a| (*a).to_owned()).collect()),
            install_hint: Some("Install it from the wiki".into()),
            interactive_mode: Some(ExecInteractiveMode::Never),
            api_version: Some("client.authentication.k8s.io/v1".into()),
            ..ExecConfig::default()
        };
        AuthInfo { exec: Some(exec), ..AuthInfo::default() }
    }

    async fn outcome(mut auth: AuthInfo) -> Result<AuthInfo, String> {
        log_in(&mut auth, "users[u] of config", None).await.map(|()| auth)
    }

    #[tokio::test]
    async fn each_way_to_fail_names_plugin_user_and_hint() {
        for (auth, words) in [
            (exec("plugin-that-is-not-here", &[]), "is not installed"),
            (exec("/bin/echo", &["Please log in at https://sso SECRET"]), "printed no ExecCredential"),
            (exec("/bin/sh", &["-c", "echo no ticket >&2; exit 3"]), "no ticket"),
            (exec("/bin/echo", &[r#"{"kind":"ExecCredential","status":{}}"#]), "neither a token nor a certificate"),
        ] {
            let why = outcome(auth).await.unwrap_err();
            for word in [words, "users[u] of config", "Install it from the wiki"] {
                assert!(why.contains(word), "{why}");
            }
            assert!(!why.contains("SECRET"), "{why}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_hangs_has_an_end() {
        let why = outcome(exec("/bin/sleep", &["300"])).await.unwrap_err();
        assert!(why.contains("did not end within 30 s"), "{why}");
    }

    #[tokio::test]
    async fn what_it_prints_takes_its_place() {
        let printed =
            r#"{"kind":"ExecCredential","status":{"token":"t","clientCertificateData":"a","clientKeyData":"bc"}}"#;
        let auth = outcome(exec("/bin/echo", &[printed])).await.unwrap();
        assert!(auth.exec.is_none() && auth.token.is_some());
        assert_eq!(auth.client_certificate_data.as_deref(), Some("YQ=="));
        assert_eq!(base64("abcd"), "YWJjZA==");
    }
}
