//! One request: which host it means, whether it is within the limits, what the handler answers.

use std::{
    any::Any,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{Arc, PoisonError},
    task::Poll,
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header,
    request::Parts, uri::PathAndQuery,
};
use hyper::body::Incoming;

use super::{
    ConnectionFault, EdgeRefusal, Face, Handler, Inbound, Limits, Link, RefusalKind, Stage,
    body::{self, BodyError},
    connection::{Channel, Road, Tunnel},
    damage::{AnswerBody, Cut, CutHow, CutPoint, Damage},
    hosts::{Authority, split_prefix},
    refusal::{listed, text},
};

/// Answers one request, whatever it is.
pub(super) async fn answer<H: Handler>(
    channel: &Channel<H>,
    mut request: Request<Incoming>,
) -> Response<AnswerBody> {
    let _beat = channel.pulse.begin();
    if request.method() == Method::CONNECT {
        let answer = match connect(channel, &mut request) {
            Ok(Some(answer)) => answer,
            Ok(None) => return doomed(channel, &CutHow::Reset).await,
            Err(no) => channel.refuse(no, &request),
        };
        return answer.map(AnswerBody::whole);
    }
    let limits = &channel.edge.limits;
    let (mut parts, body) = request.into_parts();
    // Over HTTP/2 curl takes an early answer for a broken one, so only HTTP/1.1 clients get it.
    let waits = parts.version == Version::HTTP_11 && parts.headers.contains_key(header::EXPECT);
    let head = parts.method == Method::HEAD;
    let routed = within(&parts.headers, limits).and_then(|()| channel.route(&parts));
    let mut answer = match routed {
        Ok(Routed::Call(link, uri)) => match body::collect(body, waits, limits).await {
            Ok(body) => {
                if let Some(uri) = uri {
                    parts.uri = uri;
                }
                match channel.befallen(&link) {
                    None => channel.call(parts, body, link).await,
                    Some(ConnectionFault::Unreachable(status)) => unreachable(status, &link.host),
                    Some(_) => return doomed(channel, &CutHow::Reset).await,
                }
            }
            Err(error) => {
                if let Some(answer) = channel.oversized(&error, &parts, uri, &link).await {
                    answer
                } else {
                    let no = no_body(error, limits, link);
                    channel.refuse(no, &Request::from_parts(parts, ()))
                }
            }
        },
        Ok(Routed::Greet) => {
            body::discard(body, waits, limits).await;
            greeting(channel.edge.handler.served())
        }
        Err(no) => {
            body::discard(body, waits, limits).await;
            channel.refuse(no, &Request::from_parts(parts, ()))
        }
    };
    let damage = answer.extensions().get::<Damage>().cloned();
    match damage {
        Some(Damage { cut: Some(Cut { after: CutPoint::Before, how }), .. }) => {
            doomed(channel, &how).await
        }
        // Nothing of such an answer can be left out but all of it.
        Some(Damage { cut: Some(Cut { how, .. }), .. }) if head || is_bare(answer.status()) => {
            doomed(channel, &how).await
        }
        Some(damage) if !head => {
            answer_headers(answer.headers_mut());
            answer.map(|body| AnswerBody::damaged(&body, &damage, Arc::clone(&channel.doom)))
        }
        Some(_) | None => finish(answer, head),
    }
}

/// Whether answers of this status have no body.
fn is_bare(status: StatusCode) -> bool {
    matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

/// Ends the connection in the answer's place.
async fn doomed<H: Handler>(channel: &Channel<H>, how: &CutHow) -> Response<AnswerBody> {
    channel.doom.seal(how);
    std::future::pending().await
}

/// What a proxy says of a host that it cannot reach.
fn unreachable(status: StatusCode, host: &str) -> Response<Bytes> {
    text(status, &format!("{host} cannot be reached: a fault of the test makes it so"))
}

/// A refusal on its way to the client and to the handler.
struct No {
    kind: RefusalKind,
    status: StatusCode,
    host: Option<String>,
    face: Option<Face>,
    words: String,
}

impl No {
    fn new(kind: RefusalKind, status: StatusCode, words: impl Into<String>) -> Self {
        Self { kind, status, host: None, face: None, words: words.into() }
    }

    fn bad(words: impl Into<String>) -> Self {
        Self::new(RefusalKind::BadRequest, StatusCode::BAD_REQUEST, words)
    }

    fn host(mut self, host: impl Into<String>) -> Self {
        self.host = Some(host.into());
        self
    }

    fn face(mut self, face: Face) -> Self {
        self.face = Some(face);
        self
    }

    /// Two names that should be one.
    fn mismatch(first: &str, one: &str, second: &str, other: &str) -> Self {
        let words = format!(
            "{first} names {one}, {second} names {other}: they must agree (421, RFC 9110 section \
             15.5.20)"
        );
        Self::new(RefusalKind::Mismatch, StatusCode::MISDIRECTED_REQUEST, words).host(other)
    }
}

/// Where a request goes.
enum Routed {
    /// To the handler, with another URI than the client wrote.
    Call(Link, Option<Uri>),
    /// Somebody looks at the port with a browser.
    Greet,
}

impl<H: Handler> Channel<H> {
    /// Finds the host that the request means, and its URI in origin-form.
    fn route(&self, parts: &Parts) -> Result<Routed, No> {
        let written = host_field(&parts.headers);
        let target = match parts.uri.authority() {
            None => None,
            Some(authority) => Some(
                Authority::parse(authority.as_str())
                    .ok_or_else(|| No::bad(format!("{authority} is no host")))?,
            ),
        };
        let named = match (&self.road, target) {
            (Road::Open, None) => return self.prefix(parts, &written),
            (Road::Open | Road::Unnamed, _) => None,
            (Road::Named { host, disagrees: Some(connect), .. }, _) => {
                return Err(No::mismatch("CONNECT", connect, "SNI", host));
            }
            (Road::Named { host, .. }, _) => Some(host.as_str()),
        };
        let field = match written {
            HostField::Absent => None,
            HostField::One(authority, _) => Some(authority),
            HostField::Bad(why) => return Err(No::bad(why)),
        };
        // RFC 9112 section 3.2: an HTTP/1.1 request without Host is answered 400.
        if field.is_none() && target.is_none() && parts.version != Version::HTTP_10 {
            return Err(No::bad("the request has no Host header field"));
        }
        let host = match (named, target, field) {
            (Some(host), _, _) => host.to_owned(),
            (None, Some(authority), _) | (None, None, Some(authority)) => authority.canonical(),
            (None, None, None) => return Err(No::bad("nothing names a host: no SNI, no Host")),
        };
        for (what, authority) in [("the request target", target), ("Host", field)] {
            let Some(authority) = authority.filter(|a| !a.names(&host)) else { continue };
            let settled = match (&self.road, named) {
                (Road::Named { face: Face::Proxy, .. }, _) => "CONNECT",
                (_, Some(_)) => "SNI",
                (_, None) => "the request target",
            };
            return Err(No::mismatch(settled, &host, what, &authority.canonical()));
        }
        let mut link = match &self.road {
            Road::Open | Road::Named { face: Face::Proxy, .. } => Link::proxy(host),
            Road::Unnamed | Road::Named { .. } => {
                let port = target.or(field).map_or_else(|| Some(self.local.port()), |a| a.port);
                Link::direct(host, port)
            }
        };
        if named.is_none() && self.edge.handler.host(&link.host).is_none() {
            return Err(self.unknown(&link.host, link.face));
        }
        link.secure = match &self.road {
            Road::Open => false,
            Road::Unnamed => true,
            Road::Named { secure, .. } => *secure,
        };
        self.stamp(&mut link);
        let whole = parts.uri.path_and_query().cloned();
        if whole.as_ref().is_some_and(|whole| whole == "*") {
            return Err(No::bad("not emulated: a request for * (all of the server)"));
        }
        let root = || PathAndQuery::from_static("/");
        let uri = target.map(|_| Uri::from(whole.unwrap_or_else(root)));
        Ok(Routed::Call(link, uri))
    }

    /// Plain HTTP straight to the proxy listener: the path begins with the host.
    fn prefix(&self, parts: &Parts, written: &HostField<'_>) -> Result<Routed, No> {
        let whole = parts.uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let (first, rest) = split_prefix(whole);
        if first.is_empty() {
            return Ok(Routed::Greet);
        }
        let host = Authority::parse(first).map(|authority| authority.canonical());
        let Some(host) = host.filter(|host| self.edge.handler.host(host).is_some()) else {
            let served = listed(self.edge.handler.served());
            let words = format!(
                "/{first} is no emulated host. Over plain HTTP a path begins with one, as in \
                 /login.microsoftonline.com/...; emulated: {served}"
            );
            return Err(No::new(RefusalKind::UnknownHost, StatusCode::NOT_FOUND, words)
                .host(first.to_ascii_lowercase())
                .face(Face::Prefix));
        };
        // The client reaches this port as its Host says, unless it was made to name a service.
        let authority = match written {
            HostField::One(authority, text)
                if self.edge.handler.host(&authority.canonical()).is_none() =>
            {
                (*text).to_owned()
            }
            HostField::One(..) | HostField::Absent | HostField::Bad(_) => self.local.to_string(),
        };
        let mut link = Link::prefix(host, authority);
        let uri = if rest.starts_with('/') {
            PathAndQuery::try_from(rest)
        } else {
            // Nothing but the host, or a query right behind it.
            PathAndQuery::try_from(format!("/{rest}"))
        };
        let uri = uri.map_err(|e| No::bad(format!("{rest:?} is no path: {e}")))?;
        self.stamp(&mut link);
        Ok(Routed::Call(link, Some(Uri::from(uri))))
    }

    /// What befalls a plain request, whose connection had no host before.
    fn befallen(&self, link: &Link) -> Option<ConnectionFault> {
        let fault = match self.road {
            Road::Open => self.edge.handler.connecting(&link.host, Stage::Plain)?,
            // Decided when the host became known.
            Road::Unnamed | Road::Named { .. } => return None,
        };
        match fault {
            ConnectionFault::Unreachable(_) | ConnectionFault::Reset => Some(fault),
            ConnectionFault::Tls(_) | ConnectionFault::Fresh => None,
        }
    }

    fn stamp(&self, link: &mut Link) {
        link.connection = self.connection;
        link.client_chain = self.client_chain.clone();
    }

    /// A host that is not emulated. Nothing is asked of the real one.
    fn unknown(&self, host: &str, face: Face) -> No {
        let status = match face {
            Face::Proxy => StatusCode::BAD_GATEWAY,
            Face::Direct => StatusCode::MISDIRECTED_REQUEST,
            Face::Prefix => StatusCode::NOT_FOUND,
        };
        let served = listed(self.edge.handler.served());
        let words =
            format!("{host} is not emulated, and nothing leaves this machine; emulated: {served}");
        No::new(RefusalKind::UnknownHost, status, words).host(host).face(face)
    }

    /// Lets the handler answer; its panic is a 500.
    async fn call(&self, parts: Parts, body: Bytes, link: Link) -> Response<Bytes> {
        let (method, uri) = (parts.method.clone(), parts.uri.clone());
        let (host, face) = (link.host.clone(), link.face);
        let inbound = Inbound { request: Request::from_parts(parts, body), link };
        match unpanicked(async { self.edge.handler.call(inbound).await }).await {
            Ok(answer) => answer,
            Err(panic) => {
                let detail = format!("the service panicked, which is a bug in linarite: {panic}");
                let answer = text(StatusCode::INTERNAL_SERVER_ERROR, &detail);
                self.edge.handler.refused(EdgeRefusal {
                    kind: RefusalKind::Panic,
                    status: Some(answer.status()),
                    host: Some(host),
                    request: Some(line(&method, &uri)),
                    face: Some(face),
                    connection: self.connection,
                    detail,
                });
                answer
            }
        }
    }

    /// The handler's own answer to a body that was too long.
    async fn oversized(
        &self,
        error: &BodyError,
        parts: &Parts,
        uri: Option<Uri>,
        link: &Link,
    ) -> Option<Response<Bytes>> {
        if !matches!(error, BodyError::TooLarge) {
            return None;
        }
        let mut parts = parts.clone();
        if let Some(uri) = uri {
            parts.uri = uri;
        }
        let request = Request::from_parts(parts, Bytes::new());
        let inbound = Inbound { request, link: link.clone() };
        let answer = unpanicked(async { self.edge.handler.oversized(inbound).await }).await;
        answer.ok().flatten()
    }

    /// Tells client and handler no.
    fn refuse<B>(&self, no: No, request: &Request<B>) -> Response<Bytes> {
        let answer = text(no.status, &no.words);
        let settled = match &self.road {
            Road::Named { host, .. } => Some(host.clone()),
            Road::Open | Road::Unnamed => None,
        };
        self.edge.handler.refused(EdgeRefusal {
            kind: no.kind,
            status: Some(no.status),
            host: no.host.or(settled),
            request: Some(line(request.method(), request.uri())),
            face: no.face.or_else(|| self.face()),
            connection: self.connection,
            detail: no.words,
        });
        answer
    }
}

/// `CONNECT`: grants a tunnel to an emulated host; `None`: the connection is reset. Its Host header field is not looked at: some
/// clients put the proxy's own name there (Node's http module does by itself).
fn connect<H: Handler>(
    channel: &Channel<H>,
    request: &mut Request<Incoming>,
) -> Result<Option<Response<Bytes>>, No> {
    within(request.headers(), &channel.edge.limits).map_err(|no| no.face(Face::Proxy))?;
    if !matches!(channel.road, Road::Open) {
        return Err(No::bad(
            "not emulated: CONNECT inside a tunnel or over TLS; the proxy is http://, not https://",
        ));
    }
    let authority = request.uri().authority().map(http::uri::Authority::as_str);
    let host = authority
        .and_then(Authority::parse)
        .map(|authority| authority.canonical())
        .ok_or_else(|| No::bad("CONNECT names no host").face(Face::Proxy))?;
    let Some(policy) = channel.edge.handler.host(&host) else {
        return Err(channel.unknown(&host, Face::Proxy));
    };
    let cuts = channel.edge.handler.cuts(&host);
    match channel.edge.handler.connecting(&host, Stage::Tunnel) {
        Some(ConnectionFault::Unreachable(status)) => return Ok(Some(unreachable(status, &host))),
        Some(ConnectionFault::Reset) => return Ok(None),
        Some(ConnectionFault::Tls(_) | ConnectionFault::Fresh) | None => {}
    }
    let tunnel = Tunnel { upgrade: hyper::upgrade::on(request), host, policy, cuts };
    *channel.granted.lock().unwrap_or_else(PoisonError::into_inner) = Some(tunnel);
    Ok(Some(Response::new(Bytes::new())))
}

/// The Host header field of a request.
enum HostField<'a> {
    Absent,
    /// Read, and as the client wrote it.
    One(Authority<'a>, &'a str),
    Bad(&'static str),
}

fn host_field(headers: &HeaderMap) -> HostField<'_> {
    let mut all = headers.get_all(header::HOST).iter();
    let Some(value) = all.next() else { return HostField::Absent };
    if all.next().is_some() {
        return HostField::Bad("the request has more than one Host header field");
    }
    let read = value.to_str().ok().and_then(|text| Some((Authority::parse(text)?, text)));
    match read {
        Some((authority, text)) => HostField::One(authority, text),
        None => HostField::Bad("the Host header field is no host"),
    }
}

/// Holds the limits that the HTTP library does not hold, or only without words.
fn within(headers: &HeaderMap, limits: &Limits) -> Result<(), No> {
    let too_large = |words: String| {
        Err(No::new(
            RefusalKind::HeadersTooLarge,
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            words,
        ))
    };
    if headers.len() > limits.header_count {
        return too_large(format!("more than {} header fields", limits.header_count));
    }
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if bytes > limits.header_bytes {
        return too_large(format!("header fields of more than {} bytes", limits.header_bytes));
    }
    Ok(())
}

fn no_body(error: BodyError, limits: &Limits, link: Link) -> No {
    let no = match error {
        BodyError::TooLarge => No::new(
            RefusalKind::BodyTooLarge,
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the body is longer than {} bytes", limits.body_bytes),
        ),
        BodyError::TooSlow => No::new(
            RefusalKind::BodyTooSlow,
            StatusCode::REQUEST_TIMEOUT,
            format!("the body did not come within {} s", limits.body_time.as_secs_f32()),
        ),
        BodyError::Broken(why) => No::bad(format!("the body is broken: {why}")),
    };
    no.host(link.host).face(link.face)
}

/// Method and path for the journal. A query may hold secrets.
fn line(method: &Method, uri: &Uri) -> String {
    match (uri.path(), uri.authority()) {
        ("", Some(authority)) => format!("{method} {authority}"),
        (path, _) => format!("{method} {path}"),
    }
}

/// What somebody sees who opens the port in a browser.
fn greeting(served: Vec<String>) -> Response<Bytes> {
    let words = format!(
        "this is an offline emulator of Azure AD device registration.\n\
         Use this port as an HTTP proxy (HTTPS_PROXY), or ask for /HOST/PATH.\n\
         Emulated hosts: {}",
        listed(served)
    );
    text(StatusCode::OK, &words)
}

/// The answer as it goes out: its length is the body's, and a HEAD has the length without the body.
fn finish(mut answer: Response<Bytes>, head: bool) -> Response<AnswerBody> {
    if head {
        answer.headers_mut().remove(header::TRANSFER_ENCODING);
        let length = answer.body().len();
        if length > 0 {
            let length = HeaderValue::from(length);
            answer.headers_mut().insert(header::CONTENT_LENGTH, length);
            *answer.body_mut() = Bytes::new();
        }
    } else {
        answer_headers(answer.headers_mut());
    }
    answer.map(AnswerBody::whole)
}

/// The framing of an answer is the edge's business.
fn answer_headers(headers: &mut HeaderMap) {
    headers.remove(header::TRANSFER_ENCODING);
    headers.remove(header::CONTENT_LENGTH);
}

/// The future's output, or what it panicked with.
async fn unpanicked<F: Future>(future: F) -> Result<F::Output, String> {
    let mut future = pin!(future);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(poll) => poll.map(Ok),
        Err(panic) => Poll::Ready(Err(panic_text(panic.as_ref()))),
    })
    .await
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no text".to_owned())
}
