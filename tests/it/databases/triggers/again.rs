//! The tests of saves and transactions again, with triggers on every table.

macro_rules! as_without {
    ($($module:ident: $($name:ident),+;)+) => {$(
        mod $module {$(
            mod $name {
                use crate::databases::triggers::WANTED;
                use crate::databases::{$module::$name::body, fresh};
                use filefield_tests::databases::Kind;
                #[tokio::test]
                async fn sqlite() {
                    WANTED.scope((), fresh(Kind::Sqlite, body)).await;
                }
                #[tokio::test]
                async fn postgres() {
                    WANTED.scope((), fresh(Kind::Postgres, body)).await;
                }
                #[tokio::test]
                async fn mariadb() {
                    WANTED.scope((), fresh(Kind::MariaDb, body)).await;
                }
            }
        )+}
    )+};
}

as_without! {
    together:
        created_replaced_cleared_and_deleted,
        a_row_that_is_refused_leaves_no_file,
        savers_of_one_name_and_replacers_of_one_row,
        names_that_differ_in_case_or_blanks_are_different_names,
        an_abandoned_stage_is_swept_when_its_lease_is_over;
    transactions:
        committed,
        rolled_back_and_saved_again,
        a_rolled_back_replace_keeps_the_old_file_and_sweeps_the_new_one,
        a_savepoint_rolled_back_and_the_rest_committed,
        a_save_that_failed_inside_and_the_rest_committed,
        the_row_written_by_the_callers_own_statement,
        a_staged_file_has_one_owner,
        several_rows_with_several_files_at_once,
        a_transaction_that_waits_for_another_one;
}
