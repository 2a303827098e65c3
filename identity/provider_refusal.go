package identity

import (
	"errors"

	"github.com/rowan-authz/rowan/identity/oidc"
)

// RefuseToken is the answer to a token that oidc.Verify refused with err, which
// must not be nil. err is its cause: STS, whose errors are others, finds in it
// which check failed. Source: identity-protocol §1.4.
func RefuseToken(err error) *Error {
	var (
		expired *oidc.ExpiredError
		missing *oidc.MissingClaimError
	)
	refuse := func(format string, args ...any) *Error {
		return Errorf(NotAuthorized, "Invalid login token. "+format, args...).Because(err)
	}
	switch {
	case errors.Is(err, oidc.ErrUnavailable):
		return unreachable(err)
	case errors.As(err, &expired):
		return refuse("Token expired: %d >= %d", expired.Now.Unix(), expired.Exp.Unix())
	case errors.As(err, &missing):
		return refuse("Missing a required claim: %s", missing.Claim)
	case errors.Is(err, oidc.ErrSignature), errors.Is(err, oidc.ErrUnknownKey):
		return refuse("Couldn't verify signed token.")
	case errors.Is(err, oidc.ErrIssuer):
		return refuse("Issuer doesn't match providerName")
	case errors.Is(err, oidc.ErrAudience):
		return refuse("Incorrect token audience.")
	case errors.Is(err, oidc.ErrNotYet):
		return refuse("Token is not valid yet.")
	default:
		return refuse("Not a valid OpenId Connect identity token.")
	}
}

func unreachable(err error) *Error {
	return Errorf(ExternalService, "The identity provider could not be reached.").Because(err)
}
