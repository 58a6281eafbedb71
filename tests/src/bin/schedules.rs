//! The campaign `schedules`: the library's own code, statement by statement, in orders that shuttle chooses.

#[path = "../schedules/mod.rs"]
mod schedules;

use std::process::ExitCode;

fn main() -> ExitCode {
    match schedules::run(std::env::args().skip(1)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("schedules: {error}");
            ExitCode::FAILURE
        }
    }
}
