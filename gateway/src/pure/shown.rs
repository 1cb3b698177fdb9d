//! What somebody typed, as a message may repeat it.

/// Longest piece of what was typed that an error repeats, in characters.
const REPEATED: usize = 64;

/// Control characters, line and paragraph separators, and what turns the direction of writing or cannot be seen.
#[must_use]
pub fn deceives(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// What was typed, as an error may repeat it on a terminal and in a table.
#[must_use]
pub fn shown(text: &str) -> String {
    let mut kept: String = text.trim().chars().filter(|c| !deceives(*c)).take(REPEATED + 1).collect();
    if kept.chars().count() > REPEATED {
        kept.pop();
        kept.push('…');
    }
    kept
}
