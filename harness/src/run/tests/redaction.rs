//! No report shows a secret that the world made, in whatever encoding a client prints it.
//!
//! A Python client is given the secrets, writes them down for the test, and prints them in every encoding, at places and
//! beside words that the property draws: on both outputs, into requests, into values that expectations then quote. Each
//! report is then searched for each secret in each encoding, as Python made it. The console is made of the same events
//! as the JSON lines; `tests/cli` reads it.

use proptest::prelude::*;

use super::*;
use crate::report::{JsonLines, Junit, Report};

/// Prints and sends the secrets of `LINARITE_VAR_*` in every encoding, and writes the list of all forms for the test.
const CLIENT: &str = r#"
import base64, json, os, random, sys, urllib.parse, urllib.request
seed, told = int(sys.argv[1]), sys.argv[2]
draw = random.Random(seed)
secrets = [os.environ[name] for name in sorted(os.environ) if name.startswith("LINARITE_VAR_")]
secrets = [s.split(".")[2] if s.startswith("eyJ") else s for s in secrets]
secrets += [os.environ["LINARITE_CONTROL_TOKEN"], "Correct-Horse-1"]
def forms(s):
    b = s.encode()
    pad = bytes(draw.randrange(256) for _ in range(draw.randrange(3)))
    text = json.dumps("\u00e9" + s + "\n")
    return {
        "raw": s, "base64": base64.b64encode(b).decode(), "base64url": base64.urlsafe_b64encode(b).decode().rstrip("="),
        "percent": "".join("%%%02x" % c for c in b), "quote": urllib.parse.quote(s, safe=""), "hex": b.hex(),
        "HEX": b.hex().upper(), "json": text, "jsonu": "".join("\\u%04x" % c for c in b),
        "shifted": base64.b64encode(pad + b + b"xyz").decode(),
    }
listed = []
words = ["", " ", "x ", "token=", '"a":"', "Authorization: Bearer ", "\u203a", "(", "a b c "]
for s in secrets:
    for name, form in forms(s).items():
        # What the bytes around a shifted secret have no part in.
        listed.append(form[4:-8] if name == "shifted" else form.strip('"') if name == "json" else form)
        line = draw.choice(words) + form + draw.choice(["", ";", '"', " and more", "."])
        print(line, file=draw.choice([sys.stdout, sys.stderr]))
        request = urllib.request.Request(
            "https://files.contoso.test/" + draw.choice(["me?q=", "me#", "%s/" % draw.randrange(9)]) + urllib.parse.quote(form),
            data=form.encode() if draw.randrange(2) else None,
            headers={"Authorization": "Bearer " + s, "Cookie": "c=" + urllib.parse.quote(form), "X-Planted": urllib.parse.quote(form)})
        if draw.randrange(6) == 0:
            try:
                urllib.request.urlopen(request, timeout=10)
            except OSError:
                pass
with open(told, "w") as f:
    json.dump({"secrets": secrets, "forms": listed}, f)
sys.exit(3)
"#;

fn steps(seed: u64, told: &str) -> String {
    let script = CLIENT.replace('\n', "\n    ");
    format!(
        r#"files:
  client.py: |
    {script}
steps:
  - machine: pc1
    user: alice
    join: {{ kind: azure-ad }}
  - machine: pc1
    user: alice
    token: {{ client: office, resource: graph, flow: password }}
    capture: {{ at: access_token, rt: refresh_token, it: id_token }}
  - name: The client prints $(at) and $(rt)
    run: {{ argv: [python3, client.py, "{seed}", "{told}"], timeout: 25s }}
    expect: {{ exit: 0, stdout: {{ matches: "nothing like $(at)" }}, stderr: {{ contains: "$(rt)" }}, output: {{ equals: "$(it) $(alice.password)" }} }}
always:
  - check: {{ value: "$(b64(rt)) $(b64(alice.password))", equals: "$(at)" }}
"#
    )
}

/// The texts of the reports of one run by their names, and what the client told the test.
async fn reports(seed: u64) -> (Vec<(String, String)>, serde_json::Value) {
    let folder = tempfile::tempdir().unwrap();
    let told = folder.path().join("told.json");
    let mut options = options();
    options.har = Some(folder.path().join("har"));
    options.journal = Some(folder.path().join("journal"));
    let ran = run_with(&steps(seed, &told.display().to_string()), options).await;
    let mut lines = JsonLines::new(&folder.path().join("run.jsonl")).unwrap();
    let mut junit = Junit::new(&folder.path().join("junit.xml")).unwrap();
    for event in &ran.events {
        lines.event(event);
        junit.event(event);
    }
    lines.finish().unwrap();
    junit.finish().unwrap();
    let mut texts = Vec::new();
    for name in ["run.jsonl", "junit.xml", "har/t.har", "journal/t.jsonl"] {
        texts.push((name.to_owned(), std::fs::read_to_string(folder.path().join(name)).unwrap()));
    }
    let told = std::fs::read_to_string(&told).unwrap_or_else(|_| panic!("{}", ran.failures()));
    (texts, serde_json::from_str(&told).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, max_shrink_iters: 0, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn no_report_shows_a_secret_in_any_encoding(seed in any::<u64>()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let (texts, told) = runtime.block_on(reports(seed));
        let forms: Vec<&str> =
            told["forms"].as_array().unwrap().iter().filter_map(serde_json::Value::as_str).collect();
        prop_assert!(forms.len() > 40);
        for (name, text) in &texts {
            prop_assert!(text.len() > 200, "{name} says nothing: {text}");
            for form in &forms {
                prop_assert!(!text.contains(form), "{name} shows {form}");
                // A report quotes what was printed, and the stream quotes the report.
                let once = serde_json::Value::from(*form).to_string();
                let twice = serde_json::Value::from(once.trim_matches('"')).to_string();
                for quoted in [once, twice] {
                    prop_assert!(!text.contains(quoted.trim_matches('"')), "{name} shows {quoted}");
                }
            }
        }
    }
}

/// All that the events of a run show.
async fn shown(rest: &str) -> String {
    let ran = ran(rest).await;
    ran.events.iter().map(|event| serde_json::to_string(event).unwrap()).collect()
}

#[tokio::test]
async fn secrets_that_are_no_texts_are_hidden_too() {
    let shown = shown(
        "vars: { pin: 918273, all: { a: [Swordfish-1, 5550123] } }
secrets: [pin, all]
steps:
  - check: { value: $(pin), equals: 1 }
always:
  - check: { value: $(all), equals: 1 }
  - run: { argv: [echo, '{\"n\": 73731}'] }
    capture: { n: { from: 'json:$.n', redact: true } }
  - run: { argv: [echo, \"$(pin) $(n)\"] }
  - check: { value: $(n), equals: 1 }
",
    )
    .await;
    for secret in ["918273", "Swordfish-1", "5550123", "73731"] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
}

#[tokio::test]
async fn passwords_stay_hidden_when_their_user_is_gone_and_new_ones_are_learned() {
    let shown = shown(
        "steps:
  - admin: { create_user: { key: eve, upn: eve@contoso.test, name: Eve, password: Fleeting-55 } }
  - admin: { delete_user: eve@contoso.test }
  - run: { argv: [echo, Fleeting-55] }
  - run:
      sh: |
        curl -sf --noproxy '*' -H \"Authorization: Bearer $LINARITE_CONTROL_TOKEN\" -H 'content-type: application/json' -d '{\"password\":\"Brand-New-77\"}' \"$LINARITE_CONTROL_URL/worlds/$LINARITE_WORLD/users/alice@contoso.test/reset-password\"
        echo Brand-New-77
",
    )
    .await;
    assert!(shown.contains("password:"), "{shown}");
    for secret in ["Fleeting-55", "Brand-New-77\\n"] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
}
