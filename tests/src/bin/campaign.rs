//! Campaigns: the library is stopped, starved and given false answers, and then files and rows must still
//! agree. `campaign.md` says how to run them, and has the last figures.

#[path = "../campaign/mod.rs"]
mod campaign;

use std::process::ExitCode;

fn main() -> ExitCode {
    match campaign::run(std::env::args().skip(1)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("campaign: {error}");
            ExitCode::FAILURE
        }
    }
}
