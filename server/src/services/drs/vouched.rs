//! Federated hybrid join: a domain computer shows the token that the word of its federation server was exchanged for
//! (sections 4.1 and 19; MS-DVRJ for join type 6).
//!
//! Left out: the claim `PermitDeviceRegistrationClaim`, which AD FS's own registration service asks for.

use std::sync::Arc;

use linarite_core::ids::{Guid, Sid};
use linarite_core::refusal::JoinRefusal;
use linarite_core::vouched::computer;
use serde_json::{Map, Value};

use super::join::{Body, HYBRID, answer, issue, parse};
use super::refuse::Refused;
use crate::directory::VouchedJoin;
use crate::keys::encoding::from_either;
use crate::services::call::Call;
use crate::services::reply::Reply;

/// Joins the computer of a token with these claims.
pub(super) async fn joined(call: &Call, claims: Arc<Map<String, Value>>) -> Result<Reply, Refused> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let object = text("onpremobjectguid").and_then(from_either);
    let object = object.and_then(|bytes| bytes.try_into().ok()).map(Guid::from_bytes_le);
    let sid = text("primarysid").and_then(Sid::parse);
    let members = parse(call)?;
    let body = Body(&members);
    let number = body.get("JoinType").and_then(Value::as_u64);
    let number = number.ok_or_else(|| Refused::malformed("JoinType is missing or not a number"))?;
    call.note("join_type", number);
    if number != HYBRID {
        return Err(Refused::from(JoinRefusal::TypeRefused).with("name", number.to_string()));
    }
    let computer = computer(object, sid)?;
    call.note_device(computer.device_id);
    let particulars = body.particulars()?;
    call.note("name", particulars.display_name.as_str());
    let csr = body.certificate_request()?;
    let issue = issue(call, computer.device_id.guid(), 6, csr);
    let (seed, now) = (call.world.entropy.seed(), call.now());
    let join = VouchedJoin { computer, particulars, seed, now };
    let done = call.world.directory.join_vouched(join, issue).await?;
    answer(call, done?, &body)
}
