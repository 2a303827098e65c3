package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/rowan-authz/rowan/identity"
)

// Secrets are what a deployment must know and a bundle must not hold.
type Secrets struct {
	// AccessKeys are the administrators' secret access keys by access key id,
	// Clients those of app clients by client id.
	AccessKeys, Clients map[string]identity.Secret
	// FacebookApp is the app secret of the app whose users Facebook vouches for.
	FacebookApp identity.Secret
	// SMTPPassword is that of the mail server's user.
	SMTPPassword identity.Secret
	// DynamoDB and S3 are the credentials for the servers behind the gateways,
	// nil without them.
	DynamoDB, S3 *Upstream
}

// Upstream is what a server behind a gateway wants to be called with.
type Upstream struct {
	Region, AccessKeyID string
	SecretAccessKey     identity.Secret
}

// maxSecrets bounds a secrets file.
const maxSecrets = 1 << 20

// secretsFile is the file as people write it, in YAML or JSON.
type secretsFile struct {
	// AccessKeys are the secret access keys of administrators, by access key id.
	AccessKeys map[string]string `yaml:"accessKeys"`
	// Clients are the secrets of app clients of user pools, by client id.
	Clients map[string]string `yaml:"clients"`
	// Facebook is the app that a provider names.
	Facebook struct {
		// AppSecret is the secret of the app whose users Facebook vouches for.
		AppSecret string `yaml:"appSecret"`
	} `yaml:"facebook"`
	// SMTP is the mail server's.
	SMTP struct {
		// Password is that of the user at the mail server.
		Password string `yaml:"password"`
	} `yaml:"smtp"`
	// Upstreams are the credentials for the servers behind the gateways.
	Upstreams struct {
		// DynamoDB is the server behind that gateway.
		DynamoDB *upstreamFile `yaml:"dynamodb"`
		// S3 is the server behind that gateway.
		S3 *upstreamFile `yaml:"s3"`
	} `yaml:"upstreams"`
}

type upstreamFile struct {
	// Region is what the server wants signatures to name.
	Region string `yaml:"region"`
	// AccessKeyID is what requests to it are signed with.
	AccessKeyID string `yaml:"accessKeyId"`
	// SecretAccessKey belongs to it.
	SecretAccessKey string `yaml:"secretAccessKey"`
}

func (f *upstreamFile) upstream(name string) (*Upstream, error) {
	if f == nil {
		return nil, nil
	}
	if f.Region == "" || f.AccessKeyID == "" || f.SecretAccessKey == "" {
		return nil, fmt.Errorf("secrets file: upstreams: %s wants region, accessKeyId and secretAccessKey", name)
	}
	return &Upstream{f.Region, f.AccessKeyID, identity.NewSecret([]byte(f.SecretAccessKey))}, nil
}

// ParseSecrets reads a secrets file:
//
//	accessKeys: {AKIA…: SECRET}
//	clients: {CLIENTID: SECRET}
//	facebook: {appSecret: SECRET}
//	smtp: {password: SECRET}
//	upstreams: {dynamodb: {region: REGION, accessKeyId: ID, secretAccessKey: SECRET}, s3: {…}}
//
// It refuses unknown members. No error shows a secret.
func ParseSecrets(src []byte) (*Secrets, error) {
	if len(src) > maxSecrets {
		return nil, fmt.Errorf("secrets file of more than %d bytes", maxSecrets)
	}
	var f secretsFile
	decoder := yaml.NewDecoder(bytes.NewReader(src))
	decoder.KnownFields(true)
	if err := decoder.Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("secrets file%s: not the members that it may have", line(err))
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("secrets file: more than one document")
	}
	out := &Secrets{
		FacebookApp:  identity.NewSecret([]byte(f.Facebook.AppSecret)),
		SMTPPassword: identity.NewSecret([]byte(f.SMTP.Password)),
	}
	var err error
	if out.AccessKeys, err = newSecrets("accessKeys", f.AccessKeys); err != nil {
		return nil, err
	}
	if out.Clients, err = newSecrets("clients", f.Clients); err != nil {
		return nil, err
	}
	if out.DynamoDB, err = f.Upstreams.DynamoDB.upstream("dynamodb"); err != nil {
		return nil, err
	}
	if out.S3, err = f.Upstreams.S3.upstream("s3"); err != nil {
		return nil, err
	}
	return out, nil
}

// line says where a YAML error is and drops the rest, which quotes the text.
func line(err error) string {
	var wrong *yaml.TypeError
	text := err.Error()
	if errors.As(err, &wrong) && len(wrong.Errors) > 0 {
		text = wrong.Errors[0]
	}
	if _, after, ok := strings.Cut(text, "line "); ok {
		if n, _, ok := strings.Cut(after, ":"); ok && strings.Trim(n, "0123456789") == "" {
			return " line " + n
		}
	}
	return ""
}

func newSecrets(name string, texts map[string]string) (map[string]identity.Secret, error) {
	out := make(map[string]identity.Secret, len(texts))
	for _, id := range slices.Sorted(maps.Keys(texts)) {
		if id == "" || texts[id] == "" {
			return nil, fmt.Errorf("secrets file: %s of %.130q is empty", name, id)
		}
		out[id] = identity.NewSecret([]byte(texts[id]))
	}
	return out, nil
}

// EnvironmentPrefix begins the variables that hold secret access keys: the
// access key id follows.
const EnvironmentPrefix = "ROWAN_SECRET_"

// AddEnvironment adds the secret access keys of the account's administrators
// that the environment has. A key that is in the file too must be the same.
func (s *Secrets) AddEnvironment(getenv func(string) string, account *identity.Account) error {
	if s.AccessKeys == nil {
		s.AccessKeys = make(map[string]identity.Secret)
	}
	for _, id := range slices.Sorted(maps.Keys(account.Administrators)) {
		text := getenv(EnvironmentPrefix + id)
		if text == "" {
			continue
		}
		secret := identity.NewSecret([]byte(text))
		if old, ok := s.AccessKeys[id]; ok && !old.Equal(secret) {
			return fmt.Errorf("the access key %s has one secret in the environment and another in the file", id)
		}
		s.AccessKeys[id] = secret
	}
	return nil
}
