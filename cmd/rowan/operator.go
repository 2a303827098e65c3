package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/bundle/demo"
	"github.com/rowan-authz/rowan/cmd/internal/server"
	"github.com/rowan-authz/rowan/cmd/internal/store"
	"github.com/rowan-authz/rowan/cmd/internal/usage"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/oidc"
	"github.com/rowan-authz/rowan/identity/userpool"
)

// operatorFlags say whom an operator's question is asked: a running server, or
// the store that one works with.
type operatorFlags struct {
	Bundle string `placeholder:"DIR" help:"The bundle of the deployment; without it the one that is built in."`
	deploymentFlags
}

// deploymentFlags say whom to ask of a deployment.
type deploymentFlags struct {
	Endpoint string `placeholder:"URL" help:"Ask the rowan serve that runs there. AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are those of an administrator."`
	storeFlags
}

// storeFlags say which store to read.
type storeFlags struct {
	Store string `placeholder:"URL" help:"Read the store itself, such as sqlite:rowan.db; nothing is written."`
	Keys  string `placeholder:"FILE" help:"With --store: the key file of the deployment."`
	URL   string `name:"url" placeholder:"URL" help:"With --store: the base address of the deployment, which its tokens name."`
}

// questions are what an operator may ask.
type questions interface {
	whoami(ctx context.Context, pool string, logins map[string]string) (*identity.Lens, error)
	lookup(ctx context.Context, pool, provider, subject string) (*identityAnswer, error)
	describe(ctx context.Context, identityID string) (*identityAnswer, error)
	usage(ctx context.Context, month string) (*usage.Month, error)
}

// load reads the bundle that the flags name.
func (f *operatorFlags) load() (*bundle.Bundle, error) {
	if f.Bundle == "" {
		return bundle.Load(demo.FS, "demo", conditions.AWS())
	}
	root, err := os.OpenRoot(f.Bundle)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Bundle, cause(err))
	}
	defer func() { _ = root.Close() }() // it was only read
	return bundle.Load(root.FS(), f.Bundle, conditions.AWS())
}

// ask runs f with whom the flags name.
func (f *deploymentFlags) ask(c *console, b *bundle.Bundle, ask func(context.Context, questions) error) error {
	ctx := context.Background()
	switch {
	case (f.Endpoint == "") == (f.Store == ""):
		return errors.New("want --endpoint of a rowan serve, or --store with --keys and --url")
	case f.Endpoint != "":
		r, err := newRemote(c, f.Endpoint, b.Region)
		if err != nil {
			return err
		}
		return ask(ctx, r)
	}
	return f.read(ctx, c, b, func(l *local) error { return ask(ctx, localQuestions{l}) })
}

// read runs f with the pools of the store.
func (f *storeFlags) read(ctx context.Context, c *console, b *bundle.Bundle, use func(*local) error) error {
	if f.Keys == "" || f.URL == "" {
		return errors.New("--store wants --keys and --url too")
	}
	s, err := openExisting(ctx, f.Store)
	if err != nil {
		return err
	}
	l, err := f.local(ctx, b, s, c.now)
	if err == nil {
		err = use(l)
	}
	return errors.Join(err, s.Close())
}

// openExisting opens a store, and does not make one.
func openExisting(ctx context.Context, address string) (*store.Store, error) {
	if file, ok := strings.CutPrefix(address, "sqlite:"); ok {
		if _, err := os.Stat(file); err != nil {
			return nil, fmt.Errorf("%s: %w", file, cause(err))
		}
	}
	return store.Open(ctx, address, slog.New(slog.DiscardHandler))
}

func (f *storeFlags) local(ctx context.Context, b *bundle.Bundle, s *store.Store, now func() time.Time) (*local, error) {
	file, err := os.ReadFile(f.Keys)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Keys, cause(err))
	}
	sealing, storage, err := keyrings(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Keys, err)
	}
	return newLocal(ctx, localOptions{
		bundle: b, store: unwritten{s}, sealing: sealing, storage: storage, issuer: f.URL, sender: unsent{}, now: now,
		foreign: func(p *identity.OIDCProvider) (oidc.Keys, error) {
			return oidc.NewRemote(oidc.RemoteOptions{Issuer: p.Issuer, KeysURL: p.KeysURL, Now: now})
		},
	})
}

// keyrings reads a key file.
func keyrings(file []byte) (sealing, storage *identity.Keyring, err error) {
	s, k, err := identity.ParseKeys(file)
	if err != nil {
		return nil, nil, err
	}
	if sealing, err = identity.NewKeyring(s, rand.Reader); err != nil {
		return nil, nil, err
	}
	storage, err = identity.NewKeyring(k, rand.Reader)
	return sealing, storage, err
}

// unwritten is a store that questions cannot change: a deployment's keys, say,
// are not made by whoever looks.
type unwritten struct{ identity.Store }

// Update refuses.
func (unwritten) Update(context.Context, func(identity.Tx) error) error {
	return errors.New("nothing is written: does the store belong to the deployment, and has it served already?")
}

// Sweep deletes nothing.
func (unwritten) Sweep(context.Context, time.Time) (int, error) { return 0, nil }

// unsent is a sender of messages that nothing asks for.
type unsent struct{}

// Send refuses.
func (unsent) Send(context.Context, userpool.Message) error {
	return errors.New("nothing is sent by whoever looks")
}

// localQuestions are answered by the store.
type localQuestions struct{ *local }

func (l localQuestions) whoami(ctx context.Context, pool string, logins map[string]string) (*identity.Lens, error) {
	return l.pools.Lens(ctx, pool, logins)
}

func (l localQuestions) lookup(ctx context.Context, pool, provider, subject string) (*identityAnswer, error) {
	id, err := l.pools.Lookup(ctx, pool, provider, subject)
	if err != nil {
		return nil, err
	}
	return l.describe(ctx, id)
}

func (l localQuestions) describe(ctx context.Context, id string) (*identityAnswer, error) {
	d, err := l.pools.DescribeIdentity(ctx, &identity.DescribeIdentityInput{IdentityID: id})
	if err != nil {
		return nil, err
	}
	return &identityAnswer{
		IdentityID: d.IdentityID, Pool: d.Pool, Created: d.CreationDate, Modified: d.LastModifiedDate,
		Links: d.Links, Disabled: d.Disabled, MergedInto: d.MergedInto,
	}, nil
}

func (l localQuestions) usage(ctx context.Context, month string) (*usage.Month, error) {
	return usage.Read(ctx, l.store, month, server.UserPools(l.bundle), server.IdentityPools(l.bundle))
}

// remote is a rowan serve.
type remote struct {
	base        *url.URL
	region      string
	credentials aws.Credentials
	client      *http.Client
	now         func() time.Time
}

// askTimeout bounds one question to a server, maxAnswer its answer in bytes.
const (
	askTimeout = 30 * time.Second
	maxAnswer  = 1 << 20
)

// newRemote refuses to send a token where others could read it.
func newRemote(c *console, endpoint, region string) (*remote, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, fmt.Errorf("--endpoint %q: want an address such as https://rowan.example", endpoint)
	}
	host := u.Hostname()
	if u.Scheme != "https" && (u.Scheme != "http" || host != "localhost" && host != "127.0.0.1" && host != "::1") {
		return nil, fmt.Errorf("--endpoint %s: want https, or http on loopback: a token is a secret", endpoint)
	}
	r := &remote{
		base: u, region: region, now: c.now,
		credentials: aws.Credentials{
			AccessKeyID: c.getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: c.getenv("AWS_SECRET_ACCESS_KEY"), SessionToken: c.getenv("AWS_SESSION_TOKEN"),
		},
		client: &http.Client{
			Timeout:       askTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	if r.credentials.AccessKeyID == "" || r.credentials.SecretAccessKey == "" {
		return nil, errors.New("--endpoint: no AWS_ACCESS_KEY_ID or no AWS_SECRET_ACCESS_KEY of an administrator")
	}
	return r, nil
}

func (r *remote) whoami(ctx context.Context, pool string, logins map[string]string) (*identity.Lens, error) {
	out := &identity.Lens{}
	return out, r.post(ctx, "/admin/whoami", map[string]any{"IdentityPoolId": pool, "Logins": logins}, out)
}

func (r *remote) lookup(ctx context.Context, pool, provider, subject string) (*identityAnswer, error) {
	out := &identityAnswer{}
	return out, r.post(ctx, "/admin/identities/lookup", map[string]string{"IdentityPoolId": pool, "Provider": provider, "Subject": subject}, out)
}

func (r *remote) describe(ctx context.Context, id string) (*identityAnswer, error) {
	out := &identityAnswer{}
	return out, r.post(ctx, "/admin/identities/lookup", map[string]string{"IdentityId": id}, out)
}

func (r *remote) usage(ctx context.Context, month string) (*usage.Month, error) {
	out := &usage.Month{}
	return out, r.post(ctx, "/admin/usage", map[string]string{"Month": month}, out)
}

// post signs a question, sends it, and reads the answer.
func (r *remote) post(ctx context.Context, path string, question, answer any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return err
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, r.base.JoinPath(path).String(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	q.Header.Set("Content-Type", "application/json")
	hash := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(ctx, r.credentials, q, hex.EncodeToString(hash[:]), "rowan", r.region, r.now()); err != nil {
		return err
	}
	a, err := r.client.Do(q)
	if err != nil {
		return err
	}
	defer func() { _ = a.Body.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(a.Body, maxAnswer+1))
	switch {
	case err != nil:
		return err
	case len(text) > maxAnswer:
		return fmt.Errorf("%s answers more than %d bytes", r.base.Host, maxAnswer)
	case a.StatusCode != http.StatusOK:
		return r.refused(a.StatusCode, text)
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("%s answers what cannot be read: %w", r.base.Host, err)
	}
	return nil
}

// refused is what a server says against a question.
func (r *remote) refused(status int, text []byte) error {
	var e struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	if json.Unmarshal(text, &e) != nil || e.Type == "" {
		return fmt.Errorf("%s answers with status %d", r.base.Host, status)
	}
	return identity.Errorf(identity.Code(plain(e.Type)), "%s", plain(e.Message))
}
