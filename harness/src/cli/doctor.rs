//! `linarite doctor`: what is missing on this machine, and how to mend it.

use clap::Args;

use super::{Exit, environment, output, stage};

#[derive(Debug, Args)]
pub(crate) struct Doctor;

/// A finding: whether it is all right, what was looked at, and what was found or is to be done.
struct Finding {
    fine: bool,
    needed: bool,
    what: &'static str,
    said: String,
}

pub(crate) fn run(_arguments: &Doctor) -> Exit {
    let findings = look();
    for finding in &findings {
        let mark = match (finding.fine, finding.needed) {
            (true, _) => "ok     ",
            (false, true) => "MISSING",
            (false, false) => "absent ",
        };
        output::line(&format!("{mark}  {:<22} {}", finding.what, finding.said));
    }
    if findings.iter().all(|finding| finding.fine || !finding.needed) {
        Exit::Passed
    } else {
        Exit::Environment
    }
}

fn look() -> Vec<Finding> {
    let mut findings = vec![match stage::tls().and_then(|_| stage::ca_folder(None)) {
        Ok(folder) => fine("private CA", format!("in {}", folder.display())),
        Err(problem) => Finding { fine: false, needed: true, what: "private CA", said: problem },
    }];
    findings.push(match std::net::TcpListener::bind(("127.0.0.1", 0)) {
        Ok(_) => fine("loopback", "a port on 127.0.0.1 can be opened".to_owned()),
        Err(error) => Finding {
            fine: false,
            needed: true,
            what: "loopback",
            said: format!("no port on 127.0.0.1 can be opened: {error}"),
        },
    });
    findings.push(match stage::world("contoso") {
        Ok(_) => fine("world contoso", "can be read".to_owned()),
        Err(problem) => Finding { fine: false, needed: true, what: "world contoso", said: problem },
    });
    let leading: Vec<&str> = [
        "HTTPS_PROXY",
        "https_proxy",
        "NO_PROXY",
        "no_proxy",
        "REQUESTS_CA_BUNDLE",
        "SSL_CERT_FILE",
    ]
    .into_iter()
    .filter(|name| environment::variable(name).is_some())
    .collect();
    findings.push(fine(
        "environment",
        if leading.is_empty() {
            "nothing leads clients elsewhere".to_owned()
        } else {
            format!(
                "{} set; `linarite exec` overrides or clears them for its client",
                leading.join(", ")
            )
        },
    ));
    for (what, program, mend) in [
        ("curl", "curl", "apt-get install curl; some scenarios and tests use it"),
        ("openssl", "openssl", "apt-get install openssl; tests judge certificates with it"),
        ("python3", "python3", "apt-get install python3 python3-venv; Python clients need it"),
        (
            "roadtx",
            "roadtx",
            "python3 -m venv v && v/bin/pip install roadtx; scenarios that need it are skipped",
        ),
    ] {
        findings.push(match environment::find_program(program) {
            Some(path) => fine(what, path.display().to_string()),
            None => Finding { fine: false, needed: false, what, said: mend.to_owned() },
        });
    }
    findings
}

const fn fine(what: &'static str, said: String) -> Finding {
    Finding { fine: true, needed: true, what, said }
}
