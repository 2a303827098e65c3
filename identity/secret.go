package identity

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
)

// Secret is bytes that must not be seen: it prints, logs and marshals as
// "[secret]", and Reveal is the one way out. It is immutable and may be shared.
// The zero value is empty.
type Secret struct {
	// Two pointers, since fmt calls no methods on a value that it reached
	// through an unexported field. It then prints pointers as addresses, but for
	// the first one if the verb is wrong: that it follows.
	box *box
}

type box struct{ bytes *[]byte }

const hidden = "[secret]"

// NewSecret returns a secret of a copy of b.
func NewSecret(b []byte) Secret {
	kept := append([]byte(nil), b...)
	return Secret{&box{&kept}}
}

// Reveal returns a copy of the secret's bytes.
func (s Secret) Reveal() []byte { return append([]byte(nil), s.view()...) }

// Empty reports whether the secret has no bytes.
func (s Secret) Empty() bool { return len(s.view()) == 0 }

// Equal compares in a time that depends on the lengths alone.
func (s Secret) Equal(t Secret) bool {
	return subtle.ConstantTimeCompare(s.view(), t.view()) == 1
}

func (s Secret) view() []byte {
	if s.box == nil {
		return nil
	}
	return *s.box.bytes
}

// String returns "[secret]".
func (Secret) String() string { return hidden }

// GoString returns "[secret]".
func (Secret) GoString() string { return hidden }

// Format writes "[secret]" whatever the verb is.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(hidden)) }

// LogValue returns "[secret]".
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalJSON returns "[secret]": what is written cannot be read back.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }

// MarshalText returns "[secret]".
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// UnmarshalText reads a secret that somebody sent, such as a password. It
// refuses "[secret]": that is the print of one, and anybody could guess it.
func (s *Secret) UnmarshalText(text []byte) error {
	if string(text) == hidden {
		return errors.New("a secret that was printed cannot be read back")
	}
	*s = NewSecret(text)
	return nil
}
