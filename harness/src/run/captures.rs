//! Captures: values that a step keeps for later ones. What is not there to be kept fails the step, and says what was.

use serde_json::Value;

use super::act::Context;
use super::seen::Seen;
use super::step::Runner;
use crate::expect::JsonPath;
use crate::scenario::capture::{CaptureSource, Stream, found};
use crate::scenario::expr::Value as ExprValue;
use crate::scenario::finding::{Finding, Span};
use crate::scenario::model::Step;

impl Runner {
    /// Keeps what a step captures of what was seen.
    pub(crate) async fn capture(
        &mut self,
        step: &Step,
        seen: &Seen,
        context: &Context,
    ) -> Result<(), Box<Finding>> {
        for (key, from) in step.capture.iter().flat_map(|captures| &captures.0) {
            let name = key.resolve(&self.stage)?;
            let source = from.source(&self.stage)?;
            let text = from.from.text().unwrap_or_default();
            let value = self.captured(&source, seen, context, &from.from.at).await?;
            let Some(value) = value.filter(|value| !value.is_null()) else {
                let title = format!(
                    "`{text}` was not there to be captured{}",
                    there_was(seen, &self.stage)
                );
                return Err(Box::new(Finding::error(
                    "scn::no-capture",
                    from.from.at.clone(),
                    title,
                )));
            };
            if from.redact {
                self.stage.keep_secret("capture", &value);
            }
            self.stage.captures.insert(name, value);
        }
        Ok(())
    }

    async fn captured(
        &self,
        source: &CaptureSource,
        seen: &Seen,
        context: &Context,
        at: &Span,
    ) -> Result<Option<Value>, Box<Finding>> {
        let text = |text: &Option<String>| text.clone().map(Value::String);
        Ok(match source {
            CaptureSource::AccessToken => text(&seen.access_token),
            CaptureSource::RefreshToken => text(&seen.refresh_token),
            CaptureSource::IdToken => text(&seen.id_token),
            CaptureSource::Exit => seen.exit.clone(),
            CaptureSource::Status => seen.answer.as_ref().map(|answer| answer.status.into()),
            CaptureSource::Body => seen.answer.as_ref().map(|answer| answer.body.as_str().into()),
            CaptureSource::Json(path) => {
                let answer = seen.answer.as_ref().map(|answer| answer.body.as_str());
                let body = answer.or(seen.stdout.as_deref()).unwrap_or_default();
                let body: Value = serde_json::from_str(body).unwrap_or(Value::Null);
                path.find(&body).cloned()
            }
            CaptureSource::Header(name) => {
                let answer = seen.answer.as_ref();
                answer
                    .and_then(|a| a.headers.get(&name.to_ascii_lowercase()))
                    .cloned()
                    .map(Value::String)
            }
            CaptureSource::Dsreg(field) => {
                let machine =
                    context.machine.as_ref().and_then(|name| self.stage.machines.get(name));
                let user = context.windows_user.clone().or_else(|| self.session(context));
                machine
                    .and_then(|machine| {
                        machine.dsreg(&self.stage.wire, user.as_deref()).get(field).cloned()
                    })
                    .map(Value::String)
            }
            CaptureSource::Printed(stream, regex) => {
                let printed = match stream {
                    Stream::Stdout => &seen.stdout,
                    Stream::Stderr => &seen.stderr,
                    Stream::Output => &seen.output,
                };
                found(regex, printed.as_deref().unwrap_or_default()).map(Value::String)
            }
            CaptureSource::Records(path) => self.records(path, at).await?,
            CaptureSource::Value(template) => {
                let value = template.evaluate(&self.stage);
                Some(value.map_err(|error| Box::new(error.finding(at))).map(ExprValue::into_json)?)
            }
            CaptureSource::Xpath(_) => {
                return Err(Box::new(Finding::error(
                    "scn::not-emulated",
                    at.clone(),
                    "not emulated yet: xpath",
                )));
            }
        })
    }

    async fn records(&self, path: &JsonPath, at: &Span) -> Result<Option<Value>, Box<Finding>> {
        use linarite_server::control::view;
        let told = |error: &dyn std::fmt::Display| {
            Box::new(Finding::error("scn::directory", at.clone(), error.to_string()))
        };
        let devices = view::devices(self.stage.world()).await.map_err(|error| told(&error))?;
        let users = view::users(self.stage.world()).await.map_err(|error| told(&error))?;
        let all = serde_json::json!({ "devices": devices, "users": users });
        Ok(path.find(&all).cloned())
    }
}

fn there_was(seen: &Seen, stage: &super::stage::Stage) -> String {
    seen.tail(|text| stage.redact(text)).map_or_else(String::new, |tail| {
        let short: String = tail.chars().take(200).collect();
        format!("; there was: {short}")
    })
}
