//! Options of storages.

use super::cloud;
use super::suggest::help;
use super::value::{Parsed, Value};

/// How an option is read.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    BaseUrl,
    FileMode,
    DirectoryMode,
    Flag,
    Choice(&'static [&'static str]),
    /// Non-empty text.
    Text,
    /// The URL of a service, without credentials.
    Endpoint,
    /// A folder in a bucket.
    Prefix,
    /// A number of bytes, at least this many; also written as `8MiB`.
    Bytes(u64),
    Number,
    /// Whole seconds, from one second to one day.
    Seconds,
}

/// The value of an option.
#[derive(Clone, PartialEq)]
pub(super) enum Setting {
    Text(String),
    Mode(u32),
    Flag(bool),
    Number(u64),
}

impl Kind {
    pub(super) fn read(self, value: Value) -> Parsed<Setting> {
        Ok(match self {
            Kind::BaseUrl => Setting::Text(value.base_url()?.ok_or("the base URL is empty")?),
            Kind::FileMode => Setting::Mode(value.file_mode()?),
            Kind::DirectoryMode => Setting::Mode(value.directory_mode()?),
            Kind::Flag => Setting::Flag(value.flag()?),
            Kind::Choice(choices) => {
                let text = value.text()?;
                if !choices.contains(&text.as_str()) {
                    let problem = format!("unknown value; {}", help(&text, choices.iter().copied()));
                    return Err(problem.into());
                }
                Setting::Text(text)
            }
            Kind::Text => Setting::Text(cloud::word(value.text()?)?),
            Kind::Endpoint => Setting::Text(cloud::endpoint(value.text()?)?),
            Kind::Prefix => Setting::Text(cloud::prefix(&value.text()?)?),
            Kind::Bytes(least) => Setting::Number(cloud::bytes(value.digits()?, least)?),
            Kind::Number => Setting::Number(whole(value)?),
            Kind::Seconds => match whole(value)? {
                seconds @ 1..=DAY => Setting::Number(seconds),
                _ => return Err(format!("expected 1 to {DAY} seconds").into()),
            },
        })
    }
}

const DAY: u64 = 24 * 60 * 60;

fn whole(value: Value) -> Parsed<u64> {
    let digits = value.digits()?;
    // `parse` accepts a sign.
    let number = if digits.starts_with('+') { None } else { digits.parse().ok() };
    number.ok_or_else(|| "expected a whole number without a unit".into())
}
