// Package lsp is the language server of `rowan lsp`: diagnostics, completion,
// hover, code lenses and quick fixes for IAM policies in JSON and for the YAML
// files of a bundle, over the Language Server Protocol 3.17.
//
// A message goes four ways. The stream cuts it out and refuses what is none; the
// reader takes cancellations out of turn and queues the rest; one worker handles
// the queue in order, so that an answer is always about the text that was sent
// before it; and once no change has come for a while the bundles that changed are
// loaded again, unsaved texts over the files on disk, and diagnosed.
//
// A project is a bundle: the folder with rowan.yaml at or above a file. It is
// loaded by package bundle, so that what the editor shows is what `rowan validate`
// and `rowan lint` print. Other policies are diagnosed alone.
//
// What a client sends is bounded, and whatever goes wrong with one message is an
// error to that message: the server ends when it is told to, or when its input
// does. Source: Language Server Protocol Specification 3.17.
package lsp
