//! Two applications with separate databases that share a media root.

use super::*;
use filefield::{Content, SaveOptions};

#[tokio::test]
async fn a_row_whose_file_is_gone_deletes_no_file_of_another_database() {
    let (folder, root) = folder();
    let (ours, theirs) = (database(folder.path(), "a.db").await, database(folder.path(), "b.db").await);
    with_storage(local(&root), async {
        let mut mine = note("a.txt", "ours");
        mine.save(&ours).await.unwrap();
        std::fs::remove_file(root.join("notes/a.txt")).unwrap();
        let mut other = note("a.txt", "theirs");
        other.save(&theirs).await.unwrap();
        assert_eq!(other.scan().name(), "notes/a.txt");
        mine.delete(&ours).await.unwrap();
        sweep_all(&ours).await;
        assert_eq!(files(&root), ["notes/a.txt"]);
        assert_eq!(entries(&ours).await, 0, "nothing is left to wait for a person");
        // Its own database deletes it.
        other.delete(&theirs).await.unwrap();
        sweep_all(&theirs).await;
        assert!(files(&root).is_empty());
        assert_eq!(entries(&theirs).await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_file_that_an_accessor_stored_becomes_its_rows_databases() {
    let (folder, root) = folder();
    let (ours, theirs) = (database(folder.path(), "a.db").await, database(folder.path(), "b.db").await);
    let storage = local(&root);
    with_storage(storage.clone(), async {
        let mut mine = note("a.txt", "ours");
        mine.save(&ours).await.unwrap();
        std::fs::remove_file(root.join("notes/a.txt")).unwrap();
        let mut other = Note::default();
        other.scan_mut().save("a.txt", "theirs").await.unwrap();
        other.save(&theirs).await.unwrap();
        let token = owner(&storage, "notes/a.txt").await.unwrap();
        assert!(token.contains('-'), "{token}");
        mine.delete(&ours).await.unwrap();
        sweep_all(&ours).await;
        assert_eq!(files(&root), ["notes/a.txt"]);
        other.delete(&theirs).await.unwrap();
        sweep_all(&theirs).await;
        assert!(files(&root).is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_row_whose_file_is_gone_deletes_no_file_of_a_struct_without_a_table() {
    #[derive(Debug, Clone, Default, Model)]
    struct Draft {
        #[file(upload_to = "notes")]
        scan: FileField,
    }
    let (folder, root) = folder();
    let db = database(folder.path(), "a.db").await;
    let storage = local(&root);
    with_storage(storage.clone(), async {
        let mut mine = note("a.txt", "ours");
        mine.save(&db).await.unwrap();
        std::fs::remove_file(root.join("notes/a.txt")).unwrap();
        let mut draft = Draft::default();
        draft.scan_mut().save("a.txt", "a draft").await.unwrap();
        assert_eq!(draft.scan().name(), "notes/a.txt");
        mine.delete(&db).await.unwrap();
        sweep_all(&db).await;
        assert_eq!(draft.scan().read().await.unwrap(), "a draft");
        assert_eq!(entries(&db).await, 0);
        // If a row takes the file, the file is deleted in the end.
        let mut taker = Note { scan: Some(FileField::stored("notes/a.txt")), ..Note::default() };
        taker.save(&db).await.unwrap();
        assert!(!owner(&storage, "notes/a.txt").await.unwrap().starts_with("0-"));
        taker.delete(&db).await.unwrap();
        sweep_all(&db).await;
        assert!(files(&root).is_empty());
    })
    .await;
}

#[tokio::test]
async fn tokens_of_older_versions_still_prove_ownership() {
    let (folder, root) = folder();
    let db = database(folder.path(), "a.db").await;
    let storage = local(&root);
    with_storage(storage.clone(), async {
        let options = SaveOptions { owner: Some("a".repeat(26)), ..SaveOptions::default() };
        let name = FileName::new("notes/old.txt").unwrap();
        storage.save(name, Content::from("old"), &options).await.unwrap();
        execute(&db, "INSERT INTO owned_notes (id, scan, meta) VALUES (1, 'notes/old.txt', '{}')").await;
        Note::objects(&db).first().await.unwrap().unwrap().delete(&db).await.unwrap();
        sweep_all(&db).await;
        assert!(files(&root).is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_database_of_an_older_version_gets_its_identity_at_the_first_save() {
    let (folder, root) = folder();
    let db = database(folder.path(), "a.db").await;
    execute(&db, "DROP TABLE filefield_identity").await;
    let storage = local(&root);
    with_storage(storage.clone(), async {
        let mut mine = note("a.txt", "ours");
        mine.save(&db).await.unwrap();
        let identity = owner(&storage, "notes/a.txt").await.unwrap().split_once('-').unwrap().0.to_owned();
        let found = format!("SELECT COUNT(*) FROM filefield_identity WHERE identity = '{identity}'");
        assert_eq!(number(&db, &found).await, 1);
        mine.delete(&db).await.unwrap();
        sweep_all(&db).await;
        assert!(files(&root).is_empty());
    })
    .await;
}

/// As after a restore under a running program, and as for another pool at the same place in memory.
#[tokio::test]
async fn an_identity_that_the_database_does_not_have_any_more_is_not_used() {
    let (folder, root) = folder();
    let db = database(folder.path(), "a.db").await;
    let storage = local(&root);
    with_storage(storage.clone(), async {
        note("a.txt", "one").save(&db).await.unwrap();
        execute(&db, "UPDATE filefield_identity SET identity = 'another' WHERE epoch = 0").await;
        let mut mine = note("b.txt", "two");
        mine.save(&db).await.unwrap();
        let token = owner(&storage, mine.scan().name()).await.unwrap();
        assert!(token.starts_with("another-"), "{token}");
    })
    .await;
}

#[tokio::test]
async fn unique_names_carry_the_token_that_the_owner_has() {
    #[derive(Debug, Clone, Default, Model)]
    #[model(table = "owned_keys")]
    struct Key {
        #[model(primary_key)]
        id: i64,
        #[file(upload_to = "keys", naming = "unique")]
        key: FileField,
    }
    let (folder, root) = folder();
    let db = database(folder.path(), "a.db").await;
    db::migrate::<Key>(&db).await.unwrap();
    let storage = local(&root);
    with_storage(storage.clone(), async {
        let mut key = Key { key: FileField::new("a.pem", "secret"), ..Key::default() };
        key.save(&db).await.unwrap();
        let token = owner(&storage, key.key().name()).await.unwrap();
        assert!(key.key().name().contains(token.split_once('-').unwrap().1), "{token}");
        key.delete(&db).await.unwrap();
        sweep_all(&db).await;
        assert!(files(&root).is_empty());
    })
    .await;
}
