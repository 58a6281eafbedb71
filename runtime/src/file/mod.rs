//! `File` and `ContentFile`: Django's file objects (D001–D041), for blocking code.
//!
//! [`File`] wraps any reader, writer or seekable stream and adds a name, a size, chunks, lines, and closing with an
//! error that can be seen. [`ContentFile`] is a file in memory. Both become [`Content`](crate::Content) to be saved.
//!
//! Where they differ from Django's, and why:
//! * Bytes only: the size of text is its length in UTF-8, which is what is stored (D035).
//! * A write through the wrapper drops the remembered size, for every file and not for content files alone (D011,
//!   D036).
//! * A file is opened again by the path it was opened from, never by its name, which may be a client's (D010, D025).
//!   Its name is the last component of that path (D003, D231).
//! * Opening an open file in another mode is an error, at once and not at the next write (D024), and the mode is
//!   always the one in use. Only a mode that is named empties a file: opening again what had been opened for
//!   writing keeps its bytes (D025).

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
