//! What each provider of buckets needs and guarantees, and what filefield adds.
//!
//! The pages [`s3`], [`gcs`] and [`azure`] describe the URL with its options, the permissions, and the
//! settings of the bucket.
//!
//! | | Amazon S3 | Google Cloud Storage | Azure Blob Storage | added by [`ObjectStorage`](super::ObjectStorage) |
//! |---|---|---|---|---|
//! | create-only, one request | `If-None-Match: *`: 412, or 409 during another write | `x-goog-if-generation-match: 0`: 412 | `If-None-Match: *`: 409 or 412 | the next free name; finds the owner of the object if the answer was lost |
//! | create-only, end of an upload in parts | `If-None-Match: *` | no conditions | a condition, but not through `object_store` | S3: enabled by `CreateOnlyUploads`; elsewhere a name with a token, or two checks for an exact name |
//! | create-only copy | `If-None-Match: *`, or 501 on servers without support | `x-goog-if-generation-match: 0` | `If-None-Match: *` | tested once; if it does not work, copies are saves through the process |
//! | an object is visible | whole or not at all | whole or not at all | whole or not at all, but a copy may be empty for a while | waits for the copy |
//! | read after write and delete, lists | strong | strong | strong in the primary region | |
//! | maximum in one request | 5 GiB | 5 TiB | 5,000 MiB | parts above `part_size` |
//! | parts | 10,000 of 5 MiB to 5 GiB | 10,000 of 5 MiB to 5 GiB | 50,000 of up to 4,000 MiB | 10,000 on all; another `part_size` is refused |
//! | a signed URL binds | method, name, expiry, named headers and query | the same | permission, name, expiry, headers of the answer | type and disposition of the answer; uploads replace nothing; a type for uploads on S3 and Google, refused on Azure |
//! | length of a signed upload | not through `object_store` | for a direct upload in one request | no | refused in `signed_url`; checked when a direct upload is [claimed](crate::FieldFileMut::claim) |
//! | delete of a missing object | success | 404 | 404 | success everywhere |
//! | custom metadata | yes | yes | yes | the owner token, which the sweeper checks before it deletes |
//!
//! Sources: S3 User Guide, "How to prevent object overwrites with conditional writes", "Enforce conditional
//! writes", "Amazon S3 data consistency model", "Multipart upload limits"; Cloud Storage, "Request
//! preconditions", "XML API multipart uploads", "Consistency", "Quotas and limits"; Azure Storage, "Specify
//! conditional headers", "Copy Blob", "Put Block List", "Scalability and performance targets for Blob
//! storage"; the source of `object_store` 0.14.2. The tests check what filefield adds against `s3s-fs`, a
//! fake of Google Cloud Storage, and Azurite.

#[doc = include_str!("../../docs/storages/azure.md")]
pub mod azure {}
#[doc = include_str!("../../docs/storages/gcs.md")]
pub mod gcs {}
#[doc = include_str!("../../docs/storages/s3.md")]
pub mod s3 {}
