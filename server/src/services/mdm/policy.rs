//! The enrolment policy (MS-XCEP): what a certificate request has to look like. One policy for everybody.
//!
//! Section 13.4 of the device registration notes. The message carries a token, which is checked as the enrolment's is.

use http::StatusCode;

use super::enrol::bearer_of;
use super::fault::Refused;
use crate::services::call::Call;
use crate::services::reply::{Reply, with_body};
use crate::services::soap::{Message, SOAP_XML, activity, envelope, id_of, need, read};

const POLICY: &str = "http://schemas.microsoft.com/windows/pki/2009/01/enrollmentpolicy";
const ACTION: &str =
    "http://schemas.microsoft.com/windows/pki/2009/01/enrollmentpolicy/IPolicy/GetPolicies";
const ANSWER: &str =
    "http://schemas.microsoft.com/windows/pki/2009/01/enrollmentpolicy/IPolicy/GetPoliciesResponse";

/// Two weeks of validity, renewed two days before its end: RSA with 2048 bits and SHA-256.
const BODY: &str = "<GetPoliciesResponse xmlns=\"http://schemas.microsoft.com/windows/pki/2009/01/enrollmentpolicy\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><response><policyID/><policyFriendlyName xsi:nil=\"true\"/><nextUpdateHours xsi:nil=\"true\"/><policiesNotChanged xsi:nil=\"true\"/><policies><policy><policyOIDReference>0</policyOIDReference><cAs xsi:nil=\"true\"/><attributes><commonName>DeviceManagement</commonName><policySchema>3</policySchema><certificateValidity><validityPeriodSeconds>1209600</validityPeriodSeconds><renewalPeriodSeconds>172800</renewalPeriodSeconds></certificateValidity><permission><enroll>true</enroll><autoEnroll>false</autoEnroll></permission><privateKeyAttributes><minimalKeyLength>2048</minimalKeyLength><keySpec xsi:nil=\"true\"/><keyUsageProperty xsi:nil=\"true\"/><permissions xsi:nil=\"true\"/><algorithmOIDReference xsi:nil=\"true\"/><cryptoProviders xsi:nil=\"true\"/></privateKeyAttributes><revision><majorRevision>101</majorRevision><minorRevision>0</minorRevision></revision><supersededPolicies xsi:nil=\"true\"/><privateKeyFlags xsi:nil=\"true\"/><subjectNameFlags xsi:nil=\"true\"/><enrollmentFlags xsi:nil=\"true\"/><generalFlags xsi:nil=\"true\"/><hashAlgorithmOIDReference>0</hashAlgorithmOIDReference><rARequirements xsi:nil=\"true\"/><keyArchivalAttributes xsi:nil=\"true\"/><extensions xsi:nil=\"true\"/></attributes></policy></policies></response><cAs xsi:nil=\"true\"/><oIDs><oID><value>2.16.840.1.101.3.4.2.1</value><group>1</group><oIDReferenceID>0</oIDReferenceID><defaultName>szOID_NIST_sha256</defaultName></oID></oIDs></GetPoliciesResponse>";

/// `POST`.
pub(super) async fn policy(call: Call) -> Reply {
    call.note("operation", "mdm.policy");
    let id = id_of(&call.body);
    match checked(&call) {
        Ok(()) => {
            let answer = envelope(ANSWER, id.as_deref(), &activity(&call), BODY);
            with_body(StatusCode::OK, SOAP_XML, answer)
        }
        Err(refused) => refused.fault(&call, id.as_deref()),
    }
}

fn checked(call: &Call) -> Result<(), Refused> {
    let document = read(&call.body)?;
    let message = Message::of(&document)?;
    match message.action.as_deref() {
        None | Some(ACTION) => {}
        Some(other) => return Err(Refused::malformed(format!("the action `{other}`"))),
    }
    need(message.body, POLICY, "GetPolicies")?;
    bearer_of(call, &message)?;
    Ok(())
}
