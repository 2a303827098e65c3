// Package demo holds the bundle of the classic case: a table of game scores,
// whose rows belong to the identity that is their partition key.
package demo

import (
	"embed"
	"io/fs"
)

//go:embed gamescores
var files embed.FS

// FS holds the bundle GameScores: a user pool, an identity pool with the roles
// Player, Referee and Guest, a permissions boundary, a service control policy,
// an administrator, and their tests. Give it to bundle.Load.
var FS = bundleFS()

// bundleFS returns the folder of the bundle; fs.Sub fails only for a name that
// is no path.
func bundleFS() fs.FS {
	sub, err := fs.Sub(files, "gamescores")
	if err != nil {
		return files
	}
	return sub
}
