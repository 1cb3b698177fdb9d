//! Columns as types: text and bigint become what the schema says they are, or the row is refused.

use std::str::FromStr;

use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::{Error, Result};
use crate::clock::Unix;

pub(super) trait Columns {
    fn text(&self, column: &'static str) -> Result<String>;
    fn maybe_text(&self, column: &'static str) -> Result<Option<String>>;
    fn integer(&self, column: &'static str) -> Result<i64>;
    fn maybe_integer(&self, column: &'static str) -> Result<Option<i64>>;

    fn parsed<T: FromStr>(&self, column: &'static str) -> Result<T> {
        self.text(column)?.parse().map_err(|_| Error::Unreadable(column))
    }

    fn maybe_parsed<T: FromStr>(&self, column: &'static str) -> Result<Option<T>> {
        self.maybe_text(column)?.map(|t| t.parse().map_err(|_| Error::Unreadable(column))).transpose()
    }

    fn count<T: TryFrom<i64>>(&self, column: &'static str) -> Result<T> {
        T::try_from(self.integer(column)?).map_err(|_| Error::Unreadable(column))
    }

    fn time(&self, column: &'static str) -> Result<Unix> {
        self.integer(column).map(Unix)
    }

    fn maybe_time(&self, column: &'static str) -> Result<Option<Unix>> {
        Ok(self.maybe_integer(column)?.map(Unix))
    }
}

impl Columns for AnyRow {
    fn text(&self, column: &'static str) -> Result<String> {
        Ok(self.try_get(column)?)
    }

    fn maybe_text(&self, column: &'static str) -> Result<Option<String>> {
        Ok(self.try_get(column)?)
    }

    fn integer(&self, column: &'static str) -> Result<i64> {
        Ok(self.try_get(column)?)
    }

    fn maybe_integer(&self, column: &'static str) -> Result<Option<i64>> {
        Ok(self.try_get(column)?)
    }
}

/// An enum whose values are words in the database and in the API. (`tt`: the API document does not see a `literal`.)
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:tt),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant),+
        }

        impl $name {
            /// The word in the database and in the API.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::str::FromStr for $name {
            type Err = ();
            fn from_str(word: &str) -> std::result::Result<Self, ()> {
                match word { $($word => Ok(Self::$variant),)+ _ => Err(()) }
            }
        }
    };
}
pub(super) use words;

/// A name as it is looked for. PostgreSQL refuses NUL in text; no name holds U+FEFF, so what holds either is nobody's.
pub(crate) fn sought(name: &str) -> String {
    name.replace('\0', "\u{feff}")
}
