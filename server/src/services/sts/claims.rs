//! The claims of access tokens and id tokens.
//!
//! Access tokens are of the first version's form, as those of the resources emulated here are; id tokens follow the
//! endpoint. `deviceid` is there when the grant is bound to a device; resources go by it.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use linarite_core::instant::Instant;
use linarite_core::user::User;
use serde_json::{Map, Value, json};

use super::request::Wanted;
use crate::directory::Session;
use crate::entropy::Stream;
use crate::services::call::Call;
use crate::world::apps::App;

/// The subject of a user towards an application: the same each time, another for each application.
fn pairwise(call: &Call, user: &User, client: &App) -> String {
    let text = format!("{} {} {}", call.world.tenant.id, user.id, client.id);
    URL_SAFE_NO_PAD.encode(digest(&SHA256, text.as_bytes()))
}

fn unique(call: &Call) -> String {
    URL_SAFE_NO_PAD.encode(call.world.entropy.draw::<16>(Stream::Token))
}

/// The claims of an access token that ends at this moment.
pub(super) fn access_token(
    call: &Call,
    session: &Session,
    client: &App,
    wanted: &Wanted,
    amr: &[String],
    until: Instant,
) -> Value {
    let (user, tenant, now) =
        (&session.user, call.world.tenant.id.to_string(), call.now().seconds());
    let mut claims = Map::new();
    let mut put = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    put("aud", wanted.resource.as_str().into());
    put("iss", format!("https://sts.windows.net/{tenant}/").into());
    put("iat", now.into());
    put("nbf", now.into());
    put("exp", until.seconds().into());
    put("acr", "1".into());
    put("amr", amr.into());
    put("app_displayname", client.name.as_str().into());
    put("appid", client.id.to_string().into());
    put("appidacr", (if client.secret.is_some() { "1" } else { "0" }).into());
    if let Some(device) = &session.device {
        put("deviceid", device.device_id().to_string().into());
    }
    put("idtyp", "user".into());
    put("ipaddr", "127.0.0.1".into());
    put("name", user.name.as_str().into());
    put("oid", user.id.to_string().into());
    put("scp", wanted.permissions.as_str().into());
    put("sub", pairwise(call, user, client).into());
    put("tid", tenant.into());
    put("unique_name", user.upn.as_str().into());
    put("upn", user.upn.as_str().into());
    put("uti", unique(call).into());
    put("ver", "1.0".into());
    put("wids", user.roles.iter().map(|r| r.template_id()).collect::<Vec<_>>().into());
    Value::Object(claims)
}

/// The claims of an id token.
pub(super) fn id_token(
    call: &Call,
    session: &Session,
    client: &App,
    nonce: Option<&str>,
    amr: &[String],
    v2: bool,
) -> Value {
    let (user, tenant, now) = (&session.user, call.world.tenant.id.to_string(), call.now());
    let until = now + call.world.tenant.settings.access_token_lifetime;
    let issuer = if v2 {
        format!("https://login.microsoftonline.com/{tenant}/v2.0")
    } else {
        format!("https://sts.windows.net/{tenant}/")
    };
    let mut claims = json!({
        "aud": client.id.to_string(),
        "iss": issuer,
        "iat": now.seconds(),
        "nbf": now.seconds(),
        "exp": until.seconds(),
        "name": user.name,
        "oid": user.id.to_string(),
        "preferred_username": user.upn,
        "sub": pairwise(call, user, client),
        "tid": tenant,
        "uti": unique(call),
        "ver": if v2 { "2.0" } else { "1.0" },
    });
    if let Value::Object(members) = &mut claims {
        if let Some(nonce) = nonce {
            members.insert("nonce".to_owned(), nonce.into());
        }
        if !v2 {
            members.insert("amr".to_owned(), amr.into());
            members.insert("unique_name".to_owned(), user.upn.as_str().into());
            members.insert("upn".to_owned(), user.upn.as_str().into());
        }
    }
    claims
}

/// `client_info`: which account of which tenant, as clients key their caches.
pub(super) fn client_info(call: &Call, user: &User) -> String {
    let info = json!({ "uid": user.id.to_string(), "utid": call.world.tenant.id.to_string() });
    URL_SAFE_NO_PAD.encode(info.to_string())
}
