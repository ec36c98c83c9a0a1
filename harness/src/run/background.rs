//! Commands that go on beside the next steps: begun with `background`, ready when they say so, waited for or stopped by
//! name.
//!
//! Their groups belong to the stage and end with it. Being ready is a matter of real time, as everything is that a real
//! process does.

use std::time::Duration;

use regex::Regex;
use tokio::net::TcpStream;
use tokio::time::{interval, timeout};

use super::group::Group;
use super::seen::Seen;
use super::stage::Stage;
use crate::scenario::Finding;
use crate::scenario::finding::Span;
use crate::scenario::model::{ReadyWhen, RunAction, Signal};

/// How often it is looked whether a command is ready.
const LOOK: Duration = Duration::from_millis(20);
/// How long one look may take.
const GLANCE: Duration = Duration::from_millis(500);

/// What a command in the background is waited for.
enum Sign {
    Port(u16),
    Http(String),
    Stdout(Regex),
}

impl Sign {
    fn of(ready: &ReadyWhen, stage: &Stage) -> Result<Self, Box<Finding>> {
        let wrong =
            |at: &Span, why: String| Box::new(Finding::error("scn::not-ready", at.clone(), why));
        if let Some(port) = &ready.port {
            let number = port.resolve(stage)?;
            let read = u16::try_from(number).ok().filter(|port| *port > 0);
            return read.map(Self::Port).ok_or_else(|| {
                wrong(&port.at, format!("{number} is no port; ports go from 1 to 65535"))
            });
        }
        if let Some(url) = &ready.http {
            return Ok(Self::Http(url.resolve(stage)?));
        }
        let Some(pattern) = &ready.stdout else {
            let why = "`ready_when` needs one of: port, http, stdout".to_owned();
            return Err(wrong(&ready.at, why));
        };
        let text = pattern.resolve(stage)?;
        let regex = crate::expect::matcher::regex(&text);
        regex
            .map(Self::Stdout)
            .map_err(|why| Box::new(Finding::error("scn::bad-regex", pattern.at.clone(), why)))
    }

    async fn shows(&self, group: &Group, client: &reqwest::Client) -> bool {
        match self {
            Self::Port(port) => {
                let address = (std::net::Ipv4Addr::LOCALHOST, *port);
                matches!(timeout(GLANCE, TcpStream::connect(address)).await, Ok(Ok(_)))
            }
            Self::Http(url) => {
                let answer = client.get(url).timeout(GLANCE).send().await;
                answer.is_ok_and(|answer| !answer.status().is_server_error())
            }
            Self::Stdout(regex) => regex.is_match(&group.stdout()),
        }
    }
}

/// Lets a group go on under a name, once it is ready.
pub(crate) async fn start(
    stage: &mut Stage,
    name: &str,
    mut group: Group,
    action: &RunAction,
    limit: Duration,
) -> Result<Seen, Box<Finding>> {
    if stage.background.contains_key(name) {
        let title = format!("a command called `{name}` is running in the background already");
        return Err(Box::new(Finding::error("scn::duplicate-id", action.at.clone(), title)));
    }
    if let Some(ready) = &action.ready_when {
        let sign = Sign::of(ready, stage)?;
        if let Some(why) = wait_for(&sign, &mut group, stage, limit).await {
            let seen = group.stop(super::group::TERM).await;
            // How it then ended says nothing of whether it could be used.
            return Ok(Seen { failed: Some(format!("`{name}` {why}")), exit: None, ..seen });
        }
    }
    let so_far = group.seen(serde_json::json!(0));
    stage.background.insert(name.to_owned(), group);
    // It has no exit code yet.
    Ok(Seen { exit: None, failed: None, ..so_far })
}

/// Why a group does not get ready; `None` when it is.
async fn wait_for(
    sign: &Sign,
    group: &mut Group,
    stage: &Stage,
    limit: Duration,
) -> Option<String> {
    // Straight to the process: it is no emulated host.
    let client = match super::http::direct(stage.emulator.ca_pem()) {
        Ok(client) => client,
        Err(error) => return Some(format!("cannot be asked whether it is ready: {error}")),
    };
    let looked = timeout(limit, async {
        let mut looks = interval(LOOK);
        loop {
            looks.tick().await;
            if sign.shows(group, &client).await {
                return None;
            }
            if let Some(exit) = group.ended() {
                return Some(format!("ended before it was ready, with {exit}"));
            }
        }
    });
    let late = || Some(format!("was not ready within {} s", limit.as_secs_f32()));
    looked.await.unwrap_or_else(|_| late())
}

/// Waits for the end of a command in the background, at most so long.
pub(crate) async fn wait(
    stage: &mut Stage,
    name: &str,
    at: &Span,
    limit: Duration,
) -> Result<Seen, Box<Finding>> {
    let mut group = take(stage, name, at)?;
    stage.printing = Some(group.printed());
    Ok(group.follow(limit).await)
}

/// Stops a command in the background. One that had ended by itself is a failure; how a stopped one ends is not.
pub(crate) async fn stop(
    stage: &mut Stage,
    name: &str,
    at: &Span,
    signal: Signal,
) -> Result<Seen, Box<Finding>> {
    let mut group = take(stage, name, at)?;
    if let Some(exit) = group.ended() {
        let seen = group.follow(GLANCE).await;
        let failed = Some(format!("`{name}` had ended by itself before, with {exit}"));
        return Ok(Seen { failed, ..seen });
    }
    let seen = group.stop(signal.number()).await;
    Ok(Seen { failed: None, ..seen })
}

fn take(stage: &mut Stage, name: &str, at: &Span) -> Result<Group, Box<Finding>> {
    stage.background.remove(name).ok_or_else(|| {
        let title = format!("no command called `{name}` is running in the background");
        Box::new(Finding::error("scn::unknown-background", at.clone(), title))
    })
}
