//! What the server costs, as sums of parts that are measured in the same run: `cargo bench -p linarite-server`.
//!
//! A machine that is twice as slow signs twice as slowly, so no bound here is a number of microseconds: a password grant
//! may cost its signatures and six bare requests through the same listener. Only CPU time of the threads that serve is
//! counted, whatever else the machine does. Nothing is asserted; `docs/performance.md` says what each row means.
//! `cargo bench -p linarite-server -- faults` measures the row of an idle fault engine alone.
//! `cargo bench -p linarite-server -- repeat page 40` (or `password`, `prt`, `join`, `world`) only does that, so many
//! thousand times, for a profiler to look at.
//! Left out: machines without Linux's `/proc`, TLS handshakes, many clients at once.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench reports to a terminal and stops at whatever it cannot measure"
)]

mod bare;
mod child;
mod client;
mod cpu;
mod device;
mod faults;
mod federated;
mod served;
mod table;

use std::path::{Path, PathBuf};

use table::{Bound, Table};

/// How often everything is measured; the median counts.
const ROUNDS: usize = 5;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [what, port, folder] = arguments.as_slice()
        && what == child::MINIMAL
    {
        child::minimal(port.parse().expect("a port"), Path::new(folder));
        return;
    }
    if let [word, what, rest @ ..] = arguments.as_slice()
        && word == "repeat"
    {
        let times = rest.iter().find_map(|word| word.parse().ok()).unwrap_or(40);
        served::repeat(what, times);
        return;
    }
    let mut table = Table::default();
    faults::measure(&mut table);
    if let [what, ..] = arguments.as_slice()
        && what == "faults"
    {
        print!("{table}");
        return;
    }
    served::measure(&mut table);
    worlds(&mut table);
    processes(&mut table);
    print!("{table}");
}

/// Starting a world with users and devices, and one with nothing but a domain.
fn worlds(table: &mut Table) {
    table.title("worlds");
    let (row, empty) = served::world_starts();
    table.row("start of an empty world", empty, Bound::None);
    table.row("start of contoso for a row", row, Bound::sum(&[(1.5, "empty world", empty)]));
}

/// The released binary, when it was built.
fn processes(table: &mut Table) {
    table.title("processes");
    let Some(linarite) = linarite() else {
        table.remark("no target/release/linarite beside this bench: `cargo build --release` first");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder for a state");
    let minimal = child::Ready::of_minimal(&folder.path().join("minimal"));
    let served = child::Ready::of_linarite(&linarite, &folder.path().join("state"));
    table.row("minimal binary, ready, CPU", minimal.cpu, Bound::None);
    table.row(
        "linarite serve --state, ready, CPU",
        served.cpu,
        Bound::sum(&[(3.0, "minimal", minimal.cpu)]),
    );
    table.row("minimal binary, ready, wall", minimal.wall, Bound::None);
    table.row(
        "linarite serve --state, ready, wall",
        served.wall,
        Bound::sum(&[(3.0, "minimal", minimal.wall)]),
    );
    table.memory("minimal binary, idle", minimal.resident, None);
    table.memory("linarite serve --state, idle", served.resident, Some(20 << 20));
    let (wall, cpu) = child::scenarios(&linarite, &["scenarios/faq", "scenarios/registration"]);
    let bound = Bound::sum(&[(1.0, "about 2 s", 2e9)]);
    table.row("linarite run scenarios/{faq,registration}, wall", wall, bound);
    table.row("linarite run scenarios/{faq,registration}, CPU", cpu, Bound::None);
    let (wall, cpu) = child::scenarios(&linarite, &["scenarios"]);
    table.row("linarite run scenarios, wall", wall, Bound::None);
    table.row("linarite run scenarios, CPU", cpu, Bound::None);
}

/// The binary that `cargo build --release` left: benches are built into `deps` beside it.
fn linarite() -> Option<PathBuf> {
    let own = std::env::current_exe().ok()?;
    let path = own.parent()?.parent()?.join("linarite");
    path.is_file().then_some(path)
}
