//! What goes to stdout: sentences, aligned tables, JSON.

use std::fmt::Display;
use std::io::Write as _;

use serde::Serialize;

/// One line on stdout. A reader that went away (`| head`) is no error.
pub(super) fn say(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// A value as JSON, indented.
pub(super) fn say_json(value: &impl Serialize) -> anyhow::Result<()> {
    say(serde_json::to_string_pretty(value)?);
    Ok(())
}

/// A value as JSON on one line, for scripts that read along.
pub(super) fn say_json_line(value: &impl Serialize) -> anyhow::Result<()> {
    say(serde_json::to_string(value)?);
    std::io::stdout().flush()?;
    Ok(())
}

/// Columns as wide as their widest cell; the last one is not padded.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|c| c.chars().count()).chain([head[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> = cells.zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(&mut head.iter().copied())];
    lines.extend(rows.iter().map(|row| line(&mut row.iter().map(String::as_str))));
    lines.join("\n")
}

/// A table, or a sentence where it would be empty; as JSON, the values themselves.
pub(super) fn list<T: Serialize>(
    json: bool,
    values: &[T],
    empty: &str,
    head: &[&str],
    row: impl Fn(&T) -> Vec<String>,
) -> anyhow::Result<()> {
    if json {
        say_json(&values)
    } else if values.is_empty() {
        say(empty);
        Ok(())
    } else {
        say(table(head, &values.iter().map(row).collect::<Vec<_>>()));
        Ok(())
    }
}

/// What is there, or a dash.
pub(super) fn or_dash(value: Option<impl Display>) -> String {
    value.map_or_else(|| "–".to_owned(), |v| v.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let rows =
            vec![vec!["anne".into(), "Anne".into(), "x".into()], vec!["jo".into(), "Joséphine".into(), String::new()]];
        assert_eq!(
            table(&["LOGIN", "NAME", "GROUPS"], &rows),
            "LOGIN  NAME       GROUPS\nanne   Anne       x\njo     Joséphine"
        );
    }
}
