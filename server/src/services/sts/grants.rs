//! Grants as sealed values: refresh tokens, primary refresh tokens, codes, nonces, and the steps of an interactive
//! sign-in. Nothing of them is stored; what is stored says from when they count, and which one-time ones were used.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use linarite_core::grant;
use linarite_core::ids::{DeviceId, UserId};
use linarite_core::instant::{Instant, Span};
use linarite_core::refusal::GrantRefusal;
use linarite_core::signin::GrantKind;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::directory::{DeviceEvidence, OnceMark, UserEvidence};
use crate::entropy::Stream;
use crate::services::call::Call;
use crate::services::sealed;

/// A sealed kind of value.
pub(super) trait Grant: Serialize + DeserializeOwned {
    /// Its word, which the seal binds.
    const KIND: &'static str;
}

/// Who a grant is for, on what; the numbers are those that the directory had when it was made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Holder {
    user: String,
    epoch: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<(String, u32)>,
    /// How the user proved who it is.
    pub(super) amr: Vec<String>,
    /// When it did, in seconds.
    pub(super) auth_time: i64,
}

impl Holder {
    pub(super) fn new(
        user: UserId,
        epoch: u32,
        device: Option<(DeviceId, u32)>,
        amr: &[&str],
        auth_time: Instant,
    ) -> Self {
        Self {
            user: user.to_string(),
            epoch,
            device: device.map(|(id, epoch)| (id.to_string(), epoch)),
            amr: amr.iter().map(|&word| word.to_owned()).collect(),
            auth_time: auth_time.seconds(),
        }
    }

    /// Whose it is.
    pub(super) fn user_id(&self) -> Result<UserId, GrantRefusal> {
        self.user.parse().map_err(|_| GrantRefusal::Unreadable)
    }

    /// What the user shows with the grant.
    pub(super) fn user(&self, kind: GrantKind) -> Result<UserEvidence, GrantRefusal> {
        Ok(UserEvidence::Grant { user: self.user_id()?, epoch: self.epoch, kind, bound: None })
    }

    /// What the user shows with the grant where the device shows its certificate: the grant's own device counts too.
    pub(super) fn user_and_device(&self) -> Result<UserEvidence, GrantRefusal> {
        let user = self.user_id()?;
        let bound = match self.device()? {
            DeviceEvidence::Grant { device, epoch } => Some((device, epoch)),
            DeviceEvidence::None | DeviceEvidence::Certificate(_) => None,
        };
        Ok(UserEvidence::Grant { user, epoch: self.epoch, kind: GrantKind::Token, bound })
    }

    /// What the device shows with the grant.
    pub(super) fn device(&self) -> Result<DeviceEvidence, GrantRefusal> {
        match &self.device {
            None => Ok(DeviceEvidence::None),
            Some((id, epoch)) => {
                let device = id.parse().map_err(|_| GrantRefusal::Unreadable)?;
                Ok(DeviceEvidence::Grant { device, epoch: *epoch })
            }
        }
    }
}

/// A refresh token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct RefreshToken {
    pub(super) holder: Holder,
    pub(super) client: String,
    pub(super) resource: String,
    pub(super) scope: String,
    /// Milliseconds.
    pub(super) until: i64,
}

impl Grant for RefreshToken {
    const KIND: &'static str = "rt";
}

/// A primary refresh token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Prt {
    pub(super) holder: Holder,
    key: String,
    /// Milliseconds.
    pub(super) until: i64,
}

impl Grant for Prt {
    const KIND: &'static str = "prt";
}

impl Prt {
    pub(super) fn new(holder: Holder, key: &[u8; 32], until: Instant) -> Self {
        Self { holder, key: STANDARD_NO_PAD.encode(key), until: until.millis() }
    }

    /// The session key.
    pub(super) fn session_key(&self) -> Result<[u8; 32], GrantRefusal> {
        let key = STANDARD_NO_PAD.decode(&self.key).map_err(|_| GrantRefusal::Unreadable)?;
        key.try_into().map_err(|_| GrantRefusal::Unreadable)
    }
}

/// What an authorization request asked for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Asked {
    pub(super) client: String,
    pub(super) redirect: String,
    pub(super) resource: String,
    pub(super) scope: String,
    pub(super) v2: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) nonce: Option<String>,
    /// Method and value of the code challenge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) challenge: Option<(String, String)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) response_mode: Option<String>,
    pub(super) client_info: bool,
    /// Whether an id token is to come along with the code.
    #[serde(default)]
    pub(super) id_token: bool,
}

/// An authorization code.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Code {
    pub(super) holder: Holder,
    pub(super) asked: Asked,
    id: String,
    /// Milliseconds.
    pub(super) until: i64,
}

impl Grant for Code {
    const KIND: &'static str = "code";
}

/// An interactive sign-in on its way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Interaction {
    pub(super) asked: Asked,
    /// Who proved who it is, and in which ways; a second factor is what is due then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) proved: Option<Holder>,
    /// Milliseconds.
    pub(super) until: i64,
}

impl Grant for Interaction {
    const KIND: &'static str = "ctx";
}

/// An interactive sign-in whose user is at a federation server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Away {
    pub(super) asked: Asked,
    /// Milliseconds.
    pub(super) until: i64,
}

impl Grant for Away {
    const KIND: &'static str = "wctx";
}

/// A nonce.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Nonce {
    id: String,
    until: i64,
}

impl Grant for Nonce {
    const KIND: &'static str = "nonce";
}

/// How long an interactive sign-in may take.
const INTERACTION: Span = Span::from_minutes(60);

/// Seals a grant.
pub(super) fn seal<G: Grant>(call: &Call, grant: &G) -> Result<String, GrantRefusal> {
    sealed::seal(call, G::KIND, grant).ok_or(GrantRefusal::Unreadable)
}

/// Opens a grant; whether it is still in time is the caller's question.
pub(super) fn open<G: Grant>(call: &Call, text: &str) -> Result<G, GrantRefusal> {
    sealed::open(call, G::KIND, text).ok_or(GrantRefusal::Unreadable)
}

/// Whether a grant that ends at this moment, in milliseconds, is in time.
pub(super) fn in_time(call: &Call, until: i64) -> Result<(), GrantRefusal> {
    grant::in_time(call.now(), Instant::from_millis(until))
}

fn once_id(text: &str) -> Option<[u8; 16]> {
    STANDARD_NO_PAD.decode(text).ok()?.try_into().ok()
}

fn draw_id(call: &Call) -> String {
    STANDARD_NO_PAD.encode(call.world.entropy.draw::<16>(Stream::Once))
}

/// Makes a code.
pub(super) fn new_code(call: &Call, holder: Holder, asked: Asked) -> Result<String, GrantRefusal> {
    let until = (call.now() + call.world.tenant.settings.code_lifetime).millis();
    seal(call, &Code { holder, asked, id: draw_id(call), until })
}

impl Code {
    /// The mark that redeeming it leaves.
    pub(super) fn mark(&self) -> Result<OnceMark, GrantRefusal> {
        Ok(OnceMark {
            id: once_id(&self.id).ok_or(GrantRefusal::Unreadable)?,
            until: Instant::from_millis(self.until),
            used: GrantRefusal::CodeUsed,
        })
    }
}

/// Makes an interaction.
pub(super) fn new_interaction(
    call: &Call,
    asked: Asked,
    proved: Option<Holder>,
) -> Result<String, GrantRefusal> {
    seal(call, &Interaction { asked, proved, until: (call.now() + INTERACTION).millis() })
}

/// Sends an interaction away, to a federation server.
pub(super) fn new_away(call: &Call, asked: Asked) -> Result<String, GrantRefusal> {
    seal(call, &Away { asked, until: (call.now() + INTERACTION).millis() })
}

/// Makes a nonce.
pub(super) fn new_nonce(call: &Call) -> Result<String, GrantRefusal> {
    let until = (call.now() + call.world.tenant.settings.nonce_lifetime).millis();
    seal(call, &Nonce { id: draw_id(call), until })
}

/// Checks a nonce and returns the mark that its use leaves.
pub(super) fn check_nonce(call: &Call, text: Option<&str>) -> Result<OnceMark, GrantRefusal> {
    let text = text.filter(|t| !t.is_empty()).ok_or(GrantRefusal::NonceMissing)?;
    let nonce: Nonce = open(call, text).map_err(|_| GrantRefusal::NonceInvalid)?;
    let until = Instant::from_millis(nonce.until);
    grant::nonce_in_time(call.now(), until)?;
    Ok(OnceMark {
        id: once_id(&nonce.id).ok_or(GrantRefusal::NonceInvalid)?,
        until,
        used: GrantRefusal::NonceUsed,
    })
}
