//! `linarite exec`: the environment of a client and its exit code.

use std::collections::BTreeMap;

use crate::support::{Desk, done, has};

#[test]
fn a_client_is_told_where_the_world_is() {
    let desk = Desk::new();
    let mut command = desk.command(&["exec", "--seed", "1", "--", "env"]);
    command.env("OWN", "kept").env("NO_PROXY", "*").env("all_proxy", "http://127.0.0.1:1");
    command.env("HTTPS_PROXY", "http://127.0.0.1:1");
    let ran = done(command);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let set: BTreeMap<&str, &str> =
        ran.out.lines().filter_map(|line| line.split_once('=')).collect();
    assert_eq!(set["OWN"], "kept");
    let proxy = set["LINARITE_PROXY"];
    assert!(proxy.starts_with("http://127.0.0.1:") && !proxy.ends_with(":1"), "{proxy}");
    for name in ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"] {
        assert_eq!(set[name], proxy, "{name}");
    }
    let ca = set["LINARITE_CA"];
    assert!(std::fs::read_to_string(ca).unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
    for name in ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"] {
        assert_eq!(set[name], ca, "{name}");
    }
    for name in ["NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"] {
        assert!(!set.contains_key(name), "{name} would lead the client elsewhere");
    }
    assert_eq!(set["NODE_USE_ENV_PROXY"], "1");
    assert_eq!(set["LINARITE_TENANT"], "contoso.test");
    assert_eq!(set["LINARITE_TENANT_ID"], "6babcaad-604b-40ac-a9d7-9fd97c0b779f");
    assert!(set["LINARITE_CONTROL_URL"].starts_with("http://127.0.0.1:"));
    assert!(set["LINARITE_CONTROL_TOKEN"].len() >= 16);
}

#[test]
fn the_exit_code_is_the_clients() {
    let desk = Desk::new();
    for (script, code) in [("exit 0", 0), ("exit 7", 7), ("exit 255", 255), ("kill -9 $$", 137)] {
        assert_eq!(desk.run(&["exec", "--", "sh", "-c", script]).code, code, "{script}");
    }
    let ran = desk.run(&["exec", "--", "sh", "-c", "echo out; echo err >&2"]);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("out\n", "err\n"), "nothing is mixed in");
}

#[test]
fn a_client_that_cannot_be_run_is_126_and_one_that_is_not_there_is_127() {
    let desk = Desk::new();
    desk.write("plain.txt", "no program");
    let plain = desk.path("plain.txt");
    let ran = desk.run(&["exec", "--", plain.to_str().unwrap()]);
    assert_eq!(ran.code, 126, "{}", ran.err);
    assert!(ran.err.contains("plain.txt"), "{}", ran.err);
    for name in ["no-such-client-anywhere", "./no-such-client"] {
        let ran = desk.run(&["exec", "--", name]);
        assert_eq!(ran.code, 127, "{}", ran.err);
        assert!(ran.err.contains(name), "{}", ran.err);
    }
}

#[test]
fn a_world_that_does_not_start_is_125() {
    let desk = Desk::new();
    desk.write("bad.world.yaml", "linarite: 1\ntenant: { name: X, domains: {} }\n");
    desk.write("broken.world.yaml", "tenant: [");
    for world in ["nowhere", "bad.world.yaml", "broken.world.yaml", "./missing.yaml"] {
        let ran = desk.run(&["exec", "--world", world, "--", "sh", "-c", "exit 0"]);
        assert_eq!(ran.code, 125, "{world}: {}", ran.err);
        assert!(ran.err.starts_with("linarite: "), "{world}: {}", ran.err);
    }
}

#[test]
fn curl_speaks_to_the_world_and_to_nobody_else() {
    if !has("curl") {
        return;
    }
    let desk = Desk::new();
    let keys = "https://login.microsoftonline.com/common/discovery/keys";
    let ran = desk.run(&["exec", "--", "curl", "-sS", "--fail", keys]);
    assert!(ran.code == 0 && ran.out.contains("\"kid\""), "{ran:?}");
    let ran = desk.run(&["exec", "--", "curl", "-sS", "https://www.example.com/"]);
    assert_eq!(ran.code, 56, "curl's word for a proxy that refuses: {ran:?}");
    let control = "curl -sS -o /dev/null -w '%{http_code}' --noproxy '*'";
    let script = format!(
        "{control} $LINARITE_CONTROL_URL/worlds; {control} -H \"Authorization: Bearer $LINARITE_CONTROL_TOKEN\" $LINARITE_CONTROL_URL/worlds"
    );
    let ran = desk.run(&["exec", "--", "sh", "-c", &script]);
    assert_eq!(ran.out, "401200", "the control API wants its token: {}", ran.err);
}
