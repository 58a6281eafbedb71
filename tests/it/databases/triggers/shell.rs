//! The script, run by the databases' own shells.

use super::{Plane, assert_refused, fresh, garage, insert, left, plane, sql};
use crate::support::Garage;
use filefield::db::Queries;
use filefield::db::{self, Table};
use filefield_tests::databases::{Database, Kind};
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;

/// The effect of a migration made from the script.
async fn a_script_runs_in_the_shell(database: Database) {
    let url = database.url().to_owned();
    garage::<Plane, _>(database, async |garage: Arc<Garage>| {
        let (address, _) = url.split_once('?').unwrap();
        let mut shell = match garage.kind() {
            Kind::Sqlite => {
                let mut shell = Command::new("sqlite3");
                shell.args(["-bail", address.strip_prefix("sqlite://").unwrap()]);
                shell
            }
            Kind::Postgres => {
                let mut shell = Command::new("psql");
                shell.args(["-v", "ON_ERROR_STOP=1", "-q", &url]);
                shell
            }
            Kind::MariaDb => {
                let ask = "SELECT @@socket";
                let answer = garage.db.query(ask, Vec::new()).await.unwrap().remove(0);
                let socket: String = answer.only().unwrap();
                let mut shell = Command::new("mariadb");
                shell.args(["--no-defaults", "-u", "root", "--socket", &socket]);
                shell.arg(address.rsplit('/').next().unwrap());
                shell
            }
        };
        let shell = shell.stdin(Stdio::piped()).stderr(Stdio::piped()).stdout(Stdio::null()).spawn();
        let Ok(mut shell) = shell else {
            let _ = writeln!(std::io::stderr(), "SKIPPED: a script in the shell of {}", garage.kind());
            return;
        };
        let backend = garage.db.dialect();
        let script = db::trigger_sql::<Plane>(backend).unwrap().to_string();
        shell.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        let output = shell.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_refused(sql(&garage, &insert("one", "planes/other.txt")).await);
        let mut one = plane("one");
        one.save(&garage.db).await.unwrap();
        one.delete(&garage.db).await.unwrap();
        assert!(left(&garage).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn sqlite() {
    fresh(Kind::Sqlite, a_script_runs_in_the_shell).await;
}
#[tokio::test]
async fn postgres() {
    fresh(Kind::Postgres, a_script_runs_in_the_shell).await;
}
#[tokio::test]
async fn mariadb() {
    fresh(Kind::MariaDb, a_script_runs_in_the_shell).await;
}
