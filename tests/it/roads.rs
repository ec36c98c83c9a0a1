//! Every road of a device that the directory does not know, or knows with another key (FAQ A21; section 1 of the error
//! notes). Disabled, deleted and pending ones: `scenarios/faq/device-roads.scenario.yaml`.
//!
//! Worlds of one seed open each other's grants. So a device that was joined in one of them is one that never existed in the
//! other, as after a directory was put back to a day before the join.

use linarite_windows::{Machine, Tokens};

use crate::support::{BOB, FILES, Town, aadsts, contoso, join, machine};

const NOT_AUTHENTICATED: u32 = 50_155;
const GRANT_REVOKED: u32 = 50_173;

/// What the roads of a machine say, and why: use of its primary refresh token, the refresh token that it gave before, and a
/// request for another one with its certificate.
async fn roads(town: &Town, machine: &mut Machine, before: &Tokens) -> Vec<(u32, String)> {
    let mut told = Vec::new();
    let mut note = |since, code| {
        let reasons = town.reasons(since, "token.denied");
        told.push((code, reasons.last().cloned().unwrap_or_default()));
    };
    let since = town.world().journal.last();
    note(since, aadsts(&town.prt_token(machine).await));
    let since = town.world().journal.last();
    let refresh = before.refresh_token.clone().unwrap();
    let answer = town
        .grant(&[
            ("grant_type", "refresh_token"),
            ("client_id", linarite_windows::client_id("office")),
            ("refresh_token", &refresh),
            ("resource", FILES),
        ])
        .await;
    note(since, u32::try_from(answer.aadsts().1).unwrap());
    let since = town.world().journal.last();
    machine.sign_out(None);
    let again = machine.sign_in(&town.wire, None, BOB.0, BOB.1).await;
    note(since, aadsts(&again));
    told
}

#[tokio::test]
async fn a_device_that_never_existed_is_not_authenticated_on_any_road() {
    let before = Town::start().await;
    let mut pc = before.joined("pc1", BOB).await;
    let tokens = before.prt_token(&mut pc).await.tokens.unwrap();
    let town = Town::start().await;
    let unknown = (NOT_AUTHENTICATED, "device-unknown".to_owned());
    assert_eq!(roads(&town, &mut pc, &tokens).await, vec![unknown; 3]);
    let since = town.world().journal.last();
    let answer = town.get(&format!("{FILES}/me"), Some(&tokens.access_token)).await;
    assert_eq!(answer.status, 401);
    assert_eq!(town.reasons(since, "access.denied"), ["token-device-unknown"]);
}

#[tokio::test]
async fn a_certificate_that_another_has_replaced_is_not_its_devices_any_more_on_any_road() {
    let mut document = contoso();
    document["settings"]["rejoin"] = "reuse".into();
    let town = Town::of(document).await;
    let mut old = town.joined("pc1", BOB).await;
    let tokens = town.prt_token(&mut old).await.tokens.unwrap();
    let mut new = machine("pc1");
    assert_eq!(join(&mut new, &town.wire, BOB).await.exit, 0);
    assert_eq!(old.device_id(), new.device_id(), "the record was used again");
    let ended = (GRANT_REVOKED, "device-grant-revoked".to_owned());
    let mismatch = (NOT_AUTHENTICATED, "device-certificate-mismatch".to_owned());
    assert_eq!(roads(&town, &mut old, &tokens).await, [ended.clone(), ended, mismatch]);
    assert_eq!(aadsts(&town.prt_token(&mut new).await), 0);
}
