//! Differences in URLs and dates.

use super::Case;

const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// Django answers "not modified" and we answer "modified". The header has the wrong day of the week for its
/// date, a two-digit year of 70 or more, which Django may place in the next century, or a year below 100,
/// which Django treats as two digits.
pub(super) fn unusual_date(case: &Case<'_>) -> bool {
    let header = case.argument("header");
    case.op() == "was_modified_since"
        && case.want["ok"] == false
        && case.got["ok"] == true
        && named_weekday(header).is_none_or(|(year_is_doubtful, right)| year_is_doubtful || !right)
}

/// Whether the century of the year is ambiguous, and whether the day of the week matches the date. `None` if
/// there is no date.
fn named_weekday(header: &str) -> Option<(bool, bool)> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let words: Vec<&str> = header.split([' ', '-']).filter(|word| !word.is_empty()).collect();
    let (day, month, year) = match words.as_slice() {
        [_, day, month, year, _, "GMT"] => (*day, *month, *year),
        [_, month, day, _, year] => (*day, *month, *year),
        _ => return None,
    };
    let short = year.len() == 2;
    let year: i16 = year.parse().ok()?;
    let century = if !short {
        0
    } else if year < 70 {
        2000
    } else {
        1900
    };
    let month = MONTHS.iter().position(|name| *name == month).and_then(|at| i8::try_from(at + 1).ok())?;
    let date = jiff::civil::Date::new(century + year, month, day.parse().ok()?).ok()?;
    let weekday = DAYS[usize::from(date.weekday().to_sunday_zero_offset().unsigned_abs())];
    let weekday = if short { weekday } else { &weekday[..3] };
    let doubtful = if short { year >= 70 } else { year < 100 };
    Some((doubtful, words[0].trim_end_matches(',') == weekday))
}
