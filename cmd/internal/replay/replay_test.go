package replay_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/bundle/demo"
	"github.com/rowan-authz/rowan/cmd/internal/audit"
	"github.com/rowan-authz/rowan/cmd/internal/replay"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
)

const table = "arn:aws:dynamodb:us-east-1:111122223333:table/GameScores"

// written has a decision log write what the demo's bundle decides about a row, and
// returns what it wrote.
func written(t *testing.T, b *bundle.Bundle, action, row string, masks []audit.Mask, change func(*audit.Record)) (engine.Outcome, *replay.Line) {
	t.Helper()
	account, err := b.IdentityAccount()
	require.NoError(t, err)
	c := account.Vocabulary.NewContext()
	p, err := b.Principal("Player", "s")
	require.NoError(t, err)
	require.NoError(t, p.Describe(c))
	for key, value := range map[string]string{
		"cognito-identity.amazonaws.com:sub": "us-east-1:aaaa", "dynamodb:LeadingKeys": row, "aws:ResourceAccount": b.Account,
		"aws:CurrentTime": "2026-11-28T08:00:00Z",
	} {
		require.NoError(t, c.Set(key, value))
	}
	e, err := b.Evaluator("Player", table, nil)
	require.NoError(t, err)
	q := &engine.Request{Principal: p, Action: action, Resource: table, ResourceAccount: b.Account, Context: c}
	d := e.Decide(q)
	_, key, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	var out bytes.Buffer
	log, err := audit.OpenStream(audit.Options{Key: key, Masks: masks, Now: time.Now, Log: slog.New(slog.DiscardHandler)}, &out)
	require.NoError(t, err)
	r := audit.Record{
		ID: "1", Time: time.Now(), Kind: "decide", Principal: p.String(), Action: action, Resource: table, ResourceAccount: b.Account, Context: c,
		Outcome: d.Outcome, By: d.By.String(), Digest: strings.TrimPrefix(b.Digest, "sha256:"),
	}
	if change != nil {
		change(&r)
	}
	require.NoError(t, log.Write(context.Background(), &r))
	require.NoError(t, log.Close())
	l, err := replay.Find(&out, "1")
	require.NoError(t, err)
	require.NotNil(t, l)
	return r.Outcome, l
}

func load(t *testing.T) *bundle.Bundle {
	t.Helper()
	b, err := bundle.Load(demo.FS, "demo", conditions.AWS())
	require.NoError(t, err)
	return b
}

func TestReplay(t *testing.T) {
	b := load(t)
	for _, x := range []struct {
		action, row string
		want        engine.Outcome
	}{
		{"dynamodb:GetItem", "us-east-1:aaaa", engine.Allowed},
		{"dynamodb:GetItem", "us-east-1:bbbb", engine.ImplicitDeny},
		{"dynamodb:GetItem", "leaderboard", engine.Allowed},
		{"dynamodb:PutItem", "leaderboard", engine.ImplicitDeny},
		{"dynamodb:Scan", "us-east-1:aaaa", engine.ExplicitDeny},
	} {
		outcome, l := written(t, b, x.action, x.row, nil, nil)
		require.Equal(t, x.want, outcome)
		again, err := replay.Replay(l, b)
		require.NoError(t, err)
		require.Equal(t, x.want, again.Explanation.Decision.Outcome, "%s %s", x.action, x.row)
		require.Empty(t, again.Notes)
		require.False(t, again.Differs)
	}
}

func TestReplaySaysWhatIsNotKnown(t *testing.T) {
	b := load(t)
	replayed := func(masks []audit.Mask, change func(*audit.Record)) (*replay.Replayed, error) {
		_, l := written(t, b, "dynamodb:GetItem", "us-east-1:aaaa", masks, change)
		return replay.Replay(l, b)
	}
	// What is masked allows nothing, and a Deny that reads it denies.
	again, err := replayed([]audit.Mask{{Key: "dynamodb:leadingkeys"}}, nil)
	require.NoError(t, err)
	require.Equal(t, engine.ImplicitDeny, again.Explanation.Decision.Outcome)
	require.Contains(t, again.Notes, "it was decided allowed; with what the log has it is implicitDeny")
	require.False(t, again.Differs, "it is masked")
	for _, x := range []struct {
		note   string
		change func(*audit.Record)
	}{
		{"this is another bundle", func(r *audit.Record) { r.Digest = "00" }},
		{"a guardrail in Rego denied", func(r *audit.Record) { r.Outcome, r.By = engine.ExplicitDeny, audit.ByGuardrail }},
		{"the question was about 9 rows, of which 4 were allowed", func(r *audit.Record) { r.Kind, r.Rows, r.Allowed = "rows", 9, 4 }},
		{"the session had a policy of its own", func(r *audit.Record) { r.SessionPolicy = true }},
	} {
		again, err := replayed(nil, x.change)
		require.NoError(t, err)
		require.Contains(t, strings.Join(again.Notes, "\n"), x.note)
		require.False(t, again.Differs)
	}
	again, err = replayed(nil, func(r *audit.Record) { r.Outcome = engine.ExplicitDeny })
	require.NoError(t, err)
	require.True(t, again.Differs)

	for _, mask := range []string{"principal", "resource"} {
		_, err = replayed([]audit.Mask{{Key: mask, Drop: true}}, nil)
		require.ErrorIs(t, err, replay.ErrUnknowable)
	}
	_, err = replayed(nil, func(r *audit.Record) {
		c := conditions.AWS().NewContext()
		require.NoError(t, c.Set("aws:RequestTag/x", strings.Repeat("x", 100_000)))
		r.Context = c
	})
	require.ErrorIs(t, err, replay.ErrUnknowable)
	for _, principal := range []string{"", "nobody", "arn:aws:iam::111122223333:user/nobody", "arn:aws:sts::111122223333:assumed-role/Nobody/s"} {
		_, err = replayed(nil, func(r *audit.Record) { r.Principal = principal })
		require.Error(t, err, principal)
	}
}

func TestFind(t *testing.T) {
	const log = `{"kind":"head","id":"1"}` + "\n" + `{"kind":"decide","id":"12"}` + "\n" + `{"kind":"decide","id":"2"}` + "\n" + `{"kind":"decide","id":"3"}` + "\n" +
		`{"kind":"decide","id":"3"}` + "\n" + `{"kind":"decide","id":"4"`
	for id, want := range map[string]bool{"1": false, "12": true, "2": true, "4": false, "5": false} {
		l, err := replay.Find(strings.NewReader(log), id)
		require.NoError(t, err)
		require.Equal(t, want, l != nil, id)
	}
	_, err := replay.Find(strings.NewReader(log), "3")
	require.ErrorIs(t, err, replay.ErrAmbiguous)
	for _, id := range []string{"", strings.Repeat("x", 300)} {
		_, err = replay.Find(strings.NewReader(log), id)
		require.Error(t, err)
	}
	_, err = replay.Find(strings.NewReader(strings.Repeat("x", 3<<20)), "1")
	require.Error(t, err)
}

func FuzzReplay(f *testing.F) {
	b, err := bundle.Load(demo.FS, "demo", conditions.AWS())
	require.NoError(f, err)
	for _, text := range []string{
		`{"kind":"decide","id":"1","principal":"arn:aws:sts::111122223333:assumed-role/Player/s","action":"dynamodb:GetItem","resource":"` + table + `","decision":"allowed","keys":{"dynamodb:LeadingKeys":["us-east-1:aaaa"],"aws:CurrentTime":null}}`,
		`{"kind":"s3","principal":"arn:aws:iam::111122223333:user/operator","action":"s3:GetObject","resource":"arn:aws:s3:::b/o","sessionPolicy":true,"keys":{"a":[]}}`,
		`{"principal":"anonymous","masks":["aws:PrincipalTag/","principal"],"keys":{"aws:PrincipalTag/x":["hmac:00"]}}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := replay.Parse(text)
		if err != nil {
			return
		}
		again, err := replay.Replay(l, b)
		require.Equal(t, err == nil, again != nil)
	})
}
