//! Differences between the databases.

use super::Sql;

/// A kind of database, which has a dialect of SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// MariaDB and MySQL.
    MySql,
}

impl Dialect {
    /// The database's clock, in whole seconds since 1970. All due times use it.
    pub(crate) fn now(self) -> &'static str {
        match self {
            Dialect::Sqlite => "unixepoch()",
            Dialect::Postgres => "CAST(floor(extract(epoch FROM clock_timestamp())) AS bigint)",
            Dialect::MySql => "UNIX_TIMESTAMP()",
        }
    }

    /// Translates a statement that is written with `?` and with the words in braces below.
    ///
    /// * `{now}`: the database's clock, in whole seconds since 1970.
    /// * `{dual}`: the `FROM` of a `SELECT` of plain values.
    /// * `{aliases}`: a condition: `storage` is in a JSON array, which is bound.
    /// * `{taken}`: makes an insert of a name that was taken concurrently do nothing. MySQL has no such
    ///   clause and reports a duplicate.
    /// * `{conflict}`, `{new}`, `{end}`: an insert that becomes an update.
    /// * `{doubled}`: 2 to the power of the number of attempts, at most 1024.
    /// * `{id}`: returns the `id` of the entry. On MySQL it is the id of the last insert.
    /// * `{new_id}`: the same for an entry that is always new. On SQLite, too, this is the id of the last
    ///   insert.
    /// * `{lock}`, `{skip}`: locks the rows that are read; the second one skips rows that others have locked.
    pub(super) fn render(self, template: &str) -> String {
        let words: [(&str, [&str; 3]); 11] = [
            ("{now}", [Dialect::Sqlite.now(), Dialect::Postgres.now(), Dialect::MySql.now()]),
            ("{dual}", ["", "", "FROM DUAL"]),
            (
                "{aliases}",
                [
                    "storage IN (SELECT value FROM json_each(?))",
                    "storage = ANY (ARRAY(SELECT jsonb_array_elements_text(CAST(? AS jsonb))))",
                    "JSON_CONTAINS(?, JSON_QUOTE(CONVERT(storage USING utf8mb4)))",
                ],
            ),
            ("{taken}", ["", "ON CONFLICT DO NOTHING", ""]),
            (
                "{conflict}",
                [
                    "ON CONFLICT (name, storage, kind) DO UPDATE SET",
                    "ON CONFLICT (name, storage, kind) DO UPDATE SET",
                    "ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(id),",
                ],
            ),
            ("{new}", ["excluded.", "excluded.", "VALUES("]),
            ("{end}", ["", "", ")"]),
            (
                "{doubled}",
                [
                    "(1 << min(attempts, 10))",
                    "(CAST(1 AS bigint) << CAST(least(attempts, 10) AS integer))",
                    "(1 << least(attempts, 10))",
                ],
            ),
            ("{id}", ["RETURNING id", "RETURNING id", ""]),
            ("{new_id}", ["", "RETURNING id", ""]),
            ("{lock}", ["", "FOR UPDATE", "FOR UPDATE"]),
        ];
        let mut text = template.to_owned();
        for (word, said) in words {
            text = text.replace(word, said[self as usize]);
        }
        text = text.replace("{skip}", if self == Dialect::Sqlite { "" } else { "FOR UPDATE SKIP LOCKED" });
        if self == Dialect::Postgres { numbered(&text) } else { text }
    }

    /// Finds the rows that name a file in a column, bytewise, and what they record as its storage in the
    /// column `meta`: name → `stated`, each value once. No record is `NULL` or the empty text. Identifiers
    /// come from the derive.
    ///
    /// SQLite reads a quoted identifier that names no column as a text, unless it is qualified with the
    /// table. On MySQL a column may have a collation that treats different names as equal, so the names are
    /// compared as bytes too. The first comparison can use the index.
    pub(crate) fn probe(self, table: &str, column: &str, meta: Option<&str>) -> String {
        let table = self.quoted(table);
        let column = format!("{table}.{}", self.quoted(column));
        let (stated, limit) = match meta {
            Some(meta) => (self.stated(&format!("{table}.{}", self.quoted(meta))), ""),
            None => ("''".to_owned(), " LIMIT 1"),
        };
        let select = format!("SELECT DISTINCT {stated} AS stated FROM {table} WHERE {column}");
        match self {
            Dialect::Sqlite => format!("{select} IN (?, ?){limit}"),
            Dialect::Postgres => format!("{select} IN ($1, $2){limit}"),
            Dialect::MySql => format!(
                "{select} IN (?, ?) AND CAST(CONVERT({column} USING utf8mb4) AS BINARY) IN (CAST(? AS BINARY), \
                 CAST(? AS BINARY)){limit}"
            ),
        }
    }

    /// The names of files in a column that come after a given one, bytewise, each once: name, limit → name.
    pub(crate) fn names_after(self, table: &str, column: &str) -> String {
        let table = self.quoted(table);
        let column = format!("{table}.{}", self.quoted(column));
        let (name, after, limit) = match self {
            Dialect::Sqlite => (format!("{column} COLLATE BINARY"), "?", "?"),
            Dialect::Postgres => (format!("{column} COLLATE \"C\""), "$1", "$2"),
            Dialect::MySql => {
                (format!("CAST(CONVERT({column} USING utf8mb4) AS BINARY)"), "CAST(? AS BINARY)", "?")
            }
        };
        format!("SELECT DISTINCT {name} AS name FROM {table} WHERE {name} > {after} ORDER BY 1 LIMIT {limit}")
    }

    /// As the statement `attach`, if the row names the file by now: id, key, name.
    pub(crate) fn attach_named(self, table: &str, key: &str, column: &str) -> String {
        let [second, third] = if self == Dialect::Postgres { ["$2", "$3"] } else { ["?", "?"] };
        let names = self.names(table, (key, second), (column, third));
        format!("{} AND {names}", Sql::of(self).attach)
    }

    /// A condition: a row names a file. Takes names of columns, and the expressions that they must equal.
    pub(crate) fn names(self, table: &str, key: (&str, &str), column: (&str, &str)) -> String {
        let table = self.quoted(table);
        let is = |(column, value): (&str, &str)| format!("{table}.{} = {value}", self.quoted(column));
        format!("EXISTS (SELECT 1 FROM {table} WHERE {} AND {})", is(key), is(column))
    }

    /// The columns of a table; no rows if the table does not exist: table → name.
    pub(crate) fn columns_of(self) -> &'static str {
        match self {
            Dialect::Sqlite => "SELECT name FROM pragma_table_xinfo(?)",
            Dialect::Postgres => {
                "SELECT CAST(attname AS text) AS name FROM pg_catalog.pg_attribute \
                WHERE attrelid = to_regclass(quote_ident($1)) AND attnum > 0 AND NOT attisdropped"
            }
            Dialect::MySql => {
                "SELECT column_name AS name FROM information_schema.columns \
                WHERE table_schema = DATABASE() AND table_name = ?"
            }
        }
    }

    /// How many values the probe binds: the two spellings of the name, on MySQL twice.
    pub(crate) fn probe_values(self) -> usize {
        if self == Dialect::MySql { 4 } else { 2 }
    }

    /// The storage alias that the column `meta` records: a text, or `NULL` if it records none.
    pub(crate) fn stated(self, meta: &str) -> String {
        match self {
            Dialect::Sqlite => format!("json_extract(nullif({meta}, ''), '$.storage')"),
            Dialect::Postgres => format!("({meta} ->> 'storage')"),
            Dialect::MySql => format!("JSON_VALUE({meta}, '$.storage')"),
        }
    }

    /// Quotes a text. MySQL reads it in the character set of the client, and may interpret backslashes. So on
    /// MySQL a text that is not plain ASCII is written in hexadecimal digits.
    pub(crate) fn text(self, text: &str) -> String {
        let is_plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'\\');
        if self == Dialect::MySql && !is_plain {
            let digits: String = text.bytes().map(|byte| format!("{byte:02X}")).collect();
            return format!("_utf8mb4 X'{digits}'");
        }
        format!("'{}'", text.replace('\'', "''"))
    }

    /// Quotes an identifier.
    pub(crate) fn quoted(self, identifier: &str) -> String {
        let quote = if self == Dialect::MySql { '`' } else { '"' };
        format!("{quote}{}{quote}", identifier.replace(quote, &format!("{quote}{quote}")))
    }
}

/// Replaces `?` by `$1`, `$2` and so on. No statement of the journal uses a question mark for anything else.
fn numbered(text: &str) -> String {
    let mut parts = text.split('?');
    let mut numbered = parts.next().unwrap_or_default().to_owned();
    for (index, part) in parts.enumerate() {
        numbered.push_str(&format!("${}{part}", index + 1));
    }
    numbered
}
