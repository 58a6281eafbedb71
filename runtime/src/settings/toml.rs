//! TOML as a source.

use super::value::{Entry, Problem, Value};
use toml::de::{DeTable, DeValue};

/// The entries of a TOML document.
pub(super) fn entries(text: &str) -> Result<Vec<Entry>, Problem> {
    match DeTable::parse(text) {
        Ok(table) => Ok(table_entries(table.get_ref())),
        // The error's own text quotes the line, which may contain a secret.
        Err(error) => {
            Err(Problem { text: error.message().to_owned(), at: error.span().map(|span| span.start) })
        }
    }
}

fn table_entries(table: &DeTable<'_>) -> Vec<Entry> {
    let mut entries: Vec<Entry> = table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            value: self::value(value.get_ref()),
            at: Some(key.span().start),
        })
        .collect();
    // Problems are reported in the order of the document.
    entries.sort_by_key(|entry| entry.at);
    entries
}

fn value(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => {
            Value::Integer { digits: number.as_str().to_owned(), radix: number.radix() }
        }
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Table(table) => Value::Table(table_entries(table)),
        DeValue::Float(_) => Value::Other("a float"),
        DeValue::Datetime(_) => Value::Other("a date or time"),
        DeValue::Array(_) => Value::Other("an array"),
    }
}

/// Line and column of a byte offset, counted from 1; the column is in characters.
pub(super) fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}
