//! Where captured values come from: `access_token`, `json:$.x`, `dsreg.DeviceId`,
//! `stdout:/id=(?P<id>\S+)/`, `devices[0].objectId`, or any `$(...)`.

use regex::Regex;

use super::expr::{ExprError, Template};
use super::suggest;
use crate::expect::JsonPath;
use crate::expect::matcher::regex;

/// The source of a captured value.
#[derive(Clone, Debug)]
pub enum CaptureSource {
    /// The access token just received.
    AccessToken,
    /// The refresh token just received.
    RefreshToken,
    /// The id token just received.
    IdToken,
    /// The exit code.
    Exit,
    /// The HTTP status.
    Status,
    /// The body as text.
    Body,
    /// A value of the JSON body.
    Json(JsonPath),
    /// A value of the XML body. Not emulated yet.
    Xpath(String),
    /// An HTTP header.
    Header(String),
    /// A field of `dsregcmd /status`.
    Dsreg(String),
    /// What a regular expression finds in what was printed.
    Printed(Stream, Regex),
    /// A value of the directory's records, such as `devices[0].objectId`: a path into an object
    /// with the members `devices` and `users`.
    Records(JsonPath),
    /// The value of a reference.
    Value(Template),
}

/// What a command prints on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// Both.
    Output,
}

const WORDS: [&str; 6] = ["access_token", "refresh_token", "id_token", "exit", "status", "body"];

impl CaptureSource {
    /// Reads a source as files write it.
    pub fn parse(text: &str) -> Result<Self, ExprError> {
        let bad = |title: String| ExprError::new("scn::bad-capture", 0..text.len(), title);
        if Template::is_needed(text) && text.starts_with("$(") {
            return Template::parse(text).map(Self::Value);
        }
        let path = |path: &str| JsonPath::parse(path).map_err(|error| bad(error.to_string()));
        if let Some((kind, rest)) = text.split_once(':') {
            let stream = match kind {
                "json" => return path(rest).map(Self::Json),
                "xpath" => return Ok(Self::Xpath(rest.to_owned())),
                "header" if !rest.is_empty() => return Ok(Self::Header(rest.trim().to_owned())),
                "stdout" => Stream::Stdout,
                "stderr" => Stream::Stderr,
                "output" => Stream::Output,
                _ => {
                    let known = ["json", "xpath", "header", "stdout", "stderr", "output"];
                    let mut error = bad(format!("`{kind}:` is no source of captures"));
                    error.help = suggest::help(kind, known);
                    return Err(error);
                }
            };
            let pattern = rest.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
            let Some(pattern) = pattern else {
                return Err(bad("the regular expression stands between slashes".to_owned())
                    .help(format!("write {kind}:/.../")));
            };
            return regex(pattern)
                .map(|regex| Self::Printed(stream, regex))
                .map_err(|why| ExprError::new("scn::bad-regex", 0..text.len(), why));
        }
        if let Some(field) = text.strip_prefix("dsreg.").filter(|field| !field.is_empty()) {
            return Ok(Self::Dsreg(field.to_owned()));
        }
        if text.starts_with("devices[") || text.starts_with("users[") {
            return path(text).map(Self::Records);
        }
        match text {
            "access_token" => Ok(Self::AccessToken),
            "refresh_token" => Ok(Self::RefreshToken),
            "id_token" => Ok(Self::IdToken),
            "exit" => Ok(Self::Exit),
            "status" => Ok(Self::Status),
            "body" => Ok(Self::Body),
            _ => {
                let help = suggest::nearest(text, WORDS).map_or_else(
                    || {
                        "sources: access_token, refresh_token, id_token, exit, status, body, json:$.x, \
                         header:X, dsreg.X, stdout:/.../, devices[0].x, $(...)"
                            .to_owned()
                    },
                    |near| format!("did you mean `{near}`?"),
                );
                Err(bad(format!("`{text}` is no source of captures")).help(help))
            }
        }
    }
}

/// What a regular expression finds: its first named group, else its first group, else all of it.
pub fn found(regex: &Regex, text: &str) -> Option<String> {
    let captures = regex.captures(text)?;
    let named = regex.capture_names().flatten().next().and_then(|name| captures.name(name));
    let found = named.or_else(|| captures.get(1)).or_else(|| captures.get(0));
    found.map(|found| found.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_of_the_reference_is_read() {
        for text in [
            "access_token",
            "refresh_token",
            "json:$.x",
            "header:X-Y",
            "dsreg.DeviceId",
            "stdout:/(?P<id>[0-9a-f-]{36})/",
            "exit",
            "devices[0].objectId",
            "$(clock.now)",
            "xpath:/a/b",
        ] {
            assert!(CaptureSource::parse(text).is_ok(), "{text}");
        }
        for text in ["", "acces_token", "json:$..x", "stdout:x", "stdout:/(/", "dsreg.", "foo:bar"]
        {
            assert!(CaptureSource::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_named_group_comes_before_a_group_before_the_whole() {
        let find = |pattern: &str| found(&regex(pattern).unwrap(), "id=7 name=x");
        assert_eq!(find("(i)d=(?P<n>[0-9])").as_deref(), Some("7"));
        assert_eq!(find("id=([0-9])").as_deref(), Some("7"));
        assert_eq!(find("id=[0-9]").as_deref(), Some("id=7"));
        assert_eq!(find("none"), None);
    }
}
