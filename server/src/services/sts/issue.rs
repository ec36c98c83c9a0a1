//! The token answer, in the shapes of both versions.
//!
//! The first version writes numbers as text, the second as numbers; clients of each insist.

use linarite_core::refusal::GrantRefusal;
use serde_json::Value;

use super::claims;
use super::grants::{Holder, RefreshToken, seal};
use super::refuse::Refused;
use super::request::Wanted;
use crate::directory::Session;
use crate::journal::{Fields, Kind};
use crate::json::Members;
use crate::services::call::Call;
use crate::world::apps::App;

/// What an answer is made of.
pub(super) struct Issue<'a> {
    pub(super) session: &'a Session,
    pub(super) client: &'a App,
    pub(super) wanted: &'a Wanted,
    pub(super) amr: &'a [String],
    /// When the user signed in, in seconds.
    pub(super) auth_time: i64,
    pub(super) nonce: Option<&'a str>,
    pub(super) v2: bool,
    pub(super) client_info: bool,
}

impl Issue<'_> {
    /// Who the grants of this answer are for.
    pub(super) fn holder(&self) -> Holder {
        let device = self.session.device.as_ref().map(|d| (d.device_id(), d.standing().epoch));
        let amr: Vec<&str> = self.amr.iter().map(String::as_str).collect();
        let since = linarite_core::instant::Instant::from_seconds(self.auth_time);
        Holder::new(self.session.user.id, self.session.user.epoch, device, &amr, since)
    }

    /// The answer in JSON, with its event in the journal.
    pub(super) fn answer(&self, call: &Call) -> Result<String, Refused> {
        let (settings, now) = (&call.world.tenant.settings, call.now());
        let lasting = self.wanted.evaluation.lifetime(settings);
        let until = now + lasting;
        let access =
            claims::access_token(call, self.session, self.client, self.wanted, self.amr, until);
        let refresh = RefreshToken {
            holder: self.holder(),
            client: self.client.id.to_string(),
            resource: self.wanted.resource.clone(),
            scope: self.wanted.asked.clone(),
            until: (now + settings.refresh_token_lifetime).millis(),
        };
        let lifetime = lasting.seconds();
        let mut answer = Members::with_room(6144);
        answer.text("token_type", "Bearer");
        if self.v2 {
            answer.text("scope", &self.wanted.scope);
            answer.number("expires_in", lifetime);
            answer.number("ext_expires_in", lifetime);
        } else {
            answer.text("scope", &self.wanted.permissions);
            answer.shown("expires_in", lifetime);
            answer.shown("ext_expires_in", lifetime);
            answer.shown("expires_on", until.seconds());
            answer.shown("not_before", now.seconds());
            answer.text("resource", &self.wanted.resource);
        }
        answer.text("access_token", &signed(call, &access)?);
        answer.text("refresh_token", &seal(call, &refresh)?);
        if is_family(self.client) {
            answer.text("foci", "1");
        }
        if self.wanted.openid {
            let claims =
                claims::id_token(call, self.session, self.client, self.nonce, self.amr, self.v2);
            answer.text("id_token", &signed(call, &claims)?);
        }
        if self.client_info {
            answer.text("client_info", &claims::client_info(call, &self.session.user));
        }
        self.note(call, Some(&self.wanted.resource));
        Ok(answer.finish())
    }

    /// Notes that tokens were issued; `None` for a primary refresh token, which is for no resource.
    pub(super) fn note(&self, call: &Call, resource: Option<&str>) {
        note_session(call, self.session);
        let mut fields = about(call);
        fields.insert("resource", resource);
        fields.insert("amr", Value::from(self.amr));
        call.record(Kind::TokenIssued, fields);
    }
}

/// A token with these claims.
pub(super) fn signed(call: &Call, claims: &str) -> Result<String, GrantRefusal> {
    call.world.keys.tokens.sign_claims(claims).map_err(|_| GrantRefusal::Unreadable)
}

/// What every event about tokens that were issued begins with.
pub(super) fn about(call: &Call) -> Fields {
    let mut fields = call.chosen_facts(&["grant", "client_id", "user", "device", "report_only"]);
    fields.insert("correlation_id", format_args!("{}", call.correlation_id));
    fields
}

/// Notes who signed in on what.
pub(super) fn note_session(call: &Call, session: &Session) {
    call.note("user", session.user.upn.as_str());
    if let Some(device) = &session.device {
        call.note_device(device.device_id());
    }
    if !session.reported.is_empty() {
        call.note("report_only", session.reported.clone());
    }
}

/// Whether a client shares its refresh tokens with the service's other clients.
pub(super) const fn is_family(client: &App) -> bool {
    client.first_party
}
