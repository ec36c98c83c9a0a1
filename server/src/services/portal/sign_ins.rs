//! The sign-ins of a user, from the journal: what was issued and what was refused, with code, reason and correlation id.

use linarite_core::user::User;

use super::page::{Cell, Table};
use crate::clock::format;
use crate::journal::{Event, Kind};
use crate::services::call::Call;

/// Sign-ins that a page shows, the newest ones.
const SHOWN: usize = 100;

fn text<'e>(event: &'e Event, name: &str) -> &'e str {
    event.fields.text(name).unwrap_or_default()
}

/// The sign-ins of a user.
pub(super) fn table(call: &Call, user: &User) -> Table {
    let of_user = |event: &Event| {
        matches!(event.kind, Kind::TokenIssued | Kind::TokenDenied)
            && text(event, "user").eq_ignore_ascii_case(&user.upn)
    };
    let events = call.world.journal.newest(SHOWN, of_user);
    let columns =
        ["Date", "Application", "Status", "Error code", "Reason", "Device ID", "Correlation ID"];
    Table {
        caption: format!("Sign-ins of {}", user.upn),
        columns: columns.to_vec(),
        rows: events.iter().map(|event| row(call, event)).collect(),
        empty: "No sign-ins yet.",
        next: None,
    }
}

fn row(call: &Call, event: &Event) -> Vec<Cell> {
    let code = event.fields.get("aadsts").and_then(|code| code.as_u64());
    let client = text(event, "client_id");
    let app = call.world.apps.client(client).map_or(client, |app| app.name.as_str());
    let said = event.fields.text("text").unwrap_or_else(|| text(event, "reason"));
    vec![
        Cell::text(format(event.at, "%Y-%m-%d %H:%M:%SZ")),
        Cell::text(app),
        Cell::text(if code.is_some() { "Failure" } else { "Success" }),
        Cell::text(code.map(|code| code.to_string()).unwrap_or_default()),
        Cell::text(if code.is_some() { said } else { "" }),
        Cell::text(text(event, "device")),
        Cell::text(text(event, "correlation_id")),
    ]
}
