//! By which server mail is sent. Its password is sealed.

use zeroize::Zeroizing;

use super::row::{Columns as _, words};
use super::{Error, Result, Store, Write};
use crate::audit::Event;

/// The row's id in what binds sealed values to their place.
const ROW: &str = "1";

words! {
    /// How the way to the mail server is kept secret.
    Security {
        /// It begins in clear, and goes on by TLS or not at all (RFC 3207); port 587.
        StartTls = "starttls",
        /// TLS from the first byte (RFC 8314); port 465.
        Tls = "tls",
        /// Not at all: only to this machine, and within the office.
        Plain = "none",
    }
}

/// The server.
#[derive(Clone, Debug)]
pub struct MailServer {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the way there is kept secret.
    pub security: Security,
    /// Whom it knows us as.
    pub login: Option<String>,
    /// What proves it.
    pub password: Option<Zeroizing<String>>,
    /// From whom mail is.
    pub sender: String,
}

impl Store {
    /// The mail server, if there is one.
    ///
    /// # Errors
    /// The database does not answer, or the sealing key is not the one that sealed the password.
    pub async fn mail_server(&self) -> Result<Option<MailServer>> {
        let Some(row) = sqlx::query("SELECT * FROM mail_server").fetch_optional(&self.reads).await? else {
            return Ok(None);
        };
        let open = |sealed: String| -> Result<Zeroizing<String>> {
            let bytes = self.sealer.open("mail_server", "password", ROW, &sealed)?;
            let text = String::from_utf8(bytes.to_vec()).map_err(|_| Error::Unreadable("password"))?;
            Ok(Zeroizing::new(text))
        };
        Ok(Some(MailServer {
            host: row.text("host")?,
            port: row.count("port")?,
            security: row.parsed("security")?,
            login: row.maybe_text("login")?,
            password: row.maybe_text("password")?.map(open).transpose()?,
            sender: row.text("sender")?,
        }))
    }
}

impl Write<'_> {
    /// Another server, in the place of the one before.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn set_mail_server(&mut self, server: &MailServer) -> Result<()> {
        let seal = |text: &Zeroizing<String>| self.store.sealer.seal("mail_server", "password", ROW, text.as_bytes());
        let password = server.password.as_ref().map(seal).transpose()?;
        sqlx::query("DELETE FROM mail_server").execute(self.connection()).await?;
        sqlx::query(
            "INSERT INTO mail_server (id, host, port, security, login, password, sender) \
             VALUES (1, $1, $2, $3, $4, $5, $6)",
        )
        .bind(&server.host)
        .bind(i64::from(server.port))
        .bind(server.security.word())
        .bind(server.login.clone())
        .bind(password)
        .bind(&server.sender)
        .execute(self.connection())
        .await?;
        let (host, sender) = (server.host.clone(), server.sender.clone());
        self.audit(&Event::MailServerSet { host, port: server.port, security: server.security.word(), sender }).await
    }

    /// No mail any more.
    ///
    /// # Errors
    /// There is no server.
    pub async fn remove_mail_server(&mut self) -> Result<()> {
        let done = sqlx::query("DELETE FROM mail_server").execute(self.connection()).await?;
        if done.rows_affected() == 0 {
            return Err(Error::NotFound("mail server"));
        }
        self.audit(&Event::MailServerRemoved {}).await
    }
}
