//! `File` and `ContentFile`: Django's file objects, for blocking code.
//!
//! [`File`] wraps any reader, writer or seekable stream and adds a name, a size, chunks, lines, and a close
//! that reports errors. [`ContentFile`] is a file in memory. Both convert into [`Content`](crate::Content) to
//! be saved.
//!
//! Differences from Django:
//! * Bytes only: the size of text is its length in UTF-8, the form in which it is stored.
//! * A write through the wrapper drops the remembered size of every file, not only of content files.
//! * A file is reopened by the path it was opened from, never by its name, which may come from a client. Its
//!   name is the last component of that path.
//! * Opening an open file in a different mode is an error at once, not at the next write. The mode is always
//!   the one in use. Only an explicit mode truncates a file: reopening a file that was opened for writing
//!   keeps its bytes.

mod chunks;
mod content_file;
mod line_stream;
mod lines;
mod open_file;
mod stream;
#[cfg(test)]
mod tests;

pub use chunks::{DEFAULT_CHUNK_SIZE, FileChunks};
pub use content_file::ContentFile;
pub use line_stream::LineStream;
pub use lines::{LineSplitter, Lines};
pub use open_file::File;
pub use stream::OpenMode;
