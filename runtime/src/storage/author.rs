//! What the author of a [`Storage`] imports: `use filefield::storage::author::*;`.
//!
//! The trait has a complete example. Callers of a storage need only the [parent module](super).

pub use super::capabilities::WhichRoot;
#[doc(no_inline)]
pub use super::capabilities::{DirectUploads, OwnerTokens, Place, UrlSigner};
pub use super::gate::{Gate, GateKeeper};
pub use super::reader::ReadSource;
pub use super::upload::UploadLog;
#[doc(no_inline)]
pub use super::{Listing, Metadata, NewFile, Reader, SaveOptions, Saved, Storage};
#[doc(no_inline)]
pub use crate::content::Source;
pub use crate::content::{blocking::BlockingContent, chunks::Chunks, guard::ContentGuard};
#[doc(no_inline)]
pub use crate::inspect::{Inspection, InspectionResult, Inspector, Rules};
#[doc(no_inline)]
pub use crate::name::Candidates;
#[doc(no_inline)]
pub use crate::{Bytes, Content, Error, ErrorKind, FileName, Result, async_trait};
