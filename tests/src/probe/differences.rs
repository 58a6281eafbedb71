//! The only ways in which filefield's answers may differ from Django's.
//!
//! Each difference has the numbers of its behaviours and weaknesses, the reason, and a test that recognises
//! it from the question and the two answers. The test recomputes filefield's answer from Django's as far as
//! it can, so that it does not hide a mistake in the same question.

mod files;
mod names;
mod storages;
mod urls;

use serde_json::Value;
use std::fmt;

/// A way in which filefield differs from Django on purpose.
pub struct Difference {
    /// Numbers of the behaviours (D), weaknesses (W) and requirements that it belongs to, in the notes that
    /// the vectors were made from.
    pub numbers: &'static str,
    /// The reason.
    pub reason: &'static str,
    /// Whether it explains these answers.
    pub explains: fn(&Case<'_>) -> bool,
}

impl fmt::Debug for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Difference").field("numbers", &self.numbers).field("reason", &self.reason).finish()
    }
}

/// A question and the two answers to it, or one step of a script with the two answers to it.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The question.
    pub question: &'a Value,
    /// Django's answer.
    pub want: &'a Value,
    /// filefield's answer.
    pub got: &'a Value,
    /// The number of the step, for a script.
    step: Option<usize>,
}

impl<'a> Case<'a> {
    /// A question and the two answers.
    pub fn new(question: &'a Value, want: &'a Value, got: &'a Value) -> Self {
        Case { question, want, got, step: None }
    }

    /// The steps of a script with different answers; `None` if this is not a script.
    fn steps(&self) -> Option<Vec<Case<'a>>> {
        let (wants, gots) = (self.want["ok"].as_array()?, self.got["ok"].as_array()?);
        if self.op() != "storage_script" || wants.len() != gots.len() {
            return None;
        }
        let steps = wants.iter().zip(gots).enumerate().filter(|(_, (want, got))| want != got);
        Some(steps.map(|(at, (want, got))| Case { want, got, step: Some(at), ..*self }).collect())
    }

    fn op(&self) -> &'a str {
        self.argument("op")
    }

    /// A text argument of the question, or the empty text.
    fn argument(&self, key: &str) -> &'a str {
        self.question[key].as_str().unwrap_or("")
    }

    /// Both answers, if both are texts.
    fn texts(&self) -> Option<(&'a str, &'a str)> {
        Some((self.want["ok"].as_str()?, self.got["ok"].as_str()?))
    }

    /// Whether filefield failed with this kind.
    fn failed_with(&self, kind: &str) -> bool {
        self.got["kind"] == kind
    }
}

/// All of them.
pub const DIFFERENCES: &[Difference] = &[
    Difference {
        numbers: "D178, D180, W14",
        reason: "names are put in normal form C and combining marks stay with their letter, so that names in many \
                 languages remain readable",
        explains: names::normal_form_and_marks,
    },
    Difference {
        numbers: "D190, D242, W13",
        reason: "limits are counted in bytes too: 255 a component and 1,024 a name, what file systems and object \
                 stores take",
        explains: names::bytes_count,
    },
    Difference {
        numbers: "D224, requirements 10, 11 and 14",
        reason: "a valid name is cut to one that is valid too, never to a device of Windows or to a blank at its end",
        explains: names::cut_to_a_valid_name,
    },
    Difference {
        numbers: "D277, W13",
        reason: "an uploaded name is cut to 255 bytes, not only to 255 code points",
        explains: names::uploaded_bytes_count,
    },
    Difference {
        numbers: "D098, requirement 4",
        reason: "a directive that glibc does not know, that makes a character no name may have, or that needs a zone \
                 is an error (the derive refuses it when it compiles), instead of standing in the name",
        explains: names::unsupported_directive,
    },
    Difference {
        numbers: "D361, RFC 9110 5.6.7",
        reason: "a date whose day of the week is unknown or wrong is not a date, a year of two digits from 70 on lies \
                 in the last century, and the year 14 is not 2014; each counts as modified, so the file is sent",
        explains: urls::unusual_date,
    },
    Difference {
        numbers: "D280",
        reason: "bytes in memory come in chunks of the size asked for, and empty ones in none, like every other file",
        explains: files::memory_chunks,
    },
    Difference {
        numbers: "D053, requirement 55",
        reason: "dimensions are read from the header alone, so a file that is cut off, damaged or of a kind that Pillow \
                 does not decode behind it still has some",
        explains: files::header_alone,
    },
    Difference {
        numbers: "D052, requirement 56",
        reason: "nothing is decoded, so there is no limit of pixels: the sides are said as the header has them",
        explains: files::pixel_limit,
    },
    Difference {
        numbers: "D055, W20",
        reason: "the sides are the stored ones, of a TIFF too, which Pillow turns by its orientation",
        explains: files::turned_tiff,
    },
    Difference {
        numbers: "D053, requirement 52",
        reason: "formats that hardly anybody uploads or that are programs, such as PPM, TGA and EPS, are no images",
        explains: files::unknown_format,
    },
    Difference {
        numbers: "D054",
        reason: "a header that breaks a rule of its format, or says that a side is 0, tells no dimensions",
        explains: files::broken_header,
    },
    Difference {
        numbers: "D056",
        reason: "the first header counts where there are two; Pillow goes by the last",
        explains: files::second_header,
    },
    Difference {
        numbers: "D199, D357, requirements 4, 5 and 10 to 14",
        reason: "a storage takes valid names only, repairs none, and checks them on every operation",
        explains: storages::refused_name,
    },
    Difference {
        numbers: "D184, D187",
        reason: "the random part of a taken name stands before its last suffix, so that `Dr._Who.pdf` stays readable; \
                 only the two suffixes of a compressed file count as one",
        explains: storages::last_suffix,
    },
    Difference {
        numbers: "D227, D232, D235, D257",
        reason: "exists, size and delete are about files; a directory does not exist as one, and deleting it says why \
                 it cannot be done",
        explains: storages::directory,
    },
    Difference {
        numbers: "D210, D259",
        reason: "a file in the way of a directory is the error that it is, not-a-directory, on every storage",
        explains: storages::file_in_the_way,
    },
    Difference {
        numbers: "D170, D254",
        reason: "a storage in memory has no local path",
        explains: storages::path_in_memory,
    },
];

/// The differences that explain a case; for a script, one for each step with different answers. `None` if
/// something is unexplained.
pub fn explain(case: &Case<'_>) -> Option<Vec<&'static Difference>> {
    let parts = case.steps().unwrap_or_else(|| vec![*case]);
    parts.iter().map(|part| DIFFERENCES.iter().find(|difference| (difference.explains)(part))).collect()
}
