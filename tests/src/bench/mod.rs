//! The sub-commands. Each sets up, times only the work, and then checks that the work was done.

mod compare;
mod data;
mod db;
mod dims;
mod field;
mod jobs;
mod large;
mod measure;
mod moving;
mod names;
#[cfg(feature = "object")]
mod object;
mod options;
mod read;
mod save;

use measure::Report;
use options::Options;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Name and function of every measured sub-command.
type Command = fn(&Options) -> Result<Report>;

const COMMANDS: &[(&str, Command)] = &[
    ("save", save::save),
    ("large", large::large),
    ("names", names::names),
    ("read", read::read),
    ("open", read::open),
    ("exists", read::exists),
    ("size", read::size),
    ("stream", read::stream),
    ("url", field::url),
    ("accessor", field::accessor),
    ("dims", dims::dims),
    ("db", db::db),
    ("move", moving::moving),
    #[cfg(feature = "object")]
    ("object", object::object),
];

pub(crate) fn run(arguments: impl Iterator<Item = String>) -> Result {
    let options = Options::parse(arguments)?;
    if options.command == "compare" {
        return compare::compare(&options);
    }
    let Some((_, command)) = COMMANDS.iter().find(|(name, _)| *name == options.command) else {
        let names: Vec<_> = COMMANDS.iter().map(|(name, _)| *name).collect();
        return Err(format!(
            "no sub-command `{}`; there are {} and compare",
            options.command,
            names.join(", ")
        )
        .into());
    };
    command(&options)?.print();
    Ok(())
}
