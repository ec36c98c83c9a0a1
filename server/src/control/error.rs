//! How the control API says no: `{"error": {"code", "message"}}`, with what to do in the message.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use schemars::JsonSchema;
use serde::Serialize;

use super::admin::AdminError;
use super::snapshots::SnapshotError;
use crate::directory::DirectoryError;
use crate::faults::FaultError;
use crate::services::reply;

/// An answer that says no.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Error")]
pub(super) struct ErrorBody {
    /// What went wrong.
    pub(super) error: ErrorDetail,
}

/// What went wrong.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "ErrorDetail")]
pub(super) struct ErrorDetail {
    /// A word that does not change: programs decide by it.
    pub(super) code: &'static str,
    /// What is wrong and what to do, for people.
    pub(super) message: String,
}

/// A refusal of the control API.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// A value that makes no sense: 400.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid", message)
    }
}

impl From<AdminError> for Refusal {
    fn from(error: AdminError) -> Self {
        let (status, code) = match &error {
            AdminError::DeviceUnknown(_) | AdminError::NotKept(_) => {
                (StatusCode::NOT_FOUND, "device-unknown")
            }
            AdminError::DeviceAmbiguous { .. } => (StatusCode::CONFLICT, "device-ambiguous"),
            AdminError::UserUnknown(_) => (StatusCode::NOT_FOUND, "user-unknown"),
            AdminError::PolicyUnknown(_) => (StatusCode::NOT_FOUND, "policy-unknown"),
            AdminError::Conflict(_) | AdminError::Fault(FaultError::Running(_)) => {
                (StatusCode::CONFLICT, "exists")
            }
            AdminError::Invalid(_) | AdminError::Fault(FaultError::Problems { .. }) => {
                (StatusCode::BAD_REQUEST, "invalid")
            }
            AdminError::Backwards { .. } => (StatusCode::CONFLICT, "clock-backwards"),
            AdminError::Fault(FaultError::TooMany) => (StatusCode::CONFLICT, "too-many-faults"),
            AdminError::Fault(FaultError::NotRunning { .. }) => {
                (StatusCode::NOT_FOUND, "fault-unknown")
            }
            AdminError::Directory(_) => (StatusCode::INTERNAL_SERVER_ERROR, "directory-failed"),
        };
        Self::new(status, code, error.to_string())
    }
}

impl From<DirectoryError> for Refusal {
    fn from(error: DirectoryError) -> Self {
        AdminError::from(error).into()
    }
}

impl From<FaultError> for Refusal {
    fn from(error: FaultError) -> Self {
        AdminError::from(error).into()
    }
}

impl From<SnapshotError> for Refusal {
    fn from(error: SnapshotError) -> Self {
        let (status, code) = match &error {
            SnapshotError::Folder(_) => (StatusCode::CONFLICT, "state-folder"),
            SnapshotError::Full => (StatusCode::CONFLICT, "too-many-snapshots"),
            SnapshotError::Unknown { .. } => (StatusCode::NOT_FOUND, "snapshot-unknown"),
            SnapshotError::Directory(_) => (StatusCode::INTERNAL_SERVER_ERROR, "directory-failed"),
        };
        Self::new(status, code, error.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = ErrorBody { error: ErrorDetail { code: self.code, message: self.message } };
        let mut answer = reply::json(self.status, &body);
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer realm=\"linarite control\"");
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        answer
    }
}
