package identity_test

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rowan-authz/rowan/identity"
)

func generated(t require.TestingT, now time.Time) []byte {
	src, err := identity.GenerateKeys(rand.Reader, now)
	require.NoError(t, err)
	return src
}

func sessionRing(t require.TestingT, src []byte) *identity.Keyring {
	sessions, _, err := identity.ParseKeys(src)
	require.NoError(t, err)
	return newRing(t, sessions...)
}

func TestGeneratedKeysMakeRings(t *testing.T) {
	src := generated(t, noon)
	sessions, storage, err := identity.ParseKeys(src)
	require.NoError(t, err)
	require.Len(t, sessions, 1)
	require.Len(t, storage, 1)
	require.False(t, sessions[0].Secret.Equal(storage[0].Secret))
	for _, keys := range [][]identity.Key{sessions, storage} {
		_, err := newRing(t, keys...).Seal(noon.Add(-30*time.Minute), identity.PurposeCode, nil, nil)
		require.NoError(t, err, "a machine whose clock is behind")
	}
	_, err = identity.GenerateKeys(iotest.ErrReader(errors.New("no entropy")), noon)
	require.ErrorContains(t, err, "no entropy")
}

// TestRotation follows one key file through two rotations, with a replica that
// gets each new file as late as it may.
func TestRotation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seconds := func(name string, most int) time.Duration {
			return time.Duration(rapid.IntRange(1, most).Draw(t, name)) * time.Second
		}
		overlap, life := seconds("overlap", 3600), seconds("life", 43200)
		now := noon.Add(time.Duration(rapid.Int64Range(0, 1e9).Draw(t, "nanoseconds")))
		old := generated(t, now)
		fresh, err := identity.RotateKeys(old, rand.Reader, now, overlap, life)
		require.NoError(t, err)
		behind, ahead := sessionRing(t, old), sessionRing(t, fresh)

		// Until overlap has passed, what either seals opens at both.
		last := now.Add(overlap - 1)
		for _, pair := range [][2]*identity.Keyring{{behind, ahead}, {ahead, behind}} {
			sealed, err := pair[0].Seal(last, identity.PurposeSession, nil, nil)
			require.NoError(t, err)
			_, err = pair[1].Open(last, identity.PurposeSession, nil, sealed)
			require.NoError(t, err)
			// A session that is sealed then opens for its whole life.
			_, err = ahead.Open(last.Add(life), identity.PurposeSession, nil, sealed)
			require.NoError(t, err)
			_, err = ahead.Open(last.Add(life+2*time.Second), identity.PurposeSession, nil, sealed)
			require.Equal(t, identity.ErrSealed, err)
		}
		// Then the new key seals.
		sealed, err := ahead.Seal(last.Add(time.Second+1), identity.PurposeSession, nil, nil)
		require.NoError(t, err)
		_, err = behind.Open(last.Add(time.Second+1), identity.PurposeSession, nil, sealed)
		require.Equal(t, identity.ErrSealed, err, "who got no new file in time opens nothing of it")

		// A second rotation waits for the first, and drops what is over.
		_, err = identity.RotateKeys(fresh, rand.Reader, now.Add(overlap-time.Second), overlap, life)
		require.ErrorContains(t, err, "seals only from")
		third, err := identity.RotateKeys(fresh, rand.Reader, now.Add(overlap+life+2*time.Second), overlap, life)
		require.NoError(t, err)
		keys, storage, err := identity.ParseKeys(third)
		require.NoError(t, err)
		require.Len(t, keys, 2)
		require.Equal(t, []uint32{2, 3}, []uint32{keys[0].ID, keys[1].ID})
		_, first, err := identity.ParseKeys(old)
		require.NoError(t, err)
		require.Equal(t, first, storage, "storage keys stay")
	})
}

func TestRotationRefuses(t *testing.T) {
	src := generated(t, noon)
	for name, f := range map[string]func() ([]byte, error){
		"no overlap":  func() ([]byte, error) { return identity.RotateKeys(src, rand.Reader, noon, 0, time.Hour) },
		"no lifetime": func() ([]byte, error) { return identity.RotateKeys(src, rand.Reader, noon, time.Hour, 0) },
		"no file":     func() ([]byte, error) { return identity.RotateKeys(nil, rand.Reader, noon, time.Hour, time.Hour) },
		"last id": func() ([]byte, error) {
			last := strings.Replace(string(src), `"id": 1`, `"id": 4294967295`, 1)
			return identity.RotateKeys([]byte(last), rand.Reader, noon, time.Hour, time.Hour)
		},
		"no entropy": func() ([]byte, error) {
			return identity.RotateKeys(src, iotest.ErrReader(errors.New("no entropy")), noon, time.Hour, time.Hour)
		},
	} {
		_, err := f()
		require.Error(t, err, name)
	}
}

func TestParseKeysRefuses(t *testing.T) {
	good := string(generated(t, noon))
	var file struct{ Sessions, Storage []struct{ Secret string } }
	require.NoError(t, json.Unmarshal([]byte(good), &file))
	secret := file.Sessions[0].Secret
	replace := func(old, fresh string) string {
		require.Contains(t, good, old)
		return strings.Replace(good, old, fresh, 1)
	}
	for name, src := range map[string]string{
		"empty":             "",
		"null":              "null",
		"array":             "[]",
		"no members":        "{}",
		"trailing":          good + "{}",
		"version":           replace(`"version": 1`, `"version": 2`),
		"version as text":   replace(`"version": 1`, `"version": "1"`),
		"unknown member":    replace(`"version": 1`, `"version": 1, "keys": []`),
		"double member":     replace(`"version": 1`, `"version": 1, "version": 1`),
		"double by case":    replace(`"version": 1`, `"version": 1, "Version": 1`),
		"no sessions":       replace(`"sessions"`, `"storage2"`),
		"negative id":       replace(`"id": 1`, `"id": -1`),
		"no id":             replace(`"id": 1`, `"id": 0`),
		"padded":            replace(secret, secret+"="),
		"cut":               replace(secret, secret[:42]),
		"same in both":      replace(file.Storage[0].Secret, secret),
		"time without zone": replace(`T11:00:00Z`, `T11:00:00`),
		"unbounded opening": replace(`T11:00:00Z"`, `T11:00:00Z", "openUntil": "2026-11-24T00:00:00Z"`),
		"large":             good + strings.Repeat(" ", 64<<10),
	} {
		_, _, err := identity.ParseKeys([]byte(src))
		require.Error(t, err, name)
		require.NotContains(t, err.Error(), secret[:20], name)
	}
}

func FuzzParseKeys(f *testing.F) {
	src := generated(f, noon)
	rotated, err := identity.RotateKeys(src, rand.Reader, noon, time.Hour, time.Hour)
	require.NoError(f, err)
	f.Add(src)
	f.Add(rotated)
	f.Add([]byte(`{"version":1,"sessions":[{"id":1,"secret":"AAAA"}],"storage":[]}`))
	f.Fuzz(func(t *testing.T, src []byte) {
		sessions, storage, err := identity.ParseKeys(src)
		if err != nil {
			return
		}
		newRing(t, sessions...)
		newRing(t, storage...)
		if out, err := identity.RotateKeys(src, rand.Reader, noon, time.Hour, time.Hour); err == nil {
			sessionRing(t, out)
		}
	})
}
