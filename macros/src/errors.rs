//! Collects mistakes and formats their messages: what is wrong, what to type, why.

use proc_macro2::TokenStream;
use quote::ToTokens;
use std::fmt;
use std::ops::Range;

/// One mistake, with a message of several lines. The compiler indents all lines after the first, so they look
/// native.
#[derive(Debug)]
pub(crate) struct Message {
    head: String,
    drawing: Option<String>,
    advice: Vec<String>,
}

impl Message {
    pub(crate) fn new(head: impl Into<String>) -> Self {
        Message { head: head.into(), drawing: None, advice: Vec::new() }
    }

    /// Underlines `range`, in bytes, of the literal's text below the message. Stable Rust has no spans inside
    /// a literal.
    pub(crate) fn under(mut self, text: &str, range: Range<usize>) -> Self {
        let show = |part: &str| -> String {
            part.chars()
                .map(|c| {
                    if crate::template::is_hidden(c) { c.escape_default().to_string() } else { c.to_string() }
                })
                .collect()
        };
        let width = |part: &str| show(part).chars().count();
        let indent = " ".repeat(width(&text[..range.start]));
        let carets = "^".repeat(width(&text[range]).max(1));
        self.drawing = Some(format!("  {}\n  {indent}{carets}", show(text)));
        self
    }

    /// What to type.
    pub(crate) fn help(mut self, text: impl fmt::Display) -> Self {
        self.advice.push(format!("help: {text}"));
        self
    }

    /// The reason, or the choices.
    pub(crate) fn note(mut self, text: impl fmt::Display) -> Self {
        self.advice.push(format!("note: {text}"));
        self
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.head)?;
        for line in self.drawing.iter().chain(&self.advice) {
            write!(f, "\n{line}")?;
        }
        Ok(())
    }
}

/// All mistakes found so far. Dropping it without reading is a bug of this crate.
#[must_use]
#[derive(Debug)]
pub(crate) struct Errors(Option<Vec<syn::Error>>);

impl Errors {
    pub(crate) fn new() -> Self {
        Errors(Some(Vec::new()))
    }

    /// Reports a mistake and underlines all of `tokens`.
    pub(crate) fn add(&mut self, tokens: impl ToTokens, message: Message) {
        self.0.get_or_insert_default().push(syn::Error::new_spanned(tokens, message));
    }

    /// The mistakes as calls of `compile_error!`.
    pub(crate) fn into_tokens(mut self) -> TokenStream {
        self.0.take().into_iter().flatten().map(|error| error.to_compile_error()).collect()
    }

    #[cfg(test)]
    pub(crate) fn into_texts(mut self) -> Vec<String> {
        self.0.take().into_iter().flatten().map(|error| error.to_string()).collect()
    }
}

impl Drop for Errors {
    fn drop(&mut self) {
        debug_assert!(self.0.is_none() || std::thread::panicking(), "mistakes were found and not reported");
    }
}
