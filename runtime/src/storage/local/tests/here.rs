//! Which saves run on the calling thread.

use super::super::here::Pace;
use super::*;
use std::time::Instant;

const MS: Duration = Duration::from_millis(1);

/// Makes the storage treat its saves as fast, even on a slow machine.
fn trusted(media: &Media) {
    media.save("first.txt", "first").unwrap();
    let now = Instant::now() + Duration::from_secs(3600);
    (0..4).for_each(|_| media.storage.disk.pace.note(now, now));
}

/// Saves in a runtime whose only blocking thread is busy. Returns whether it finished without waiting.
fn saved_here(media: &Media, name: &str, content: impl Into<Content>) -> bool {
    let options = SaveOptions::default();
    let mut future = media.storage.save(FileName::new(name).unwrap(), content.into(), &options);
    let runtime = tokio::runtime::Builder::new_multi_thread().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async move {
        let (busy, ends) = std::sync::mpsc::channel::<()>();
        let occupied = tokio::task::spawn_blocking(move || ends.recv());
        let first = std::future::poll_fn(|cx| std::task::Poll::Ready(future.as_mut().poll(cx))).await;
        drop(busy);
        occupied.await.unwrap().unwrap_err();
        match first {
            std::task::Poll::Ready(saved) => saved.map(|_| true).unwrap(),
            std::task::Poll::Pending => future.await.map(|_| false).unwrap(),
        }
    })
}

#[test]
fn trust_is_earned_and_lost() {
    let start = Instant::now();
    let pace = Pace::new(start);
    let note = |at: u32, took: Duration| pace.note(start + at * MS, start + at * MS + took);
    for at in 0..4 {
        assert!(!pace.is_fast());
        note(at, MS);
    }
    assert!(pace.is_fast());
    // One slow save stops it for twenty times its duration.
    note(10, 5 * MS);
    assert!(!pace.is_fast());
    (100..110).for_each(|at| note(at, MS));
    assert!(!pace.is_fast());
    // A save that started before the end of the pause does not count, and a slow one during the pause extends
    // it.
    note(20, 30 * MS);
    (515..600).for_each(|at| note(at, MS));
    assert!(!pace.is_fast());
    (3050..3053).for_each(|at| note(at, MS));
    assert!(!pace.is_fast());
    note(3053, MS);
    assert!(pace.is_fast());
}

#[test]
fn a_slow_save_among_the_trials_starts_them_again() {
    let start = Instant::now();
    let pace = Pace::new(start);
    let note = |at: u32, took: Duration| pace.note(start + at * MS, start + at * MS + took);
    (0..3).for_each(|at| note(at, MS));
    note(3, 2 * MS);
    (300..303).for_each(|at| note(at, MS));
    assert!(!pace.is_fast());
    note(303, MS);
    assert!(pace.is_fast());
}

#[test]
fn short_saves_are_done_here_until_one_is_slow() {
    let media = Media::new();
    assert!(!saved_here(&media, "cold.txt", "never seen"));
    trusted(&media);
    assert!(saved_here(&media, "a.txt", "short"));
    trusted(&media);
    assert!(saved_here(&media, "a.txt", vec![7; 64 * 1024]));
    let later = Instant::now() + Duration::from_secs(7200);
    media.storage.disk.pace.note(later, later + 2 * MS);
    assert!(!saved_here(&media, "b.txt", "short"));
    let named_a = media.files().iter().filter(|name| name.starts_with('a')).count();
    assert_eq!((media.files().len(), named_a), (6, 2));
}

#[test]
fn what_may_wait_hops() {
    let media = Media::new();
    trusted(&media);
    assert!(!saved_here(&media, "large.bin", vec![7; 64 * 1024 + 1]));
    trusted(&media);
    assert!(!saved_here(&media, "temp.bin", temp(media.dir.path(), b"temporary")));
    trusted(&media);
    assert!(!saved_here(&media, "no/such/directory.txt", "to be made"));
    trusted(&media);
    assert!(saved_here(&media, "no/such/file.txt", "made"));
    for media in [
        Media::with(|builder| builder.durability(Durability::Full)),
        Media::with(|builder| builder.durability(Durability::File)),
        Media::with(|builder| builder.durability(Durability::None).allow_overwrite(true)),
    ] {
        trusted(&media);
        assert!(!saved_here(&media, "a.txt", "short"));
    }
}

/// Saves on the calling thread follow all rules: another name for a taken one, limits, no links.
#[test]
fn here_as_elsewhere() {
    let media = Media::new();
    let exact = SaveOptions { exact: true, ..SaveOptions::default() };
    for turn in 0..20 {
        trusted(&media);
        media.save("same.txt", format!("{turn}")).unwrap();
        trusted(&media);
        assert_eq!(
            media.save_with("same.txt", "other", &exact).unwrap_err().kind(),
            ErrorKind::AlreadyExists
        );
        trusted(&media);
        let (inspector, _) =
            Inspector::new(crate::inspect::Rules { max_size: Some(3), ..Default::default() });
        let refused = media.save("refused.txt", Content::from("four").with_inspector(inspector));
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::TooLarge);
    }
    std::os::unix::fs::symlink(media.dir.path(), media.at("link")).unwrap();
    trusted(&media);
    assert_eq!(media.save("link/escaped.txt", "out").unwrap_err().kind(), ErrorKind::NotAFile);
    let mut contents: Vec<_> = media
        .files()
        .iter()
        .filter(|name| name.starts_with("same"))
        .map(|name| fs::read_to_string(media.at(name)).unwrap().parse::<u32>().unwrap())
        .collect();
    contents.sort_unstable();
    assert_eq!(contents, (0..20).collect::<Vec<_>>());
    assert!(!media.files().iter().any(|name| name.starts_with("refused")));
}

/// A task that saves in a loop lets other tasks run.
#[test]
fn many_saves_let_others_run() {
    let media = Media::new();
    trusted(&media);
    let storage = media.storage.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let other = tokio::spawn(async {});
        let mut saves = 0;
        while !other.is_finished() {
            let name = format!("{saves}.txt");
            let name = FileName::new(&name).unwrap();
            storage.save(name, "content".into(), &SaveOptions::default()).await.unwrap();
            saves += 1;
            assert!(saves <= 1000, "the other task never ran");
        }
    });
}
