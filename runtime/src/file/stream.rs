//! The streams that a [`File`](super::File) wraps.

use std::fs;
use std::io::{self, Read, Seek, SeekFrom, Write};

/// How to open a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OpenMode {
    /// Reading. The file must exist.
    Read,
    /// Reading and writing from the start. The file must exist and keeps its bytes.
    ReadWrite,
    /// Writing. Creates a missing file and truncates an existing one.
    Write,
    /// Appending. Creates a missing file.
    Append,
    /// Writing. The file must not exist.
    CreateNew,
}

impl OpenMode {
    /// Returns the corresponding options of the standard library, which can be extended.
    pub fn options(self) -> fs::OpenOptions {
        let mut options = fs::OpenOptions::new();
        match self {
            OpenMode::Read => options.read(true),
            OpenMode::ReadWrite => options.read(true).write(true),
            OpenMode::Write => options.write(true).create(true).truncate(true),
            OpenMode::Append => options.append(true).create(true),
            OpenMode::CreateNew => options.write(true).create_new(true),
        };
        options
    }

    /// The mode of an open descriptor, as far as the system reports it.
    pub(super) fn of(file: &fs::File) -> Option<OpenMode> {
        use rustix::fs::OFlags;
        let flags = rustix::fs::fcntl_getfl(file).ok()?;
        Some(match flags & OFlags::RWMODE {
            OFlags::RDWR => OpenMode::ReadWrite,
            OFlags::WRONLY if flags.contains(OFlags::APPEND) => OpenMode::Append,
            OFlags::WRONLY => OpenMode::Write,
            _ => OpenMode::Read,
        })
    }
}

/// The operations a stream supports.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Can {
    pub(super) read: bool,
    pub(super) write: bool,
    pub(super) seek: bool,
}

/// An open stream. Callers check [`can`](Self::can) before each operation.
pub(super) trait Stream: Send {
    fn can(&self) -> Can;

    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// The underlying file of the operating system.
    fn as_std(&self) -> Option<&fs::File> {
        None
    }

    fn into_std(self: Box<Self>) -> Option<fs::File> {
        None
    }
}

/// A file of the operating system.
pub(super) struct Disk {
    file: fs::File,
    can: Can,
}

impl Disk {
    pub(super) fn new(file: fs::File, mode: Option<OpenMode>) -> Self {
        let read = matches!(mode, None | Some(OpenMode::Read | OpenMode::ReadWrite));
        let write = mode != Some(OpenMode::Read);
        // False for pipes and sockets. The query does not move the position.
        let seek = (&file).stream_position().is_ok();
        Disk { file, can: Can { read, write, seek } }
    }
}

impl Stream for Disk {
    fn can(&self) -> Can {
        self.can
    }

    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.file.read(buf)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }

    fn as_std(&self) -> Option<&fs::File> {
        Some(&self.file)
    }

    fn into_std(self: Box<Self>) -> Option<fs::File> {
        Some(self.file)
    }
}

/// Wrappers that know which of `Read`, `Write` and `Seek` their stream implements.
macro_rules! wrapper {
    ($(#[$doc:meta])* $name:ident: $first:ident $(+ $more:ident)*) => {
        $(#[$doc])*
        pub(super) struct $name<S>(pub(super) S);

        impl<S: $first $(+ $more)* + Send> Stream for $name<S> {
            wrapper!(@can $first $($more)*);
            wrapper!(@methods $first);
            $(wrapper!(@methods $more);)*
        }
    };
    (@can $($capability:ident)*) => {
        fn can(&self) -> Can {
            let mut can = Can::default();
            $(wrapper!(@set can $capability);)*
            can
        }
    };
    (@set $can:ident Read) => { $can.read = true; };
    (@set $can:ident Write) => { $can.write = true; };
    (@set $can:ident Seek) => { $can.seek = true; };
    (@methods Read) => {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            self.0.read(buf)
        }
    };
    (@methods Write) => {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            self.0.flush()
        }
    };
    (@methods Seek) => {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.0.seek(to)
        }
    };
}

wrapper!(
    /// A stream that can only be read.
    Reading: Read
);
wrapper!(
    /// A stream that can only be written.
    Writing: Write
);
wrapper!(
    /// A stream that can be read anywhere.
    Seeking: Read + Seek
);
wrapper!(
    /// A stream that can be read and written anywhere.
    Full: Read + Write + Seek
);
