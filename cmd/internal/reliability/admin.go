package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// operator calls the HTTP side of a server over its socket.
type operator struct{ client *http.Client }

func (d *daemon) operator() *operator {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", d.http)
	}
	return &operator{&http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DialContext: dial, MaxIdleConnsPerHost: 16}}}
}

// admin calls an operation as the administrator.
func (o *operator) admin(ctx context.Context, path string, in, out any) error {
	return o.post(ctx, "/admin/"+path, "application/json", "", in, out, true)
}

// cognito calls an operation of identity pools as a stranger.
func (o *operator) cognito(ctx context.Context, operation string, in, out any) error {
	return o.post(ctx, "/", "application/x-amz-json-1.1", "AWSCognitoIdentityService."+operation, in, out, false)
}

func (o *operator) post(ctx context.Context, path, kind, operation string, in, out any, signed bool) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://auth.example.com"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", kind)
	if operation != "" {
		r.Header.Set("X-Amz-Target", operation)
	}
	if signed {
		sum := sha256.Sum256(body)
		by := aws.Credentials{AccessKeyID: adminKey, SecretAccessKey: adminText}
		if err := v4.NewSigner().SignHTTP(ctx, by, r, hex.EncodeToString(sum[:]), "rowan", region, time.Now()); err != nil {
			return err
		}
	}
	w, err := o.client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = w.Body.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(w.Body, 1<<20))
	if err != nil {
		return err
	}
	if w.StatusCode != http.StatusOK {
		return &statusError{w.StatusCode, string(text)}
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, out)
}

// statusError is an answer that is none.
type statusError struct {
	status int
	text   string
}

func (e *statusError) Error() string { return fmt.Sprintf("status %d: %.200s", e.status, e.text) }

// revoke ends the sessions of an identity, or one session.
func (o *operator) revoke(ctx context.Context, identity, session string) error {
	in := map[string]string{}
	if identity != "" {
		in["IdentityId"] = identity
	}
	if session != "" {
		in["SessionId"] = session
	}
	return o.admin(ctx, "sessions/revoke", in, nil)
}

// guest makes an identity.
func (o *operator) guest(ctx context.Context) (string, error) {
	var out struct {
		IdentityID string `json:"IdentityId"`
	}
	err := o.cognito(ctx, "GetId", map[string]string{"IdentityPoolId": poolID}, &out)
	return out.IdentityID, err
}

// known looks an identity up.
func (o *operator) known(ctx context.Context, id string) error {
	return o.admin(ctx, "identities/lookup", map[string]string{"IdentityId": id}, nil)
}
