//! The `.rdp` file of an office PC, for mstsc, Windows App, FreeRDP and Remmina, and its signature.
//!
//! It holds no password. A signature says who made it, and that nobody changed what is in its scope. Windows looks at it;
//! FreeRDP (client/common/file.c) and Remmina (rdp_file.c) pass over both lines. Since April 2026 mstsc calls a file without
//! one an unknown connection. Signed by a publisher whose authority the PC trusts, it names the publisher, and asks; with the
//! publisher's thumbprint in its policy, it does not ask (learn.microsoft.com, *Understanding security warnings when opening
//! Remote Desktop (RDP) files*; docs.finalbuilder.com/sn, *Signing RDP files*).
//!
//! Microsoft does not describe the signature. What is known was read off `rdpsign.exe` by nfedera/rdpsign,
//! andrewheberle/rdpsign and mamoreau-devolutions/psign, which agree.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::drive::Host;
use crate::publisher::{Publisher, PublisherError};

/// Longest login (`UNLEN`, lmcons.h).
const LONGEST_USER: usize = 256;

/// Version and kind (1: by a certificate) that stand before the signature; its length follows, all little-endian.
const SIGNATURE_HEADER: [u32; 2] = [0x0001_0001, 1];

/// What is signed, after both addresses: each setting, and its name in the scope, in `rdpsign.exe`'s order. Settings that
/// newer Windows signs (`RedirectWebAuthn` and others) are not in the file: older ones may not know their names.
///
/// Meanings: learn.microsoft.com/azure/virtual-desktop/rdp-properties.
const SIGNED: [(&str, &str); 16] = [
    ("server port:i:3389", "Server Port"),
    ("negotiate security layer:i:1", "Negotiate Security Layer"),
    ("enablecredsspsupport:i:1", "EnableCredSspSupport"),
    ("autoreconnection enabled:i:1", "AutoReconnection Enabled"),
    ("gatewayusagemethod:i:0", "GatewayUsageMethod"),
    ("gatewayprofileusagemethod:i:1", "GatewayProfileUsageMethod"),
    ("prompt for credentials:i:1", "Prompt For Credentials"),
    ("authentication level:i:2", "Authentication Level"),
    ("audiomode:i:0", "AudioMode"),
    ("redirectdrives:i:0", "RedirectDrives"),
    ("redirectprinters:i:0", "RedirectPrinters"),
    ("redirectcomports:i:0", "RedirectCOMPorts"),
    ("redirectsmartcards:i:0", "RedirectSmartCards"),
    ("redirectposdevices:i:0", "RedirectPOSDevices"),
    ("redirectclipboard:i:1", "RedirectClipboard"),
    ("drivestoredirect:s:", "DrivesToRedirect"),
];

/// What `rdpsign.exe` does not sign: how it looks, and how it suits the connection.
const UNSIGNED: [&str; 12] = [
    "prompt for credentials on client:i:1",
    "screen mode id:i:2",
    "use multimon:i:0",
    "dynamic resolution:i:1",
    "session bpp:i:32",
    "compression:i:1",
    "keyboardhook:i:2",
    "displayconnectionbar:i:1",
    "audiocapturemode:i:0",
    "videoplaybackmode:i:1",
    "networkautodetect:i:1",
    "bandwidthautodetect:i:1",
];

/// Why a login is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(r"a login of the office PC is expected, such as anne, OFFICE\anne or anne@office.example")]
pub struct BadUser;

/// A login on an office PC: one line, nothing invisible in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User(String);

/// How to reach one office PC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RdpFile {
    /// The name to connect to.
    pub address: Host,
    /// Who signs in there. It is a suggestion: people may change it, and so it is not signed.
    pub user: Option<User>,
}

impl FromStr for User {
    type Err = BadUser;
    fn from_str(text: &str) -> Result<Self, BadUser> {
        let text = text.trim();
        // Some clients break lines at U+2028 and U+2029; the rest turns the order of letters round or cannot be seen.
        let odd = |c: char| {
            c.is_control()
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
        };
        let fits = (1..=LONGEST_USER).contains(&text.chars().count()) && !text.chars().any(odd);
        if fits { Ok(Self(text.to_owned())) } else { Err(BadUser) }
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl RdpFile {
    /// The file without a signature, lines ending in CRLF.
    #[must_use]
    pub fn text(&self) -> String {
        self.signed_lines().map(|(line, _)| line).chain(self.unsigned_lines()).map(|line| line + "\r\n").collect()
    }

    /// The file with a signature, good for as long as the publisher's certificate is.
    ///
    /// Signed are the lines in scope, in its order, and the line that names it, each with its CRLF, then a NUL: all in
    /// UTF-16LE, however the file is encoded.
    ///
    /// # Errors
    /// [`PublisherError::Signing`].
    pub fn signed(&self, publisher: &Publisher) -> Result<String, PublisherError> {
        let (lines, names): (Vec<_>, Vec<_>) = self.signed_lines().unzip();
        let scope = format!("signscope:s:{}", names.join(","));
        let content = format!("{}\r\n{scope}\r\n\0", lines.join("\r\n"));
        let cms = publisher.sign(&utf16(&content).collect::<Vec<_>>())?;
        // Two kilobytes: a certificate and a signature.
        let header = SIGNATURE_HEADER.into_iter().chain([cms.len() as u32]).flat_map(u32::to_le_bytes);
        let signature = STANDARD.encode(header.chain(cms).collect::<Vec<_>>());
        Ok(format!("{}{scope}\r\nsignature:s:{signature}\r\n", self.text()))
    }

    /// Both addresses are signed: with the second one free, it would lead the signed file elsewhere. `rdpsign.exe` adds it.
    fn signed_lines(&self) -> impl Iterator<Item = (String, &'static str)> {
        let full = (format!("full address:s:{}", self.address), "Full Address");
        let alternate = (format!("alternate full address:s:{}", self.address), "Alternate Full Address");
        [full, alternate].into_iter().chain(SIGNED.map(|(line, name)| (line.to_owned(), name)))
    }

    fn unsigned_lines(&self) -> impl Iterator<Item = String> {
        let user = self.user.as_ref().map(|user| format!("username:s:{user}"));
        UNSIGNED.map(str::to_owned).into_iter().chain(user)
    }
}

/// The text as a file, the way mstsc saves it: UTF-16LE with its mark. Without it a login with accents is read in whatever
/// code page the PC has. FreeRDP and Remmina look for the mark, too.
#[must_use]
pub fn encoded(text: &str) -> Vec<u8> {
    utf16("\u{feff}").chain(utf16(text)).collect()
}

fn utf16(text: &str) -> impl Iterator<Item = u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes)
}

#[cfg(test)]
mod tests {
    use std::fs::write;

    use proptest::prelude::*;

    use super::*;
    use crate::authority::Authority;
    use crate::publisher::tests::{MADE, NOW, authority, openssl};

    fn file(user: Option<&str>) -> RdpFile {
        RdpFile { address: "pc-7.office.example".parse().unwrap(), user: user.map(|u| u.parse().unwrap()) }
    }

    /// Whether openssl believes the file, as a Windows that has the authority among its roots would: all is read from the
    /// file itself.
    fn verifies(file: &str, authority: &Authority) -> bool {
        let value = |name: &str| {
            let mut found =
                file.split("\r\n").filter(|l| l.to_lowercase().starts_with(&format!("{}:", name.to_lowercase())));
            let line = found.next().unwrap();
            assert_eq!(found.next(), None, "{name} twice");
            (line, line.splitn(3, ':').nth(2).unwrap())
        };
        let (scope_line, scope) = value("signscope");
        let lines: Vec<_> = scope.split(',').map(|name| value(name).0).chain([scope_line]).collect();
        let content: Vec<u8> =
            format!("{}\r\n\0", lines.join("\r\n")).encode_utf16().flat_map(u16::to_le_bytes).collect();
        let signature = STANDARD.decode(value("signature").1).unwrap();
        let (header, cms) = signature.split_at(12);
        assert_eq!(header[..8], [1, 0, 1, 0, 1, 0, 0, 0]);
        assert_eq!(u32::from_le_bytes(header[8..].try_into().unwrap()) as usize, cms.len());

        let folder = tempfile::tempdir().unwrap();
        write(folder.path().join("content"), content).unwrap();
        write(folder.path().join("cms.der"), cms).unwrap();
        write(folder.path().join("authority.pem"), authority.certificate_pem()).unwrap();
        let verify = "cms -verify -binary -inform DER -in cms.der -content content -CAfile authority.pem";
        openssl(folder.path(), &format!("{verify} -purpose sslserver -attime {NOW} -out read")).status.success()
    }

    #[test]
    fn golden() {
        let lines = [
            "full address:s:pc-7.office.example",
            "alternate full address:s:pc-7.office.example",
            "server port:i:3389",
            "negotiate security layer:i:1",
            "enablecredsspsupport:i:1",
            "autoreconnection enabled:i:1",
            "gatewayusagemethod:i:0",
            "gatewayprofileusagemethod:i:1",
            "prompt for credentials:i:1",
            "authentication level:i:2",
            "audiomode:i:0",
            "redirectdrives:i:0",
            "redirectprinters:i:0",
            "redirectcomports:i:0",
            "redirectsmartcards:i:0",
            "redirectposdevices:i:0",
            "redirectclipboard:i:1",
            "drivestoredirect:s:",
            "prompt for credentials on client:i:1",
            "screen mode id:i:2",
            "use multimon:i:0",
            "dynamic resolution:i:1",
            "session bpp:i:32",
            "compression:i:1",
            "keyboardhook:i:2",
            "displayconnectionbar:i:1",
            "audiocapturemode:i:0",
            "videoplaybackmode:i:1",
            "networkautodetect:i:1",
            "bandwidthautodetect:i:1",
            r"username:s:OFFICE\anne",
            "",
        ];
        assert_eq!(file(Some(r" OFFICE\anne ")).text(), lines.join("\r\n"));
        assert!(!file(None).text().contains("username"));
    }

    #[test]
    fn a_login_is_one_line() {
        for bad in [
            "",
            " ",
            "anne\r\nalternate shell:s:calc",
            "anne\nfull address:s:evil.example",
            "anne\rx",
            "anne\0",
            "anne\u{85}x",
            "anne\u{2028}/shell:calc",
            "anne\u{202e}x",
            &"a".repeat(257),
        ] {
            assert_eq!(bad.parse::<User>(), Err(BadUser), "{bad:?}");
        }
        for good in ["anne", r"AzureAD\anne@office.example", "Zoë Müller", &"é".repeat(256)] {
            assert_eq!(good.parse::<User>().unwrap().to_string(), good);
        }
    }

    #[test]
    fn a_signed_file_says_the_same_and_is_believed() {
        let (authority, publisher, _) = &*MADE;
        for user in [None, Some("Zoë")] {
            let signed = file(user).signed(publisher).unwrap();
            let added = signed.strip_prefix(&file(user).text()).unwrap();
            assert!(added.starts_with("signscope:s:Full Address,Alternate Full Address,Server Port,"), "{added}");
            assert_eq!((added.lines().count(), added.matches("\r\n").count()), (2, 2));
            assert!(verifies(&signed, authority));
            assert!(!verifies(&signed, &self::authority()), "of another authority");
        }
    }

    #[test]
    fn who_changes_what_is_signed_is_found_out() {
        let (authority, publisher, _) = &*MADE;
        let signed = file(Some("anne")).signed(publisher).unwrap();
        for (from, to) in [
            ("full address:s:pc-7.office.example\r\nalt", "full address:s:pc-8.office.example\r\nalt"),
            ("alternate full address:s:pc-7", "alternate full address:s:pc-8"),
            ("server port:i:3389", "server port:i:3390"),
            ("redirectdrives:i:0", "redirectdrives:i:1"),
            ("drivestoredirect:s:", "drivestoredirect:s:*"),
            ("authentication level:i:2", "authentication level:i:0"),
            (",DrivesToRedirect\r\n", "\r\n"),
        ] {
            let changed = signed.replace(from, to);
            assert_ne!(changed, signed);
            assert!(!verifies(&changed, authority), "{to}");
        }
        // As with `rdpsign.exe`: what is not in scope is anybody's.
        assert!(verifies(&signed.replace("username:s:anne", "username:s:bert"), authority));
    }

    #[test]
    fn is_saved_as_mstsc_does() {
        assert_eq!(encoded("é\r\n"), [0xff, 0xfe, 0xe9, 0, b'\r', 0, b'\n', 0]);
    }

    proptest! {
        #[test]
        fn no_login_adds_a_line(text in "\\PC{0,3}[\\s\\S]{0,12}\\PC{0,3}") {
            if let Ok(user) = text.parse() {
                let text = RdpFile { user: Some(user), ..file(None) }.text();
                let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
                prop_assert_eq!(text.matches(breaks).count(), 2 * file(Some("anne")).text().lines().count());
            }
        }
    }
}
