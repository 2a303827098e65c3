//go:build race

package dynamoproof_test

const raceEnabled = true
