//! The way of a browser to a federation server and back (WS-Federation 1.2, section 13; section 9, FAQ A24 and A25).
//!
//! `/adfs/ls/` of the federation server gets the sealed sign-in as `wctx`; it comes back to `POST /login.srf` beside the
//! answer of the server (`wresult`), whose one assertion is judged as the assertion of a grant is. A sign-in that never
//! went away does not come back: its seal is another one. Left out: sign-ins that the federation server begins by itself,
//! `wfresh` for a fresh sign-in there, and answers whose assertion leans on namespaces declared outside of it.

use linarite_core::tenant::Realm;

use super::authorize::{Failed, admit, fail};
use super::grants::{Asked, Away, in_time, new_away, open};
use super::refuse::Refused;
use super::request::{Parameters, wanted};
use super::saml::{judged, unreadable};
use crate::directory::{DeviceEvidence, SignIn};
use crate::keys::saml::SamlVersion;
use crate::keys::saml::xml::{self, Limits};
use crate::services::call::Call;
use crate::services::reply::{Reply, redirect};
use crate::world::federation::CLOUD_AUDIENCE;

/// The namespaces that the answer to a token request may stand in.
const TRUST: [&str; 2] = [
    "http://schemas.xmlsoap.org/ws/2005/02/trust",
    "http://docs.oasis-open.org/ws-sx/ws-trust/200512",
];

/// Sends the browser to the federation server of its user, when the name (or the hint, `@domain`) is of a federated domain.
pub(super) fn away(
    call: &Call,
    asked: &Asked,
    login: &str,
    hint: Option<&str>,
) -> Result<Option<Reply>, Failed> {
    let Realm::Federated(_, sts) = call.world.tenant.realm(hint.unwrap_or(login)) else {
        return Ok(None);
    };
    call.note("federation_server", sts);
    let encode =
        |text| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC);
    let context = new_away(call, asked.clone())?;
    let name = if login.is_empty() { "" } else { "&username=" };
    let path = format!(
        "/adfs/ls/?wa=wsignin1.0&wtrealm={}&wctx={}{name}{}",
        encode(CLOUD_AUDIENCE),
        encode(&context),
        encode(login)
    );
    Ok(Some(redirect(&call.url(sts, &path))))
}

/// `POST /login.srf`.
pub(super) async fn returned(call: Call) -> Reply {
    call.note("operation", "sign-in");
    match back(&call).await {
        Ok(reply) => reply,
        Err(failed) => fail(&call, failed),
    }
}

async fn back(call: &Call) -> Result<Reply, Failed> {
    let parameters = Parameters::of(call.form());
    if parameters.need("wa")? != "wsignin1.0" {
        return Err(Refused::wire("request-malformed").into());
    }
    let result = parameters.need("wresult")?;
    let sign_in: Away = open(call, parameters.need("wctx")?)?;
    in_time(call, sign_in.until)?;
    call.note("client_id", sign_in.asked.client.as_str());
    call.note("grant", "login.srf");
    let (version, assertion) = assertion(result).map_err(|why| unreadable(call, why))?;
    let shown = judged(call, assertion.as_bytes(), version)?.user()?;
    let wanted = wanted(call, Some(&sign_in.asked.resource), &sign_in.asked.scope)?;
    let session = SignIn {
        user: shown.user,
        device: DeviceEvidence::None,
        once: Vec::new(),
        now: call.now(),
        purpose: wanted.purpose(call, &shown.amr),
    };
    let admitted = admit(call, &sign_in.asked, session, &shown.amr, true).await;
    Ok(admitted.map_err(|refused| refused.with("user", shown.name.as_str()))?)
}

/// The one assertion in the answer of a federation server, as it stands there, and its version; or what is wrong.
fn assertion(result: &str) -> Result<(SamlVersion, &str), String> {
    let result = result.trim();
    let document = xml::parse(result.as_bytes(), &Limits::default()).map_err(|e| e.to_string())?;
    let root = document.root_element();
    let namespace = TRUST
        .into_iter()
        .find(|name| xml::is(root, name, "RequestSecurityTokenResponse"))
        .ok_or("wresult is no RequestSecurityTokenResponse")?;
    let token = xml::only_child(root, namespace, "RequestedSecurityToken")
        .ok_or("wresult has not one RequestedSecurityToken")?;
    let mut elements = token.children().filter(roxmltree::Node::is_element);
    let (Some(one), None) = (elements.next(), elements.next()) else {
        return Err("wresult has not one assertion".to_owned());
    };
    let version = [SamlVersion::V1, SamlVersion::V2]
        .into_iter()
        .find(|version| xml::is(one, version.namespace(), "Assertion"))
        .ok_or("wresult has no assertion of SAML 1.1 or 2.0")?;
    let text = result.get(one.range()).ok_or("wresult has no assertion")?;
    Ok((version, text))
}

#[cfg(test)]
mod tests {
    use http::Method;
    use linarite_core::instant::Span;

    use super::super::router;
    use super::*;
    use crate::keys::saml::{AssertionSpec, AuthnMethod, Sealing};
    use crate::services::token::testing::{Answer, START, TestWorld};

    const BACK: &str = "http://localhost:8400/";
    const CLI: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";
    const OPEN: &str = "<t:RequestedSecurityToken>";
    const CLOSE: &str = "</t:RequestedSecurityToken>";

    fn result(inside: &str) -> String {
        let name = "RequestSecurityTokenResponse";
        format!("<t:{name} xmlns:t=\"{}\">{OPEN}{inside}{CLOSE}</t:{name}>", TRUST[0])
    }

    #[test]
    fn the_assertion_is_cut_out_as_it_was_signed() {
        for (version, name) in [(SamlVersion::V1, "1.0"), (SamlVersion::V2, "2.0")] {
            let text = format!(
                "<a:Assertion xmlns:a=\"urn:oasis:names:tc:SAML:{name}:assertion\" x='1'><b  />&lt;</a:Assertion>"
            );
            assert_eq!(assertion(&result(&format!(" {text}\n"))), Ok((version, text.as_str())));
        }
    }

    #[test]
    fn two_assertions_none_and_hostile_answers_are_not_cut_up() {
        let one = "<Assertion xmlns='urn:oasis:names:tc:SAML:1.0:assertion'/>";
        assert!(assertion(&result(one)).is_ok());
        for (text, why) in [
            (format!("<!DOCTYPE a [<!ENTITY x \"y\">]>{}", result(one)), "document type"),
            (format!("<!DOCTYPE a SYSTEM \"http://127.0.0.1/x\">{}", result(one)), "document type"),
            (result(&format!("{one}{CLOSE}{OPEN}{one}")), "not one Requested"),
            (result(&format!("{one}{one}")), "not one assertion"),
            (result(&format!("<x>{one}</x>")), "no assertion of SAML"),
            (result(one).replace("2005/02", "2005/03"), "no RequestSecurityTokenResponse"),
            (result("<Assertion/>"), "no assertion of SAML"),
            (result("text"), "not one assertion"),
            (one.to_owned(), "no RequestSecurityTokenResponse"),
            (String::new(), "not well-formed"),
            ("<a>".repeat(9999), "nested deeper"),
            (result(&" ".repeat(200_000)), "longer than"),
        ] {
            let found = assertion(&text).unwrap_err();
            assert!(found.contains(why), "{found}");
        }
    }

    fn encode(text: &str) -> String {
        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
    }

    fn parameter(address: &str, name: &str) -> String {
        let (_, rest) =
            address.split_once(&format!("{name}=")).unwrap_or_else(|| panic!("{address}"));
        let raw = rest.split('&').next().unwrap();
        percent_encoding::percent_decode_str(raw).decode_utf8().unwrap().into_owned()
    }

    /// Where a browser is sent that asks with these parameters.
    async fn ask(world: &TestWorld, more: &str) -> Answer {
        let ask = format!(
            "/organizations/oauth2/v2.0/authorize?client_id={CLI}&response_type=code&redirect_uri={}&scope=openid&state=s1&{more}",
            encode(BACK)
        );
        world.send(Method::GET, &ask, None, &[], "").await
    }

    /// What the browser of dave is to bring back.
    async fn sent(world: &TestWorld) -> String {
        let answer = ask(world, "login_hint=dave%40fabrikam.test").await;
        parameter(answer.header("location"), "wctx")
    }

    fn written(world: &TestWorld, version: SamlVersion, sealing: Sealing<'_>) -> String {
        let realm = world.world.federation("fabrikam.test").unwrap();
        let spec = AssertionSpec {
            version,
            id: "_1".to_owned(),
            issuer: realm.issuer.clone(),
            audience: CLOUD_AUDIENCE.to_owned(),
            not_before: START,
            not_on_or_after: START + Span::from_minutes(90),
            issue_instant: START,
            name_id: None,
            upn: Some("dave@fabrikam.test".to_owned()),
            immutable_id: Some("ZGF2ZQ==".to_owned()),
            authn_method: AuthnMethod::Password,
            claims: vec![],
            recipient: None,
        };
        spec.write(&realm.signer, &realm.certificate, sealing).unwrap()
    }

    async fn bring(world: &TestWorld, result: &str, context: &str) -> Answer {
        let form = format!("wa=wsignin1.0&wresult={}&wctx={}", encode(result), encode(context));
        world.send(Method::POST, "/login.srf", None, &[], &form).await
    }

    /// That the browser ends on a page with this number, and nobody is signed in.
    fn assert_stopped(world: &TestWorld, answer: &Answer, code: u32) {
        assert!(answer.text.contains(&format!("AADSTS{code}:")), "{code}: {}", answer.text);
        assert!(answer.header("location").is_empty());
        assert!(world.events("token.issued").is_empty());
        assert!(!answer.text.contains("code="), "{}", answer.text);
    }

    #[tokio::test]
    async fn a_user_of_a_federated_domain_is_sent_to_its_server_and_comes_back_to_a_code() {
        for version in [SamlVersion::V1, SamlVersion::V2] {
            let world = TestWorld::start("login.microsoftonline.com", router()).await;
            let answer = ask(&world, "login_hint=dave%40fabrikam.test").await;
            let to = answer.header("location").to_owned();
            assert!(to.starts_with("https://sts.fabrikam.test/adfs/ls/?wa=wsignin1.0&"), "{to}");
            assert_eq!(parameter(&to, "wtrealm"), "urn:federation:MicrosoftOnline");
            assert_eq!(parameter(&to, "username"), "dave@fabrikam.test");
            let answer = result(&written(&world, version, Sealing::Good));
            let back = bring(&world, &answer, &parameter(&to, "wctx")).await;
            let location = back.header("location").to_owned();
            assert!(location.starts_with(BACK), "{location} {}", back.text);
            assert_eq!(parameter(&location, "state"), "s1");
            let form = format!(
                "grant_type=authorization_code&client_id={CLI}&redirect_uri={}&code={}",
                encode(BACK),
                encode(&parameter(&location, "code"))
            );
            let path = "/organizations/oauth2/v2.0/token";
            let tokens = world.send(Method::POST, path, None, &[], &form).await;
            assert_eq!(tokens.status, 200, "{}", tokens.text);
        }
    }

    #[tokio::test]
    async fn a_hint_at_the_domain_is_enough_and_names_nobody() {
        let world = TestWorld::start("login.microsoftonline.com", router()).await;
        let answer = ask(&world, "domain_hint=Fabrikam.test").await;
        let to = answer.header("location").to_owned();
        assert!(to.starts_with("https://sts.fabrikam.test/adfs/ls/?"), "{to}");
        assert!(!to.contains("username="), "{to}");
        for hints in [
            "domain_hint=contoso.test",
            "domain_hint=elsewhere.test",
            "domain_hint=fabrikam.test&login_hint=bob%40contoso.test",
        ] {
            let answer = ask(&world, hints).await;
            assert!(answer.text.contains("ConvergedSignIn"), "{hints}: {}", answer.text);
        }
    }

    #[tokio::test]
    async fn the_form_sends_on_whoever_types_a_federated_name_and_looks_at_no_password() {
        let world = TestWorld::start("login.microsoftonline.com", router()).await;
        let page = ask(&world, "").await.text;
        let context = page.split("\"sFT\":\"").nth(1).unwrap().split('"').next().unwrap();
        let form = format!("ctx={}&login=dave%40fabrikam.test&passwd=wrong", encode(context));
        let answer = world.send(Method::POST, "/organizations/login", None, &[], &form).await;
        let to = answer.header("location");
        assert!(to.starts_with("https://sts.fabrikam.test/adfs/ls/?"), "{to}");
        let good = result(&written(&world, SamlVersion::V1, Sealing::Good));
        let back = bring(&world, &good, &parameter(to, "wctx")).await;
        assert!(back.header("location").starts_with(BACK), "{}", back.text);
    }

    #[tokio::test]
    async fn an_answer_with_a_defect_ends_on_the_page_of_that_defect() {
        let world = TestWorld::start("login.microsoftonline.com", router()).await;
        let context = sent(&world).await;
        let good = written(&world, SamlVersion::V1, Sealing::Good);
        let bare = written(&world, SamlVersion::V1, Sealing::None);
        let realm = world.world.federation("fabrikam.test").unwrap();
        let foreign = written(&world, SamlVersion::V1, Sealing::WrongKey(&realm.stranger));
        for (answer, code) in [
            (result(&bare), 50006),
            (result(&foreign), 50008),
            (result(&good.replace("dave@", "eve@")), 50006),
            (result(&good.replace("ZGF2ZQ==", "Ym9i")), 50006),
            (result(&format!("{good}{good}")), 50008),
            (
                result(&good.replace("</saml:Assertion>", &format!("{bare}</saml:Assertion>"))),
                50008,
            ),
            (format!("<!DOCTYPE x>{}", result(&good)), 50008),
            (good, 50008),
        ] {
            let back = bring(&world, &answer, &context).await;
            assert_stopped(&world, &back, code);
        }
    }

    #[tokio::test]
    async fn what_comes_back_has_gone_away_from_this_world_and_in_time() {
        let world = TestWorld::start("login.microsoftonline.com", router()).await;
        let good = result(&written(&world, SamlVersion::V1, Sealing::Good));
        let context = sent(&world).await;
        let page = ask(&world, "").await.text;
        let form = page.split("\"sFT\":\"").nth(1).unwrap().split('"').next().unwrap();
        let last = if context.ends_with('A') { 'B' } else { 'A' };
        let tampered = format!("{}{last}", &context[..context.len() - 1]);
        for other in [form, tampered.as_str(), "x"] {
            assert_stopped(&world, &bring(&world, &good, other).await, 70000);
        }
        assert_stopped(&world, &bring(&world, &good, "").await, 900_144);
        assert_stopped(&world, &bring(&world, "", &context).await, 900_144);
        let form = format!("wa=wsignout1.0&wresult=x&wctx={context}");
        let out = world.send(Method::POST, "/login.srf", None, &[], &form).await;
        assert_stopped(&world, &out, 9_002_313);
        world.advance(3600);
        assert_stopped(&world, &bring(&world, &good, &context).await, 70008);
        let later = sent(&world).await;
        assert!(bring(&world, &good, &later).await.header("location").starts_with(BACK));
        world.advance(1800);
        let later = sent(&world).await;
        assert_stopped(&world, &bring(&world, &good, &later).await, 500_133);
    }

    #[tokio::test]
    async fn the_sign_in_form_takes_no_sign_in_that_went_away() {
        let world = TestWorld::start("login.microsoftonline.com", router()).await;
        let context = sent(&world).await;
        let form =
            format!("ctx={}&login=bob%40contoso.test&passwd=Correct-Horse-2", encode(&context));
        let answer = world.send(Method::POST, "/organizations/login", None, &[], &form).await;
        assert_stopped(&world, &answer, 70000);
    }
}
