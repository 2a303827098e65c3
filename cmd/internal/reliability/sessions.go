package main

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
	"github.com/rowan-authz/rowan/cmd/internal/store"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/identity"
)

// mint makes session tokens with the server's own keys, as many as one likes.
type mint struct{ keys *identity.Keyring }

// newMint makes a key file and what seals with it.
func newMint(now time.Time) (*mint, []byte, error) {
	file, err := identity.GenerateKeys(rand.Reader, now.Add(-time.Hour))
	if err != nil {
		return nil, nil, err
	}
	sessions, _, err := identity.ParseKeys(file)
	if err != nil {
		return nil, nil, err
	}
	ring, err := identity.NewKeyring(sessions, rand.Reader)
	return &mint{ring}, file, err
}

// session makes a player's session, which was issued some time ago.
func (m *mint) session(player int, id string, issued time.Time, life time.Duration) (*rowanv1.Subject, error) {
	issued = issued.Truncate(time.Second)
	s := &identity.Session{
		AccessKeyID: accessKey(player), Secret: identity.NewSecret([]byte("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")),
		Account: account, Partition: "aws", RoleARN: roleARN, RoleID: roleID, SessionName: "CognitoIdentityCredentials",
		IdentityID: identityID(player), PoolID: poolID, Authenticated: true, AMR: []string{"authenticated"},
		IssuedAt: issued, Expires: issued.Add(life), ID: id,
	}
	token, err := m.keys.SealSession(issued, s)
	if err != nil {
		return nil, fmt.Errorf("a session: %w", err)
	}
	return &rowanv1.Subject{Subject: &rowanv1.Subject_Session{Session: &rowanv1.Session{AccessKeyId: s.AccessKeyID, Token: token}}}, nil
}

// accessKey is the access key id of a player.
func accessKey(player int) string {
	var b [10]byte
	binary.BigEndian.PutUint64(b[2:], uint64(player))
	return "ASIA" + base32.StdEncoding.EncodeToString(b[:])
}

// sessionLife is how long players' sessions last.
const sessionLife = 6 * time.Hour

// newKeyAt makes a store that says which key of session tokens seals from then
// on; that of the key file does until then.
func (l *lab) newKeyAt(ctx context.Context, at time.Time) (url string, err error) {
	dir, err := l.folder()
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(l.keys)
	if err != nil {
		return "", err
	}
	first, stored, err := identity.ParseKeys(text)
	if err != nil {
		return "", err
	}
	storage, err := identity.NewKeyring(stored, rand.Reader)
	if err != nil {
		return "", err
	}
	ring, err := identity.NewSharedKeyring(first, rand.Reader, identity.SharedKeysOptions{Storage: storage, Life: 24 * time.Hour})
	if err != nil {
		return "", err
	}
	url = "sqlite:" + filepath.Join(dir, "rowan.db")
	db, err := store.Open(ctx, url, slog.New(slog.DiscardHandler))
	if err != nil {
		return "", err
	}
	now := at.Add(-identity.SessionKeyOverlap)
	s, err := identity.NewSessions(identity.SessionsOptions{
		Account: &identity.Account{Vocabulary: conditions.AWS()}, Keys: ring, Store: db, Now: func() time.Time { return now },
	})
	if err == nil {
		err = s.Refresh(ctx)
	}
	if err == nil {
		err = s.Rotate(ctx)
	}
	return url, errors.Join(err, db.Close())
}

// issued is a session that a server issued, and the id of the key that sealed it.
type issued struct {
	subject *rowanv1.Subject
	key     uint32
}

// session gets the credentials of a new guest.
func (o *operator) session(ctx context.Context) (*issued, error) {
	id, err := o.guest(ctx)
	if err != nil {
		return nil, err
	}
	var out struct {
		Credentials struct {
			KeyID string `json:"AccessKeyId"`
			Token string `json:"SessionToken"`
		}
	}
	if err := o.cognito(ctx, "GetCredentialsForIdentity", map[string]string{"IdentityId": id}, &out); err != nil {
		return nil, err
	}
	sealed, err := base64.RawURLEncoding.DecodeString(out.Credentials.Token)
	if err != nil || len(sealed) < 5 {
		return nil, fmt.Errorf("a session token that is none: %w", errors.Join(err, errWrong))
	}
	return &issued{
		&rowanv1.Subject{Subject: &rowanv1.Subject_Session{Session: &rowanv1.Session{AccessKeyId: out.Credentials.KeyID, Token: out.Credentials.Token}}},
		binary.BigEndian.Uint32(sealed[1:]), // after the version
	}, nil
}
