// Package sqlrow guards the rows of SQL tables. It turns an engine.Filter into
// the predicate of a query, for PostgreSQL, MySQL (and MariaDB) and SQLite:
// the database returns a row if and only if the filter keeps it, which is if
// and only if Decide allows the request for it.
//
// A Table says which column holds which context key, and what is in it. What
// the row has for a key follows from that alone, see Column.Value: NULL is an
// absent key, and a value that is not of the column's declared type is
// unreadable, so that no row is shown for it. Where writes the predicate, or
// says in an UnsupportedError which condition the database cannot express exactly.
// Pushdown leaves such a condition out and says that the caller must ask
// engine.Filter.Keep for each row. Nothing is ever wider than the policy
// without saying so.
//
// Texts compare byte by byte whatever the collation, with trailing spaces;
// numbers are exact decimals, also in columns of text; dates are instants.
// Every value travels as an argument, every name is quoted.
//
// The text of a database must be UTF-8: PostgreSQL's server_encoding UTF8,
// SQLite's default, and for MySQL a connection whose character set is utf8mb4.
package sqlrow
