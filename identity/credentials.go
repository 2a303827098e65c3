package identity

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"
)

// Credentials are temporary. They print as "[secret]", but for their JSON,
// which is the wire form of identity pools: AccessKeyId, SecretKey,
// SessionToken and Expiration as epoch seconds. Source: identity-protocol §1.3.
type Credentials struct {
	AccessKeyID string
	Secret      Secret
	Token       string
	Expires     time.Time
}

// MarshalJSON gives the secret away: it is the answer to whoever asked for it.
func (c Credentials) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		AccessKeyID  string `json:"AccessKeyId"`
		SecretKey    string
		SessionToken string
		Expiration   Epoch
	}{c.AccessKeyID, string(c.Secret.Reveal()), c.Token, Epoch(c.Expires)})
}

// Format prints the access key id alone, whatever the verb.
func (c Credentials) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "%s [secret]", c.AccessKeyID)
}

// LogValue is the access key id alone.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(c)) }

// GetCredentialsForIdentityInput asks for credentials of an identity's role.
type GetCredentialsForIdentityInput struct {
	// CustomRoleARN chooses among the roles that the logins' mapping gives.
	CustomRoleARN string            `json:"CustomRoleArn,omitempty"`
	IdentityID    string            `json:"IdentityId"`
	Logins        map[string]string `json:"Logins,omitempty"`
}

// GetCredentialsForIdentityOutput is the answer of GetCredentialsForIdentity.
// IdentityID may differ from the one sent, after a merge.
type GetCredentialsForIdentityOutput struct {
	IdentityID  string      `json:"IdentityId"`
	Credentials Credentials `json:"Credentials"`
}

// LogValue is the identity alone.
func (o *GetCredentialsForIdentityOutput) LogValue() slog.Value {
	return slog.StringValue(shortID(o.IdentityID))
}

// GetCredentialsForIdentity makes credentials that last an hour: the enhanced
// flow. Source: identity-protocol §1.7.
func (p *Pools) GetCredentialsForIdentity(ctx context.Context, in *GetCredentialsForIdentityInput) (*GetCredentialsForIdentityOutput, error) {
	return nil, Errorf(InternalError, "not yet")
}
