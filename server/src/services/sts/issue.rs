//! The token answer, in the shapes of both versions.
//!
//! The first version writes numbers as text, the second as numbers; clients of each insist.

use linarite_core::refusal::GrantRefusal;
use serde_json::{Map, Value};

use super::claims;
use super::grants::{Holder, RefreshToken, seal};
use super::refuse::Refused;
use super::request::Wanted;
use crate::directory::Session;
use crate::journal::{Fields, Kind};
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

    /// The answer, with its event in the journal.
    pub(super) fn answer(&self, call: &Call) -> Result<Value, Refused> {
        let (settings, now) = (&call.world.tenant.settings, call.now());
        let lasting = self.wanted.evaluation.lifetime(settings);
        let until = now + lasting;
        let access =
            claims::access_token(call, self.session, self.client, self.wanted, self.amr, until);
        let tokens = &call.world.keys.tokens;
        let unsigned = |_| Refused::from(GrantRefusal::Unreadable);
        let access_token = tokens.sign_jwt(&access).map_err(unsigned)?;
        let refresh = RefreshToken {
            holder: self.holder(),
            client: self.client.id.to_string(),
            resource: self.wanted.resource.clone(),
            scope: self.wanted.asked.clone(),
            until: (now + settings.refresh_token_lifetime).millis(),
        };
        let lifetime = lasting.seconds();
        let mut answer = Map::new();
        let mut put = |name: &str, value: Value| answer.insert(name.to_owned(), value);
        put("token_type", "Bearer".into());
        if self.v2 {
            put("scope", self.wanted.scope.as_str().into());
            put("expires_in", lifetime.into());
            put("ext_expires_in", lifetime.into());
        } else {
            put("scope", self.wanted.permissions.as_str().into());
            put("expires_in", lifetime.to_string().into());
            put("ext_expires_in", lifetime.to_string().into());
            put("expires_on", until.seconds().to_string().into());
            put("not_before", now.seconds().to_string().into());
            put("resource", self.wanted.resource.as_str().into());
        }
        put("access_token", access_token.into());
        put("refresh_token", seal(call, &refresh)?.into());
        if is_family(self.client) {
            put("foci", "1".into());
        }
        if self.wanted.openid {
            let claims =
                claims::id_token(call, self.session, self.client, self.nonce, self.amr, self.v2);
            put("id_token", tokens.sign_jwt(&claims).map_err(unsigned)?.into());
        }
        if self.client_info {
            put("client_info", claims::client_info(call, &self.session.user).into());
        }
        self.note(call, Some(&self.wanted.resource));
        Ok(Value::Object(answer))
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
