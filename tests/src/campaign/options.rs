//! The command line: `CAMPAIGN --db sqlite|postgres|mariadb --count N --seed N [--key value]`.

use super::Result;
use filefield_tests::databases::Kind;
use std::collections::HashMap;

pub(crate) struct Options {
    pub(crate) db: Kind,
    /// Number of kills, states, sequences or schedules. Each campaign has a default.
    pub(crate) count: Option<u64>,
    pub(crate) seed: u64,
    values: HashMap<String, String>,
}

impl Options {
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options> {
        let mut options = Options { db: Kind::Sqlite, count: None, seed: 1, values: HashMap::new() };
        while let Some(argument) = arguments.next() {
            let key = argument.strip_prefix("--").ok_or_else(|| format!("`{argument}` is no option"))?;
            let value = arguments.next().ok_or_else(|| format!("--{key} needs a value"))?;
            match key {
                "db" => options.db = value.parse()?,
                "count" => options.count = Some(value.parse()?),
                "seed" => options.seed = value.parse()?,
                _ => drop(options.values.insert(key.to_owned(), value)),
            }
        }
        Ok(options)
    }

    /// An option of one campaign.
    pub(crate) fn text<'a>(&'a self, key: &str, default: &'a str) -> &'a str {
        self.values.get(key).map_or(default, String::as_str)
    }

    /// Whether an option of one campaign, a comma-separated list, contains this name. Without the option, all
    /// names are contained.
    pub(crate) fn wants(&self, key: &str, name: &str) -> bool {
        let list = self.text(key, "all");
        list == "all" || list.split(',').any(|wanted| wanted == name)
    }
}
