use std::sync::mpsc;

use super::*;

fn table() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch("CREATE TABLE t (id INTEGER PRIMARY KEY, body BLOB)").unwrap();
    connection
}

fn insert(id: i64) -> impl FnOnce(&Connection) -> Result<(), Fault> + Send + 'static {
    move |connection| {
        connection.execute("INSERT INTO t (id, body) VALUES (?1, zeroblob(100))", [id])?;
        Ok(())
    }
}

fn count(connection: &Connection) -> i64 {
    connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap()
}

type Work = Box<dyn FnOnce(&Connection) -> Result<(), Fault> + Send>;

/// Runs commands in one transaction; their results in order.
fn batch(connection: &Connection, works: Vec<Work>) -> Vec<Result<(), StoreFailure>> {
    let (reply, results) = mpsc::channel();
    let commands = works
        .into_iter()
        .map(|work| {
            let reply = reply.clone();
            command(work, move |result| reply.send(result).unwrap())
        })
        .collect();
    run_batch(connection, commands);
    drop(reply);
    results.iter().collect()
}

#[test]
fn one_command_that_fails_leaves_the_others_and_no_trace() {
    let connection = table();
    let half_done = |connection: &Connection| {
        insert(2)(connection)?;
        insert(1)(connection)
    };
    let results = batch(&connection, vec![Box::new(insert(1)), Box::new(half_done), Box::new(insert(3))]);
    assert!(results[0].is_ok() && results[2].is_ok(), "{results:?}");
    assert!(results[1].as_ref().unwrap_err().reason().contains("UNIQUE"), "{results:?}");
    assert_eq!(count(&connection), 2);
}

#[test]
fn when_the_transaction_is_lost_every_command_hears_it() {
    let connection = table();
    let lose_it = |connection: &Connection| {
        connection.execute_batch("ROLLBACK")?;
        Err("the disk is full".into())
    };
    let results = batch(&connection, vec![Box::new(insert(1)), Box::new(lose_it), Box::new(insert(2))]);
    assert!(results.iter().all(Result::is_err), "{results:?}");
    assert_eq!(count(&connection), 0);
    assert_eq!(batch(&connection, vec![Box::new(insert(1))]), [Ok(())], "the next one works");
}

#[test]
fn a_failed_commit_is_everybodys_failure() {
    let connection = table();
    connection
        .execute_batch(
            "PRAGMA foreign_keys = ON;
             CREATE TABLE child (id INTEGER REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED)",
        )
        .unwrap();
    let orphan = |connection: &Connection| {
        connection.execute("INSERT INTO child VALUES (99)", [])?;
        Ok(())
    };
    let results = batch(&connection, vec![Box::new(insert(1)), Box::new(orphan)]);
    assert!(results.iter().all(Result::is_err), "{results:?}");
    assert_eq!(count(&connection), 0);
    assert_eq!(batch(&connection, vec![Box::new(insert(1))]), [Ok(())], "the next one works");
}

#[test]
fn a_full_disk_is_a_failure_and_passes() {
    let connection = table();
    let pages: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    connection.pragma_update(None, "max_page_count", pages + 2).unwrap();
    let large = |connection: &Connection| {
        connection.execute("INSERT INTO t (id, body) VALUES (1, zeroblob(100000))", [])?;
        Ok(())
    };
    let results = batch(&connection, vec![Box::new(large)]);
    assert!(results[0].as_ref().unwrap_err().reason().contains("full"), "{results:?}");
    connection.pragma_update(None, "max_page_count", pages + 200).unwrap();
    assert_eq!(batch(&connection, vec![Box::new(large)]), [Ok(())]);
}
