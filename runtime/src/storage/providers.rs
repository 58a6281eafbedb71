//! What each provider of buckets needs, what it guarantees, and what is added.
//!
//! The pages [`s3`], [`gcs`] and [`azure`] have the URL with its options, the permissions, and what to set on the bucket.
//!
//! | | Amazon S3 | Google Cloud Storage | Azure Blob Storage | added by [`ObjectStorage`](super::ObjectStorage) |
//! |---|---|---|---|---|
//! | create-only, one request | `If-None-Match: *`: 412, or 409 while another is under way | `x-goog-if-generation-match: 0`: 412 | `If-None-Match: *`: 409 or 412 | the next free name; whose object it is where the answer was lost |
//! | create-only, end of an upload in parts | `If-None-Match: *` | no conditions | a condition, but not through `object_store` | S3: asked for by `CreateOnlyUploads`; elsewhere a name with a token, or two questions for an exact one |
//! | create-only copy | `If-None-Match: *`, or 501 where it is not known yet | `x-goog-if-generation-match: 0` | `If-None-Match: *` | found out once; where it is not refused, the bytes pass through the process, as a save |
//! | an object is visible | whole or not at all | whole or not at all | whole or not at all, but a copy may be empty for a while | the copy is waited for |
//! | read after write and delete, lists | strong | strong | strong in the primary region | |
//! | largest in one request | 5 GiB | 5 TiB | 5,000 MiB | parts above `part_size` |
//! | parts | 10,000 of 5 MiB to 5 GiB | 10,000 of 5 MiB to 5 GiB | 50,000 of up to 4,000 MiB | 10,000 on all; another `part_size` is refused |
//! | a signed URL binds | method, name, expiry, headers and query that were named | the same | permission, name, expiry, headers of the answer | type and disposition of the answer; that an upload replaces nothing; a type for uploads on S3 and Google, refused on Azure |
//! | length of a signed upload | not through `object_store` | of a direct upload in one request | no | refused in `signed_url`; [claiming](crate::FieldFileMut::claim) a direct upload looks |
//! | delete of what is not there | success | 404 | 404 | success everywhere |
//! | metadata of one's own | yes | yes | yes | the owner's token, which the sweeper asks for before it deletes |
//!
//! Sources: S3 User Guide, "How to prevent object overwrites with conditional writes", "Enforce conditional writes",
//! "Amazon S3 data consistency model", "Multipart upload limits"; Cloud Storage, "Request preconditions", "XML API multipart
//! uploads", "Consistency", "Quotas and limits"; Azure Storage, "Specify conditional headers", "Copy Blob", "Put Block
//! List", "Scalability and performance targets for Blob storage"; the source of `object_store` 0.14.2. What filefield
//! adds is checked by its tests, against `s3s-fs`, a double of Google Cloud Storage, and Azurite.

#[doc = include_str!("../../docs/storages/azure.md")]
pub mod azure {}
#[doc = include_str!("../../docs/storages/gcs.md")]
pub mod gcs {}
#[doc = include_str!("../../docs/storages/s3.md")]
pub mod s3 {}
