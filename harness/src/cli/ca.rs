//! `linarite ca`: the private certificate authority that clients have to trust.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use linarite_server::keys::tls::TlsCa;

use super::{Exit, output, stage};

#[derive(Debug, Args)]
pub(crate) struct Ca {
    /// The CA of this state folder instead of the user's own
    #[arg(long, value_name = "DIR", global = true)]
    state: Option<PathBuf>,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Print where its certificate is
    Path,
    /// Print its certificate in PEM
    Export,
    /// Print how to make clients trust it
    TrustHelp,
}

pub(crate) fn run(arguments: &Ca) -> Exit {
    let state = arguments.state.as_deref();
    match certificate(state) {
        Ok((pem, path)) => {
            match arguments.what {
                What::Path => output::line(&path),
                What::Export => output::text(&pem),
                What::TrustHelp => output::text(&help(&path)),
            }
            Exit::Passed
        }
        Err(problem) => {
            output::problem(&problem);
            Exit::Environment
        }
    }
}

/// The certificate and where it is. The user's own CA is made at the first use; that of a state folder by `serve`.
fn certificate(state: Option<&Path>) -> Result<(String, String), String> {
    let path = TlsCa::certificate_path(
        &stage::ca_folder(state).map_err(|why| format!("{why}, or give --state"))?,
    );
    if state.is_none() {
        stage::tls()?;
    }
    let pem = std::fs::read_to_string(&path).map_err(|error| {
        format!(
            "{}: {error}; `linarite serve --state DIR` makes the CA of a state folder",
            path.display()
        )
    })?;
    Ok((pem, path.display().to_string()))
}

fn help(path: &str) -> String {
    format!(
        "The certificate is {path}. It can speak only for the emulated hosts, .test, .localhost and this computer, so\n\
         trusting it costs nobody anything; its key never leaves the folder beside it. `linarite exec` sets\n\
         those of curl, Python, Node.js, Rust and Go for the client that it runs.\n\n\
         curl             curl --cacert {path} ...            or CURL_CA_BUNDLE={path}\n\
         Python requests  REQUESTS_CA_BUNDLE={path}           (SSL_CERT_FILE alone is not read)\n\
         Python httpx     SSL_CERT_FILE={path}\n\
         Node.js          NODE_EXTRA_CA_CERTS={path}          and NODE_USE_ENV_PROXY=1 for the proxy\n\
         Rust (native)    SSL_CERT_FILE={path}\n\
         Go               SSL_CERT_FILE={path}\n\
         Java             keytool -importcert -noprompt -storepass changeit -alias linarite -file {path} -keystore trust.p12\n\
         \x20                then JAVA_TOOL_OPTIONS=-Djavax.net.ssl.trustStore=trust.p12\n\
         Debian, Ubuntu   sudo cp {path} /usr/local/share/ca-certificates/linarite.crt && sudo update-ca-certificates\n"
    )
}
