//! A state folder: what a restart keeps. (That a killed process loses no answered join is proved with the binary, beside the
//! command line's tests.)

use std::path::Path;

use linarite_server::keys::tls::TlsCa;
use linarite_server::{CA_DOMAINS, Emulator};

use crate::bad_grant::{PrtRequest, code, redeem, signed};
use crate::support::{
    ALICE, BOB, FILES, GRAPH, HOUR, LOGIN, START, Town, aadsts, access_token, contoso, join,
    machine,
};

async fn start(folder: &Path) -> Town {
    Town::built(Emulator::builder().world(contoso()).seed(7).state(folder)).await
}

/// Stops a town as `serve` does.
async fn stop(town: Town) {
    town.world().keep_clock().await.unwrap();
    drop(town);
}

async fn keys(town: &Town) -> String {
    town.get(&format!("{LOGIN}/common/discovery/keys"), None).await.text
}

#[tokio::test]
async fn a_restart_keeps_records_keys_and_the_validity_of_every_grant() {
    let folder = tempfile::tempdir().unwrap();
    let town = start(folder.path()).await;
    let mut pc = town.joined("pc1", BOB).await;
    let request = PrtRequest::of(&town, &pc);
    let access = access_token(&town.prt_token(&mut pc).await);
    let refresh =
        town.password(ALICE, GRAPH).await.json()["refresh_token"].as_str().unwrap().to_owned();
    let (unused, nonce) = (town.nonce().await, town.nonce().await);
    let replay = request.nonce(&nonce);
    assert_eq!(signed(&town, &replay).await.status, 200);
    let (used_code, unused_code) = (code(&town).await, code(&town).await);
    assert_eq!(redeem(&town, &used_code, &[]).await.status, 200);
    town.advance(60);
    let (before, jwks) = (town.records().await, keys(&town).await);
    stop(town).await;

    let town = start(folder.path()).await;
    assert_eq!(town.world().clock.now().seconds(), START.seconds() + 60, "a manual clock goes on");
    assert_eq!(town.records().await, before);
    assert_eq!(keys(&town).await, jwks);
    assert_eq!(town.get(&format!("{FILES}/me"), Some(&access)).await.status, 200);
    let redeemed = [
        ("grant_type", "refresh_token"),
        ("client_id", crate::support::AZURE_CLI),
        ("refresh_token", refresh.as_str()),
    ];
    assert_eq!(town.grant(&redeemed).await.status, 200);
    assert_eq!(aadsts(&town.prt_token(&mut pc).await), 0, "the primary refresh token");
    assert_eq!(signed(&town, &replay).await.aadsts(), (400, 140_000), "a used nonce stays used");
    assert_eq!(signed(&town, &request.nonce(&unused)).await.status, 200, "an unused one works");
    assert_eq!(
        redeem(&town, &used_code, &[]).await.aadsts(),
        (400, 54_005),
        "a used code stays used"
    );
    assert_eq!(redeem(&town, &unused_code, &[]).await.status, 200);
    let left = pc.leave(&town.wire).await;
    assert_eq!((left.exit, left.error), (0, None), "the device certificate");
    stop(town).await;
}

#[tokio::test]
async fn a_revocation_goes_on_counting_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let town = start(folder.path()).await;
    let mut pc = town.joined("pc1", BOB).await;
    let first = access_token(&town.prt_token(&mut pc).await);
    town.admin(pc.device_id().unwrap(), Some(false)).await;
    town.advance(HOUR - 1);
    let files = format!("{FILES}/me");
    stop(town).await;

    let town = start(folder.path()).await;
    assert_eq!(town.get(&files, Some(&first)).await.status, 200);
    assert_eq!(aadsts(&town.prt_token(&mut pc).await), 135_011);
    town.admin(pc.device_id().unwrap(), Some(true)).await;
    stop(town).await;

    let town = start(folder.path()).await;
    assert_eq!(aadsts(&town.prt_token(&mut pc).await), 50_173, "what died stays dead");
    let id = pc.device_id().unwrap().to_owned();
    town.admin(&id, None).await;
    stop(town).await;

    let town = start(folder.path()).await;
    assert_eq!(aadsts(&town.prt_token(&mut pc).await), 700_003, "a deleted device is remembered");
    stop(town).await;
}

#[tokio::test]
async fn a_restart_repeats_no_draw() {
    let folder = tempfile::tempdir().unwrap();
    let (mut nonces, mut devices, mut tokens) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..3 {
        let town = start(folder.path()).await;
        nonces.push(town.nonce().await);
        let mut pc = machine(&format!("pc{number}"));
        assert_eq!(join(&mut pc, &town.wire, BOB).await.exit, 0);
        devices.push(pc.device_id().unwrap().to_owned());
        tokens.push(town.token_of(BOB, FILES).await);
        stop(town).await;
    }
    for drawn in [&mut nonces, &mut devices, &mut tokens] {
        drawn.sort();
        drawn.dedup();
        assert_eq!(drawn.len(), 3, "{drawn:?}");
    }
}

#[tokio::test]
async fn a_folder_keeps_its_own_world_whatever_file_is_named_later() {
    let folder = tempfile::tempdir().unwrap();
    stop(start(folder.path()).await).await;
    let mut other = contoso();
    other["tenant"]["name"] = "Fabrikam".into();
    let town = Town::built(Emulator::builder().world(other).state(folder.path())).await;
    assert_eq!(town.world().tenant.name, "Contoso");
    assert_eq!(town.world().entropy.seed(), 7);
}

#[tokio::test]
async fn a_folder_keeps_its_certificate_authority() {
    let folder = tempfile::tempdir().unwrap();
    let ca = || TlsCa::load_or_create(folder.path(), START.seconds(), CA_DOMAINS).unwrap();
    let (first, second) = (ca(), ca());
    assert_eq!(first.ca_pem(), second.ca_pem());
    let kept = std::fs::read_to_string(TlsCa::certificate_path(folder.path())).unwrap();
    assert_eq!(kept.trim(), first.ca_pem().trim());
}

#[tokio::test]
async fn two_worlds_without_a_folder_share_nothing() {
    let (one, other) = (Town::start().await, Town::start().await);
    let token = one.token_of(BOB, FILES).await;
    one.joined("pc1", BOB).await;
    assert_eq!(one.world().directory.device_count().unwrap(), 4);
    assert_eq!(other.world().directory.device_count().unwrap(), 3);
    one.advance(HOUR);
    assert_eq!(other.world().clock.now(), START);
    // Equal seeds give equal keys, so only another seed shows that tokens are of one world.
    let stranger = Town::built(Emulator::builder().world(contoso()).seed(8)).await;
    let answer = stranger.get(&format!("{FILES}/me"), Some(&token)).await;
    assert_eq!(answer.status, 401);
}
