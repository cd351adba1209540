//! The admin API and the ops listener over real connections, with ports in memory.

#[cfg(test)]
mod it {
    mod bench;
    mod books;
    mod catalogue;
    mod changes;
    mod clients;
    mod fake;
    mod keys;
    mod oauth;
    mod ops;
    mod reading;
    mod safety;
    mod secrets;
    mod switches;
}
