//! Lines of the audit as a file: CSV (RFC 4180) or JSON. What people typed as names must not become a formula.

use super::audit::{AuditEntry, Format};

/// By it, spreadsheets know that the file is UTF-8.
const MARK: &str = "\u{feff}";

/// What the file begins with.
pub(super) fn head(format: Format) -> String {
    match format {
        Format::Csv => format!("{MARK}time,actor,event,user,details,id\r\n"),
        Format::Json => "[".to_owned(),
    }
}

/// What it ends with.
pub(super) fn foot(format: Format) -> String {
    match format {
        Format::Csv => String::new(),
        Format::Json => "\n]\n".to_owned(),
    }
}

/// Some of its lines; `first`: nothing stands before them.
pub(super) fn lines(format: Format, lines: &[AuditEntry], first: bool) -> String {
    let mut text = String::new();
    for (nth, line) in lines.iter().enumerate() {
        match format {
            Format::Csv => text.push_str(&row(line)),
            Format::Json => {
                text.push_str(if first && nth == 0 { "\n" } else { ",\n" });
                text.push_str(&serde_json::to_string(line).unwrap_or_default());
            }
        }
    }
    text
}

fn row(line: &AuditEntry) -> String {
    let time = jiff::Timestamp::from_millisecond(line.at.0).map(|t| t.to_string()).unwrap_or_default();
    let details = if line.details.as_object().is_some_and(serde_json::Map::is_empty) {
        String::new()
    } else {
        // What would end a cell where a spreadsheet's cells end at semicolons stands in texts alone, and means the same so.
        line.details.to_string().replace(';', "\\u003b")
    };
    let user = line.user.as_deref().unwrap_or_default();
    let cells = [time.as_str(), &line.actor, &line.event, user, &details, &line.id];
    cells.map(cell).join(",") + "\r\n"
}

/// Quoted; what a spreadsheet would reckon is text by an apostrophe (OWASP, CSV injection), in whatever width it is typed,
/// and where its cells end at semicolons, too.
fn cell(text: &str) -> String {
    let text: String = text.split_inclusive(';').map(guarded).collect();
    format!("\"{}\"", text.replace('"', "\"\""))
}

fn guarded(text: &str) -> String {
    let begins = text.trim_start_matches(|c: char| c.is_whitespace() || c == '"');
    let reckoned =
        begins.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']) || text.starts_with(['\t', '\r', '\n']);
    format!("{}{text}", if reckoned { "'" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Unix;

    fn line(actor: &str, details: serde_json::Value) -> AuditEntry {
        let (id, event) = ("1".to_owned(), "group_added".to_owned());
        AuditEntry { id, at: Unix(1_795_000_000_000), actor: actor.to_owned(), event, user: None, details }
    }

    #[test]
    fn no_cell_is_a_formula_and_none_breaks_out() {
        for (typed, written) in [
            ("anne", "\"anne\""),
            ("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""),
            (" =1+1", "\"' =1+1\""),
            ("+32", "\"'+32\""),
            ("-1", "\"'-1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("＝1", "\"'＝1\""),
            ("\t=1", "\"'\t=1\""),
            ("a,b\r\nc", "\"a,b\r\nc\""),
            ("token x;=cmd|'/C calc'!A0;", "\"token x;'=cmd|'/C calc'!A0;\""),
            ("x;\"=1", "\"x;'\"\"=1\""),
            ("x; y", "\"x; y\""),
        ] {
            assert_eq!(cell(typed), written);
        }
    }

    #[test]
    fn where_cells_end_at_semicolons_details_are_one() {
        let name = "x;=cmd|'/C calc'!A0;";
        let row = row(&line("anne", serde_json::json!({"name": name, "and": "a;b"})));
        assert!(!row.contains(';'), "{row}");
        let (_, details) = row.split_once(",\"\",\"").unwrap();
        let details = details.rsplit_once("\",\"").unwrap().0.replace("\"\"", "\"");
        let read: serde_json::Value = serde_json::from_str(&details).unwrap();
        assert_eq!(read["name"], name, "and it means the same");
    }

    #[test]
    fn both_files_are_whole() {
        let some = [line("anne", serde_json::json!({"group": "=1"})), line("local", serde_json::json!({}))];
        let file = |format| head(format) + &lines(format, &some, true) + &lines(format, &some, false) + &foot(format);
        let json: Vec<AuditEntry> = serde_json::from_str(&file(Format::Json)).unwrap();
        assert_eq!(json.len(), 4);
        assert_eq!(json[0], some[0]);
        let csv = file(Format::Csv);
        assert_eq!(csv.split("\r\n").count(), 6);
        assert!(csv.starts_with("\u{feff}time,") && csv.contains("\"2026-11-18T"), "{csv}");
        assert_eq!(head(Format::Json) + &lines(Format::Json, &[], true) + &foot(Format::Json), "[\n]\n");
    }
}
