//! The tables, and whether they are still as they were made.
//!
//! Triggers keep honest programs honest. Somebody who can change the schema can take them away, or make a search
//! overlook a row; so a log whose tables are not exactly these does not verify.

use std::sync::OnceLock;

use rusqlite::Connection;

/// The tables of format 1, with their indices and triggers: one step of a migration, in a file of any kind.
pub const SCHEMA: &str = include_str!("schema.sql");

/// Everything that belongs to the audit tables, even a trigger of somebody else's on one of them.
const OBJECTS: &str =
    "SELECT name, coalesce(sql, '') FROM sqlite_schema WHERE tbl_name GLOB 'audit_*' ORDER BY name";

/// The name of the first object that is missing, added or changed.
pub(crate) fn first_difference(connection: &Connection) -> Result<Option<String>, rusqlite::Error> {
    static MADE: OnceLock<Vec<(String, String)>> = OnceLock::new();
    let made = match MADE.get() {
        Some(made) => made,
        None => {
            let fresh = Connection::open_in_memory()?;
            fresh.execute_batch(SCHEMA)?;
            let made = objects(&fresh)?;
            MADE.get_or_init(|| made)
        }
    };
    let found = objects(connection)?;
    if found == *made {
        return Ok(None);
    }
    let lacks = made.iter().find(|object| !found.contains(object));
    let other = lacks.or_else(|| found.iter().find(|object| !made.contains(object)));
    Ok(other.map(|(name, _)| name.clone()))
}

fn objects(connection: &Connection) -> Result<Vec<(String, String)>, rusqlite::Error> {
    let mut statement = connection.prepare_cached(OBJECTS)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}
