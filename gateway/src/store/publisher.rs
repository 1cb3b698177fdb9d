//! Who signs `.rdp` files. The key is sealed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use provisioning::publisher::{Publisher, PublisherKey};

use super::row::Columns as _;
use super::{Error, Result, Store, Write};
use crate::audit::Event;
use crate::clock::Unix;

/// The row's id in what binds sealed values to their place.
const ROW: &str = "1";

impl Store {
    /// Who signs, and when another takes their place; nothing before the first time.
    ///
    /// # Errors
    /// The database does not answer, or the sealing key is not the one that sealed it.
    pub async fn publisher(&self) -> Result<Option<(Publisher, Unix)>> {
        let Some(row) = sqlx::query("SELECT * FROM publisher").fetch_optional(&self.reads).await? else {
            return Ok(None);
        };
        let key = self.sealer.open("publisher", "private_key", ROW, &row.text("private_key")?)?;
        let certificate = STANDARD.decode(row.text("certificate")?).map_err(|_| Error::Unreadable("certificate"))?;
        let publisher = Publisher::load(&PublisherKey::from_der(key), certificate);
        Ok(Some((publisher.map_err(|_| Error::Unreadable("certificate"))?, row.time("renew_at")?)))
    }
}

impl Write<'_> {
    /// From now on this one signs, unless somebody else was quicker.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn set_publisher(&mut self, publisher: &Publisher, key: &PublisherKey, renew_at: Unix) -> Result<()> {
        let sealed = self.store.sealer.seal("publisher", "private_key", ROW, key.as_der())?;
        let now = self.now.wall.0;
        let sql = "INSERT INTO publisher (id, private_key, certificate, renew_at) VALUES (1, $1, $2, $3) \
                   ON CONFLICT (id) DO UPDATE SET private_key = EXCLUDED.private_key, certificate = EXCLUDED.certificate, \
                   renew_at = EXCLUDED.renew_at WHERE publisher.renew_at <= $4";
        let certificate = STANDARD.encode(publisher.certificate());
        let done = sqlx::query(sql).bind(sealed).bind(certificate).bind(renew_at.0).bind(now);
        if done.execute(self.connection()).await?.rows_affected() > 0 {
            self.audit(&Event::PublisherMade { thumbprint: publisher.thumbprint() }).await?;
        }
        Ok(())
    }
}
