//! Uploads that are refused and leave nothing.

use super::{Dock, Hull, Place, gif};
use filefield::db::Queries;
use filefield::db::UploadClaim;
use filefield::{Bytes, Error, ErrorKind};
use std::time::Duration;

pub(super) async fn all<P: Place>(dock: &Dock<P>) {
    what_is_known_beforehand(dock).await;
    changed_tickets(dock).await;
    another_owner_or_field(dock).await;
    another_model_of_the_same_name(dock).await;
    too_late(dock).await;
    another_body(dock).await;
    another_type(dock).await;
}

async fn refused<P: Place>(dock: &Dock<P>, claim: &UploadClaim) -> Error {
    let mut hull = Hull::default();
    let error = hull.photo_mut().claim(claim, &dock.db).await.unwrap_err();
    assert!(!error.is_retryable() && hull.photo().is_empty() && hull.width.is_none(), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("Hull.photo"), "{text}");
    error
}

async fn what_is_known_beforehand<P: Place>(dock: &Dock<P>) {
    let day = Duration::from_secs(24 * 60 * 60);
    for (upload, kind) in [
        (Hull::photo_upload("a.gif", (20 << 20) + 1), ErrorKind::TooLarge),
        (Hull::photo_upload("a.gif", 26).content_type("text/html"), ErrorKind::NotAccepted),
        (Hull::photo_upload("a.gif", 26).content_type("image/svg+xml"), ErrorKind::NotAccepted),
        (Hull::photo_upload("a.gif", 26).expires(Duration::ZERO), ErrorKind::Usage),
        (Hull::photo_upload("a.gif", 26).expires(8 * day), ErrorKind::Usage),
        (Hull::photo_upload("a.gif", 26).content_type("image/gif\r\nX: y"), ErrorKind::NotAccepted),
        (Hull::deed_upload("a.gif", 20).content_type("a/b\r\nX: y"), ErrorKind::Usage),
        (Hull::plan_upload("a", 20_000).part_size(1), ErrorKind::Usage),
        (Hull::plan_upload("a", 20).part_size(0), ErrorKind::Usage),
    ] {
        let shown = format!("{upload:?}");
        let error = upload.ticket(&dock.db).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{shown}: {error:?}");
    }
    dock.is_empty().await;
}

async fn changed_tickets<P: Place>(dock: &Dock<P>) {
    let upload = Hull::photo_upload("a.gif", 26).content_type("image/gif").sha256([7; 32]);
    let ticket = dock.ticket(upload).await;
    let other = dock.ticket(Hull::photo_upload("a.gif", 26)).await;
    let token = &ticket.token;
    let (text, code) = token.split_once('.').unwrap();
    let mut changed = vec![
        String::new(),
        ".".to_owned(),
        text.to_owned(),
        format!("{text}."),
        format!(".{code}"),
        format!("{code}.{text}"),
        format!("{token}."),
        format!("{token} "),
        token.to_uppercase(),
        format!("{text}.{}", other.token.split_once('.').unwrap().1),
        format!("{}.{code}", other.token.split_once('.').unwrap().0),
        format!("{text}.{}", "0".repeat(64)),
    ];
    // One changed character anywhere, in every field and in the code.
    for at in (0..token.len()).step_by(token.len() / 90) {
        let mut bytes = token.clone().into_bytes();
        bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
        changed.push(String::from_utf8(bytes).unwrap());
    }
    assert!(changed.len() >= 60);
    for token in &changed {
        let mut hull = Hull::default();
        let claim = UploadClaim::new(token.as_str()).owner("user 7");
        let error = hull.photo_mut().claim(&claim, &dock.db).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{token}: {error:?}");
    }
    dock.is_empty().await;
}

async fn another_owner_or_field<P: Place>(dock: &Dock<P>) {
    let ticket = dock.ticket(Hull::photo_upload("a.gif", 26)).await;
    dock.send(&ticket, &gif(1, 26)).await;
    for owner in ["", "user 8", "user 7 "] {
        let claim = UploadClaim::new(&ticket.token).owner(owner);
        assert_eq!(refused(dock, &claim).await.kind(), ErrorKind::PermissionDenied);
    }
    let claim = Dock::<P>::claim(&ticket);
    let mut hull = Hull::default();
    for error in [
        hull.plan_mut().claim(&claim, &dock.db).await.unwrap_err(),
        hull.deed_mut().claim(&claim, &dock.db).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error:?}");
    }
    // None of this has invalidated the ticket.
    hull.photo_mut().claim(&claim, &dock.db).await.unwrap();
    drop(hull);
    dock.is_empty().await;
}

async fn too_late<P: Place>(dock: &Dock<P>) {
    let ticket = dock.short().await;
    dock.send(&ticket, &gif(1, 26)).await;
    tokio::time::sleep(Duration::from_millis(2100)).await;
    assert_eq!(refused(dock, &Dock::<P>::claim(&ticket)).await.kind(), ErrorKind::PermissionDenied);
    assert!(dock.place.send(&ticket.requests[0], gif(1, 26)).await.is_err());
    dock.is_empty().await;
}

/// Another model with the same name.
mod other {
    use filefield::prelude::*;

    #[derive(Debug, Clone, Default, Model)]
    #[model(table = "other_hulls")]
    pub(super) struct Hull {
        #[model(primary_key)]
        pub(super) id: i64,
        #[file(upload_to = "hulls")]
        pub(super) photo: FileField,
    }
}

async fn another_model_of_the_same_name<P: Place>(dock: &Dock<P>) {
    let ticket = dock.ticket(Hull::photo_upload("a.gif", 26)).await;
    dock.send(&ticket, &gif(1, 26)).await;
    let mut hull = other::Hull::default();
    let error = hull.photo_mut().claim(&Dock::<P>::claim(&ticket), &dock.db).await.unwrap_err();
    assert_eq!((error.kind(), hull.id), (ErrorKind::PermissionDenied, 0), "{error:?}");
    let theirs = other::Hull::photo_upload("a.gif", 26).owner("user 7").ticket(&dock.db).await.unwrap();
    assert_eq!(refused(dock, &Dock::<P>::claim(&theirs)).await.kind(), ErrorKind::PermissionDenied);
    dock.db.run("CREATE TABLE other_hulls (id INTEGER PRIMARY KEY, photo TEXT)").await.unwrap();
    dock.is_empty().await;
}

/// Either the place refuses it, or the claim does.
async fn another_body<P: Place>(dock: &Dock<P>) {
    for body in [gif(1, 25), gif(1, 27), gif(1, 2000), Bytes::new()] {
        let ticket = dock.ticket(Hull::photo_upload("a.gif", 26).content_type("image/gif")).await;
        let sent = dock.place.send(&ticket.requests[0], body).await;
        let claim = Dock::<P>::claim(&ticket);
        if sent.is_ok() {
            assert!(!dock.place.is_strict());
            assert_eq!(refused(dock, &claim).await.kind(), ErrorKind::NotAsStated);
        }
        dock.is_empty().await;
    }
    let wrong = dock.ticket(Hull::photo_upload("a.gif", 26).sha256([7; 32])).await;
    if dock.place.send(&wrong.requests[0], gif(1, 26)).await.is_ok() {
        assert_eq!(refused(dock, &Dock::<P>::claim(&wrong)).await.kind(), ErrorKind::NotAsStated);
    }
    dock.is_empty().await;
}

async fn another_type<P: Place>(dock: &Dock<P>) {
    let page = Bytes::from_static(b"<html><script>x()</script>");
    for (stated, body, kind) in [
        (Some("image/png"), gif(1, 26), ErrorKind::NotAsStated),
        (Some("image/gif"), page.clone(), ErrorKind::NotAsStated),
        (None, page, ErrorKind::NotAccepted),
    ] {
        let mut upload = Hull::photo_upload("a.gif", 26);
        if let Some(stated) = stated {
            upload = upload.content_type(stated);
        }
        let ticket = dock.ticket(upload).await;
        dock.send(&ticket, &body).await;
        assert_eq!(refused(dock, &Dock::<P>::claim(&ticket)).await.kind(), kind, "{stated:?}");
        dock.is_empty().await;
    }
}
