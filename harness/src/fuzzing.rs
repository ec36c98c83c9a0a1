//! What the fuzz target of scenario files in `tests/fuzz` calls. Not part of the interface; it exists in tests and with the
//! feature `fuzzing` only.
//!
//! The test replays the kept corpus and finds.

use std::io;
use std::path::Path;

use crate::scenario::{Project, load};

const PATH: &str = "scenarios/fuzz/input.scenario.yaml";

/// A scenario file is read, looked over, and everything that there is to say about it is shown in colour. The text
/// stands for each action file that it names too, and for each world but the shared one.
pub fn scenario(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let read = |path: &Path| -> io::Result<String> {
        if path.ends_with("contoso.world.yaml") {
            return Ok(include_str!("../../fixtures/worlds/contoso.world.yaml").to_owned());
        }
        Ok(text.to_owned())
    };
    let loaded = load(Path::new(PATH), &Project::at(Path::new(""), &read));
    for finding in &loaded.findings {
        assert!(!finding.render(true).is_empty(), "nothing is shown for {}", finding.code);
    }
    if let Some(scenario) = loaded.runnable() {
        assert!(!scenario.rows().is_empty(), "a scenario without rows can be run");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    /// How long all kept inputs may take together.
    const LIMIT: Duration = Duration::from_secs(60);

    #[test]
    fn kept_scenario_files_are_read_quickly_and_without_panic() {
        let (done, wait) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let mut count = 0;
            for kept in ["corpus", "finds"] {
                let fuzz = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz");
                let folder = fuzz.join(kept).join("scenario");
                let Ok(folder) = std::fs::read_dir(folder) else { continue };
                for entry in folder {
                    let path = entry.unwrap().path();
                    println!("{}", path.display());
                    super::scenario(&std::fs::read(&path).unwrap());
                    count += 1;
                }
            }
            done.send(count).unwrap();
        });
        match wait.recv_timeout(LIMIT) {
            Ok(count) => assert!(count > 0, "no inputs are kept"),
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("the inputs take too long"),
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                std::panic::resume_unwind(thread.join().unwrap_err())
            }
        }
    }
}
