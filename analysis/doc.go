// Package analysis answers questions about all requests at once: is there a
// request that one set of policies allows and another does not? The answer is a
// request, or the proof that there is none, or Unknown with the reason.
//
// Every part of a request (its action, its resource, each context key) becomes a
// finite set of atoms: classes of values that no policy tells apart. Statements
// become conditions on atoms, and the search is unit propagation with
// branching. Policy variables are given every value that stands for a class of
// its own. No solver is involved, and every witness is decided by the engine and
// by the reference interpreter before it is reported.
//
// Source: analysis A3 to A7.
package analysis
