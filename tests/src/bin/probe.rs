//! Answers the questions of a Django oracle with filefield's functions. Reads and writes lines of JSON.

use std::io::{BufRead, Write};

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        if !line.trim().is_empty() {
            writeln!(out, "{}", filefield_tests::probe::answer(&line))?;
            out.flush()?;
        }
    }
    Ok(())
}
