//! A list of people as offices have it: a spreadsheet saved as CSV, with a first line that names the columns.
//!
//! Whatever a spreadsheet writes is read: comma, semicolon or tab; UTF-8, UTF-16 or Windows-1252; headers in five
//! languages, in any order. What stands in the cells is not judged here, and nothing is looked up.

use std::collections::BTreeSet;

/// Most people in one list: more than an office of this product has.
pub const MOST_PEOPLE: usize = 1000;

/// Columns that are read: several times what a list of people has. A header of semicolons would take minutes.
const MOST_COLUMNS: usize = 64;

/// What may stand between cells; the one that makes most of the header is taken.
const DELIMITERS: [u8; 3] = [b';', b',', b'\t'];

/// What may stand between groups in one cell.
const BETWEEN_GROUPS: [char; 4] = [',', ';', '|', '\n'];

/// Why a list cannot be read at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Nothing is in it.
    #[error("the list is empty")]
    Empty,
    /// A spreadsheet in its program's own format.
    #[error("this is a workbook: save it as CSV first")]
    Workbook,
    /// An image, a damaged file.
    #[error("this is no text: save the list as CSV")]
    NotText,
    /// No column is for logins.
    #[error("the first line names no column `login`")]
    NoLogin,
    /// More than [`MOST_PEOPLE`].
    #[error("the list holds more than {MOST_PEOPLE} people: cut it in two")]
    TooMany,
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct People {
    /// One for each line that is not empty, at least one.
    pub rows: Vec<Row>,
    /// Headers of columns that mean nothing here.
    pub ignored: Vec<String>,
}

/// Somebody, as the list has it: trimmed, but not judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Where it begins; the file's first line is 1.
    pub line: u64,
    /// Login, or else e-mail address; may be empty.
    pub login: String,
    /// Display name; empty if the list has none.
    pub name: String,
    /// Mail address; empty if the list has none.
    pub mail: String,
    /// The language's tag where it is one of ours, as written where it is not, empty where the list has none.
    pub language: String,
    /// Names of groups, each once.
    pub groups: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Login,
    Mail,
    Name,
    First,
    Last,
    Language,
    Groups,
}

/// Headers without accents, spaces and signs: English, French, Dutch, Catalan, Spanish.
const HEADERS: [(Column, &[&str]); 7] = [
    (
        Column::Login,
        &[
            "login",
            "user",
            "username",
            "userid",
            "account",
            "utilisateur",
            "nomdutilisateur",
            "identifiant",
            "compte",
            "gebruiker",
            "gebruikersnaam",
            "usuari",
            "nomdusuari",
            "usuario",
            "nombredeusuario",
        ],
    ),
    (
        Column::Mail,
        &[
            "email",
            "mail",
            "emailaddress",
            "courriel",
            "adressemail",
            "adresseemail",
            "emailadres",
            "mailadres",
            "correu",
            "correuelectronic",
            "correo",
            "correoelectronico",
        ],
    ),
    (
        Column::Name,
        &[
            "name",
            "displayname",
            "fullname",
            "nom",
            "nomcomplet",
            "nometprenom",
            "naam",
            "volledigenaam",
            "nomicognoms",
            "nombre",
            "nombrecompleto",
            "nombreyapellidos",
        ],
    ),
    (Column::First, &["firstname", "givenname", "prenom", "voornaam", "nomdepila", "nombredepila"]),
    (
        Column::Last,
        &[
            "lastname",
            "surname",
            "familyname",
            "nomdefamille",
            "achternaam",
            "familienaam",
            "cognom",
            "cognoms",
            "apellido",
            "apellidos",
        ],
    ),
    (Column::Language, &["language", "lang", "langue", "taal", "llengua", "idioma", "lengua"]),
    (Column::Groups, &["groups", "group", "groupe", "groupes", "groep", "groepen", "grup", "grups", "grupo", "grupos"]),
];

const LANGUAGES: [(&str, &[&str]); 5] = [
    ("en", &["en", "english", "anglais", "engels", "angles", "ingles"]),
    ("fr", &["fr", "french", "francais", "frans", "frances"]),
    ("nl", &["nl", "dutch", "neerlandais", "nederlands", "neerlandes", "holandes"]),
    ("ca", &["ca", "catalan", "catalaans", "catala"]),
    ("es", &["es", "spanish", "espagnol", "spaans", "espanyol", "castella", "espanol", "castellano"]),
];

/// Reads a file's bytes.
///
/// # Errors
/// It is no such list; the variant says what to do.
pub fn people(file: &[u8]) -> Result<People, Unreadable> {
    let text = decoded(file)?;
    if text.trim().is_empty() {
        return Err(Unreadable::Empty);
    }
    // Excel's own hint, which nobody else understands; the line stays for the count.
    let skipped = if text.starts_with("sep=") { text.find('\n').map_or(text.len(), |at| at + 1) } else { 0 };
    let table = &text[skipped..];
    let found = DELIMITERS.iter().map(|d| (*d, header(table, *d)));
    // Of equals the first: with a single column every delimiter is as good.
    let best = found.rev().max_by_key(|(_, columns)| columns.iter().filter(|(_, column)| column.is_some()).count());
    let (delimiter, columns) = best.unwrap_or_default();
    let has = |wanted| columns.iter().any(|(_, column)| *column == Some(wanted));
    if !has(Column::Login) && !has(Column::Mail) {
        return Err(Unreadable::NoLogin);
    }
    let mut rows = Vec::new();
    let mut lines = Lines { text: &text, at: 0, line: 1 };
    for record in reader(table, delimiter).records().skip(1) {
        // Of text in UTF-8 with rows of any length, nothing is an error to the reader.
        let Ok(record) = record else { return Err(Unreadable::NotText) };
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        if rows.len() == MOST_PEOPLE {
            return Err(Unreadable::TooMany);
        }
        let start = record.position().map_or(0, csv::Position::byte);
        rows.push(row(&record, &columns, lines.of(skipped + usize::try_from(start).unwrap_or(0))));
    }
    let ignored = columns.into_iter().filter(|(name, column)| column.is_none() && !name.is_empty());
    let ignored = ignored.map(|(name, _)| name).collect();
    if rows.is_empty() { Err(Unreadable::Empty) } else { Ok(People { rows, ignored }) }
}

/// Text with `\n` at the end of its lines.
fn decoded(file: &[u8]) -> Result<String, Unreadable> {
    let text = match file {
        [b'P', b'K', 3, 4, ..] | [0xd0, 0xcf, 0x11, 0xe0, ..] => return Err(Unreadable::Workbook),
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        _ => {
            let bytes = file.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(file);
            std::str::from_utf8(bytes).map_or_else(|_| bytes.iter().map(|b| windows_1252(*b)).collect(), str::to_owned)
        }
    };
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let strange = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if text.chars().any(strange) { Err(Unreadable::NotText) } else { Ok(text) }
}

fn wide(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// <https://encoding.spec.whatwg.org/index-windows-1252.txt>: Latin-1, but for these.
fn windows_1252(byte: u8) -> char {
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘',
        '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    match byte {
        0x80..=0x9f => HIGH[usize::from(byte - 0x80)],
        other => char::from(other),
    }
}

fn reader(table: &str, delimiter: u8) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(table.as_bytes())
}

/// The columns, by the first line: of two that mean the same, the second means nothing.
fn header(table: &str, delimiter: u8) -> Vec<(String, Option<Column>)> {
    let Some(Ok(record)) = reader(table, delimiter).records().next() else { return Vec::new() };
    let mut columns: Vec<(String, Option<Column>)> = Vec::new();
    for cell in record.iter().take(MOST_COLUMNS) {
        let column = HEADERS.iter().find(|(_, names)| names.contains(&plain(cell).as_str())).map(|(column, _)| *column);
        let taken = columns.iter().any(|(_, other)| column.is_some() && *other == column);
        columns.push((cell.to_owned(), column.filter(|_| !taken)));
    }
    columns
}

/// Small letters and digits alone.
fn plain(text: &str) -> String {
    let bare = |c: char| match c {
        'à' | 'á' | 'â' | 'ä' => 'a',
        'ç' => 'c',
        'è' | 'é' | 'ê' | 'ë' => 'e',
        'ì' | 'í' | 'î' | 'ï' => 'i',
        'ñ' => 'n',
        'ò' | 'ó' | 'ô' | 'ö' => 'o',
        'ù' | 'ú' | 'û' | 'ü' => 'u',
        other => other,
    };
    text.to_lowercase().chars().map(bare).filter(char::is_ascii_alphanumeric).collect()
}

fn row(record: &csv::StringRecord, columns: &[(String, Option<Column>)], line: u64) -> Row {
    let cell = |wanted| {
        let at = columns.iter().position(|(_, column)| *column == Some(wanted));
        bare(at.and_then(|at| record.get(at)).unwrap_or_default())
    };
    let either = |a: &str, b: &str| if a.is_empty() { b.to_owned() } else { a.to_owned() };
    let (first, name, last) = (cell(Column::First), cell(Column::Name), cell(Column::Last));
    // Beside a first name, `nom` is the family's; beside a family's name, `nombre` is the first.
    let name = match (first, last) {
        ("", last) => format!("{name} {last}"),
        (first, last) => format!("{first} {}", either(last, name)),
    };
    let mut seen = BTreeSet::new();
    let groups = cell(Column::Groups).split(BETWEEN_GROUPS).map(str::trim);
    Row {
        line,
        login: either(cell(Column::Login), cell(Column::Mail)),
        name: name.trim().to_owned(),
        mail: cell(Column::Mail).to_owned(),
        language: language(cell(Column::Language)),
        groups: groups.filter(|g| !g.is_empty() && seen.insert(*g)).map(str::to_owned).collect(),
    }
}

/// Without the apostrophe that keeps a spreadsheet from reckoning with it.
fn bare(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if rest.starts_with(['=', '+', '-', '@']) => rest,
        _ => cell,
    }
}

fn language(text: &str) -> String {
    // `fr-BE`, `fr_BE`
    let tag = plain(text.split(['-', '_']).next().unwrap_or_default());
    let known = LANGUAGES.iter().find(|(_, names)| names.contains(&tag.as_str()));
    known.map_or(text, |(tag, _)| tag).to_owned()
}

/// Counts lines as far as it is asked, from place to later place.
struct Lines<'t> {
    text: &'t str,
    at: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line of the record here: empty lines before it are its reader's, but not its own.
    fn of(&mut self, place: usize) -> u64 {
        let bytes = self.text.as_bytes();
        let empty = bytes.iter().skip(place).take_while(|b| **b == b'\n').count();
        let place = place.saturating_add(empty).min(bytes.len());
        while self.at < place {
            self.line += u64::from(bytes[self.at] == b'\n');
            self.at += 1;
        }
        self.line
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Vec<Row> {
        people(text.as_bytes()).unwrap().rows
    }

    fn somebody(line: u64, login: &str, name: &str, language: &str, groups: &[&str]) -> Row {
        let groups = groups.iter().map(|g| (*g).to_owned()).collect();
        Row { line, login: login.into(), name: name.into(), mail: String::new(), language: language.into(), groups }
    }

    #[test]
    fn whatever_a_spreadsheet_writes() {
        let anne = |line| somebody(line, "anne", "Anne Dubois", "fr", &["Comptabilité", "Direction"]);
        for (file, line) in [
            ("login,name,language,groups\nanne,Anne Dubois,fr,\"Comptabilité,Direction\"\n", 2),
            ("login;name;language;groups\r\nanne;Anne Dubois;fr;Comptabilité, Direction\r\n", 2),
            ("Utilisateur\tNom complet\tLangue\tGroupes\nanne\tAnne Dubois\tFrançais\tComptabilité|Direction", 2),
            ("\u{feff}Prénom;Nom;Identifiant;Langue;Groupes\nAnne;Dubois;anne;fr-BE;Comptabilité,Direction", 2),
            (
                "sep=;\nGebruikersnaam;Voornaam;Achternaam;Taal;Groepen\nanne;Anne;Dubois;Frans;Comptabilité,Direction",
                3,
            ),
            (
                "Nombre;Apellidos;Usuario;Idioma;Grupos\n\n;;;;\n\"Anne\";Dubois;anne;francés;\"Comptabilité;Direction\"",
                4,
            ),
            ("Nom i cognoms;Nom d’usuari;Llengua;Grups\rAnne Dubois;anne;FRANCÈS;Comptabilité,Direction,Direction", 2),
        ] {
            assert_eq!(read(file), [anne(line)], "{file}");
            let (latin, exact): (Vec<u8>, bool) = to_latin(file);
            if exact && !file.starts_with('\u{feff}') {
                assert_eq!(people(&latin).unwrap().rows, [anne(line)], "{file} in Windows-1252");
            }
            let wide: Vec<u8> = std::iter::once(0xfeff)
                .chain(file.trim_start_matches('\u{feff}').encode_utf16())
                .flat_map(u16::to_le_bytes)
                .collect();
            assert_eq!(people(&wide).unwrap().rows, [anne(line)], "{file} in UTF-16");
        }
    }

    fn to_latin(text: &str) -> (Vec<u8>, bool) {
        let bytes: Vec<Option<u8>> = text.chars().map(|c| (0..=255).find(|b| windows_1252(*b) == c)).collect();
        let exact = bytes.iter().all(Option::is_some);
        (bytes.into_iter().flatten().collect(), exact)
    }

    #[test]
    fn a_mail_address_is_read_and_is_a_login_where_there_is_no_other() {
        for header in ["E-mail", "mail", "email", "Courriel", "Correu", "Correo", "Adresse e-mail"] {
            let [row] = <[Row; 1]>::try_from(read(&format!("{header};Name\na@x.example;Anne\n"))).unwrap();
            assert_eq!((row.login.as_str(), row.mail.as_str()), ("a@x.example", "a@x.example"), "{header}");
            let [row] = <[Row; 1]>::try_from(read(&format!("login;{header}\nanne;a@x.example\n"))).unwrap();
            assert_eq!((row.login.as_str(), row.mail.as_str()), ("anne", "a@x.example"), "{header}");
        }
    }

    /// As the console writes it, in `people.test.ts`.
    #[test]
    fn what_the_console_exports_is_read_again() {
        let anne = Row { mail: "anne@x.example".into(), ..somebody(2, "anne", "=HYPERLINK(\"x\")", "fr", &["a", "b"]) };
        let boris = somebody(3, "boris", "Boris", "nl", &[]);
        for between in [";", ","] {
            let lines = [
                ["login", "name", "mail", "language", "groups"],
                ["anne", "\"'=HYPERLINK(\"\"x\"\")\"", "anne@x.example", "fr", "a|b"],
                ["boris", "Boris", "", "nl", ""],
            ];
            let file = format!("\u{feff}{}\r\n", lines.map(|line| line.join(between)).join("\r\n"));
            let list = people(file.as_bytes()).unwrap();
            assert_eq!((list.rows, list.ignored), (vec![anne.clone(), boris.clone()], Vec::new()));
        }
    }

    #[test]
    fn what_is_missing_is_empty_and_what_is_strange_is_left_alone() {
        let list = people(b"login;phone;name;login\nanne\n;;Boris\n'@x;1;'=1+1;y;z\n").unwrap();
        assert_eq!(
            list.rows,
            [somebody(2, "anne", "", "", &[]), somebody(3, "", "Boris", "", &[]), somebody(4, "@x", "=1+1", "", &[])]
        );
        assert_eq!(list.ignored, ["phone", "login"]);
        let open = read("login,name\nanne,\"Anne\nboris,Boris\n");
        assert_eq!(open, [somebody(2, "anne", "Anne\nboris,Boris", "", &[])], "a quote that is not closed");
        assert_eq!(read("login,language\nanne,klingon\n"), [somebody(2, "anne", "", "klingon", &[])]);
    }

    #[test]
    fn a_header_has_so_many_columns_and_no_more() {
        let far = "x;".repeat(MOST_COLUMNS);
        assert_eq!(people(format!("{far}login\n{far}anne\n").as_bytes()), Err(Unreadable::NoLogin));
        let many = "x;".repeat(45_000);
        let list = people(format!("login;{many}\nanne\n").as_bytes()).unwrap();
        assert_eq!((list.rows.len(), list.ignored.len()), (1, MOST_COLUMNS - 1));
    }

    #[test]
    fn what_is_no_list_says_what_it_is() {
        let many = format!("login\n{}", "a\n".repeat(MOST_PEOPLE + 1));
        for (file, why) in [
            (&b""[..], Unreadable::Empty),
            (b"\xef\xbb\xbf \r\n", Unreadable::Empty),
            (b"login;name\r\n;\r\n", Unreadable::Empty),
            (b"PK\x03\x04rest", Unreadable::Workbook),
            (b"\xd0\xcf\x11\xe0rest", Unreadable::Workbook),
            (b"\x89PNG\r\n\x1a\n", Unreadable::NotText),
            (b"login\nan\0ne", Unreadable::NotText),
            (b"anne;Anne\nboris;Boris", Unreadable::NoLogin),
            (b"\xff\xfe\x00\xd8", Unreadable::NoLogin),
            (many.as_bytes(), Unreadable::TooMany),
        ] {
            assert_eq!(people(file), Err(why), "{:?}", String::from_utf8_lossy(&file[..file.len().min(20)]));
        }
        assert_eq!(read(&many[..many.len() - 2]).len(), MOST_PEOPLE, "as many as may be");
    }

    fn quoted(cell: &str) -> String {
        format!("\"{}\"", cell.replace('"', "\"\""))
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(file in prop::collection::vec(any::<u8>(), 0..512)) {
            let _ = people(&file);
        }

        #[test]
        fn any_table_is_survived(text in "(login|name|[;,\"\n\t'=é]| ){0,60}") {
            if let Ok(list) = people(text.as_bytes()) {
                let lines = text.split('\n').count() as u64;
                prop_assert!(list.rows.iter().all(|row| (1..=lines).contains(&row.line)));
                prop_assert!(list.rows.windows(2).all(|pair| pair[0].line < pair[1].line));
            }
        }

        #[test]
        fn what_is_written_is_read(
            cells in prop::collection::vec(("[a-z][a-z0-9.]{0,8}", "[A-Zé][a-zé \"]{0,8}[a-z]", prop::sample::select(vec!["", "fr", "es"])), 1..20),
            delimiter in prop::sample::select(vec![";", ",", "\t"]),
            end in prop::sample::select(vec!["\n", "\r\n", "\r", "\n\n"]),
        ) {
            let header = ["Langue", "Nom", "Login"].join(delimiter);
            let rows = cells.iter().map(|(login, name, language)| [*language, &quoted(name), login].join(delimiter));
            let file: String = std::iter::once(header).chain(rows).map(|row| row + end).collect();
            let list = people(file.as_bytes()).unwrap();
            prop_assert_eq!(list.rows.len(), cells.len());
            let step = if end == "\n\n" { 2 } else { 1 };
            for (nth, (row, (login, name, language))) in list.rows.iter().zip(&cells).enumerate() {
                prop_assert_eq!(row.line, 1 + step * (nth as u64 + 1));
                prop_assert_eq!((&row.login, row.name.as_str(), row.language.as_str()), (login, name.trim(), *language));
            }
        }
    }
}
