package main

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"time"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
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
