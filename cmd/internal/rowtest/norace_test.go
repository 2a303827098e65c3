//go:build !race

package rowtest

const raceEnabled = false
