// Package mutation finds what the tests of a bundle do not notice: it weakens one
// statement, one condition, one value at a time and runs the suites on each
// variant. A variant that all of them pass survives, unless the analysis proves
// that it decides every request as before. A survivor comes with a request that
// the two decide differently, and the test that tells them apart, which has been
// run on both.
//
// Trust policies and policies of administrators are not changed: suites do not
// decide by them.
//
// Source: field-notes §7 9.
package mutation
