//! CPU time of threads and processes, from Linux's `schedstat`, in nanoseconds.

use std::path::Path;

/// The first number of a `schedstat` file: the time on a CPU. A thread that has just ended counts nothing.
fn of(schedstat: &Path) -> u64 {
    let text = std::fs::read_to_string(schedstat).unwrap_or_default();
    text.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// All threads of a process that are there now.
pub(crate) fn of_process(process: u32) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task"));
    tasks.into_iter().flatten().flatten().map(|task| of(&task.path().join("schedstat"))).sum()
}

/// All threads of this process.
pub(crate) fn own() -> u64 {
    of_process(std::process::id())
}

/// All threads of this process but the calling one, which sends the requests.
pub(crate) fn others() -> u64 {
    own().saturating_sub(mine())
}

/// The calling thread.
pub(crate) fn mine() -> u64 {
    of(Path::new("/proc/thread-self/schedstat"))
}

/// Children that have ended, to a hundredth of a second.
pub(crate) fn ended_children() -> u64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name in parentheses may hold spaces; cutime and cstime are the 14th and 15th field behind it.
    let behind = text.rsplit_once(')').map_or("", |(_, behind)| behind);
    behind.split_whitespace().skip(13).take(2).filter_map(|n| n.parse::<u64>().ok()).sum::<u64>()
        * 10_000_000
}

/// What one of `count` costs, when all took so many nanoseconds.
#[expect(clippy::cast_precision_loss, reason = "nanoseconds of seconds fit by far")]
pub(crate) fn each(nanos: u64, count: usize) -> f64 {
    nanos as f64 / count as f64
}

/// The middle one of several measurements.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
