//! The program of the README.

use filefield::db::Queries;
use filefield_tests::isolated::isolated;
use std::path::Path;

#[allow(clippy::all, dead_code, unused)]
mod program {
    include!("../../runtime/docs/readme.rs");

    pub(super) fn run() -> filefield::Result<()> {
        main()
    }
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

#[test]
fn the_readme_shows_the_program_that_is_tested() {
    let program = std::fs::read_to_string(root().join("runtime/docs/readme.rs")).unwrap();
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    assert!(readme.contains(&format!("```rust,no_run\n{program}```\n")), "copy the program into the README");
}

#[test]
fn the_program_can_run_again_and_again() {
    let media = tempfile::tempdir().unwrap();
    let variables = [
        ("FILEFIELD_MEDIA_ROOT", media.path().as_os_str().to_owned()),
        ("FILEFIELD_MEDIA_URL", "/media/".into()),
    ];
    isolated("readme::the_program_can_run_again_and_again", &variables, || {
        let photo = root().join("runtime/examples/data/rocket.jpg");
        std::fs::copy(photo, "chevy.jpg").unwrap();
        for _ in 0..3 {
            program::run().unwrap();
        }
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let rows = runtime.block_on(async {
            let db = filefield::db::connect("sqlite://garage.db").await.unwrap();
            let statement = "SELECT photo FROM cars";
            let rows = db.query(statement, Vec::new()).await.unwrap();
            rows.iter().map(|row| row.get::<String>("photo").unwrap()).collect::<Vec<_>>()
        });
        assert_eq!(rows, ["cars/chevy.jpg"]);
        let folder = Path::new(&std::env::var_os("FILEFIELD_MEDIA_ROOT").unwrap()).join("cars");
        let files: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(files, ["chevy.jpg"]);
    });
}
