//! The registry below HKEY_LOCAL_MACHINE, as far as it is read.

/// A view of it; tests have one of their own. What is absent, of another type, or hidden is nothing.
pub(crate) trait Registry {
    /// Whether a key is there; nothing where that cannot be seen.
    fn has(&self, key: &str) -> Option<bool>;
    /// REG_DWORD.
    fn number(&self, key: &str, name: &str) -> Option<u32>;
    /// REG_SZ.
    fn text(&self, key: &str, name: &str) -> Option<String>;
    /// REG_MULTI_SZ.
    fn texts(&self, key: &str, name: &str) -> Option<Vec<String>>;
    /// REG_BINARY.
    fn bytes(&self, key: &str, name: &str) -> Option<Vec<u8>>;
    /// The keys right below one.
    fn keys(&self, key: &str) -> Vec<String>;
}

#[cfg(test)]
pub(crate) mod fake {
    //! A registry of a few lines.

    use std::collections::{BTreeMap, BTreeSet};

    use super::Registry;

    #[derive(Clone, Debug)]
    pub(crate) enum Value {
        Number(u32),
        Text(&'static str),
        Texts(&'static [&'static str]),
        Bytes(Vec<u8>),
    }

    /// Keys and values; upper and lower case are one, as in Windows'.
    #[derive(Clone, Debug, Default)]
    pub(crate) struct Fake {
        values: BTreeMap<(String, String), Value>,
        keys: BTreeSet<String>,
        hidden: bool,
    }

    impl Fake {
        pub(crate) fn hidden() -> Self {
            Self { hidden: true, ..Self::default() }
        }

        pub(crate) fn key(mut self, key: &str) -> Self {
            self.keys.insert(key.to_lowercase());
            self
        }

        pub(crate) fn with(self, key: &str, name: &str, value: Value) -> Self {
            let mut with = self.key(key);
            with.values.insert((key.to_lowercase(), name.to_lowercase()), value);
            with
        }

        fn value(&self, key: &str, name: &str) -> Option<&Value> {
            self.values.get(&(key.to_lowercase(), name.to_lowercase()))
        }
    }

    impl Registry for Fake {
        fn has(&self, key: &str) -> Option<bool> {
            (!self.hidden).then(|| self.keys.contains(&key.to_lowercase()))
        }

        fn number(&self, key: &str, name: &str) -> Option<u32> {
            if let Some(Value::Number(number)) = self.value(key, name) { Some(*number) } else { None }
        }

        fn text(&self, key: &str, name: &str) -> Option<String> {
            if let Some(Value::Text(text)) = self.value(key, name) { Some((*text).to_owned()) } else { None }
        }

        fn texts(&self, key: &str, name: &str) -> Option<Vec<String>> {
            let Some(Value::Texts(texts)) = self.value(key, name) else { return None };
            Some(texts.iter().map(|text| (*text).to_owned()).collect())
        }

        fn bytes(&self, key: &str, name: &str) -> Option<Vec<u8>> {
            if let Some(Value::Bytes(bytes)) = self.value(key, name) { Some(bytes.clone()) } else { None }
        }

        fn keys(&self, key: &str) -> Vec<String> {
            let above = format!("{}\\", key.to_lowercase());
            let below = self.keys.iter().filter_map(|key| key.strip_prefix(&above));
            below.filter(|rest| !rest.contains('\\')).map(str::to_owned).collect()
        }
    }
}
