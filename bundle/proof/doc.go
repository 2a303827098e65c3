// Package proof proves what holds for every request to the tables of a bundle:
// that nobody reaches rows of others, that no operation goes around the
// partition key, and what the bundle's suites say beside that. What does not
// hold comes with a request that shows it.
//
// Source: analysis A9.
package proof
