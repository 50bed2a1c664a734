//! Small durable things that the HTTP surface keeps by itself: documents, numbers given to names, and sealed secrets.
//!
//! A tenant has spaces, a space has documents under keys and, apart from those, numbered names. A dialect's spaces
//! begin with the dialect's name. The tenant `""` is the installation itself.

use std::fmt;

use serde_json::Value;

use super::gateway::Later;

/// A document that is to be kept, or kept no longer.
#[derive(Debug, Clone, PartialEq)]
pub struct Keep {
    /// Which keys it is among; at most 64 bytes.
    pub space: String,
    /// Its key there; at most 256 bytes.
    pub key: String,
    /// The document, at most 64 KiB as text; `None` removes it.
    pub document: Option<Value>,
}

impl Keep {
    /// Keeps a document in place of what was there.
    pub fn put(space: &str, key: impl Into<String>, document: Value) -> Self {
        Self { space: space.to_owned(), key: key.into(), document: Some(document) }
    }

    /// Keeps it no longer; does no harm where there is none.
    pub fn remove(space: &str, key: impl Into<String>) -> Self {
        Self { space: space.to_owned(), key: key.into(), document: None }
    }
}

/// Why something was not kept, or cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeepError {
    /// A document or a name is longer than it may be.
    TooLarge,
    /// The space, which is named, has 10,000 documents or 1,000,000 numbers.
    Full(String),
    /// There is no such tenant, or no more.
    NoTenant,
    /// The store has too much to do.
    Busy,
    /// The store cannot write or read; the reason is for the log.
    Failed(String),
}

impl fmt::Display for KeepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => f.write_str("it is longer than what is kept may be: 64 KiB"),
            Self::Full(space) => write!(f, "{space} is full; remove something first"),
            Self::NoTenant => f.write_str("there is no such tenant"),
            Self::Busy => f.write_str("the store has too much to do"),
            Self::Failed(why) => write!(f, "the store has failed: {why}"),
        }
    }
}

/// The part of the gateway that keeps things. Answers to changes come when they are on disk.
pub trait Keeping: Send + Sync {
    /// Keeps or removes documents of one tenant, all or none.
    fn keep_together(&self, tenant: &str, changes: Vec<Keep>) -> Later<'_, Result<(), KeepError>>;

    /// A document.
    fn kept(
        &self,
        tenant: &str,
        space: &str,
        key: &str,
    ) -> Later<'_, Result<Option<Value>, KeepError>>;

    /// Documents, by space and key, in the order in which they are asked for.
    fn kept_of(
        &self,
        tenant: &str,
        places: Vec<(String, String)>,
    ) -> Later<'_, Result<Vec<Option<Value>>, KeepError>>;

    /// Keys and documents in order of keys, those behind `after`; at most `limit`.
    fn kept_all(
        &self,
        tenant: &str,
        space: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Later<'_, Result<Vec<(String, Value)>, KeepError>>;

    /// The numbers of names, in their order; names without one get the next one, for good. The first is 1.
    fn numbers(
        &self,
        tenant: &str,
        space: &str,
        names: Vec<String>,
    ) -> Later<'_, Result<Vec<u64>, KeepError>>;

    /// The name that has a number.
    fn name_of(
        &self,
        tenant: &str,
        space: &str,
        number: u64,
    ) -> Later<'_, Result<Option<String>, KeepError>>;

    /// Closes a secret with the store's key, as text for a document. It opens only under the same `place`.
    fn seal(&self, place: &str, secret: &str) -> Result<String, KeepError>;

    /// Opens what [`seal`](Self::seal) made; `None` where it was closed with another key or for another place.
    fn unseal(&self, place: &str, sealed: &str) -> Option<String>;

    /// Keeps one document, or removes it.
    fn keep(
        &self,
        tenant: &str,
        space: &str,
        key: &str,
        document: Option<Value>,
    ) -> Later<'_, Result<(), KeepError>> {
        let change = Keep { space: space.to_owned(), key: key.to_owned(), document };
        self.keep_together(tenant, vec![change])
    }

    /// The number of one name.
    fn number(&self, tenant: &str, space: &str, name: &str) -> Later<'_, Result<u64, KeepError>> {
        let numbers = self.numbers(tenant, space, vec![name.to_owned()]);
        Box::pin(async move {
            let first = numbers.await?.into_iter().next();
            first.ok_or_else(|| KeepError::Failed("a name got no number".into()))
        })
    }
}
