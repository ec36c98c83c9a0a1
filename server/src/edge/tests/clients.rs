//! Real clients, where the machine has them: curl, and Python with its strict X.509 checks.

use std::{path::PathBuf, process::Stdio};

use tokio::process::Command;

use super::*;

/// The CA in a file that clients can be pointed to.
fn ca_file(edge: &Running) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    std::fs::write(&path, edge.ca.ca_pem()).unwrap();
    (folder, path)
}

/// What the command prints, or `None` when the machine does not have it.
async fn run(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .stdin(Stdio::null())
        .output();
    match soon(output).await {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let errors = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{program} {arguments:?}: {text}{errors}");
            Some(text)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            println!("SKIPPED: {program} is not installed");
            None
        }
        Err(error) => panic!("{program}: {error}"),
    }
}

#[tokio::test]
async fn curl_comes_by_every_face() {
    let edge = Running::start().await;
    let (_folder, ca) = ca_file(&edge);
    let ca = ca.to_str().unwrap();
    let proxy = format!("http://{}", edge.proxy);
    let url = format!("https://{LOGIN}/x");
    for version in ["--http1.1", "--http2", "--tls-max=1.2"] {
        let version: Vec<&str> = version.split('=').collect();
        let mut arguments = vec!["-sS", "--cacert", ca, "--proxy", &proxy, &url];
        arguments.extend(&version);
        let Some(answer) = run("curl", &arguments).await else { return };
        assert!(answer.starts_with("GET /x host=login.example.test face=proxy secure=true"));
    }
    let resolve = format!("{LOGIN}:{}:127.0.0.1", edge.https.port());
    let direct = format!("https://{LOGIN}:{}/x", edge.https.port());
    let answer = run("curl", &["-sS", "--cacert", ca, "--resolve", &resolve, &direct]).await;
    let url = format!("url=https://{DEVICE}:{}/next?x=1", edge.https.port());
    assert!(answer.unwrap().contains(&url));

    let prefix = format!("http://{}/{LOGIN}/x", edge.proxy);
    assert!(run("curl", &["-sS", "--proxy", "", &prefix]).await.unwrap().contains("face=prefix"));
    let plain = format!("http://{LOGIN}/x");
    let answer = run("curl", &["-sS", "--proxy", &proxy, &plain]).await.unwrap();
    assert!(answer.contains("face=proxy secure=false"));
    let head = run("curl", &["-sSI", "--cacert", ca, "--proxy", &proxy, &url_of("/x")]).await;
    assert!(head.unwrap().contains("200"));
}

fn url_of(path: &str) -> String {
    format!("https://{LOGIN}{path}")
}

#[tokio::test]
async fn curl_uploads_more_than_the_limit_and_still_reads_the_answer() {
    let edge = Running::with(Limits { body_bytes: 100_000, ..Limits::default() }).await;
    let (folder, ca) = ca_file(&edge);
    let body = folder.path().join("body");
    std::fs::write(&body, vec![b'x'; 200_000]).unwrap();
    let data = format!("@{}", body.display());
    let proxy = format!("http://{}", edge.proxy);
    for version in ["--http1.1", "--http2"] {
        for expect in ["Expect:", "Expect: 100-continue"] {
            let arguments = [
                "-sS",
                "--cacert",
                ca.to_str().unwrap(),
                "--proxy",
                &proxy,
                version,
                "-H",
                expect,
                "--data-binary",
                &data,
                &url_of("/x"),
            ];
            let Some(answer) = run("curl", &arguments).await else { return };
            assert!(answer.contains("longer than 100000 bytes"), "{version} {expect}: {answer}");
        }
    }
}

#[tokio::test]
async fn python_with_strict_certificate_checks_comes_through_the_proxy() {
    const SCRIPT: &str = r#"
import http.client, ssl, sys
port, ca, host = int(sys.argv[1]), sys.argv[2], sys.argv[3]
context = ssl.create_default_context(cafile=ca)
context.verify_flags |= ssl.VERIFY_X509_STRICT
connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=10)
connection.set_tunnel(host, 443)
connection.request("POST", "/x", body="hello")
answer = connection.getresponse()
print(answer.status, answer.read().decode())
"#;
    let edge = Running::start().await;
    let (_folder, ca) = ca_file(&edge);
    for host in [LOGIN, DEVICE] {
        let port = edge.proxy.port().to_string();
        let arguments = ["-c", SCRIPT, &port, ca.to_str().unwrap(), host];
        let Some(answer) = run("python3", &arguments).await else { return };
        let expected = format!("200 POST /x host={host} face=proxy secure=true chain=0 body=5");
        assert!(answer.starts_with(&expected), "{answer}");
    }
}
