// Package bundle reads the files that people write: bundles of policies,
// scenarios, and suites that test the policies.
//
// A bundle is a directory: rowan.yaml, and beside it policies, roles,
// resources, guardrails, pools, tables and tests. Load reads it whole or not
// at all, from any fs.FS, and reports every fault with its file, line and
// column. A loaded Bundle is immutable and may be shared; Bundle.Evaluator
// combines what applies to a session of a role that asks for a resource.
//
// Bundle.Suites reads the unit tests of the policies and Run decides their
// cells. A suite states what is allowed; whatever it does not list must be
// implicitly denied.
//
// Scenarios reads questions that bring their own policies, one after another
// in constant memory.
//
// YAML is read by the text: no anchors, aliases, merge keys, tags or second
// documents. Within policy documents every scalar is its source text, so that
// Version: 2012-10-17 is no date; account ids elsewhere need quotes.
package bundle
