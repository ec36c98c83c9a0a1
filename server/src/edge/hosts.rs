//! Names of hosts as clients write them: in authorities, in Host, in SNI, and as the first part of a
//! path. Whether a name is emulated is the handler's business.

use std::net::Ipv6Addr;

/// `host` or `host:port`, taken apart. The host is as the client wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Authority<'a> {
    /// The name or address; an IPv6 address stands without its brackets.
    pub(super) host: &'a str,
    /// The port, if one is given. `host:` counts as none.
    pub(super) port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// Takes `text` apart. `None`: not a host that any client could mean (empty, with user
    /// information, with characters that no host name holds, with a port that is no number).
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        if let Some(rest) = text.strip_prefix('[') {
            let (host, rest) = rest.split_once(']')?;
            host.parse::<Ipv6Addr>().ok()?;
            return Some(Self { host, port: parse_port(rest)? });
        }
        let end = text.find(':').unwrap_or(text.len());
        let (host, port) = text.split_at_checked(end)?;
        if host.is_empty() || host == "." || !host.bytes().all(is_host_byte) {
            return None;
        }
        Some(Self { host, port: parse_port(port)? })
    }

    /// The host in lower case without a trailing dot: as the handler wants it.
    pub(super) fn canonical(&self) -> String {
        canonical(self.host)
    }

    /// Whether this is the host `canonical`.
    pub(super) fn names(&self, canonical: &str) -> bool {
        trim_dot(self.host).eq_ignore_ascii_case(canonical)
    }
}

/// A host name in lower case without a trailing dot.
pub(super) fn canonical(host: &str) -> String {
    trim_dot(host).to_ascii_lowercase()
}

fn trim_dot(host: &str) -> &str {
    host.strip_suffix('.').unwrap_or(host)
}

fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')
}

/// `""` and `":"` are no port, `":443"` is one.
#[expect(clippy::option_option, reason = "the outer one is the failure, the inner one the absence")]
fn parse_port(text: &str) -> Option<Option<u16>> {
    match text.strip_prefix(':') {
        None if text.is_empty() => Some(None),
        Some("") => Some(None),
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok().map(Some),
        None | Some(_) => None,
    }
}

/// Parts a path into the host that it begins with and the rest, which begins with a slash or `?`, or
/// is empty. Doubled leading slashes count as one.
pub(super) fn split_prefix(path_and_query: &str) -> (&str, &str) {
    let path = path_and_query.trim_start_matches('/');
    let end = path.find(['/', '?']).unwrap_or(path.len());
    path.split_at_checked(end).unwrap_or((path, ""))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> Option<(String, Option<u16>)> {
        Authority::parse(text).map(|a| (a.canonical(), a.port))
    }

    #[test]
    fn authorities_are_taken_apart() {
        let host = |name: &str, port| Some((name.to_owned(), port));
        assert_eq!(parsed("Login.Example"), host("login.example", None));
        assert_eq!(parsed("login.example:443"), host("login.example", Some(443)));
        assert_eq!(parsed("login.example.:443"), host("login.example", Some(443)));
        assert_eq!(parsed("login.example:"), host("login.example", None));
        assert_eq!(parsed("127.0.0.1:65535"), host("127.0.0.1", Some(65535)));
        assert_eq!(parsed("[::1]:8443"), host("::1", Some(8443)));
        assert_eq!(parsed("[::1]"), host("::1", None));
    }

    #[test]
    fn what_is_no_authority_is_none() {
        for text in [
            "",
            ".",
            ":443",
            "a b",
            "user@host",
            "host:65536",
            "host:+1",
            "host:44a",
            "a:1:2",
            "[::1",
            "[x]",
            "[::1]x",
            "h/x",
            "h\u{e9}",
            "::1",
        ] {
            assert_eq!(parsed(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_first_part_of_a_path_is_its_host() {
        assert_eq!(split_prefix("/a.example/x/y?z"), ("a.example", "/x/y?z"));
        assert_eq!(split_prefix("//a.example//x"), ("a.example", "//x"));
        assert_eq!(split_prefix("/a.example"), ("a.example", ""));
        assert_eq!(split_prefix("/a.example?q=/"), ("a.example", "?q=/"));
        assert_eq!(split_prefix("/"), ("", ""));
        assert_eq!(split_prefix("/?q"), ("", "?q"));
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_readers(text in "\\PC{0,40}") {
            if let Some(authority) = Authority::parse(&text) {
                prop_assert!(authority.names(&authority.canonical()));
            }
            let (host, rest) = split_prefix(&text);
            prop_assert_eq!(text.trim_start_matches('/'), [host, rest].concat());
        }
    }
}
