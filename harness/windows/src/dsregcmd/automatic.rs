//! `dsregcmd /join`: what the scheduled task runs, with the trace of `/debug` in the lines that public traces show.

use crate::hresult;
use crate::machine::Machine;
use crate::outcome::{Failure, Outcome};
use crate::wire::Wire;

impl Machine {
    /// Runs the automatic join; without `/debug` it prints only a failure.
    pub(super) async fn join_by_command(
        &mut self,
        wire: &Wire,
        debug: bool,
        elevated: bool,
    ) -> Outcome {
        let checks = self.pre_checks(elevated);
        let Some(reason) = self.nothing_to_join() else {
            let mut trace = Vec::new();
            let mut outcome = self.hybrid_join(wire, &mut trace).await;
            if outcome.exit == 0 && !debug {
                outcome.output.clear();
            }
            if debug {
                outcome.output = format!("{checks}{}\n{}", trace.join("\n"), outcome.output);
            }
            return outcome;
        };
        let mut outcome = Outcome::from(Failure::new(hresult::UNKNOWN, reason));
        outcome.hresult = None;
        outcome.output = if debug { checks } else { String::new() };
        outcome
    }

    /// The lines before anything is sent.
    fn pre_checks(&self, elevated: bool) -> String {
        let joined = self.memory.device.as_ref();
        let will_join = self.nothing_to_join().is_none();
        let undefined = "undefined".to_owned();
        let yes_no = |value: bool| if value { "YES" } else { "NO" }.to_owned();
        let known = |value: &str| if will_join { undefined.clone() } else { value.to_owned() };
        let rows = [
            ("preCheckResult", if will_join { "Join" } else { "DoNotJoin" }.to_owned()),
            ("isPrivateKeyFound", joined.map_or_else(|| undefined.clone(), |_| "YES".to_owned())),
            ("isJoined", known(&yes_no(joined.is_some()))),
            ("isDcAvailable", yes_no(self.spec.domain.is_some())),
            ("isSystem", yes_no(elevated)),
            ("keyProvider", undefined.clone()),
            (
                "keyContainer",
                joined.map_or_else(|| undefined.clone(), |device| device.key_container.clone()),
            ),
            ("dsrInstance", undefined.clone()),
            ("elapsedSeconds", "0".to_owned()),
            ("resultCode", if will_join { "0x0" } else { "0x1" }.to_owned()),
        ];
        let lines = rows.iter().map(|(name, value)| format!("{name}: {value}\n"));
        let lines = lines.collect::<String>();
        let domain = self.spec.domain.as_ref().map_or_else(String::new, |domain| {
            format!(
                "DsrCmdAccountMgr::IsDomainControllerAvailable: DsGetDcName success {{ domain:{domain} forest:{domain} domainController:\\\\dc1.{domain} isDcAvailable:true }}\n"
            )
        });
        format!(
            "{domain}PreJoinChecks Complete.\n{lines}Automatic device join pre-check tasks completed.\n"
        )
    }
}
