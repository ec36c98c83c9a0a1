//! Revocation over the wire, to the second (FAQ A7, A8, A16, A17).
//!
//! Access tokens live for two hours here, so that no refusal within the first two can be their own end; the reason in the
//! journal says what it was.

use linarite_windows::{Machine, TokenRequest};

use crate::support::{ALICE, BOB, FILES, HOUR, Town, aadsts, access_token, join, machine};

const TWO_HOURS: (&str, &str) = ("/access_token_lifetime", "2h");
const DISABLED: u32 = 135_011;
const DELETED: u32 = 700_003;
const GRANT_REVOKED: u32 = 50_173;

/// A town with a joined machine and a token for Files that is bound to it.
struct Case {
    town: Town,
    machine: Machine,
    device: String,
    token: String,
}

impl Case {
    async fn with(settings: &[(&str, &str)]) -> Self {
        let town = Town::with(&[&[TWO_HOURS], settings].concat()).await;
        let mut machine = town.joined("pc1", BOB).await;
        let token = access_token(&town.prt_token(&mut machine).await);
        let device = machine.device_id().unwrap().to_owned();
        Self { town, machine, device, token }
    }

    async fn revoke(&self, enabled: Option<bool>) {
        self.town.admin(&self.device, enabled).await;
    }

    /// What Files answers to the token of the beginning, and the reason of a refusal.
    async fn files(&self) -> (u16, Vec<String>) {
        let since = self.town.world().journal.last();
        let answer = self.town.get(&format!("{FILES}/me"), Some(&self.token)).await;
        (answer.status, self.town.reasons(since, "access.denied"))
    }

    /// What the token service says to the primary refresh token; 0 when it gives a token.
    async fn prt(&mut self) -> u32 {
        aadsts(&self.town.prt_token(&mut self.machine).await)
    }
}

fn refused(reason: &str) -> (u16, Vec<String>) {
    (401, vec![reason.to_owned()])
}

#[tokio::test]
async fn files_refuse_from_the_hour_on_that_instant_included() {
    for (enabled, reason) in
        [(Some(false), "token-device-disabled"), (None, "token-device-deleted")]
    {
        let case = Case::with(&[]).await;
        case.revoke(enabled).await;
        assert_eq!(case.files().await, (200, vec![]), "at once");
        case.town.advance(HOUR - 1);
        assert_eq!(case.files().await, (200, vec![]), "one second before the hour");
        case.town.advance(1);
        assert_eq!(case.files().await, refused(reason), "at the hour");
        case.town.advance(1);
        assert_eq!(case.files().await, refused(reason), "one second after the hour");
    }
}

#[tokio::test]
async fn graph_refuses_the_devices_tokens_as_files_do() {
    let mut case = Case::with(&[]).await;
    let request = TokenRequest {
        client: "office".to_owned(),
        resource: Some(crate::support::GRAPH.to_owned()),
        ..TokenRequest::default()
    };
    let token = access_token(&case.machine.token(&case.town.wire, &request).await);
    let me = format!("{}/v1.0/me", crate::support::GRAPH);
    case.revoke(Some(false)).await;
    case.town.advance(HOUR - 1);
    assert_eq!(case.town.get(&me, Some(&token)).await.status, 200);
    case.town.advance(1);
    let since = case.town.world().journal.last();
    assert_eq!(case.town.get(&me, Some(&token)).await.status, 401);
    assert_eq!(case.town.reasons(since, "access.denied"), ["token-device-disabled"]);
}

#[tokio::test]
async fn an_expired_token_is_refused_as_expired_and_not_as_revoked() {
    let case = Case::with(&[]).await;
    case.town.advance(2 * HOUR - 1);
    assert_eq!(case.files().await, (200, vec![]), "one second before its end");
    case.town.advance(1);
    assert_eq!(case.files().await, refused("token-expired"));
}

#[tokio::test]
async fn grants_are_refused_at_once_by_default_and_stay_dead_after_a_re_enable() {
    let mut case = Case::with(&[]).await;
    case.revoke(Some(false)).await;
    assert_eq!(case.prt().await, DISABLED);
    case.revoke(Some(true)).await;
    assert_eq!(case.prt().await, GRANT_REVOKED, "enabling brings nothing back by itself");
    assert_eq!(case.files().await, (200, vec![]), "resources never began to refuse");
    let again = case.machine.sign_in(&case.town.wire, None, BOB.0, BOB.1).await;
    assert_eq!((again.exit, again.error), (0, None));
    assert_eq!(case.prt().await, 0, "a new sign-in gives a grant of after");
}

#[tokio::test]
async fn a_deleted_device_gets_no_grants_at_once_and_none_later() {
    let mut case = Case::with(&[]).await;
    case.revoke(None).await;
    assert_eq!(case.prt().await, DELETED);
    case.town.advance(HOUR + 1);
    assert_eq!(case.prt().await, DELETED);
    let lines = case.town.reasons(0, "token.denied");
    assert!(lines.iter().all(|reason| reason == "device-deleted"), "{lines:?}");
}

#[tokio::test]
async fn grants_die_at_their_own_instant_when_they_have_a_delay() {
    for (setting, enabled, code) in
        [("/revoke/tokens", Some(false), DISABLED), ("/revoke/deleted/tokens", None, DELETED)]
    {
        let mut case = Case::with(&[(setting, "30m")]).await;
        case.revoke(enabled).await;
        case.town.advance(1799);
        assert_eq!(case.prt().await, 0, "{setting}: one second before");
        case.town.advance(1);
        assert_eq!(case.prt().await, code, "{setting}: at the instant");
        case.town.advance(1);
        assert_eq!(case.prt().await, code, "{setting}: one second after");
    }
}

#[tokio::test]
async fn a_re_enable_before_an_instant_cancels_it_and_at_the_instant_is_too_late_for_grants() {
    let mut early = Case::with(&[("/revoke/tokens", "30m")]).await;
    early.revoke(Some(false)).await;
    early.town.advance(1799);
    early.revoke(Some(true)).await;
    early.town.advance(1);
    assert_eq!(early.prt().await, 0, "cancelled one second before");
    early.town.advance(HOUR);
    assert_eq!(early.files().await, (200, vec![]), "cancelled for resources too");

    let mut late = Case::with(&[("/revoke/tokens", "30m")]).await;
    late.revoke(Some(false)).await;
    late.town.advance(30 * 60);
    late.revoke(Some(true)).await;
    assert_eq!(late.prt().await, GRANT_REVOKED);
}

#[tokio::test]
async fn resources_accept_the_device_again_once_it_is_enabled() {
    let case = Case::with(&[]).await;
    case.revoke(Some(false)).await;
    case.town.advance(HOUR);
    assert_eq!(case.files().await, refused("token-device-disabled"));
    case.revoke(Some(true)).await;
    assert_eq!(case.files().await, (200, vec![]));
}

#[tokio::test]
async fn disabling_a_disabled_device_does_not_restart_the_hour() {
    let case = Case::with(&[]).await;
    case.revoke(Some(false)).await;
    case.town.advance(HOUR - 1);
    case.revoke(Some(false)).await;
    assert_eq!(case.files().await, (200, vec![]));
    case.town.advance(1);
    assert_eq!(case.files().await, refused("token-device-disabled"));
}

#[tokio::test]
async fn a_second_disable_after_a_re_enable_starts_an_hour_of_its_own() {
    let case = Case::with(&[]).await;
    case.revoke(Some(false)).await;
    case.town.advance(40 * 60);
    case.revoke(Some(true)).await;
    case.revoke(Some(false)).await;
    case.town.advance(HOUR - 1);
    assert_eq!(case.files().await, (200, vec![]));
    case.town.advance(1);
    assert_eq!(case.files().await, refused("token-device-disabled"));
}

#[tokio::test]
async fn a_delete_does_not_postpone_a_disable_that_counts_earlier() {
    let case = Case::with(&[]).await;
    case.revoke(Some(false)).await;
    case.town.advance(HOUR - 1);
    case.revoke(None).await;
    case.town.advance(1);
    assert_eq!(case.files().await, refused("token-device-disabled"));
}

#[tokio::test]
async fn the_journal_says_since_when_a_device_is_revoked_and_from_when_that_counts() {
    let case = Case::with(&[]).await;
    case.revoke(Some(false)).await;
    case.town.advance(HOUR);
    case.files().await;
    let events = case.town.world().journal.since(0);
    let denied = events.iter().find(|event| event.kind.word() == "access.denied").unwrap();
    assert_eq!(denied.fields.text("device"), Some(case.device.as_str()));
    assert_eq!(denied.fields.text("revoked"), Some("2026-03-02T09:00:00Z"));
    assert_eq!(denied.fields.text("counts_from"), Some("2026-03-02T10:00:00Z"));
}

#[tokio::test]
async fn what_is_not_bound_to_the_device_goes_on() {
    let case = Case::with(&[]).await;
    let free = case.town.token_of(BOB, FILES).await;
    case.revoke(None).await;
    case.town.advance(HOUR);
    assert_eq!(case.files().await, refused("token-device-deleted"));
    let answer = case.town.get(&format!("{FILES}/me"), Some(&free)).await;
    assert_eq!(answer.status, 200, "a token by password names no device");
}

#[tokio::test]
async fn a_device_bound_refresh_token_dies_with_the_device() {
    let case = Case::with(&[]).await;
    let mut machine = machine("pc2");
    join(&mut machine, &case.town.wire, ALICE).await;
    let first = case.town.prt_token(&mut machine).await;
    let refresh = first.tokens.unwrap().refresh_token.unwrap();
    let office = linarite_windows::client_id("office");
    let redeem = [
        ("grant_type", "refresh_token"),
        ("client_id", office),
        ("refresh_token", refresh.as_str()),
        ("resource", FILES),
    ];
    assert_eq!(case.town.grant(&redeem).await.status, 200);
    case.town.admin(machine.device_id().unwrap(), Some(false)).await;
    assert_eq!(case.town.grant(&redeem).await.aadsts(), (400, u64::from(DISABLED)));
    case.town.admin(machine.device_id().unwrap(), Some(true)).await;
    let answer = case.town.grant(&redeem).await;
    assert_eq!(answer.aadsts(), (400, u64::from(GRANT_REVOKED)));
    assert_eq!(answer.json()["suberror"], "bad_token");
}
