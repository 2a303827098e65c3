// Command rowan decides, explains, checks and tests IAM policies on files:
// see `rowan --help` and docs/cli.md.
package main

import "os"

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
