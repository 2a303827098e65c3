// Package archive holds bundles as they travel: as files in memory, as a tar.gz
// whose bytes follow from its content, with a manifest that lists every file
// and a signature over the manifest.
//
//	directory or tar.gz → Files → Verify → bundle.Load of Files.FS
//
// What is read comes from strangers until it is verified, so every size, count
// and ratio has a bound, and nothing but files and folders is taken. Every
// refusal is a RefusedError.
package archive
