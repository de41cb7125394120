//! Items by name, in SQLite.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Result};

/// A connection to the database. It can be used by one thread at a time.
#[derive(Debug)]
pub(crate) struct Store(Connection);

impl Store {
    /// Opens a file, or a database in memory which nobody else sees.
    pub(crate) fn open(path: Option<&Path>) -> Result<Self> {
        let connection = match path {
            Some(path) => Connection::open(path)?,
            None => Connection::open_in_memory()?,
        };
        // Readers do not wait for writers, and a commit does not wait for the disk.
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.busy_timeout(Duration::from_secs(5))?;
        let create = "CREATE TABLE IF NOT EXISTS items (name TEXT PRIMARY KEY, value BLOB)";
        connection.execute(create, ())?;
        Ok(Self(connection))
    }

    pub(crate) fn get(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let mut select = self.0.prepare_cached("SELECT value FROM items WHERE name = ?1")?;
        select.query_row([name], |row| row.get(0)).optional()
    }

    pub(crate) fn put(&self, name: &str, value: &[u8]) -> Result<()> {
        let mut replace = self.0.prepare_cached("REPLACE INTO items VALUES (?1, ?2)")?;
        replace.execute((name, value)).map(drop)
    }
}
