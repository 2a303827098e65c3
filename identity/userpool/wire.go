package userpool

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/rowan-authz/rowan/identity"
)

// Sensitive is a member that the service model marks as such: a password, a
// token, a code. fmt and slog print it as "[secret]"; JSON has it as it is,
// since that is the wire. string(s) is the way to its text.
type Sensitive string

const redacted = "[secret]"

// String returns "[secret]".
func (Sensitive) String() string { return redacted }

// GoString returns "[secret]".
func (Sensitive) GoString() string { return redacted }

// Format writes "[secret]" for every verb.
func (Sensitive) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue returns "[secret]".
func (Sensitive) LogValue() slog.Value { return slog.StringValue(redacted) }

// Attribute is an attribute of a user.
type Attribute struct {
	Name  string `json:"Name"`
	Value string `json:"Value,omitempty"`
}

// CodeDeliveryDetails says, with most of it masked, where a code went.
type CodeDeliveryDetails struct {
	Destination    string `json:"Destination"`
	DeliveryMedium string `json:"DeliveryMedium"`
	AttributeName  string `json:"AttributeName"`
}

// AuthenticationResult is what a sign-in ends with. RefreshToken is empty
// where a refresh gives no new one, IDToken where the scope openid was not
// granted.
type AuthenticationResult struct {
	AccessToken  Sensitive `json:"AccessToken"`
	ExpiresIn    int       `json:"ExpiresIn"`
	TokenType    string    `json:"TokenType"`
	RefreshToken Sensitive `json:"RefreshToken,omitempty"`
	IDToken      Sensitive `json:"IdToken,omitempty"`
}

// User is a user as administrators see one in lists and on creation.
type User struct {
	Username             string         `json:"Username"`
	Attributes           []Attribute    `json:"Attributes,omitempty"`
	UserCreateDate       identity.Epoch `json:"UserCreateDate"`
	UserLastModifiedDate identity.Epoch `json:"UserLastModifiedDate"`
	Enabled              bool           `json:"Enabled"`
	UserStatus           string         `json:"UserStatus"`
}

// Group is a group of users. Precedence is nil if the group has none.
type Group struct {
	GroupName   string `json:"GroupName"`
	UserPoolID  string `json:"UserPoolId"`
	Description string `json:"Description,omitempty"`
	RoleARN     string `json:"RoleArn,omitempty"`
	Precedence  *int   `json:"Precedence,omitempty"`
}

// MFASettings says whether a user has a second factor and prefers it.
type MFASettings struct {
	Enabled      bool `json:"Enabled,omitempty"`
	PreferredMfa bool `json:"PreferredMfa,omitempty"`
}
