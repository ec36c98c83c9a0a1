//! Discovery (MS-MDE2 3.1): where the policy and the enrolment endpoint are.
//!
//! The answer follows the host and the face that the request came by. A user who joins the cloud directory has no need of
//! the sign-in page that `Federated` usually leads to, so none is named.

use http::StatusCode;

use super::fault::Refused;
use super::{ENROL, POLICY};
use crate::services::call::Call;
use crate::services::reply::{Reply, empty, escape, with_body};
use crate::services::soap::{Message, SOAP_XML, activity, envelope, id_of, need, read, text};

/// The namespace of the service.
const DISCOVERY: &str = "http://schemas.microsoft.com/windows/management/2012/01/enrollment";
const ACTION: &str =
    "http://schemas.microsoft.com/windows/management/2012/01/enrollment/IDiscoveryService/Discover";
const ANSWER: &str = "http://schemas.microsoft.com/windows/management/2012/01/enrollment/IDiscoveryService/DiscoverResponse";
/// The newest version that is answered.
const NEWEST: u32 = 5;

/// `GET`: a client looks whether anybody is there.
pub(super) async fn probe(call: Call) -> Reply {
    call.note("operation", "mdm.probe");
    empty(StatusCode::OK)
}

/// `POST`.
pub(super) async fn discover(call: Call) -> Reply {
    call.note("operation", "mdm.discover");
    let id = id_of(&call.body);
    match discovered(&call) {
        Ok(body) => {
            let answer = envelope(ANSWER, id.as_deref(), &activity(&call), &body);
            with_body(StatusCode::OK, SOAP_XML, answer)
        }
        Err(what) => Refused::malformed(what).fault(&call, id.as_deref()),
    }
}

fn discovered(call: &Call) -> Result<String, String> {
    let document = read(&call.body)?;
    let message = Message::of(&document)?;
    match message.action.as_deref() {
        None | Some(ACTION) => {}
        Some(other) => return Err(format!("the action `{other}`")),
    }
    let request = need(need(message.body, DISCOVERY, "Discover")?, DISCOVERY, "request")?;
    let user = text(need(request, DISCOVERY, "EmailAddress")?)?;
    call.note("user", user.chars().take(200).collect::<String>());
    let version = text(need(request, DISCOVERY, "RequestVersion")?)?;
    let major = version.split('.').next().and_then(|digits| digits.parse::<u32>().ok());
    let version = match major {
        Some(1..=NEWEST) => version,
        Some(_) => format!("{NEWEST}.0"),
        None => return Err(format!("the version `{version}`")),
    };
    let host = call.link.host.as_str();
    Ok(format!(
        "<DiscoverResponse xmlns=\"{DISCOVERY}\"><DiscoverResult><AuthPolicy>Federated</AuthPolicy><EnrollmentVersion>{}</EnrollmentVersion><EnrollmentPolicyServiceUrl>{}</EnrollmentPolicyServiceUrl><EnrollmentServiceUrl>{}</EnrollmentServiceUrl></DiscoverResult></DiscoverResponse>",
        escape(&version),
        escape(&call.url(host, POLICY)),
        escape(&call.url(host, ENROL)),
    ))
}
