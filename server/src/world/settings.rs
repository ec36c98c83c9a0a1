//! The settings of a world file: what the documents leave open, an era's presets where the file says nothing.
//!
//! Which sentence of the documents each follows stands with the setting in core. Left out: settings of a tenant (its quota,
//! who may join), which are the tenant's own part of the file.

use linarite_core::era::Era;
use linarite_core::instant::Span;
use linarite_core::refusal::DeviceRefusal;
use linarite_core::tenant::{Lockout, Rejoin, RevokeDelay, Settings};
use linarite_core::visibility::UserView;

use super::file::{RejoinFile, SettingsFile, UserViewFile, parse_duration};
use crate::services::tables::Tables;

/// The settings of a world, and what is wrong with them: key and message.
pub(super) fn settings(file: &SettingsFile) -> (Settings, Vec<(String, String)>) {
    let mut problems = Vec::new();
    let mut settings = file.era.map_or_else(Era::default, |era| era.0).settings();
    let mut read = |name: &str, text: Option<&String>, to: &mut Span| {
        if let Some(text) = text {
            match parse_duration(text) {
                Some(millis) => *to = Span::from_millis(millis),
                None => problems.push((
                    name.to_owned(),
                    format!(
                        "`{text}` is not a length of time; write it like `60m`, `1h 30m` or `14d`"
                    ),
                )),
            }
        }
    };
    read(
        "access_token_lifetime",
        file.access_token_lifetime.as_ref(),
        &mut settings.access_token_lifetime,
    );
    read(
        "refresh_token_lifetime",
        file.refresh_token_lifetime.as_ref(),
        &mut settings.refresh_token_lifetime,
    );
    read("prt_lifetime", file.prt_lifetime.as_ref(), &mut settings.prt_lifetime);
    read("code_lifetime", file.code_lifetime.as_ref(), &mut settings.code_lifetime);
    read("nonce_lifetime", file.nonce_lifetime.as_ref(), &mut settings.nonce_lifetime);
    read(
        "client_clock_tolerance",
        file.client_clock_tolerance.as_ref(),
        &mut settings.client_clock_tolerance,
    );
    read("activity_interval", file.activity_interval.as_ref(), &mut settings.activity_interval);
    if let Some(revoke) = &file.revoke {
        read("revoke/tokens", revoke.tokens.as_ref(), &mut settings.revoke.tokens);
        read("revoke/resources", revoke.resources.as_ref(), &mut settings.revoke.resources);
        // A deletion counts like a disable, unless it is set itself.
        settings.revoke_deleted = settings.revoke;
        let RevokeDelay { tokens, resources } = &mut settings.revoke_deleted;
        if let Some(deleted) = &revoke.deleted {
            read("revoke/deleted/tokens", deleted.tokens.as_ref(), tokens);
            read("revoke/deleted/resources", deleted.resources.as_ref(), resources);
        }
        read("revoke/users", revoke.users.as_ref(), &mut settings.revoke_users);
    }
    if let Some(lockout) = &file.lockout {
        let Lockout { threshold, duration } = &mut settings.lockout;
        read("lockout/duration", lockout.duration.as_ref(), duration);
        *threshold = lockout.threshold.unwrap_or(*threshold);
    }
    read("soft_delete", file.soft_delete.as_ref(), &mut settings.soft_delete);
    read(
        "continuous_token_lifetime",
        file.continuous_token_lifetime.as_ref(),
        &mut settings.continuous_token_lifetime,
    );
    settings.continuous_access = file.continuous_access.unwrap_or(settings.continuous_access);
    settings.rejoin = match file.rejoin {
        None => settings.rejoin,
        Some(RejoinFile::Duplicate) => Rejoin::Duplicate,
        Some(RejoinFile::Reuse) => Rejoin::Reuse,
    };
    settings.kdf_v1 = file.kdf_v1.unwrap_or(settings.kdf_v1);
    settings.portal_all_devices = file.portal_all_devices.unwrap_or(settings.portal_all_devices);
    settings.user_view = match file.user_view {
        None => settings.user_view,
        Some(UserViewFile::ByOwner) => UserView::ByOwner,
        Some(UserViewFile::FaqLiteral) => UserView::FaqLiteral,
    };
    (settings, problems)
}

/// The codes that sign-in says of devices in place of those of its table, or what is wrong with them.
pub(super) fn device_codes(file: &SettingsFile) -> Result<Vec<(DeviceRefusal, u32)>, String> {
    let Some(codes) = file.device_codes else { return Ok(Vec::new()) };
    let said = [
        (DeviceRefusal::Deleted, codes.deleted),
        (DeviceRefusal::Disabled, codes.disabled),
        (DeviceRefusal::Unknown, codes.unknown),
        (DeviceRefusal::CertificateMismatch, codes.mismatch),
        (DeviceRefusal::Pending, codes.pending),
    ];
    let said: Vec<_> =
        said.into_iter().filter_map(|(refusal, code)| Some((refusal, code?))).collect();
    Tables::load()?.with_device_codes(&said)?;
    Ok(said)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use linarite_core::instant::Instant;
    use linarite_core::tenant::Tenant;
    use serde_json::Value;

    use super::*;
    use crate::world::{WorldProblem, plan};

    fn tenant_with(settings: &Value) -> Result<Tenant, Vec<WorldProblem>> {
        let document = json!({
            "tenant": { "name": "Contoso", "domains": { "contoso.test": { "kind": "managed" } } },
            "settings": settings,
        });
        plan(&document, 7, Instant::from_seconds(0)).map(|plan| plan.tenant)
    }

    #[test]
    fn an_era_presets_what_no_setting_says() {
        let now = tenant_with(&json!({})).unwrap();
        assert_eq!((now.device_quota, now.settings.portal_all_devices), (50, true));
        for era in [json!(2017), json!("2017")] {
            let then = tenant_with(&json!({ "era": era })).unwrap();
            assert_eq!((then.device_quota, then.settings.portal_all_devices), (20, false));
            assert_eq!(then.settings.user_view, UserView::ByOwner);
        }
        let mixed = json!({ "era": 2017, "portal_all_devices": true, "user_view": "faq_literal" });
        let mixed = tenant_with(&mixed).unwrap();
        assert!(mixed.settings.portal_all_devices);
        assert_eq!(mixed.settings.user_view, UserView::FaqLiteral);
        assert!(now.settings.continuous_access && !mixed.settings.continuous_access);
        let wrong = tenant_with(&json!({ "era": "2018" })).unwrap_err();
        assert!(wrong[0].message.contains("2017 and current"), "{wrong:?}");
    }

    #[test]
    fn a_length_of_time_that_is_none_is_named_by_its_place() {
        let wrong = json!({ "revoke": { "users": "soon" }, "continuous_token_lifetime": "5" });
        let wrong = tenant_with(&wrong).unwrap_err();
        let places: Vec<_> = wrong.iter().map(|problem| problem.pointer.as_str()).collect();
        assert_eq!(places, ["/settings/revoke/users", "/settings/continuous_token_lifetime"]);
    }

    #[test]
    fn a_code_that_sign_in_says_of_no_device_is_refused() {
        let codes = |codes: Value| tenant_with(&json!({ "device_codes": codes })).map(drop);
        assert_eq!(
            codes(json!({ "deleted": 50155, "disabled": 50155, "pending": 700_003 })),
            Ok(())
        );
        let wrong = codes(json!({ "deleted": 50126 })).unwrap_err();
        assert_eq!(wrong[0].pointer, "/settings/device_codes");
        assert!(wrong[0].message.contains("AADSTS50126"), "{wrong:?}");
    }

    fn delays(revoke: &Value) -> [RevokeDelay; 2] {
        let settings = tenant_with(&json!({ "revoke": revoke })).unwrap().settings;
        [settings.revoke, settings.revoke_deleted]
    }

    const fn minutes(tokens: i64, resources: i64) -> RevokeDelay {
        RevokeDelay { tokens: Span::from_minutes(tokens), resources: Span::from_minutes(resources) }
    }

    #[test]
    fn a_deletion_counts_like_a_disable_unless_it_is_set_itself() {
        let both = json!({ "tokens": "5m", "resources": "7m" });
        assert_eq!(delays(&both), [minutes(5, 7); 2]);
        let one = json!({ "resources": "7m" });
        assert_eq!(delays(&one), [minutes(0, 7); 2]);
        let own = json!({ "tokens": "5m", "resources": "7m", "deleted": { "tokens": "9m" } });
        assert_eq!(delays(&own), [minutes(5, 7), minutes(9, 7)]);
        let only = json!({ "deleted": { "tokens": "1m", "resources": "2m" } });
        assert_eq!(delays(&only), [minutes(0, 60), minutes(1, 2)]);
    }
}
