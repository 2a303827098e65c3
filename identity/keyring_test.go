package identity_test

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rowan-authz/rowan/identity"
)

// noon is when most tests begin.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// testKey is a key of a ring that differs by its id alone.
func testKey(id uint32) identity.Key {
	return identity.Key{ID: id, Secret: identity.NewSecret(bytes.Repeat([]byte{byte(id)}, 32))}
}

func newRing(t require.TestingT, keys ...identity.Key) *identity.Keyring {
	if len(keys) == 0 {
		keys = []identity.Key{testKey(1)}
	}
	ring, err := identity.NewKeyring(keys, rand.Reader)
	require.NoError(t, err)
	return ring
}

// within returns the key with times given in hours from noon; a negative number
// for no bound.
func within(k identity.Key, from, until, openUntil int) identity.Key {
	for i, bound := range []*time.Time{&k.SealFrom, &k.SealUntil, &k.OpenUntil} {
		if hours := []int{from, until, openUntil}[i]; hours >= 0 {
			*bound = noon.Add(time.Duration(hours) * time.Hour)
		}
	}
	return k
}

func TestKeyringOpensWhatItSealed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		aad, text := rapid.SliceOf(rapid.Byte()).Draw(t, "aad"), rapid.SliceOf(rapid.Byte()).Draw(t, "text")
		sealed, err := newRing(t).Seal(noon, identity.PurposeCode, aad, text)
		require.NoError(t, err)
		opened, err := newRing(t).Open(noon, identity.PurposeCode, aad, sealed)
		require.NoError(t, err)
		require.True(t, bytes.Equal(text, opened))

		_, err = newRing(t).Open(noon, identity.PurposePage, aad, sealed)
		require.Equal(t, identity.ErrSealed, err, "another purpose")
		_, err = newRing(t).Open(noon, identity.PurposeCode, append(aad, 0), sealed)
		require.Equal(t, identity.ErrSealed, err, "other additional data")
	})
}

// TestKeyringBindsEachPart moves bytes between the purpose and the additional
// data, which stand beside each other in what is authenticated.
func TestKeyringBindsEachPart(t *testing.T) {
	ring := newRing(t)
	sealed, err := ring.Seal(noon, "ab", []byte("c"), []byte("text"))
	require.NoError(t, err)
	for _, x := range []struct{ purpose, aad string }{{"a", "bc"}, {"abc", ""}, {"ab", ""}, {"", "abc"}, {"ab", "c\x00"}} {
		_, err := ring.Open(noon, identity.Purpose(x.purpose), []byte(x.aad), sealed)
		require.Equal(t, identity.ErrSealed, err, "%+v", x)
	}
}

// TestThreatBitFlip flips every single bit of a sealed text, and cuts it at
// every length.
func TestThreatBitFlip(t *testing.T) {
	ring := newRing(t, testKey(1), testKey(2), testKey(3))
	sealed, err := ring.Seal(noon, identity.PurposeSession, nil, []byte("text"))
	require.NoError(t, err)
	for i := range len(sealed) * 8 {
		flipped := bytes.Clone(sealed)
		flipped[i/8] ^= 1 << (i % 8)
		_, err := ring.Open(noon, identity.PurposeSession, nil, flipped)
		require.Equal(t, identity.ErrSealed, err, "bit %d", i)
	}
	for i := range sealed {
		_, err := ring.Open(noon, identity.PurposeSession, nil, sealed[:i])
		require.Equal(t, identity.ErrSealed, err, "%d bytes", i)
	}
	_, err = ring.Open(noon, identity.PurposeSession, nil, append(sealed, 0))
	require.Equal(t, identity.ErrSealed, err)
}

// TestThreatKidRollback writes the id of an older key, of one whose time is
// over, and of none over that of the key which sealed.
func TestThreatKidRollback(t *testing.T) {
	ring := newRing(t, within(testKey(1), -1, 1, 2), within(testKey(2), 1, -1, -1))
	at := noon.Add(90 * time.Minute)
	sealed, err := ring.Seal(at, identity.PurposeSession, nil, []byte("text"))
	require.NoError(t, err)
	require.Equal(t, uint32(2), binary.BigEndian.Uint32(sealed[1:]))
	for _, id := range []uint32{1, 3, 0} {
		other := bytes.Clone(sealed)
		binary.BigEndian.PutUint32(other[1:], id)
		for _, now := range []time.Time{at, noon.Add(3 * time.Hour)} {
			_, err := ring.Open(now, identity.PurposeSession, nil, other)
			require.Equal(t, identity.ErrSealed, err, "key %d", id)
		}
	}
	other := bytes.Clone(sealed)
	other[0]++
	_, err = ring.Open(at, identity.PurposeSession, nil, other)
	require.Equal(t, identity.ErrSealed, err, "another version")
}

// TestKeyringSealsWithTheNewest follows two keys through a rotation, with the
// bounds from both sides.
func TestKeyringSealsWithTheNewest(t *testing.T) {
	ring := newRing(t, within(testKey(2), 1, 3, 5), within(testKey(1), 0, 2, 4))
	for _, x := range []struct {
		after time.Duration
		id    uint32 // 0 for none
	}{{-time.Nanosecond, 0}, {0, 1}, {time.Hour - 1, 1}, {time.Hour, 2}, {3*time.Hour - 1, 2}, {3 * time.Hour, 0}} {
		sealed, err := ring.Seal(noon.Add(x.after), identity.PurposeCode, nil, nil)
		if x.id == 0 {
			require.ErrorIs(t, err, identity.ErrNoSealingKey, "%v", x.after)
			continue
		}
		require.NoError(t, err, "%v", x.after)
		require.Equal(t, x.id, binary.BigEndian.Uint32(sealed[1:]), "%v", x.after)
	}
}

// TestOldKeyOpensUntilItsOverlapEnds is for any times of a rotation: what an
// old key sealed opens on every replica until OpenUntil, and from then on on
// none.
func TestOldKeyOpensUntilItsOverlapEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		minutes := func(name string) time.Duration {
			return time.Duration(rapid.IntRange(1, 10_000).Draw(t, name)) * time.Minute
		}
		old, fresh := testKey(1), testKey(2)
		old.SealUntil = noon.Add(minutes("seals for"))
		old.OpenUntil = old.SealUntil.Add(minutes("opens for"))
		fresh.SealFrom = old.SealUntil
		issuer, replica := newRing(t, old), newRing(t, fresh, old)

		sealed, err := issuer.Seal(old.SealUntil.Add(-minutes("sealed before")), identity.PurposeSession, nil, []byte("text"))
		require.NoError(t, err)
		_, err = replica.Open(old.OpenUntil.Add(-1), identity.PurposeSession, nil, sealed)
		require.NoError(t, err)
		for _, late := range []time.Time{old.OpenUntil, old.OpenUntil.Add(minutes("late"))} {
			_, err = replica.Open(late, identity.PurposeSession, nil, sealed)
			require.Equal(t, identity.ErrSealed, err)
		}
	})
}

func TestKeyringRefusesKeys(t *testing.T) {
	good := within(testKey(1), 0, 1, 2)
	_, err := identity.NewKeyring([]identity.Key{good, testKey(2)}, rand.Reader)
	require.NoError(t, err)
	with := func(change func(*identity.Key)) []identity.Key {
		k := good
		change(&k)
		return []identity.Key{k, testKey(2)}
	}
	many := make([]identity.Key, 65)
	for i := range many {
		many[i] = testKey(uint32(i + 1))
	}
	for name, keys := range map[string][]identity.Key{
		"none":            nil,
		"too many":        many,
		"zero value":      {{}},
		"no id":           with(func(k *identity.Key) { k.ID = 0 }),
		"short":           with(func(k *identity.Key) { k.Secret = identity.NewSecret(make([]byte, 31)) }),
		"long":            with(func(k *identity.Key) { k.Secret = identity.NewSecret(bytes.Repeat([]byte{1}, 33)) }),
		"zeros":           with(func(k *identity.Key) { k.Secret = identity.NewSecret(make([]byte, 32)) }),
		"same id":         with(func(k *identity.Key) { k.ID = 2 }),
		"same secret":     with(func(k *identity.Key) { k.Secret = testKey(2).Secret }),
		"never seals":     with(func(k *identity.Key) { k.SealUntil = k.SealFrom }),
		"opens too short": with(func(k *identity.Key) { k.OpenUntil = k.SealFrom }),
		"seals for ever":  with(func(k *identity.Key) { k.SealUntil = time.Time{} }),
	} {
		_, err := identity.NewKeyring(keys, rand.Reader)
		require.Error(t, err, name)
	}
	_, err = identity.NewKeyring([]identity.Key{good}, nil)
	require.ErrorContains(t, err, "randomness")
}

func TestKeyringFailsWithoutRandomness(t *testing.T) {
	broken := errors.New("no entropy")
	ring, err := identity.NewKeyring([]identity.Key{testKey(1)}, iotest.ErrReader(broken))
	require.NoError(t, err)
	_, err = ring.Seal(noon, identity.PurposeCode, nil, nil)
	require.ErrorIs(t, err, broken)
}

// TestMACStaysAcrossRotation keeps the oldest key, and tells parts apart.
func TestMACStaysAcrossRotation(t *testing.T) {
	before, after := newRing(t, testKey(1)), newRing(t, within(testKey(2), 5, -1, -1), within(testKey(1), -1, 5, 9))
	mac := before.MAC(identity.PurposeSRP, []byte("pool"), []byte("user"))
	require.Equal(t, mac, after.MAC(identity.PurposeSRP, []byte("pool"), []byte("user")))
	for name, other := range map[string][32]byte{
		"other purpose":  before.MAC(identity.PurposeAuth, []byte("pool"), []byte("user")),
		"parts moved":    before.MAC(identity.PurposeSRP, []byte("poo"), []byte("luser")),
		"parts joined":   before.MAC(identity.PurposeSRP, []byte("pooluser")),
		"one part more":  before.MAC(identity.PurposeSRP, []byte("pool"), []byte("user"), nil),
		"other key":      newRing(t, testKey(2)).MAC(identity.PurposeSRP, []byte("pool"), []byte("user")),
		"nothing at all": before.MAC(identity.PurposeSRP),
	} {
		require.NotEqual(t, mac, other, name)
	}
}
