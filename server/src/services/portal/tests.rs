//! Requests against a world in memory. The sign-in service's part is played with the world's own keys.

use http::Method;
use serde_json::{Value, json};

use super::{CLIENT, router};
use crate::control::admin::Admin;
use crate::edge::Link;
use crate::services::token::testing::{Answer, TestWorld};
use crate::world::Service;

const OWN: &str = "https://portal.azure.com";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

struct Portal {
    world: TestWorld,
    cookie: String,
}

/// The cookies that an answer sets, as a browser sends them back.
fn cookies(answer: &Answer) -> String {
    let lines = answer.headers.get_all("set-cookie").iter();
    let pairs: Vec<_> = lines
        .filter_map(|line| line.to_str().ok()?.split(';').next())
        .filter(|pair| !pair.ends_with('='))
        .collect();
    pairs.join("; ")
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> Option<&'t str> {
    text.split_once(start)?.1.split_once(end).map(|(found, _)| found)
}

impl Portal {
    async fn open(more: &str) -> Self {
        let world = TestWorld::start_with("portal.azure.com", router(), more).await;
        let admin = Admin::new(&world.world, "test");
        for device in [
            json!({ "name": "DESK-1", "os": "windows-10", "trust": "server-ad" }),
            json!({ "name": "OLD-1", "os": "windows-7", "trust": "server-ad", "owner": "bob" }),
            json!({ "name": "<b>&\"'PC", "os": "ios", "trust": "workplace", "owner": "bob" }),
        ] {
            admin.create_device(serde_json::from_value(device).unwrap()).await.unwrap();
        }
        Self { world, cookie: String::new() }
    }

    async fn signed_in(user: &str) -> Self {
        let mut portal = Self::open("").await;
        portal.sign_in(user).await;
        portal
    }

    async fn sign_in(&mut self, user: &str) {
        let (cookie, nonce) = self.begin("/users").await;
        let answer = self.answer(&cookie, &self.id_token(user, &nonce)).await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        assert_eq!(answer.header("location"), format!("{OWN}/users"));
        self.cookie = cookies(&answer);
    }

    /// A page without a session leads to the sign-in service: the cookie that is set, and the nonce.
    async fn begin(&self, path: &str) -> (String, String) {
        let answer = self.world.send(Method::GET, path, None, &[], "").await;
        assert_eq!(answer.status, 302);
        let to = answer.header("location");
        let start = "https://login.microsoftonline.com/organizations/oauth2/v2.0/authorize?";
        assert!(to.starts_with(start), "{to}");
        let nonce = between(to, "&nonce=", "&").unwrap().to_owned();
        (cookies(&answer), nonce)
    }

    fn id_token(&self, user: &str, nonce: &str) -> String {
        let mut claims = self.world.claims(user, CLIENT, None);
        claims.insert("nonce".to_owned(), nonce.into());
        self.world.sign(&claims)
    }

    async fn answer(&self, cookie: &str, token: &str) -> Answer {
        let headers = [FORM, ("cookie", cookie), ("origin", "https://login.microsoftonline.com")];
        let body = format!("code=x&id_token={token}");
        self.world.send(Method::POST, "/signin/index/", None, &headers, &body).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.world.send(Method::GET, path, None, &[("cookie", &self.cookie)], "").await
    }

    async fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut all = vec![FORM, ("cookie", self.cookie.as_str())];
        all.extend_from_slice(headers);
        self.world.send(Method::POST, path, None, &all, body).await
    }

    async fn token(&self) -> String {
        let page = self.get("/users").await.text;
        between(&page, "name=\"token\" value=\"", "\"").unwrap().to_owned()
    }

    /// The record with this name, as the control API shows it.
    async fn record(&self, name: &str) -> Option<Value> {
        let devices = crate::control::view::devices(&self.world.world).await.unwrap();
        devices.into_iter().find(|device| device["displayName"] == name)
    }

    async fn object(&self, name: &str) -> String {
        self.record(name).await.unwrap()["id"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn user_info_lists_a_users_own_devices_without_the_hybrid_ones() {
    let portal = Portal::signed_in("bob").await;
    for path in ["/", "/users/bob@contoso.test"] {
        let page = portal.get(path).await;
        assert_eq!(page.status, 200);
        assert!(page.text.contains("<h1>USER info: Bob Baker</h1>"), "{}", page.text);
        assert!(page.text.contains(">OLD-1</a>") && page.text.contains(">SEED-1</a>"));
        assert!(!page.text.contains("DESK-1"));
    }
}

#[tokio::test]
async fn the_literal_reading_of_the_faq_hides_a_cloud_only_windows_10() {
    let text = include_str!("../../../../fixtures/worlds/contoso.world.yaml");
    assert!(text.trim_end().ends_with("} }"), "the settings stand last in the shared world");
    let mut portal = Portal::open("  user_view: faq_literal\n  era: 2017").await;
    portal.sign_in("bob").await;
    let page = portal.get("/").await.text;
    assert!(!page.contains("SEED-1") && page.contains(">OLD-1</a>"), "{page}");
    let all = portal.get("/devices").await;
    assert_eq!(all.status, 404);
    assert!(!page.contains("All devices"));
}

#[tokio::test]
async fn all_devices_shows_the_hybrid_one_pending_and_nobodys() {
    let portal = Portal::signed_in("carol").await;
    let page = portal.get("/devices").await.text;
    let row = between(&page, ">DESK-1</a></th>", "</tr>").unwrap();
    assert!(row.contains("<td>Hybrid Azure AD joined</td><td>N/A</td>"), "{row}");
    assert!(row.contains("<td>Pending</td>"), "{row}");
}

#[tokio::test]
async fn markup_in_a_name_shows_as_text() {
    let portal = Portal::signed_in("bob").await;
    let id = portal.object("<b>&\"'PC").await;
    for path in ["/".to_owned(), "/devices".to_owned(), format!("/devices/{id}")] {
        let page = portal.get(&path).await;
        assert!(!page.text.contains("<b>"), "{}", page.text);
        assert!(page.text.contains("&#60;b&#62;&#38;&#34;&#39;PC"), "{}", page.text);
    }
    let missing = portal.get("/users/%3Cscript%3Ealert(1)%3C%2Fscript%3E").await;
    assert_eq!(missing.status, 404);
    assert!(!missing.text.contains("<script"));
}

#[tokio::test]
async fn every_answer_carries_the_policy() {
    let portal = Portal::signed_in("bob").await;
    for path in ["/", "/users", "/devices", "/portal.css", "/nothing", "/signedout"] {
        let answer = portal.get(path).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'"), "{path}");
        assert!(!policy.contains("unsafe"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert!(!answer.text.contains("<script") && !answer.text.contains(" style="), "{path}");
    }
}

#[tokio::test]
async fn an_administrator_disables_enables_and_deletes_from_the_page() {
    let portal = Portal::signed_in("alice").await;
    let (id, token) = (portal.object("OLD-1").await, portal.token().await);
    let page = portal.get(&format!("/devices/{id}")).await.text;
    assert!(page.contains(">Disable</button>") && !page.contains(">Enable</button>"));
    let own = [("origin", OWN), ("sec-fetch-site", "same-origin")];
    let body = format!("token={token}");
    let done = portal.post(&format!("/devices/{id}/disable"), &own, &body).await;
    assert_eq!(
        (done.status.as_u16(), done.header("location")),
        (303, &*format!("{OWN}/devices/{id}"))
    );
    assert_eq!(portal.record("OLD-1").await.unwrap()["accountEnabled"], false);
    let page = portal.get(&format!("/devices/{id}")).await.text;
    assert!(page.contains(">Enable</button>"));
    portal.post(&format!("/devices/{id}/enable"), &own, &body).await;
    assert_eq!(portal.record("OLD-1").await.unwrap()["accountEnabled"], true);
    let unsure = portal.post(&format!("/devices/{id}/delete"), &own, &body).await;
    assert_eq!(unsure.status, 400);
    assert!(portal.record("OLD-1").await.is_some());
    let sure = format!("{body}&sure=yes");
    let gone = portal.post(&format!("/devices/{id}/delete"), &own, &sure).await;
    assert_eq!(gone.status, 303);
    assert_eq!(portal.record("OLD-1").await, None);
    assert_eq!(portal.get(&format!("/devices/{id}")).await.status, 404);
    let mut changes = portal.world.events("directory.change");
    changes.retain(|event| event["resource"] == "portal");
    assert_eq!(changes.len(), 3);
}

#[tokio::test]
async fn nobody_else_changes_anything() {
    let portal = Portal::signed_in("alice").await;
    let (id, token) = (portal.object("OLD-1").await, portal.token().await);
    let path = format!("/devices/{id}/disable");
    let good = format!("token={token}");
    let own = ("origin", OWN);
    for (headers, body) in [
        (vec![own], ""),
        (vec![own], "token=guess"),
        (vec![own], "TOKEN=x&sure=yes"),
        (vec![("origin", "https://evil.test")], good.as_str()),
        (vec![("origin", "null")], good.as_str()),
        (vec![("origin", "https://portal.azure.com.evil.test")], good.as_str()),
        (vec![("sec-fetch-site", "cross-site")], good.as_str()),
        (vec![("sec-fetch-site", "same-site")], good.as_str()),
    ] {
        let answer = portal.post(&path, &headers, body).await;
        assert_eq!(answer.status, 403, "{headers:?} {body}");
    }
    let without = portal.world.send(Method::POST, &path, None, &[FORM, own], &good).await;
    assert_eq!(without.status, 401);
    // By a link nothing changes either.
    assert_eq!(portal.get(&path).await.status, 404);
    assert_eq!(portal.record("OLD-1").await.unwrap()["accountEnabled"], true);
    let large = format!("{good}&{}", "x".repeat(200_000));
    assert_eq!(portal.post("/devices/nonsense/disable", &[own], &large).await.status, 404);
}

#[tokio::test]
async fn a_user_without_a_role_sees_no_buttons_and_changes_nothing() {
    let portal = Portal::signed_in("bob").await;
    let (id, token) = (portal.object("OLD-1").await, portal.token().await);
    let page = portal.get(&format!("/devices/{id}")).await.text;
    assert!(!page.contains("class=\"act\""));
    for act in ["disable", "delete"] {
        let body = format!("token={token}&sure=yes");
        let answer = portal.post(&format!("/devices/{id}/{act}"), &[("origin", OWN)], &body).await;
        assert_eq!(answer.status, 403);
    }
    assert_eq!(portal.record("OLD-1").await.unwrap()["accountEnabled"], true);
    assert_eq!(portal.world.events("access.denied").len(), 2);
    assert_eq!(portal.get("/users/alice@contoso.test/sign-ins").await.status, 403);
    let denied = portal.world.events("access.denied").pop().unwrap();
    assert_eq!(
        (&denied["operation"], &denied["reason"]),
        (&json!("users.signIns"), &json!("role-missing"))
    );
    assert_eq!(denied["target"], "alice@contoso.test");
    assert_eq!(portal.get("/users/bob@contoso.test/sign-ins").await.status, 200);
}

#[tokio::test]
async fn a_sign_in_that_was_not_begun_here_begins_no_session() {
    let portal = Portal::open("").await;
    let (cookie, nonce) = portal.begin("/").await;
    let good = portal.id_token("bob", &nonce);
    let mut other = portal.world.claims("bob", CLIENT, None);
    other.insert("nonce".to_owned(), nonce.as_str().into());
    other.insert("tid".to_owned(), "11111111-2222-3333-4444-555555555555".into());
    let mut audience = portal.world.claims("bob", "https://graph.windows.net", None);
    audience.insert("nonce".to_owned(), nonce.as_str().into());
    let tokens = [
        "nonsense".to_owned(),
        portal.id_token("bob", "another"),
        portal.world.sign(&other),
        portal.world.sign(&audience),
    ];
    for token in &tokens {
        let answer = portal.answer(&cookie, token).await;
        assert_eq!(answer.status, 400, "{token}");
        assert_eq!(answer.header("set-cookie"), "");
    }
    assert_eq!(portal.answer("", &good).await.status, 400);
    assert_eq!(portal.answer(&cookie.replace("1.", "2."), &good).await.status, 400);
    assert_eq!(portal.answer(&cookie, &good).await.status, 303);
    portal.world.advance(7200);
    assert_eq!(portal.answer(&cookie, &good).await.status, 400, "the sign-in took too long");
}

#[tokio::test]
async fn a_session_ends_with_its_time_its_user_and_a_sign_out() {
    let portal = Portal::signed_in("bob").await;
    assert_eq!(portal.get("/").await.status, 200);
    let token = portal.token().await;
    let out = portal.post("/signout", &[("origin", OWN)], &format!("token={token}")).await;
    assert_eq!(out.status, 303);
    assert!(out.header("set-cookie").contains("portal_session=; Path=/; HttpOnly"));
    portal.world.advance(8 * 3600);
    assert_eq!(portal.get("/").await.status, 302);

    let portal = Portal::signed_in("bob").await;
    Admin::new(&portal.world.world, "test").disable_user("bob").await.unwrap();
    assert_eq!(portal.get("/").await.status, 302);
}

#[tokio::test]
async fn session_cookies_stay_with_this_site() {
    let portal = Portal::open("").await;
    let (cookie, nonce) = portal.begin("/").await;
    let answer = portal.answer(&cookie, &portal.id_token("bob", &nonce)).await;
    let line = answer.header("set-cookie");
    for word in ["HttpOnly", "Secure", "SameSite=Lax", "Path=/"] {
        assert!(line.contains(word), "{line}");
    }
    let (_, odd) = (portal.begin("//evil.test/").await, portal.begin("/%5C%5Cevil.test").await);
    assert!(!odd.1.is_empty());
}

#[tokio::test]
async fn a_browser_that_comes_by_plain_http_is_led_to_https_before_it_signs_in() {
    let portal = Portal::open("").await;
    let plain = || {
        let mut link = Link::proxy("portal.azure.com");
        link.secure = false;
        link
    };
    for path in ["/", "/users?after=x"] {
        let answer = portal.world.send_by(plain(), Method::GET, path, None, &[], "").await;
        assert_eq!((answer.status.as_u16(), answer.header("set-cookie")), (302, ""));
        assert_eq!(answer.header("location"), format!("{OWN}{path}"));
    }
    let prefix = Link::prefix("portal.azure.com", "127.0.0.1:8080");
    let answer = portal.world.send_by(prefix, Method::GET, "/", None, &[], "").await;
    assert!(answer.header("set-cookie").contains("; Path=/portal.azure.com/; HttpOnly; SameSite"));
}

#[tokio::test]
async fn a_refused_sign_in_is_shown_in_the_words_that_its_user_was_told() {
    let policies = "policies: [{ id: compliant, apps: [files], grant: [compliant] }]";
    let mut portal = Portal::open(policies).await;
    let sts = portal.world.beside("login.microsoftonline.com", Service::Sts);
    let form = "client_id=04b07795-8ddb-461a-bbee-02f9e1bf7b46&grant_type=password&scope=openid&resource=https%3A%2F%2Ffiles.contoso.test&username=bob%40contoso.test&password=Correct-Horse-2";
    let path = "/contoso.test/oauth2/token";
    let told = sts.send(Method::POST, path, None, &[FORM], form).await.json();
    let told = told["error_description"].as_str().unwrap().lines().next().unwrap().to_owned();
    let said = told.strip_prefix("AADSTS53000: ").unwrap();
    assert!(said.contains("device state: unregistered."), "{told}");
    portal.sign_in("bob").await;
    let page = portal.get("/users/bob@contoso.test/sign-ins").await.text;
    assert!(page.contains(said), "{said} {page}");
}

#[tokio::test]
async fn user_info_goes_on_behind_its_last_row() {
    let portal = Portal::signed_in("bob").await;
    let admin = Admin::new(&portal.world.world, "test");
    for number in 0..1000 {
        let device = json!({ "name": format!("PC-{number:04}"), "os": "windows-10", "trust": "azure-ad", "owner": "bob" });
        admin.create_device(serde_json::from_value(device).unwrap()).await.unwrap();
    }
    let first = portal.get("/").await.text;
    let mut links = first.split("href=\"").filter_map(|rest| rest.split('"').next());
    let next = links.find(|link| link.contains("?after=")).unwrap();
    let second = portal.get(next.strip_prefix(OWN).unwrap()).await.text;
    for name in (0..1000).map(|number| format!(">PC-{number:04}<")) {
        assert!(first.contains(&name) != second.contains(&name), "{name}");
    }
}
