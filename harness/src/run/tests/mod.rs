//! Whole scenarios, run as the command line runs them.

mod background;
mod faults;
mod journal;
mod outcomes;
mod redaction;
mod verdicts;

use std::sync::{Arc, Mutex};

use super::events::{RunEvent, Verdict};
use super::needs::Surroundings;
use super::*;

/// What became of a scenario.
struct Ran {
    events: Vec<RunEvent>,
    summary: Summary,
}

impl Ran {
    /// Verdicts of the instances, in the order of their ends.
    fn verdicts(&self) -> Vec<Verdict> {
        let end = |event: &RunEvent| {
            if let RunEvent::ScenarioEnd { verdict, .. } = event { Some(*verdict) } else { None }
        };
        self.events.iter().filter_map(end).collect()
    }

    /// What went wrong in steps, all of it.
    fn failures(&self) -> String {
        let failure = |event: &RunEvent| {
            if let RunEvent::StepEnd { failure: Some(text), .. }
            | RunEvent::ScenarioEnd { reason: Some(text), .. } = event
            {
                Some(text.clone())
            } else {
                None
            }
        };
        self.events.iter().filter_map(failure).collect::<Vec<_>>().join("\n")
    }
}

fn options() -> Options {
    Options {
        seed: 7,
        jobs: 2,
        har: None,
        journal: None,
        inherited: vec![("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned())],
        surroundings: Surroundings {
            program: |_| true,
            variable: |_| false,
            faketime: crate::cli::faketime,
        },
        require_needs: false,
        strict: false,
    }
}

/// A scenario of these lines after its head, which brings a world with one user and one machine.
fn text(rest: &str) -> String {
    format!(
        "linarite: 1\nid: t\nfaq: [A1]\nworld:\n  tenant: {{ name: Contoso, domains: {{ contoso.test: {{ kind: managed, primary: true }} }} }}\n  \
         users: {{ alice: {{ upn: alice@contoso.test, password: Correct-Horse-1 }} }}\n  machines: {{ pc1: {{}} }}\n{rest}"
    )
}

async fn run_with(rest: &str, options: Options) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.scenario.yaml");
    std::fs::write(&path, text(rest)).unwrap();
    let action = "linarite: 1\nsteps:\n  - clock: { advance: 1m }\n";
    std::fs::write(folder.path().join("minute.action.yaml"), action).unwrap();
    let loaded = plan::read(&[path]).remove(0);
    let said: Vec<String> = loaded.findings.iter().map(|finding| finding.render(false)).collect();
    let scenario = loaded.runnable().unwrap_or_else(|| panic!("{}", said.join("\n"))).clone();
    let instances = plan::expand(vec![Arc::new(scenario)], options.seed, None);
    let events = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&events);
    let tell: Tell = Arc::new(move |event| told.lock().unwrap().push(event));
    let (_stop, stopped) = watch::channel(Stop::Go);
    let summary = run(instances, Arc::new(options), tell, stopped).await.unwrap();
    let events = events.lock().unwrap().clone();
    Ran { events, summary }
}

async fn ran(rest: &str) -> Ran {
    run_with(rest, options()).await
}
