//! Storages with planted bugs. They show that the suite checks for each bug.
#![allow(clippy::unwrap_used)]
use super::{checks, run};
use crate::storage::{Listing, MemoryStorage, OwnerTokens, StorageExt};
use crate::{
    Bytes, Content, Error, ErrorKind, FileName, Metadata, Reader, Result, SaveOptions, Saved, Storage,
};
use async_trait::async_trait;
use std::ops::Range;
use std::sync::Arc;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Bug {
    Nothing,
    Overwrites,
    LooksThenWrites,
    KeepsPartOfBrokenContent,
    IgnoresTheInspector,
    IgnoresTheStatedLength,
    ForgetsMaxLength,
    IgnoresExact,
    ReportsTheWantedName,
    ReportsAWrongSize,
    FoldsCase,
    ShowsAnEmptyFileFirst,
    GoesOnAfterADrop,
    RefusesToDeleteAMissingFile,
    DeletesByPrefix,
    ListsBackwards,
    ListsBytesAsDirectories,
    ListsWhatIsNoName,
    TellsAllFilesExist,
    RangesIncludeTheEnd,
    ReadsShort,
    RenamesOverFiles,
    CopiesOverFiles,
    ForgetsTheOwner,
    DoesNotEncodeUrls,
    LosesEmptyFiles,
    PassesClosedGates,
    LeavesLitterBeforeTheGate,
}

use Bug::*;

#[derive(Debug)]
struct Buggy {
    inner: Arc<MemoryStorage>,
    bug: Bug,
}

impl Buggy {
    fn new(bug: Bug) -> Self {
        let overwrites = matches!(
            bug,
            Overwrites
                | LooksThenWrites
                | FoldsCase
                | ShowsAnEmptyFileFirst
                | RenamesOverFiles
                | CopiesOverFiles
        );
        let inner = MemoryStorage::builder().base_url("/m").allow_overwrite(overwrites).build().unwrap();
        Buggy { inner: Arc::new(inner), bug }
    }
}

#[async_trait]
impl Storage for Buggy {
    async fn save(&self, name: FileName<'_>, content: Content, options: &SaveOptions) -> Result<Saved> {
        let mut options = options.clone();
        let folded = name.as_str().to_lowercase();
        let mut wanted = name;
        let mut content = content;
        match self.bug {
            LooksThenWrites => {
                let bytes = content.read_all().await?;
                let taken = self.inner.exists(name).await?;
                // Long enough for another saver to look at the name, even on a busy machine.
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                if taken {
                    let other =
                        format!("{name}_{}", self.inner.list("race").await.map_or(0, |l| l.files.len()));
                    return self.inner.save(FileName::new(&other)?, bytes.into(), &options).await;
                }
                content = bytes.into();
            }
            KeepsPartOfBrokenContent => {
                let mut chunks = content.chunks();
                let mut all = Vec::new();
                while let Ok(Some(chunk)) = chunks.next().await {
                    all.extend_from_slice(&chunk);
                }
                content = all.into();
            }
            IgnoresTheInspector | IgnoresTheStatedLength => {
                let (source, inspector) = content.into_parts();
                content = Content::new(source);
                if let (Some(inspector), IgnoresTheStatedLength) = (inspector, self.bug) {
                    content = content.with_inspector(inspector);
                }
            }
            ForgetsMaxLength => options.max_length = None,
            IgnoresExact => options.exact = false,
            FoldsCase => wanted = FileName::new(&folded)?,
            ShowsAnEmptyFileFirst => {
                self.inner.save(name, Bytes::new().into(), &options).await?;
            }
            GoesOnAfterADrop => {
                let (inner, wanted) = (self.inner.clone(), name.as_str().to_owned());
                let save = async move { inner.save(FileName::new(&wanted)?, content, &options).await };
                return tokio::spawn(save)
                    .await
                    .unwrap_or_else(|_| Err(Error::new(ErrorKind::Io, "panicked")));
            }
            ForgetsTheOwner => options.owner = None,
            PassesClosedGates => options.gate = None,
            LeavesLitterBeforeTheGate if options.gate.is_some() => {
                let litter = format!("{}/litter", name.parent());
                self.inner
                    .save(FileName::new(&litter)?, Bytes::new().into(), &SaveOptions::default())
                    .await?;
            }
            _ => {}
        }
        let mut saved = self.inner.save(wanted, content, &options).await?;
        match self.bug {
            ReportsTheWantedName | FoldsCase => saved.name = name.as_str().to_owned(),
            ReportsAWrongSize => saved.size += 1,
            LosesEmptyFiles if saved.size == 0 => self.inner.delete(wanted).await?,
            _ => {}
        }
        Ok(saved)
    }

    fn keeps_gates(&self) -> bool {
        self.inner.keeps_gates()
    }

    async fn open_range(&self, name: FileName<'_>, range: Range<u64>) -> Result<Reader> {
        let is_whole = range == (0..u64::MAX);
        let end = match self.bug {
            RangesIncludeTheEnd => range.end.saturating_add(1),
            ReadsShort if is_whole => 65_536,
            _ => range.end,
        };
        let folded = name.as_str().to_lowercase();
        let name = if self.bug == FoldsCase { FileName::new(&folded)? } else { name };
        self.inner.open_range(name, range.start..end).await
    }

    async fn delete(&self, name: FileName<'_>) -> Result<()> {
        match self.bug {
            RefusesToDeleteAMissingFile => {
                self.inner.metadata(name).await?;
            }
            DeletesByPrefix => {
                for file in self.inner.list(name.parent()).await.unwrap_or_default().files {
                    if file.starts_with(name.file_name()) && name.parent().is_empty() {
                        self.inner.delete(FileName::new(&file)?).await?;
                    }
                }
            }
            FoldsCase => return self.inner.delete(FileName::new(&name.as_str().to_lowercase())?).await,
            _ => {}
        }
        self.inner.delete(name).await
    }

    async fn metadata(&self, name: FileName<'_>) -> Result<Metadata> {
        match self.bug {
            TellsAllFilesExist => Ok(self.inner.metadata(name).await.unwrap_or_default()),
            FoldsCase => self.inner.metadata(FileName::new(&name.as_str().to_lowercase())?).await,
            _ => self.inner.metadata(name).await,
        }
    }

    fn url(&self, name: FileName<'_>) -> Result<String> {
        if self.bug == DoesNotEncodeUrls {
            return Ok(format!("/m/{name}"));
        }
        self.inner.url(name)
    }

    fn kind(&self) -> &'static str {
        "buggy"
    }

    async fn list(&self, directory: &str) -> Result<Listing> {
        let sloppy = if self.bug == ListsWhatIsNoName { directory.trim_end_matches('/') } else { directory };
        let mut listing = self.inner.list(sloppy).await?;
        match self.bug {
            ListsBackwards => listing.files.reverse(),
            ListsBytesAsDirectories => std::mem::swap(&mut listing.dirs, &mut listing.files),
            _ => {}
        }
        Ok(listing)
    }

    async fn copy(&self, from: FileName<'_>, to: FileName<'_>, options: &SaveOptions) -> Result<Saved> {
        self.inner.copy(from, to, options).await
    }

    async fn rename(&self, from: FileName<'_>, to: FileName<'_>) -> Result<()> {
        if self.bug == RenamesOverFiles {
            self.inner.copy(from, to, &SaveOptions::default()).await?;
            return self.inner.delete(from).await;
        }
        self.inner.rename(from, to).await
    }

    fn owner_tokens(&self) -> Option<&dyn OwnerTokens> {
        Some(self)
    }
}

#[async_trait]
impl OwnerTokens for Buggy {
    async fn owner(&self, name: FileName<'_>) -> Result<Option<String>> {
        StorageExt::owner(&*self.inner, name).await
    }
}

const FOUND_BY: [(Bug, &str); 32] = [
    (Overwrites, "a_taken_name_is_never_overwritten"),
    (Overwrites, "fifty_saves_of_one_name_are_fifty_files"),
    (LooksThenWrites, "savers_at_once_lose_nothing"),
    (KeepsPartOfBrokenContent, "a_content_error_leaves_nothing"),
    (IgnoresTheInspector, "content_over_max_size_leaves_nothing"),
    (IgnoresTheInspector, "an_inspector_sees_every_byte"),
    (IgnoresTheStatedLength, "a_short_content_leaves_nothing"),
    (ForgetsMaxLength, "a_taken_name_keeps_to_max_length"),
    (IgnoresExact, "exact_refuses_a_taken_name"),
    (IgnoresExact, "exact_refuses_a_name_over_max_length"),
    (ReportsTheWantedName, "a_taken_name_is_never_overwritten"),
    (ReportsAWrongSize, "what_is_saved_can_be_read"),
    (FoldsCase, "names_that_differ_in_case_keep_their_bytes"),
    (ShowsAnEmptyFileFirst, "nothing_is_seen_while_a_save_is_under_way"),
    (ShowsAnEmptyFileFirst, "a_content_error_leaves_nothing"),
    (GoesOnAfterADrop, "a_save_dropped_while_its_content_waits_leaves_nothing"),
    (RefusesToDeleteAMissingFile, "deleting_a_missing_file_is_a_success"),
    (DeletesByPrefix, "deleting_leaves_other_files"),
    (ListsBackwards, "list_is_sorted_and_one_level_deep"),
    (ListsBytesAsDirectories, "list_is_sorted_and_one_level_deep"),
    (ListsWhatIsNoName, "list_takes_no_traversal"),
    (TellsAllFilesExist, "a_part_of_a_name_is_no_file"),
    (RangesIncludeTheEnd, "ranges_are_cut_at_the_end"),
    (ReadsShort, "any_chunk_size_gives_the_same_bytes"),
    (RenamesOverFiles, "a_rename_never_overwrites"),
    (CopiesOverFiles, "a_copy_takes_a_free_name"),
    (LosesEmptyFiles, "an_empty_file_is_a_file"),
    (ForgetsTheOwner, "an_owner_token_is_kept"),
    (DoesNotEncodeUrls, "url_needs_no_file_and_encodes"),
    (PassesClosedGates, "nothing_is_seen_before_the_gate_is_open"),
    (LeavesLitterBeforeTheGate, "a_gate_that_never_opens_leaves_nothing"),
    (GoesOnAfterADrop, "a_save_dropped_before_its_gate_leaves_nothing"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_planted_bug_is_found() {
    for (bug, check) in FOUND_BY {
        let check = checks::all().find(|known| known.name == check).unwrap();
        if let Err(error) = run(check, Arc::new(Buggy::new(Nothing))).await {
            panic!("without a bug {} says: {error:?}", check.name);
        }
        let found = run(check, Arc::new(Buggy::new(bug))).await;
        assert!(
            matches!(found, Err(super::Stop::Failed(_))),
            "{} does not find {bug:?}: {found:?}",
            check.name
        );
    }
}
