//! A share on somebody's own computer: files that add it, and that bring the portal up where the door is locked.
//!
//! No file holds a user name, a password or a key. Names are parsed before they come here; each language quotes them in its
//! own way all the same.

use std::fmt;
use std::str::FromStr;

use crate::percent::encode;

/// Longest name of a shared folder ([MS-SMB2] leaves it open; Windows takes 80 characters).
const LONGEST_FOLDER: usize = 80;

/// Why a name is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Bad {
    /// Not a DNS name.
    #[error("a DNS name such as files.office.example is expected")]
    Host,
    /// Not the name of a shared folder.
    #[error(r#"the name of a shared folder is expected: 1 to 80 characters, none of \ / : * ? " < > | %"#)]
    Folder,
}

/// A DNS name: letters, digits, hyphens and dots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host(String);

/// The name under which a server shares a folder; deeper folders after `\`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder(String);

impl FromStr for Host {
    type Err = Bad;
    fn from_str(text: &str) -> Result<Self, Bad> {
        let label = |l: &str| {
            (1..=63).contains(&l.len())
                && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !l.starts_with('-')
                && !l.ends_with('-')
        };
        let fits = text.len() <= 253 && text.split('.').all(label);
        if fits { Ok(Self(text.to_owned())) } else { Err(Bad::Host) }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Folder {
    type Err = Bad;
    fn from_str(text: &str) -> Result<Self, Bad> {
        let text = text.trim();
        // What turns the order of letters round would show another name than is meant.
        let odd = |c: char| {
            c.is_control()
                || "\\/:*?\"<>|%".contains(c)
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
        };
        let fits = (1..=LONGEST_FOLDER).contains(&text.chars().count())
            && !text.chars().any(odd)
            && !text.ends_with('.')
            && !text.starts_with('-');
        if fits { Ok(Self(text.to_owned())) } else { Err(Bad::Folder) }
    }
}

/// In which language a file speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// French.
    French,
    /// Dutch.
    Dutch,
    /// Catalan.
    Catalan,
    /// Spanish.
    Spanish,
}

struct Words {
    /// Name of the shortcut: ASCII, no signs.
    open: &'static str,
    /// It did not open.
    locked: &'static str,
    /// It is there.
    added: &'static str,
}

impl Language {
    /// By its tag; English where it is none of ours.
    #[must_use]
    pub fn of(tag: &str) -> Self {
        match tag {
            "fr" => Self::French,
            "nl" => Self::Dutch,
            "ca" => Self::Catalan,
            "es" => Self::Spanish,
            _ => Self::English,
        }
    }

    // The shortcut's name in plain letters: some Windows read a command file in a code page of their own.
    fn words(self) -> Words {
        let (open, locked, added) = match self {
            Self::English => (
                "Open my office",
                "The folder does not open. Is WireGuard on, and the folder's name right? Sign in on the page that opens now, then start this file again.",
                "Done. You find it in the Explorer under This PC or on your desktop.",
            ),
            Self::French => (
                "Ouvrir mon bureau",
                "Le dossier ne s'ouvre pas. WireGuard est-il activé, et le nom du dossier est-il le bon ? Identifiez-vous sur la page qui s'ouvre, puis relancez ce fichier.",
                "C'est fait. Vous le trouverez dans l'Explorateur, sous Ce PC, ou sur votre bureau Windows.",
            ),
            Self::Dutch => (
                "Mijn kantoor openen",
                "De map gaat niet open. Staat WireGuard aan, en klopt de naam van de map? Meld u aan op de pagina die nu opent en start dit bestand opnieuw.",
                "Klaar. U vindt het in de Verkenner onder Deze pc of op uw bureaublad.",
            ),
            Self::Catalan => (
                "Obre la meva oficina",
                "La carpeta no s'obre. Teniu WireGuard activat, i el nom de la carpeta és correcte? Entreu a la pàgina que s'obre ara i torneu a executar aquest fitxer.",
                "Fet. El trobareu a l'Explorador, a Aquest ordinador, o a l'escriptori.",
            ),
            Self::Spanish => (
                "Abrir mi oficina",
                "La carpeta no se abre. ¿Tiene WireGuard activado, y es correcto el nombre de la carpeta? Entre en la página que se abre ahora y vuelva a ejecutar este archivo.",
                "Listo. Lo encontrará en el Explorador, en Este equipo, o en el escritorio.",
            ),
        };
        Words { open, locked, added }
    }
}

/// What is to be added.
#[derive(Clone, Debug)]
pub struct Drive {
    /// The file server.
    pub server: Host,
    /// One of its shared folders; the server as a whole if absent.
    pub folder: Option<Folder>,
    /// Where the portal is.
    pub portal: Host,
    /// How the file speaks.
    pub language: Language,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name.
    pub name: String,
    /// What is in it.
    pub text: String,
}

impl Drive {
    /// `smb://files.office.example/accounts`
    #[must_use]
    pub fn address(&self) -> String {
        let folder = self.folder.iter().map(|f| encode(f.0.as_bytes(), b"")).collect::<String>();
        format!("smb://{}/{folder}", self.server.0)
    }

    /// `\\files.office.example\accounts`
    #[must_use]
    pub fn unc(&self) -> String {
        let folder = self.folder.iter().map(|f| format!("\\{}", f.0)).collect::<String>();
        format!("\\\\{}{folder}", self.server.0)
    }

    fn portal(&self) -> String {
        format!("https://{}/", self.portal.0)
    }

    /// Letters for a file's name, from the folder or the server.
    fn stem(&self) -> String {
        let from = self.folder.as_ref().map_or(self.server.0.as_str(), |f| f.0.as_str());
        let plain: String = from.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).take(40).collect();
        format!("passerelle-{plain}")
    }

    /// Windows, to double-click: maps the next free letter (a folder) or puts the server on the desktop, and *Open my
    /// office* on the desktop and in start-up. Where the server does not answer it opens the portal.
    #[must_use]
    pub fn command_file(&self) -> File {
        let Words { open, locked, added } = self.language.words();
        let (server, portal) = (&self.server.0, self.portal());
        let add = match &self.folder {
            Some(_) => format!("net use * {} /persistent:yes || goto locked\n", Command(&self.unc())),
            None => format!(
                ">\"%desktop%\\{server}.url\" echo [InternetShortcut]\n>>\"%desktop%\\{server}.url\" echo URL=file://{server}/\nstart \"\" {}\n",
                Command(&self.unc())
            ),
        };
        let lines = format!(
            "@echo off\n\
             chcp 65001 >nul\n\
             setlocal DisableDelayedExpansion\n\
             set \"desktop=%USERPROFILE%\\Desktop\"\n\
             for /f \"usebackq delims=\" %%d in (`powershell -NoProfile -Command \"[Environment]::GetFolderPath('Desktop')\"`) do set \"desktop=%%d\"\n\
             set \"startup=%APPDATA%\\Microsoft\\Windows\\Start Menu\\Programs\\Startup\"\n\
             >\"%desktop%\\{open}.url\" echo [InternetShortcut]\n\
             >>\"%desktop%\\{open}.url\" echo URL={portal}\n\
             copy /y \"%desktop%\\{open}.url\" \"%startup%\\\" >nul\n\
             powershell -NoProfile -Command \"try {{ (New-Object Net.Sockets.TcpClient('{server}', 445)).Close() }} catch {{ exit 1 }}\" || goto locked\n\
             {add}\
             echo {added}\n\
             pause\n\
             exit /b 0\n\
             :locked\n\
             echo {locked}\n\
             start \"\" \"{portal}\"\n\
             pause\n\
             exit /b 1\n"
        );
        File { name: format!("{}.cmd", self.stem()), text: lines.replace('\n', "\r\n") }
    }

    /// Windows, for IT (group policy, logon): the same as a PowerShell script.
    #[must_use]
    pub fn powershell(&self) -> File {
        let Words { open, locked, added } = self.language.words();
        let (unc, server, portal) = (self.unc(), &self.server.0, self.portal());
        let quoted = |text: &str| Single(text).to_string();
        let add = match &self.folder {
            Some(_) => {
                "net.exe use '*' $share /persistent:yes\nif ($LASTEXITCODE -ne 0) { Start-Process $portal; exit 1 }\n"
                    .to_owned()
            }
            None => "Shortcut Desktop $server \"file://$server/\"\n".to_owned(),
        };
        let lines = format!(
            "$server = {}\n\
             $share = {}\n\
             $portal = {}\n\
             function Shortcut($place, $name, $url) {{\n\
             \x20 $file = Join-Path ([Environment]::GetFolderPath($place)) \"$name.url\"\n\
             \x20 [IO.File]::WriteAllText($file, \"[InternetShortcut]`r`nURL=$url`r`n\")\n\
             }}\n\
             Shortcut Desktop {open} $portal\n\
             Shortcut Startup {open} $portal\n\
             try {{ (New-Object Net.Sockets.TcpClient($server, 445)).Close() }} catch {{\n\
             \x20 Write-Output {}\n\
             \x20 Start-Process $portal\n\
             \x20 exit 1\n\
             }}\n\
             {add}\
             Write-Output {}\n",
            quoted(server),
            quoted(&unc),
            quoted(&portal),
            quoted(locked),
            quoted(added),
            open = quoted(open),
        );
        // Windows PowerShell 5.1 takes a script for UTF-8 by this mark only.
        File { name: format!("{}.ps1", self.stem()), text: format!("\u{feff}{}", lines.replace('\n', "\r\n")) }
    }

    /// macOS: an internet location, which the Finder connects to.
    #[must_use]
    pub fn webloc(&self) -> File {
        let text = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<plist version=\"1.0\"><dict><key>URL</key><string>{}</string></dict></plist>\n",
            Xml(&self.address())
        );
        File { name: format!("{}.webloc", self.stem()), text }
    }

    /// Linux with GVfs: mounts it, or opens the portal.
    #[must_use]
    pub fn shell(&self) -> File {
        let text = format!(
            "#!/bin/sh\ngio mount {address} && exec xdg-open {address}\nexec xdg-open {}\n",
            Shell(&self.portal()),
            address = Shell(&self.address())
        );
        File { name: format!("{}.sh", self.stem()), text }
    }
}

/// Between the double quotes of a command file, in which only `%` has a meaning left.
struct Command<'a>(&'a str);

impl fmt::Display for Command<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain: String = self.0.chars().filter(|c| *c != '"' && !c.is_control()).collect();
        write!(f, "\"{}\"", plain.replace('%', "%%"))
    }
}

/// Between PowerShell's single quotes, of which it knows five, and each is doubled.
struct Single<'a>(&'a str);

impl fmt::Display for Single<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("'")?;
        for c in self.0.chars().filter(|c| !c.is_control()) {
            if matches!(c, '\'' | '\u{2018}'..='\u{201b}') {
                write!(f, "{c}")?;
            }
            write!(f, "{c}")?;
        }
        f.write_str("'")
    }
}

/// Between a shell's single quotes.
struct Shell<'a>(&'a str);

impl fmt::Display for Shell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}'", self.0.replace('\'', "'\\''"))
    }
}

/// As text of an XML element.
struct Xml<'a>(&'a str);

impl fmt::Display for Xml<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn drive(folder: Option<&str>) -> Drive {
        Drive {
            server: "files.office.example".parse().unwrap(),
            folder: folder.map(|f| f.parse().unwrap()),
            portal: "door.example.org".parse().unwrap(),
            language: Language::French,
        }
    }

    const HOSTILE: [&str; 8] = [
        "a & start calc.exe",
        "a' ; Start-Process calc ; '",
        "a\u{2019} ; calc ; \u{2018}",
        "$(calc)",
        "`calc`",
        "a^&b !PATH!",
        "données & comptes",
        "a'; touch x; '",
    ];

    #[test]
    fn names_that_are_none_are_refused() {
        for bad in ["", ".", "a..b", "-a", "a_b", "a b", "a\"b", "files/../x", "é", &"a".repeat(64), "a\nb"] {
            assert_eq!(bad.parse::<Host>(), Err(Bad::Host), "{bad:?}");
        }
        for bad in
            ["", " ", "a\\b", "a/b", "a\"b", "a%PATH%b", "a|b", "a\nb", "a\u{202e}b", "-x", "a.", &"a".repeat(81)]
        {
            assert_eq!(bad.parse::<Folder>(), Err(Bad::Folder), "{bad:?}");
        }
        assert_eq!(" Accounts 2026 ".parse::<Folder>().unwrap().0, "Accounts 2026");
    }

    #[test]
    fn each_file_leads_to_the_share_and_to_the_portal() {
        let drive = drive(Some("Comptes & co"));
        assert_eq!(drive.unc(), r"\\files.office.example\Comptes & co");
        assert_eq!(drive.address(), "smb://files.office.example/Comptes%20%26%20co");
        let command = drive.command_file();
        assert_eq!(command.name, "passerelle-Comptes---co.cmd");
        assert!(command.text.contains(r#"net use * "\\files.office.example\Comptes & co" /persistent:yes"#));
        assert!(command.text.contains("\\Ouvrir mon bureau.url\" echo URL=https://door.example.org/\r\n"));
        assert!(command.text.lines().count() > 15 && !command.text.replace("\r\n", "").contains('\n'));
        let script = drive.powershell().text;
        assert!(script.starts_with('\u{feff}') && script.contains(r"$share = '\\files.office.example\Comptes & co'"));
        assert!(drive.webloc().text.contains("<string>smb://files.office.example/Comptes%20%26%20co</string>"));
        assert!(drive.shell().text.contains("gio mount 'smb://files.office.example/Comptes%20%26%20co'"));
        let whole = self::drive(None);
        assert!(whole.command_file().text.contains("echo URL=file://files.office.example/\r\n"));
        assert!(!whole.command_file().text.contains("net use"));
    }

    #[test]
    fn what_a_command_file_says_has_no_meaning_to_it() {
        for language in ["en", "fr", "nl", "ca", "es"] {
            let Words { open, locked, added } = Language::of(language).words();
            for text in [open, locked, added] {
                assert!(!text.contains(['&', '|', '<', '>', '^', '%', '"', '(', ')', '!']), "{text}");
            }
            assert!(open.chars().all(|c| c.is_ascii_alphabetic() || c == ' '), "{open}");
        }
    }

    /// What PowerShell reads between single quotes, and what is left behind them.
    fn single(text: &str) -> (String, String) {
        let quote = |c: char| matches!(c, '\'' | '\u{2018}'..='\u{201b}');
        let mut letters = text.chars().skip(1).peekable();
        let mut read = String::new();
        while let Some(c) = letters.next() {
            if quote(c) {
                if !letters.peek().copied().is_some_and(quote) {
                    break;
                }
                letters.next();
            }
            read.push(c);
        }
        (read, letters.collect())
    }

    #[test]
    fn hostile_names_stay_names() {
        for folder in HOSTILE {
            let drive = drive(Some(folder));
            // In a command file all of it is between the quotes.
            let command = drive.command_file().text;
            let line = command.lines().find(|l| l.starts_with("net use")).unwrap().to_owned();
            let parts: Vec<_> = line.split('"').collect();
            assert_eq!((parts.len(), parts[1].replace("%%", "%")), (3, drive.unc()), "{line}");
            let script = drive.powershell().text;
            let line = script.lines().find_map(|l| l.strip_prefix("$share = ")).unwrap();
            assert_eq!(single(line), (drive.unc(), String::new()), "{line}");
            // Percent-encoding leaves nothing to quote.
            assert!(!drive.address().contains(['\'', '"', '&', '$', '`', ' ', ';', '<']), "{}", drive.address());
            assert!(drive.command_file().name.chars().all(|c| c.is_alphanumeric() || "-.".contains(c)));
        }
    }

    #[test]
    fn a_shell_reads_what_was_quoted() {
        for text in HOSTILE {
            let out =
                std::process::Command::new("sh").args(["-c", &format!("printf %s {}", Shell(text))]).output().unwrap();
            assert_eq!(String::from_utf8(out.stdout).unwrap(), text);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_quoted(text in "[^\\p{Cc}]{0,40}") {
            prop_assert_eq!(single(&Single(&text).to_string()), (text.clone(), String::new()));
            let command = Command(&text).to_string();
            prop_assert_eq!(command.matches('"').count(), 2);
            prop_assert!(!Xml(&text).to_string().contains('<'));
        }
    }
}
