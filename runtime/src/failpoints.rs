//! Places where tests make the library fail, stop or misbehave. Without the feature `failpoints` they are nothing.

/// A numbered step of the protocol. An action `return(text)` makes the function fail there with an injected error;
/// others (pause, panic, a callback that kills the process) act on the spot.
macro_rules! step {
    ($name:literal) => {
        #[cfg(feature = "failpoints")]
        ::fail::fail_point!($name, |text: Option<String>| Err(crate::failpoints::injected($name, text)));
    };
}

/// Whether a bug is planted here: campaigns show that they would find it.
macro_rules! planted {
    ($name:literal) => {
        crate::failpoints::is_planted(concat!("planted:", $name))
    };
}

pub(crate) use {planted, step};

/// The error of a step that was told to fail.
#[cfg(feature = "failpoints")]
pub(crate) fn injected(step: &'static str, text: Option<String>) -> crate::Error {
    let text = text.unwrap_or_else(|| "injected failure".to_owned());
    crate::Error::new(crate::ErrorKind::Io, format!("{text} at step {step}"))
}

#[cfg(feature = "failpoints")]
pub(crate) fn is_planted(name: &str) -> bool {
    ::fail::eval(name, |_| ()).is_some()
}

#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub(crate) const fn is_planted(_: &str) -> bool {
    false
}

/// Whether a test wants to get at the steps of a row's transaction, which may otherwise be one request.
#[cfg(all(feature = "failpoints", feature = "db-sqlite"))]
pub(crate) fn needs_steps() -> bool {
    ::fail::list().iter().any(|(name, _)| name.starts_with("row.") || name.starts_with("planted:"))
}

#[cfg(all(not(feature = "failpoints"), feature = "db-sqlite"))]
#[inline(always)]
pub(crate) const fn needs_steps() -> bool {
    false
}
