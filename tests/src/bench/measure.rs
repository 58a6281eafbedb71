//! A clock over wall and CPU time, and the report.

use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use std::time::Instant;

/// The result of the timed part.
pub(crate) struct Report {
    pub(crate) ops: usize,
    time: Time,
    bytes: u64,
    extra: Value,
}

/// Wall and CPU seconds (user and system, all threads).
#[derive(Clone, Copy)]
pub(crate) struct Time {
    pub(crate) secs: f64,
    pub(crate) cpu: f64,
}

impl Report {
    /// `bytes` is the content that was stored, read or moved, or 0 if there is none.
    pub(crate) fn new(ops: usize, time: Time, bytes: u64) -> Report {
        Report { ops, time, bytes, extra: json!({}) }
    }

    /// Adds a figure to the report.
    pub(crate) fn with(mut self, key: &str, value: impl Into<Value>) -> Report {
        self.extra[key] = value.into();
        self
    }

    pub(crate) fn print(&self) {
        let Report { ops, time, bytes, .. } = self;
        let mut line = json!({"ops": ops, "secs": time.secs, "cpu": time.cpu, "hwm_mb": peak_memory_mb(), "bytes": bytes});
        if let (Some(line), Some(extra)) = (line.as_object_mut(), self.extra.as_object()) {
            line.extend(extra.clone());
        }
        println!("{line}");
    }
}

pub(crate) struct Clock {
    wall: Instant,
    cpu: f64,
}

impl Clock {
    pub(crate) fn start() -> Clock {
        Clock { cpu: cpu_seconds(), wall: Instant::now() }
    }

    pub(crate) fn stop(self) -> Time {
        let secs = self.wall.elapsed().as_secs_f64();
        Time { secs, cpu: cpu_seconds() - self.cpu }
    }
}

fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// The number after `key` in one of this process's files under `/proc/self`.
fn proc_number(file: &str, key: &str) -> Option<f64> {
    let text = std::fs::read_to_string(format!("/proc/self/{file}")).ok()?;
    let rest = text.lines().find_map(|line| line.strip_prefix(key))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// Peak resident memory in MiB. Unlike `ru_maxrss`, it does not include the parent's.
pub(crate) fn peak_memory_mb() -> f64 {
    proc_number("status", "VmHWM:").unwrap_or(f64::NAN) / 1024.0
}

/// Bytes that this process has requested in read calls.
pub(crate) fn bytes_read() -> u64 {
    proc_number("io", "rchar:").unwrap_or(0.0) as u64
}
